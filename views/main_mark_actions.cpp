// Marks that people set: pinned coroutines, and bookmarks with notes at times (notebook.h).
#include <fmt/format.h>

#include "views/format.h"
#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::add_mark_actions() {
    const auto has_moment = [this] { return ws_.session != nullptr && ws_.moment != nullptr; };
    actions_.add({"pin",
                  "Pin the selected coroutine, or let it go",
                  "Selection",
                  {"ctrl+d"},
                  [this] { ws_.toggle_pin(ws_.selection().coroutine); },
                  [this] { return ws_.selection().coroutine != 0; },
                  true});
    const auto tell = [this](const base::Status& done) {
        if (done.ok()) return;
        ws_.notice = done.error().message;
        ws_.notice_is_error = true;
    };
    actions_.add({"mark.add",
                  "Bookmark this time, with a note",
                  "Time",
                  {"shift+b"},
                  [this, tell] {
                      const traces::TimeNs t = ws_.moment->t;
                      const std::uint64_t coroutine = ws_.selection().coroutine;
                      std::string before;
                      for (const Bookmark& mark : ws_.notes.all()) {
                          if (mark.t == t && mark.coroutine == coroutine) before = mark.note;
                      }
                      palette_.ask(fmt::format("Note at {}{}", format_time(t), coroutine != 0 ? fmt::format(", of coroutine {}", coroutine) : ""),
                                   before,
                                   [this, tell, t, coroutine](const std::string& note) { tell(ws_.notes.put({t, coroutine, note})); });
                  },
                  has_moment,
                  false});
    const auto go = [this](std::optional<std::size_t> at) {
        if (!at.has_value()) return;
        const Bookmark mark = ws_.notes.all()[*at];
        ws_.session->set_time(mark.t);
        if (mark.coroutine != 0) ws_.select_coroutine(mark.coroutine);
        hold_sentence_ = fmt::format("{}{}{}", format_time(mark.t), mark.note.empty() ? "" : ": ", mark.note);
    };
    const auto has_marks = [this, has_moment] { return has_moment() && !ws_.notes.all().empty(); };
    actions_.add({"mark.next", "Next bookmark", "Time", {"alt+."}, [this, go] { go(ws_.notes.after(ws_.moment->t)); }, has_marks, false});
    actions_.add({"mark.previous", "Bookmark before", "Time", {"alt+,"}, [this, go] { go(ws_.notes.before(ws_.moment->t)); }, has_marks, false});
    actions_.add({"mark.remove",
                  "Remove the bookmark of this time",
                  "Time",
                  {"ctrl+shift+b"},
                  [this, tell] {
                      for (std::size_t i = ws_.notes.all().size(); i-- > 0;) {
                          if (ws_.notes.all()[i].t == ws_.moment->t) tell(ws_.notes.remove(i));
                      }
                  },
                  has_marks,
                  false});
}

}  // namespace coroscope::views
