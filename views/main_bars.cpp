// The frame of the window (main_window.h): top bar with session, time bar and program buttons, status line, notice, key sheet.
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <csignal>

#include <fmt/format.h>

#include "views/coroutine_model.h"
#include "views/format.h"
#include "views/main_window.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kTitleUnits = 200;         // of a session's name, at most
constexpr float kTimeLineFromUnits = 520;  // what is left of the time line has so much room

// The program's parent knows of its end before the session does.
bool seen_to_end(const Workspace& ws) {
    return ws.session != nullptr && ws.program.watched && !ws.program.running;
}

// What is looked at goes on: the program runs, or somebody still records it.
bool is_live(const Workspace& ws) {
    return !seen_to_end(ws) && (ws.info.status == traces::TargetStatus::kRunning ||
                                ws.info.status == traces::TargetStatus::kEnding);
}

// Something of a running program is held: by this window, or by anybody.
bool is_held(const Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr || ws.info.status != traces::TargetStatus::kRunning ||
        ws.info.kind != traces::SessionKind::kLive)
        return false;
    const inspect::PauseImage& pause = ws.moment->state.pause;
    return pause.everything || pause.chosen != 0 || ws.session->hold_state().stopped_thread != 0;
}

// What events cost the program, or why there are none: "always, 74 %", "cheap: 0.3 %", "no: would take 41 %", "never".
std::string listening_text(const traces::SessionInfo& info) {
    const std::string share = fmt::format("{:.{}f} %", 100 * info.listening_share, info.listening_share < 0.1 ? 1 : 0);
    if (info.wish == traces::Listening::kNever) return "never";
    if (info.wish == traces::Listening::kAlways) return "always, " + share;
    return info.listening ? "cheap, " + share : info.listening_share > 0 ? "no, would take " + share : "not yet";
}

std::string status_text(const Workspace& ws) {
    if (ws.session == nullptr) return ws.program.present ? ws.program.status : "";
    if (seen_to_end(ws)) return ws.program.status;
    if (!is_held(ws)) return ws.info.status_text;
    const inspect::PauseImage& pause = ws.moment->state.pause;
    if (!pause.everything)
        return pause.chosen == 0 ? "one thread stopped"
                                 : fmt::format("running, but for {} kept", format_count(pause.chosen));
    const auto& workers = ws.moment->state.workers;
    const auto held = std::count_if(workers.begin(), workers.end(), [](const inspect::WorkerImage& worker) {
        return worker.state == wire::WorkerState::kHeld;
    });
    return held == static_cast<std::ptrdiff_t>(workers.size())
               ? "paused"
               : fmt::format("pausing, {} of {} workers held", held, workers.size());
}

ImU32 status_colour(const Workspace& ws) {
    if (ws.session == nullptr || seen_to_end(ws)) return ws.theme->text_faint;
    if (ws.info.kind != traces::SessionKind::kLive) return is_live(ws) ? ws.theme->good : ws.theme->accent;
    switch (ws.info.status) {
        case traces::TargetStatus::kRunning:
            return is_held(ws) ? ws.theme->warn : ws.theme->good;
        case traces::TargetStatus::kEnding:
            return ws.theme->warn;
        default:
            return ws.theme->text_faint;
    }
}

}  // namespace

void MainWindow::draw_top_bar(Rect bar) {
    draw_session_title(bar);
    bar.x1 = draw_program_buttons(bar);
    draw_time_bar(bar);
}

