// See start_page.h.
#include "views/start_page.h"

#include <imgui.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kColumnUnitsMax = 440;
constexpr float kRowUnits = 44;

void heading(Workspace& ws, const char* what, const char* explanation) {
    text(ws.fonts.strong, ws.theme->text, what);
    ImGui::PushTextWrapPos(0);
    text(ws.fonts.small, ws.theme->text_faint, explanation);
    ImGui::PopTextWrapPos();
    ImGui::Dummy({0, ws.px(8)});
}

void label(Workspace& ws, const char* what) {
    text(ws.fonts.small, ws.theme->text_dim, what);
}

// A row of a list with two lines; true when clicked. What does not fit of the second is left out at its beginning, where it is a path or a
// command line, and else, of a sentence, at its end.
bool list_row(Workspace& ws, const std::string& name, std::string_view first, std::string_view second,
              std::string_view right, bool possible, float width) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kRowUnits);
    ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height});
    publish_item(ws, name);
    ImDrawList* list = ImGui::GetWindowDrawList();
    const bool hovered = ImGui::IsItemHovered() && possible;
    if (hovered) list->AddRectFilled(at, {at.x + width, at.y + height}, ws.theme->hover, ws.px(4));
    const float pad = ws.px(8);
    const float right_width = text_width(ws.fonts.mono_small, right);
    const ImU32 colour = possible ? ws.theme->text : ws.theme->text_faint;
    draw_text(list, ws.fonts.text, {at.x + pad, at.y + ws.px(4)}, colour,
              cut_to(ws.fonts.text, first, width - right_width - 3 * pad));
    draw_text(list, ws.fonts.small, {at.x + pad, at.y + ws.px(23)}, ws.theme->text_faint,
              cut_to(ws.fonts.small, second, width - 2 * pad, possible));
    draw_text(list, ws.fonts.mono_small, {at.x + width - pad, at.y + ws.px(5)}, ws.theme->text_dim, right, 1);
    return possible && ImGui::IsItemClicked();
}

void nothing_here(Workspace& ws, const char* sentence) {
    ImGui::PushTextWrapPos(0);
    text(ws.fonts.text, ws.theme->text_faint, sentence);
    ImGui::PopTextWrapPos();
}

std::string age_text(std::int64_t seconds) {
    if (seconds < 90) return "just now";
    if (seconds < 5400) return fmt::format("{} min ago", (seconds + 30) / 60);
    if (seconds < 129600) return fmt::format("{} h ago", (seconds + 1800) / 3600);
    return fmt::format("{} days ago", (seconds + 43200) / 86400);
}

}  // namespace

std::vector<std::string> split_words(const std::string& line) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote != 0) {
            if (c == quote) {
                quote = 0;
            } else if (c == '\\' && quote == '"' && i + 1 < line.size()) {
                word += line[++i];
            } else {
                word += c;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
            in_word = true;
        } else if (c == '\\' && i + 1 < line.size()) {
            word += line[++i];
            in_word = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (in_word) words.push_back(std::exchange(word, {}));
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (in_word) words.push_back(word);
    return words;
}

std::string join_words(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) {
        if (!line.empty()) line += ' ';
        if (!word.empty() && word.find_first_of(" \t\n'\"\\") == std::string::npos) {
            line += word;
            continue;
        }
        line += '\'';
        for (const char c : word) {
            if (c == '\'') {
                line += "'\\''";
            } else {
                line += c;
            }
        }
        line += '\'';
    }
    return line;
}

void StartPage::fill(const LaunchSpec& spec) {
    program_ = spec.program;
    arguments_ = join_words(spec.arguments);
    environment_ = join_words(spec.environment);
    directory_ = spec.directory;
}

LaunchSpec StartPage::spec() const {
    LaunchSpec spec;
    spec.program = program_;
    spec.arguments = split_words(arguments_);
    spec.environment = split_words(environment_);
    spec.directory = directory_;
    return spec;
}

void StartPage::request_launch(Workspace& ws) {
    if (program_.empty()) {
        ws.notice = "Name the program to launch first.";
        ws.notice_is_error = false;
        focus_wanted_ = true;
        return;
    }
    Request request;
    request.kind = RequestKind::kLaunch;
    request.launch = spec();
    ws.requests.push_back(std::move(request));
}

void StartPage::draw_launch(Workspace& ws, float width) {
    heading(ws, "Launch a program",
            "It is started with eager binding and shown as soon as its runtime is up.");
    // Enter in any of the fields launches.
    bool entered = false;
    const auto field = [&](const char* name, const char* placeholder, std::string* value) {
        text_field(ws, name, placeholder, value, width);
        entered |= ImGui::IsItemDeactivated() &&
                   ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Enter), false);
    };
    label(ws, "Program");
    if (focus_wanted_) ImGui::SetKeyboardFocusHere();
    focus_wanted_ = false;
    field("launch.program", "build/bin/demo", &program_);
    ImGui::Dummy({0, ws.px(4)});
    label(ws, "Arguments");
    field("launch.arguments", "--seconds 30 --swarm 1000", &arguments_);
    ImGui::Dummy({0, ws.px(4)});
    label(ws, "Environment");
    field("launch.environment", "NAME=VALUE …", &environment_);
    ImGui::Dummy({0, ws.px(4)});
    label(ws, "Directory");
    field("launch.directory", "where Coroscope was started", &directory_);
    ImGui::Dummy({0, ws.px(8)});
    if (button(ws, "launch.run", "Launch", ButtonKind::kPrimary, "Enter") || entered) request_launch(ws);
    if (ws.lists.launches.empty()) return;
    ImGui::Dummy({0, ws.px(16)});
    label(ws, "Launched before");
    ImGui::Dummy({0, ws.px(4)});
    for (std::size_t i = 0; i < std::min<std::size_t>(4, ws.lists.launches.size()); ++i) {
        const LaunchSpec& spec = ws.lists.launches[i];
        const std::string arguments = join_words(spec.arguments);
        if (list_row(ws, fmt::format("launched.{}", i), spec.program,
                     arguments.empty() ? "no arguments" : arguments, "", true, width))
            fill(spec);
    }
}

