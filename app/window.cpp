// The window's loop: wait, act, draw when something changed; and what a script may do to it (script_driver.h).
//
// A frame is drawn only when there was input, when a session, the background or a program woke the loop, or when a view asked for another
// one. Idle, the loop wakes a few times a second to look after a launched program and draws nothing.
#include "app/window.h"

#include <imgui.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/platform.h"
#include "app/script_driver.h"
#include "app/sizes_join.h"
#include "app/window_loop.h"
#include "views/compare_view.h"
#include "views/main_window.h"
#include "views/pool_view.h"
#include "views/size_view.h"

namespace coroscope::app {
namespace {

constexpr auto kCaretTime = std::chrono::seconds(10);
constexpr traces::TimeNs kYoungNs = 1'500'000'000;

// What this thread takes from its making on.
class Stopwatch {
public:
    FrameCost read() const { return {now_ms(CLOCK_MONOTONIC) - wall_, now_ms(CLOCK_THREAD_CPUTIME_ID) - processor_}; }

private:
    static double now_ms(clockid_t clock) {
        timespec now{};
        clock_gettime(clock, &now);
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    }
    double wall_ = now_ms(CLOCK_MONOTONIC), processor_ = now_ms(CLOCK_THREAD_CPUTIME_ID);
};

}  // namespace

WindowLoop::WindowLoop(Platform& platform, const views::Theme& theme)
    : platform_(platform),
      main_([this] {
          changed_.store(true, std::memory_order_release);
          platform_.wake();
      }),
      session_(main_, [this] {
          changed_.store(true, std::memory_order_release);
          platform_.wake();
      }) {
    const SavedState& saved = session_.saved();
    main_.set_zoom(static_cast<float>(std::clamp(saved.zoom, 0.1, 10.0)));
    main_.workspace().tracy_mouse = saved.tracy_mouse;
    main_.set_up(theme, platform.scale() * main_.zoom(), platform.textures());
    if (!saved.preset.empty()) main_.remember_arrangements(saved.preset, saved.arranged);
    if (!session_.saved().layout.empty()) {
        auto layout = views::parse_layout(session_.saved().layout);
        if (layout.ok()) main_.panels().set(std::move(layout).value());
    }
}

void WindowLoop::use_script(std::vector<ScriptCommand> commands, const std::string& file) {
    script_ = std::make_unique<ScriptDriver>(std::move(commands), file, *this);
}

void WindowLoop::draw_frame() {
    views::Workspace& ws = main_.workspace();
    if (ws.frames_wanted > 0) --ws.frames_wanted;
    if (const float scale = platform_.scale() * main_.zoom(); scale != ws.scale) {
        main_.set_up(*ws.theme, scale, platform_.textures());
        platform_.fonts_changed();
    }
    platform_.begin_frame();
    if (script_ != nullptr) script_->inject();
    const Stopwatch building;
    ImGui::NewFrame();
    main_.draw();
    ImGui::Render();
    const FrameCost built = building.read();
    platform_.end_frame(ws.theme->ground);
    if (main_.take_picture_wish()) take_picture();
    const Stopwatch acting;
    const std::vector<views::Request> requests = std::exchange(ws.requests, {});
    for (const views::Request& request : requests) {
        if (request.kind == views::RequestKind::kQuit && script_ != nullptr && !script_->may_quit()) continue;
        session_.act(request);
    }
    const FrameCost acted = acting.read();
    last_frame_ = {built.wall_ms + acted.wall_ms, built.processor_ms + acted.processor_ms, ws.moment != nullptr};
    if (!requests.empty()) ws.frames_wanted = std::max(ws.frames_wanted, 1);
    const std::string title = ws.session != nullptr ? ws.info.title + " · Coroscope" : "Coroscope";
    if (title != title_) platform_.set_title(title_ = title);
}

// Beside where the program was started, under the first name that is free.
void WindowLoop::take_picture() {
    std::error_code ignored;
    const std::filesystem::path folder = std::filesystem::current_path(ignored);
    std::filesystem::path path;
    int number = 1;
    do {
        path = folder / fmt::format("coroscope-{}.png", number++);
    } while (std::filesystem::exists(path, ignored));
    const base::Status taken = screenshot(path.string());
    main_.say(taken.ok() ? "a picture of the window is in " + path.string() : taken.error().message, !taken.ok());
}

base::Status WindowLoop::run() {
    constexpr double kScriptWait = 0.02, kBehindWait = 0.03, kProgramWait = 0.05, kIdleWait = 0.5;
    while (true) {
        auto next = ScriptDriver::Next::kWait;
        if (script_ != nullptr) {
            next = script_->step();
            if (next == ScriptDriver::Next::kDone) {
                if (!script_->problem().ok() || script_->quits() || !interactive_) return script_->problem();
                script_ = nullptr;
            }
        }
        views::Workspace& ws = main_.workspace();
        const bool at_once = ws.frames_wanted > 0 || next == ScriptDriver::Next::kDraw ||
                             changed_.load(std::memory_order_acquire);
        const bool behind = main_.behind();
        const double wait = at_once               ? 0
                            : script_ != nullptr  ? kScriptWait
                            : behind              ? kBehindWait
                            : session_.watching() ? kProgramWait
                                                  : kIdleWait;
        if (!platform_.wait(wait)) return base::ok_status();
        for (const std::string& chord : platform_.take_chords())
            main_.press(chord);
        bool draw = session_.tick() || at_once || (behind && main_.may_take()) || frames_drawn_ == 0;
        const auto now = std::chrono::steady_clock::now();
        if (platform_.take_input_seen()) {
            input_at_ = now;
            // Hover, layout and scrolling settle within three frames of an input.
            ws.frames_wanted = std::max(ws.frames_wanted, 3);
            draw = true;
        }
        // A text field's caret blinks as long as somebody is there.
        ImGuiIO& io = ImGui::GetIO();
        const bool blinks = io.WantTextInput && script_ == nullptr && now - input_at_ < kCaretTime;
        if (blinks || io.ConfigInputTextCursorBlink != blinks) draw = true;
        io.ConfigInputTextCursorBlink = blinks;
        if (changed_.exchange(false, std::memory_order_acq_rel)) draw = true;
        if (session_.wants_quit()) return base::ok_status();
        if (!draw) continue;
        draw_frame();
        ++frames_drawn_;
    }
}

void WindowLoop::start(const WindowOptions& options) {
    for (const std::string& pair : options.source_maps)
        CHECK(main_.workspace().sources.add(pair).ok());  // the command line has looked at them
    std::vector<std::string> folders;
    for (const std::string& path : options.debug_paths)  // libdw takes a relative one as beside the program
        folders.push_back(std::filesystem::absolute(path).string());
    main_.workspace().debug_paths = folders;
    session_.set_debug_paths(std::move(folders));
    session_.set_listening(options.events == "never"    ? traces::Listening::kNever
                           : options.events == "always" ? traces::Listening::kAlways
                                                        : traces::Listening::kAffordable);
    main_.workspace().prove_sizes = [proven = std::make_shared<ProvenBinaries>()](traces::SizeRows& rows) {
        const auto doubts = add_proofs(rows, {}, *proven);
        return doubts.ok() ? *doubts : std::vector{doubts.error().message};
    };
    static_cast<views::SizeView&>(*main_.view("sizes")).book().compare_with(options.before);
    static_cast<views::CompareView&>(*main_.view("compare")).compare_with(options.before);
    views::Request request;
    switch (options.start) {
        case WindowStart::kStartPage:
            return;
        case WindowStart::kLaunch:
            request.kind = views::RequestKind::kLaunch;
            request.launch = {options.launch.program, options.launch.arguments, options.launch.environment,
                              options.launch.directory, options.launch.paused};
            break;
        case WindowStart::kAttach:
            request.kind = views::RequestKind::kAttach;
            request.pid = options.pid;
            break;
        case WindowStart::kReplay:
            request.kind = views::RequestKind::kOpenTrace;
            request.path = options.file;
            request.binary = options.binary;
            break;
    }
    session_.act(request);
}

void WindowLoop::open(std::shared_ptr<traces::Session> session) {
    main_.open(std::move(session));
}

void WindowLoop::save() {
    session_.saved().theme = main_.workspace().theme->name;
    session_.saved().layout = main_.panels().layout_text();
    const auto& muted = main_.workspace().muted_lints;
    session_.saved().muted_lints.assign(muted.begin(), muted.end());
    session_.saved().preset = main_.preset();
    session_.saved().arranged = main_.arranged();
    session_.saved().zoom = static_cast<double>(main_.zoom());
    session_.saved().tracy_mouse = main_.workspace().tracy_mouse;
    (void)save_state(session_.saved());  // a convenience: a full disk must not spoil the exit code
}

// ---- ScriptHost

bool WindowLoop::show_view(const std::string& name) {
    return main_.show(name);
}
bool WindowLoop::use_preset(const std::string& name) {
    return main_.use_preset(name);
}
bool WindowLoop::use_theme(const std::string& name) {
    const views::Theme* theme = views::find_theme(name);
    if (theme != nullptr) main_.set_theme(*theme);
    return theme != nullptr;
}

std::string WindowLoop::select(const std::vector<std::string>& what) {
    views::Workspace& ws = main_.workspace();
    if (!main_.held()) ws.refresh();
    if (what[0] == "none") {
        ws.clear_selection();
        return {};
    }
    if (ws.moment == nullptr)
        return "nothing can be selected before a session shows something (wait-for moment)";
    const inspect::StateImage& state = ws.moment->state;
    if (what[0] == "channel") {
        ws.select_channel(what[1].starts_with("channel:") ? what[1] : "channel:" + what[1]);
    } else if (what[0] == "slot") {
        const unsigned long pool = std::stoul(what[1]), slot = std::stoul(what[2]);
        if (pool >= state.pools.size() || slot > UINT32_MAX ||
            !state.pools[pool].has(static_cast<std::uint32_t>(slot)))
            return fmt::format("there is no slot {} in pool {}", slot, pool);
        ws.select_slot({static_cast<std::uint8_t>(pool), static_cast<std::uint32_t>(slot)});
    } else {
        const bool number = what[1].find_first_not_of("0123456789") == std::string::npos;
        const auto& all = state.coroutines;
        const auto found = std::find_if(all.begin(), all.end(), [&](const inspect::CoroutineImage& coroutine) {
            return number ? std::to_string(coroutine.identity) == what[1]
                          : state.coroutine_name(coroutine) == what[1];
        });
        if (found == all.end()) return fmt::format("there is no coroutine '{}' at this time", what[1]);
        ws.select_coroutine(found->identity);
    }
    return {};
}

std::string WindowLoop::set_time(std::int64_t ns) {
    views::Workspace& ws = main_.workspace();
    if (ws.session == nullptr) return "there is no session to look at another time of";
    if (ns < 0) {
        ws.session->set_time(std::nullopt);
    } else {
        ws.session->set_time(ns);
    }
    return {};
}

std::optional<views::Rect> WindowLoop::widget(const std::vector<std::string>& name) {
    if (name.size() == 3 && name[0] == "slot") {
        const auto* pools = static_cast<const views::PoolView*>(main_.view("pools"));
        return pools->slot_rect({static_cast<std::uint8_t>(std::strtoul(name[1].c_str(), nullptr, 10)),
                                 static_cast<std::uint32_t>(std::strtoul(name[2].c_str(), nullptr, 10))});
    }
    return name.size() == 1 ? main_.workspace().published(name[0]) : std::nullopt;
}

void WindowLoop::press(const std::string& chord) {
    main_.press(chord);
}

void WindowLoop::run_action(const std::string& id) {
    main_.workspace().frames_wanted = std::max(main_.workspace().frames_wanted, 3);
    main_.actions().run(id);
}

nlohmann::json WindowLoop::facts() {
    if (!main_.held()) main_.workspace().refresh();
    nlohmann::json facts = main_.workspace().facts();
    facts["opening"] = session_.opening();
    facts["frames"] = frames_drawn_;
    facts["width"] = static_cast<int>(ImGui::GetIO().DisplaySize.x);
    facts["height"] = static_cast<int>(ImGui::GetIO().DisplaySize.y);
    const views::Workspace& ws = main_.workspace();
    // A program that was just started needs a while to become what it is.
    facts["stands"] = ws.moment != nullptr &&
                      (ws.info.kind != traces::SessionKind::kLive || ws.moment->t >= kYoungNs ||
                       ws.info.status == traces::TargetStatus::kExited);
    facts["settled"] = settled();
    if (ws.session != nullptr)
        for (const std::string& name : main_.panels().visible())
            facts["view." + name] = true;
    return facts;
}

MonkeyToys WindowLoop::toys() {
    const views::Workspace& ws = main_.workspace();
    MonkeyToys toys;
    for (const std::string& name : ws.widget_names())
        if (const auto at = ws.published(name); at.has_value() && name != "action.quit") toys.widgets.emplace_back(name, *at);
    for (const views::Action& action : main_.actions().all())
        if (action.id != "quit") toys.chords.insert(toys.chords.end(), action.chords.begin(), action.chords.end());
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    toys.width = static_cast<int>(size.x);
    toys.height = static_cast<int>(size.y);
    return toys;
}

void WindowLoop::resize(int width, int height) {
    platform_.resize(width, height);
}

void WindowLoop::set_scale(float scale) {
    platform_.set_scale(scale);
}

bool WindowLoop::settled() {
    const views::Workspace& ws = main_.workspace();
    return (ws.session == nullptr || ws.moment != nullptr) && main_.settled();
}

base::Status WindowLoop::screenshot(const std::string& file) {
    auto picture = platform_.picture();
    if (!picture.ok()) return picture.error();
    return write_png(file, *picture);
}

base::Status WindowLoop::dump(const std::string& file) {
    const std::string unfinished = file + ".part";
    {
        std::ofstream out(unfinished);
        out << main_.dump().dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
        if (!out.flush())
            return base::error(
                base::ErrorCode::kIo,
                "the dump " + file + " cannot be written; is there such a folder, and room in it?");
    }
    std::error_code problem;
    std::filesystem::rename(unfinished, file, problem);
    if (problem)
        return base::error(base::ErrorCode::kIo,
                           "the dump " + file + " cannot be written: " + problem.message());
    return base::ok_status();
}

void WindowLoop::request(views::Request request) {
    session_.act(request);
}

// ---- run_window

namespace {

// Without a script: once the data stands, the picture and the dump, then the end.
std::string script_for(const WindowOptions& options) {
    std::string script;
    if (options.start != WindowStart::kStartPage) script += "wait-for stands timeout 60s\n";
    const auto quoted = [](const std::string& path) { return views::join_words({path}); };
    if (!options.screenshot.empty()) script += "screenshot " + quoted(options.screenshot) + "\n";
    if (!options.dump.empty()) script += "dump " + quoted(options.dump) + "\n";
    return script + "quit\n";
}

base::Result<std::vector<ScriptCommand>> read_script(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    if (!file)
        return base::error(base::ErrorCode::kUsage,
                           "the script " + path + " cannot be read; is its path right?");
    return parse_script(text.str(), path);
}

base::Result<const views::Theme*> theme_for(const WindowOptions& options) {
    const std::string name = !options.theme.empty() ? options.theme : load_saved_state().theme;
    if (const views::Theme* theme = views::find_theme(name.empty() ? "dark" : name); theme != nullptr)
        return theme;
    if (options.theme.empty()) return views::find_theme("dark");
    return base::error(base::ErrorCode::kUsage,
                       "there is no theme '" + name + "': dark, light and contrast are known");
}

base::Status run_in_context(const WindowOptions& options) {
    const auto theme = theme_for(options);
    if (!theme.ok()) return theme.error();
    std::vector<ScriptCommand> commands;
    const bool automatic = options.script.empty() &&
                           (options.offscreen || !options.screenshot.empty() || !options.dump.empty());
    std::string script_name = options.script;
    if (!options.script.empty() || automatic) {
        auto parsed = automatic ? parse_script(script_for(options), "coroscope") : read_script(options.script);
        if (!parsed.ok()) return parsed.error();
        commands = std::move(parsed).value();
    }
    PlatformOptions wanted;
    wanted.width = static_cast<int>(options.width);
    wanted.height = static_cast<int>(options.height);
    wanted.scale = options.scale;
    auto platform = options.offscreen ? make_offscreen_platform(wanted) : make_window_platform(wanted);
    if (!platform.ok()) return platform.error();
    WindowLoop loop(**platform, **theme);
    loop.set_interactive(!options.offscreen && !automatic);
    if (!commands.empty()) loop.use_script(std::move(commands), automatic ? "" : options.script);
    loop.start(options);
    base::Status ended = loop.run();
    if (!options.offscreen) loop.save();
    if (!ended.ok() || automatic) return ended;
    // With a script, --screenshot and --dump are taken of what it left.
    if (options.screenshot.empty() && options.dump.empty()) return ended;
    WindowOptions last = options;
    last.start = WindowStart::kStartPage;
    auto parsed = parse_script(script_for(last), "coroscope");
    if (!parsed.ok()) return parsed.error();
    loop.use_script(std::move(parsed).value(), "");
    loop.set_interactive(false);
    return loop.run();
}

}  // namespace

int run_window(const WindowOptions& options) {
    IMGUI_CHECKVERSION();
    ImGui::CreateContext();
    ImGui::GetIO().IniFilename = nullptr;
    const base::Status ended = run_in_context(options);
    ImGui::DestroyContext();
    return ended.ok() ? static_cast<int>(kExitGood) : fail(ended.error());
}

}  // namespace coroscope::app