void MainWindow::draw_session_title(Rect bar) {
    const float middle = bar.y0 + std::floor((bar.y1 - bar.y0 - ImGui::GetFrameHeight()) / 2);
    ImGui::SetCursorScreenPos({bar.x0 + ws_.px(4), middle});
    if (button(ws_, "session.close", "‹ Start", ButtonKind::kQuiet, "Close this session (Ctrl+W)"))
        actions_.run("session.close");
    const auto step = [this](const char* name, const char* label, const char* hint, bool possible) {
        ImGui::SameLine(0, ws_.px(2));
        ImGui::BeginDisabled(!possible);
        if (button(ws_, name, label, ButtonKind::kQuiet, hint)) actions_.run(name);
        ImGui::EndDisabled();
    };
    step("select.back", "←", "Back to the selection before (Alt+←)", ws_.can_go_back());
    step("select.forward", "→", "Forward again (Alt+→)", ws_.can_go_forward());
    ImGui::SameLine(0, ws_.px(8));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = ImGui::GetFrameHeight();
    const float r = ws_.px(4);
    list->AddCircleFilled({at.x + r, at.y + line / 2}, r, status_colour(ws_));
    const std::string title = ws_.session != nullptr ? ws_.info.title : ws_.program.command;
    const float text_y = at.y + std::floor((line - ws_.fonts.strong->FontSize) / 2);
    const float x = at.x + 2 * r + ws_.px(8);
    const std::string shown = cut_to(ws_.fonts.strong, title, ws_.px(kTitleUnits));
    draw_text(list, ws_.fonts.strong, {x, text_y}, ws_.theme->text, shown);
    const float status_x = x + text_width(ws_.fonts.strong, shown) + ws_.px(12);
    draw_text(list, ws_.fonts.text, {status_x, text_y}, ws_.theme->text_dim,
              cut_to(ws_.fonts.text, status_text(ws_), bar.x0 + ws_.px(kTimeLineFromUnits - 12) - status_x));
}

// A line from beginning to end that can be clicked and dragged, with the time shown beside it; of what still goes on its end is now.
void MainWindow::draw_time_bar(Rect bar) {
    if (ws_.session == nullptr) return;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Theme& theme = *ws_.theme;
    const float centre = std::floor((bar.y0 + bar.y1) / 2);
    const float text_y = centre - std::floor(ws_.fonts.mono->FontSize / 2);
    const float right = bar.x1 - ws_.px(16);
    const traces::TimeNs t = ws_.moment != nullptr ? ws_.moment->t : ws_.info.end;
    const std::string text_now = format_time(t);
    // Room for the longest time that has the same number of digits at the end: the line keeps its length while the time runs.
    const float time_width = std::max({text_width(ws_.fonts.mono, text_now), text_width(ws_.fonts.mono, format_time(ws_.info.end)),
                                       text_width(ws_.fonts.mono, "000.000 s")});
    float x1 = right - time_width - ws_.px(16);
    const bool live = is_live(ws_);
    const bool follows = live && !ws_.session->time().has_value();
    if (ws_.info.kind == traces::SessionKind::kRecorded && !live) {
        const std::string text_end = "of " + format_time(ws_.info.end);
        draw_text(list, ws_.fonts.mono, {right, text_y}, theme.text_faint, text_end, 1);
        x1 -= text_width(ws_.fonts.mono, text_end) + ws_.px(8);
    } else if (live && !follows) {
        const float width = ws_.px(52);
        ImGui::SetCursorScreenPos({right - width, bar.y0 + std::floor((bar.y1 - bar.y0 - ImGui::GetFrameHeight()) / 2)});
        if (button(ws_, "time.live", "Live", ButtonKind::kPlain, "Back to now (End)")) ws_.session->set_time(std::nullopt);
        x1 -= width + ws_.px(8);
    } else {
        const char* word = live ? "LIVE" : ws_.info.kind == traces::SessionKind::kCore ? "CORE" : "ENDED";
        draw_text(list, ws_.fonts.small, {right, text_y + ws_.px(1)}, live ? theme.good : theme.text_faint, word, 1);
        x1 -= ws_.px(52) + ws_.px(8);
    }
    draw_text(list, ws_.fonts.mono, {x1 + ws_.px(16) + time_width, text_y}, theme.text, text_now, 1);
    const float x0 = std::max(bar.x0 + ws_.px(kTimeLineFromUnits), bar.x0 + (bar.x1 - bar.x0) * 0.34F);
    if (ws_.info.kind != traces::SessionKind::kCore) draw_time_line(x0, x1, bar, follows);
}

