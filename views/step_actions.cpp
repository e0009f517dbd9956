// Stepping through the past: from event to event of what is selected, or to what the rule in the filter of the coroutine table matches.
#include <algorithm>

#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::step_by_rule(rules::Direction direction) {
    const std::string& filter = ws_.filter;
    auto rule = rules::Rule::parse(filter);
    if (filter.empty() || !rule) {
        const std::string why = filter.empty()
                                    ? std::string()
                                    : rule.error().message.substr(0, rule.error().message.find('\n')) + ". ";
        ws_.notice = why +
                     "To step to the events that match a rule, or to the times at which one about state "
                     "began to hold, type it into the filter "
                     "( / ), such as: suspend and blocked_ns > 10ms";
        ws_.notice_is_error = !filter.empty();
        return;
    }
    stepper_.go(ws_, direction, *rule);
}

void MainWindow::add_step_actions() {
    using rules::Direction;
    const auto has_session = [this] { return ws_.session != nullptr; };
    const auto add = [&](const char* id, const char* title, std::vector<std::string> chords,
                         std::function<void()> run) {
        actions_.add({id, title, "Time", std::move(chords), std::move(run), has_session, false});
    };
    add("step.next", "Next event of the selection, or of all", {"."},
        [this] { stepper_.go(ws_, Direction::kNext, nullptr); });
    add("step.previous", "Event before", {","}, [this] { stepper_.go(ws_, Direction::kPrevious, nullptr); });
    add("step.rule-next", "Next event that matches the rule in the filter, or time from which it holds",
        {">", "shift+."}, [this] { step_by_rule(Direction::kNext); });
    add("step.rule-previous", "The last one before", {"<", "shift+,"},
        [this] { step_by_rule(Direction::kPrevious); });
    const auto by = [this](traces::TimeNs ns) {
        ws_.session->set_time(std::clamp(ws_.moment->t + ns, ws_.info.begin, ws_.info.end));
    };
    const auto can = [this] { return ws_.moment != nullptr && ws_.session->replay() != nullptr; };
    actions_.add({"time.back", "Back by 100 ms", "Time", {"["}, [by] { by(-100'000'000); }, can, false});
    actions_.add({"time.forward", "Forward by 100 ms", "Time", {"]"}, [by] { by(100'000'000); }, can, false});
}

void MainWindow::take_steps() {
    stepper_.poll(ws_);
    ws_.step.text = stepper_.sentence(ws_);
    ws_.step.busy = stepper_.busy(ws_);
    const rules::Step* here = stepper_.standing(ws_);
    ws_.step.event = here != nullptr && here->event ? wire::event_name(here->event->type) : "";
    ws_.step.id = here != nullptr ? here->id : 0;
    if (!ws_.step.text.empty()) hold_sentence_.clear();
}

}  // namespace coroscope::views