void StartPage::draw_attach(Workspace& ws, float width) {
    heading(ws, "Attach to a running program",
            "Everything on this machine with a CPrime runtime. The list keeps itself up to date.");
    if (!ws.lists.candidates_known) {
        nothing_here(ws, "Looking at the running programs …");
        return;
    }
    if (ws.lists.candidates.empty()) {
        nothing_here(ws,
                     "No program with a CPrime runtime is running. Start one in a terminal, for example "
                     "build/bin/demo --seconds 60, and it "
                     "appears here within a second.");
        return;
    }
    for (const AttachCandidate& candidate : ws.lists.candidates) {
        const std::string second = candidate.attachable ? candidate.command_line : candidate.why_not;
        if (list_row(ws, fmt::format("attach.{}", candidate.pid), short_path(candidate.program), second,
                     std::to_string(candidate.pid), candidate.attachable, width)) {
            Request request;
            request.kind = RequestKind::kAttach;
            request.pid = candidate.pid;
            ws.requests.push_back(request);
        }
    }
}

void StartPage::draw_traces(Workspace& ws, float width) {
    heading(ws, "Open a trace or a core", "A recorded run, or the core that a crash left behind.");
    const float run = ws.px(64);
    text_field(ws, "open.path", "run.coro", &trace_path_, width - run - ws.px(8));
    const bool entered = ImGui::IsItemDeactivated() &&
                         ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Enter), false);
    ImGui::SameLine(0, ws.px(8));
    const auto open = [&](const std::string& path) {
        Request request;
        request.kind = RequestKind::kOpenTrace;
        request.path = path;
        ws.requests.push_back(request);
    };
    if ((button(ws, "open.run", "Open") || entered) && !trace_path_.empty()) open(trace_path_);
    ImGui::Dummy({0, ws.px(8)});
    if (ws.lists.traces.empty()) {
        nothing_here(ws,
                     "Nothing recorded yet. coroscope record -o run.coro -- PROGRAM writes a trace; it is "
                     "listed here afterwards.");
        return;
    }
    for (std::size_t i = 0; i < ws.lists.traces.size(); ++i) {
        const RecentTrace& trace = ws.lists.traces[i];
        const std::string right = format_bytes(
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, trace.bytes)));
        const std::size_t slash = trace.path.rfind('/');
        const std::string file = slash == std::string::npos ? trace.path : trace.path.substr(slash + 1);
        if (list_row(ws, fmt::format("recent.{}", i), file, age_text(trace.age_seconds) + " · " + trace.path,
                     right, true, width))
            open(trace.path);
    }
}

void StartPage::draw(Workspace& ws, Rect area) {
    const float gap = ws.px(40);
    const float room = area.x1 - area.x0 - ws.px(96);
    const float width = std::floor(std::min(ws.px(kColumnUnitsMax), (room - 2 * gap) / 3));
    const float total = 3 * width + 2 * gap;
    const float left = std::floor(area.x0 + (area.x1 - area.x0 - total) / 2);
    const float top = area.y0 + std::floor(std::min(ws.px(96), (area.y1 - area.y0) * 0.1F));
    ImGui::SetCursorScreenPos({left, top});
    text(ws.fonts.title, ws.theme->text, "Coroscope");
    ImGui::SetCursorScreenPos({left, top + ws.px(32)});
    text(ws.fonts.text, ws.theme->text_dim,
         "See what a coroutine program does: its stacks, who waits for whom, and what each switch costs.");
    const float columns = top + ws.px(84);
    for (int i = 0; i < 3; ++i) {
        const float x = left + static_cast<float>(i) * (width + gap);
        ImGui::SetCursorScreenPos({x, columns});
        ImGui::BeginChild(fmt::format("column{}", i).c_str(),
                          {width + ws.px(12), std::max(ws.px(40), area.y1 - columns - ws.px(24))});
        if (i == 0) draw_launch(ws, width);
        if (i == 1) draw_attach(ws, width);
        if (i == 2) draw_traces(ws, width);
        ImGui::EndChild();
        if (i != 0) {
            const float x_line = std::floor(x - gap / 2);
            ImGui::GetWindowDrawList()->AddRectFilled(
                {x_line, columns}, {x_line + std::max(1.0F, std::floor(ws.scale)), area.y1 - ws.px(24)},
                ws.theme->line);
        }
    }
}

}  // namespace coroscope::views