void MainWindow::draw_time_line(float x0, float x1, Rect bar, bool follows) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Theme& theme = *ws_.theme;
    const float centre = std::floor((bar.y0 + bar.y1) / 2);
    const double begin = static_cast<double>(ws_.info.begin),
                 end = static_cast<double>(std::max(ws_.info.begin + 1, ws_.info.end));
    const traces::TimeNs t = ws_.moment != nullptr && !follows ? ws_.moment->t : ws_.info.end;
    if (x1 - x0 < ws_.px(64)) return;
    ImGui::SetCursorScreenPos({x0, bar.y0});
    ImGui::InvisibleButton("time", {x1 - x0, bar.y1 - bar.y0});
    publish_item(ws_, "time");
    const auto share_of = [&](double ns) {
        return static_cast<float>(std::clamp((ns - begin) / (end - begin), 0.0, 1.0));
    };
    const float knob = std::floor(x0 + (x1 - x0) * share_of(static_cast<double>(t)));
    const float half = ws_.px(2);
    list->AddRectFilled({x0, centre - half}, {x1, centre + half}, theme.line_strong, half);
    list->AddRectFilled({x0, centre - half}, {knob, centre + half}, theme.accent, half);
    const bool active = ImGui::IsItemActive();
    list->AddCircleFilled({knob, centre}, active || ImGui::IsItemHovered() ? ws_.px(7) : ws_.px(6),
                          theme.accent);
    const auto time_at = [&](float x) {
        const double share = std::clamp(static_cast<double>((x - x0) / (x1 - x0)), 0.0, 1.0);
        return static_cast<traces::TimeNs>(begin + share * (end - begin));
    };
    const traces::TimeNs under = time_at(ImGui::GetIO().MousePos.x);
    if (ImGui::IsItemHovered()) ws_.hovered = "time " + format_time(under);
    if (const auto& range = ws_.selection().range; range.has_value()) {
        const float a = std::floor(x0 + (x1 - x0) * share_of(static_cast<double>(range->begin))),
                    b = std::ceil(x0 + (x1 - x0) * share_of(static_cast<double>(range->end)));
        list->AddRectFilled({a, centre - ws_.px(7)}, {std::max(b, a + ws_.px(2)), centre + ws_.px(7)}, theme.accent_soft);
    }
    for (const Bookmark& mark : ws_.notes.all()) {
        const float x = std::floor(x0 + (x1 - x0) * share_of(static_cast<double>(mark.t)));
        list->AddTriangleFilled({x - ws_.px(4), bar.y0 + ws_.px(4)}, {x + ws_.px(4), bar.y0 + ws_.px(4)}, {x, bar.y0 + ws_.px(11)}, theme.warn);
        if (!ImGui::IsItemHovered() || std::abs(ImGui::GetIO().MousePos.x - x) > ws_.px(4)) continue;
        ws_.hovered = fmt::format("bookmark at {}{}{}", format_time(mark.t), mark.note.empty() ? "" : ": ", mark.note);
        if (ImGui::IsMouseClicked(0)) ws_.session->set_time(mark.t);
        if (active) return;  // it is the bookmark's time, to the nanosecond
    }
    if (!active) return;
    // At the right end of what goes on one follows it.
    if (is_live(ws_) && under >= ws_.info.end) {
        ws_.session->set_time(std::nullopt);
    } else if (ws_.session->time() != under) {
        ws_.session->set_time(under);
    }
}

float MainWindow::draw_program_buttons(Rect bar) {
    const float height = ImGui::GetFrameHeight();
    const float y = bar.y0 + std::floor((bar.y1 - bar.y0 - height) / 2);
    float x = bar.x1 - ws_.px(40);
    ImGui::SetCursorScreenPos({x, y});
    if (button(ws_, "keys", "?", ButtonKind::kQuiet, "All keys and actions (?)")) actions_.run("keys");
    if (ws_.program.present) x = draw_launched_buttons(x, y);
    if (!can_hold()) return x;
    x -= ws_.px(48);
    ImGui::SetCursorScreenPos({x, y});
    if (button(ws_, "session.save", "Save", ButtonKind::kPlain, "Save what is kept of the past to a trace file (Ctrl+S)"))
        actions_.run("session.save");
    const bool held = is_held(ws_);
    if (is_paused()) {
        x -= ws_.px(48);
        ImGui::SetCursorScreenPos({x, y});
        if (button(ws_, "hold.step", "Step", ButtonKind::kPlain, "Let one worker run to its next scheduling point (F10)"))
            actions_.run("hold.step");
    }
    x -= ws_.px(held ? 68 : 58);
    ImGui::SetCursorScreenPos({x, y});
    const char* hint = held ? "Let everything go on (F9)" : "Hold every worker at its next scheduling point (F9)";
    if (button(ws_, "hold.pause", held ? "Resume" : "Pause", held ? ButtonKind::kPrimary : ButtonKind::kPlain, hint))
        actions_.run("hold.pause");
    return x;
}

// Of a program that this window has started.
float MainWindow::draw_launched_buttons(float x, float y) {
    x -= ws_.px(64);
    ImGui::SetCursorScreenPos({x, y});
    if (button(ws_, "program.restart", "Restart", ButtonKind::kPlain, "Start the program anew (Ctrl+R)"))
        actions_.run("program.restart");
    if (!ws_.program.running) return x;
    x -= ws_.px(38);
    ImGui::SetCursorScreenPos({x, y});
    if (button(ws_, "program.kill", "Kill", ButtonKind::kPlain, "End the program with SIGKILL (Ctrl+K)"))
        actions_.run("program.kill");
    return x;
}

// How far names are, once they have been on their way for a moment: "43 % libc.so.6".
std::string MainWindow::names_text() {
    constexpr auto kPatience = std::chrono::milliseconds(300);
    const traces::NameProgress progress = ws_.session->name_progress();
    const auto now = std::chrono::steady_clock::now();
    if (!progress.busy()) names_idle_at_ = now;
    if (now - names_idle_at_ < kPatience) return {};
    ws_.frames_wanted = std::max(ws_.frames_wanted, 1);
    return fmt::format("{} % {}", progress.percent(), progress.reading);
}

// Right of the bottom line, from its end on: what is measured. What is said on the left has the first claim on the room: what matters least goes
// first (`rank`; 0 stays in any case).
struct MainWindow::StatusItem {
    const char* label;
    std::string value;
    ImU32 colour;
    int rank;
};

std::vector<MainWindow::StatusItem> MainWindow::status_items() {
    const Theme& theme = *ws_.theme;
    std::vector<StatusItem> items;
    if (ws_.session == nullptr) {
        if (const auto missing = missing_fonts(); !missing.empty())
            items.push_back({"font missing", fmt::format("install {}", missing.front().package), theme.warn, 0});
        return items;
    }
    const traces::Moment* moment = ws_.moment.get();
    const auto count = [&](const char* label, std::uint64_t number, ImU32 bad, int rank) {
        items.push_back({label, format_count(number), number != 0 ? bad : theme.text_dim, number != 0 ? 0 : rank});
    };
    if (const std::string names = names_text(); !names.empty())
        items.push_back({"reading debug information", names, theme.accent, 1});
    items.push_back({"memory", format_bytes(ws_.info.memory_bytes), theme.text_dim, 6});
    items.push_back({"per event", ws_.info.ns_per_event > 0 ? fmt::format("{:.1f} ns", ws_.info.ns_per_event) : "not known",
                     theme.text_dim, 5});
    if (moment != nullptr && moment->unknown_coroutines != 0) count("unknown", moment->unknown_coroutines, theme.warn, 0);
    if (moment != nullptr && moment->stacks.failed != 0) count("not unwound", moment->stacks.failed, theme.warn, 0);
    count("torn", moment != nullptr ? moment->stacks.torn : 0, theme.warn, 4);
    count("lost", moment != nullptr ? moment->events_lost : 0, theme.bad, 3);
    if (moment != nullptr) {
        const inspect::BlockingImage& blocking = moment->state.blocking;
        if (blocking.calls != 0 || blocking.queued != 0)
            items.push_back({"blocking", fmt::format("{}+{} on {}", blocking.busy, blocking.queued, blocking.threads),
                             theme.text_dim, 7});
        std::uint64_t timers = 0;
        for (const inspect::WorkerImage& worker : moment->state.workers)
            timers += worker.timers_armed;
        if (timers != 0) items.push_back({"timers", format_count(timers), theme.text_dim, 7});
    }
    const bool live = ws_.info.kind == traces::SessionKind::kLive;
    if (live && !ws_.info.recording) items.push_back({"listening (E)", listening_text(ws_.info), theme.text_dim, 2});
    items.push_back({"events", format_count(moment != nullptr ? moment->events_total : 0), theme.text_dim, 3});
    if (live) items.push_back({"rate", format_rate(ws_.info.events_per_second), theme.text_dim, 5});
    items.push_back({"target", status_text(ws_), theme.text_dim, 1});
    return items;
}

void MainWindow::draw_status_line(Rect bar) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Theme& theme = *ws_.theme;
    const float y = std::floor(bar.y0 + (bar.y1 - bar.y0 - ws_.fonts.small->FontSize) / 2);
    const bool says = !ws_.hovered.empty() || !ws_.step.text.empty() || !hold_sentence_.empty();
    const std::string left = !ws_.hovered.empty()           ? ws_.hovered
                             : !ws_.step.text.empty()       ? ws_.step.text
                             : !hold_sentence_.empty()      ? hold_sentence_
                             : ImGui::GetIO().WantTextInput ? "Ctrl+Shift+P shows all keys"
                                                            : "? shows all keys";
    std::vector<StatusItem> items = status_items();
    const auto width_of = [&](const StatusItem& item) {
        // As wide as it has been in this session: what is measured grows and shrinks, and its neighbours stand still.
        float& value = status_widths_[item.label];
        value = std::max(value, text_width(ws_.fonts.mono_small, item.value));
        return value + text_width(ws_.fonts.small, item.label) + ws_.px(26);
    };
    // What is hovered changes with every movement of the mouse, and may be long: it moves nothing.
    const float wanted = text_width(ws_.fonts.small, ws_.hovered.empty() ? left : "? shows all keys") + ws_.px(36);
    for (int rank = 7; rank > 0; --rank) {
        float needed = ws_.px(12);
        for (const StatusItem& item : items)
            needed += width_of(item);
        if (bar.x1 - bar.x0 - needed >= wanted) break;
        std::erase_if(items, [&](const StatusItem& item) { return item.rank == rank; });
    }
    float x = bar.x1 - ws_.px(12);
    for (const StatusItem& item : items) {
        const float begin = x - width_of(item) + ws_.px(20), value = begin + text_width(ws_.fonts.small, item.label) + ws_.px(6);
        draw_text(list, ws_.fonts.small, {begin, y}, theme.text_faint, item.label);
        draw_text(list, ws_.fonts.mono_small, {value, y + onto_line_of(ws_.fonts.small, ws_.fonts.mono_small)}, item.colour, item.value);
        x = begin - ws_.px(20);
    }
    const float room = x - bar.x0 - ws_.px(24);
    if (room > ws_.px(40)) {
        draw_text(list, ws_.fonts.small, {bar.x0 + ws_.px(12), y}, says ? theme.text_dim : theme.text_faint,
                  cut_to(ws_.fonts.small, left, room));
    }
}

// One sentence over the panels until it is clicked away: what could not be done and why.
void MainWindow::draw_notice(Rect area) {
    if (ws_.notice.empty()) return;
    const Theme& theme = *ws_.theme;
    const float width = std::min(ws_.px(640), area.x1 - area.x0 - ws_.px(32));
    const float pad = ws_.px(12);
    const ImVec2 size = ws_.fonts.text->CalcTextSizeA(ws_.fonts.text->FontSize, FLT_MAX,
                                                      width - 2 * pad - ws_.px(32), ws_.notice.c_str());
    const float height = size.y + 2 * pad;
    const ImVec2 at = {std::floor((area.x0 + area.x1 - width) / 2), area.y1 - height - ws_.px(16)};
    ImGui::SetNextWindowPos(at);
    ImGui::SetNextWindowSize({width, height});
    ImGui::PushStyleColor(ImGuiCol_WindowBg, theme.raised);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, ws_.px(6));
    ImGui::Begin("notice", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                     ImGuiWindowFlags_NoFocusOnAppearing);
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled(at, {at.x + ws_.px(4), at.y + height}, ws_.notice_is_error ? theme.bad : theme.accent,
                        ws_.px(6), ImDrawFlags_RoundCornersLeft);
    list->AddText(ws_.fonts.text, ws_.fonts.text->FontSize, {at.x + pad + ws_.px(4), at.y + pad}, theme.text,
                  ws_.notice.c_str(), nullptr, width - 2 * pad - ws_.px(32));
    ImGui::SetCursorScreenPos({at.x + width - ws_.px(36), at.y + ws_.px(6)});
    if (button(ws_, "notice.close", "×", ButtonKind::kQuiet, "Dismiss (Esc)")) ws_.notice.clear();
    ImGui::End();
    ImGui::PopStyleVar();
    ImGui::PopStyleColor();
}

}  // namespace coroscope::views
