// See window_session.h.
#include "app/window_session.h"

#include <algorithm>
#include <csignal>

#include "instrumentation/inspect/target.h"
#include "traces/trace_medium.h"

namespace coroscope::app {
namespace {

constexpr auto kListInterval = std::chrono::milliseconds(2000);  // reading /proc of a few hundred processes takes ten

LaunchSpec to_app(const views::LaunchSpec& spec) {
    return {spec.program, spec.arguments, spec.environment, spec.directory, spec.paused};
}

std::vector<views::AttachCandidate> find_candidates() {
    std::vector<views::AttachCandidate> candidates;
    for (inspect::TargetInfo& target : inspect::find_targets()) {
        candidates.push_back({target.pid, std::move(target.program), std::move(target.command_line),
                              target.attachable, std::move(target.why_not)});
    }
    // Newest first: what was just started is what one looks for.
    std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
        return a.attachable != b.attachable ? a.attachable : a.pid > b.pid;
    });
    return candidates;
}

bool same_list(const std::vector<views::AttachCandidate>& a, const std::vector<views::AttachCandidate>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const auto& x, const auto& y) { return x.pid == y.pid && x.attachable == y.attachable && x.why_not == y.why_not; });
}

}  // namespace

WindowSession::WindowSession(views::MainWindow& main, std::function<void()> wake)
    : main_(main), saved_(load_saved_state()), opener_(wake), lister_([this, wake] {
          if (list_news_.exchange(false)) wake();
      }) {
    views::StartLists& lists = main_.workspace().lists;
    lists.traces = recent_traces(saved_);
    lists.launches = saved_.launches;
    main_.workspace().muted_lints = {saved_.muted_lints.begin(), saved_.muted_lints.end()};
}

WindowSession::~WindowSession() {
    opener_.cancel();
    main_.open(nullptr);
}

void WindowSession::refuse(const std::string& why) {
    refusal_ = why;
    main_.workspace().notice = why;
    main_.workspace().notice_is_error = true;
}

void WindowSession::act(const views::Request& request) {
    refusal_.clear();
    opening_launched_ = false;
    switch (request.kind) {
        case views::RequestKind::kLaunch:
            launch(request.launch);
            break;
        case views::RequestKind::kRestart:
            if (program_ != nullptr) launch(next_launch_.value_or(launched_));
            break;
        case views::RequestKind::kKill:
            if (program_ != nullptr) program_->signal(request.signal);
            break;
        case views::RequestKind::kAttach:
            next_launch_.reset();
            opening_trace_.clear();
            opener_.attach(request.pid);
            break;
        case views::RequestKind::kOpenTrace:
            next_launch_.reset();
            opening_trace_ = request.path == traces::kStandardStream ? ""
                                                                     : request.path;  // a pipe comes but once
            opener_.open_file(request.path, request.binary);
            break;
        case views::RequestKind::kCloseSession:
            next_launch_.reset();
            opener_.cancel();
            main_.open(nullptr);
            if (program_ != nullptr && program_ended_) program_ = nullptr;
            // A program that still runs goes on by itself; its output is no longer read, so its pipes stay open with the window.
            main_.workspace().program.present = false;
            main_.workspace().lists.traces = recent_traces(saved_);
            break;
        case views::RequestKind::kQuit:
            wants_quit_ = true;
            break;
    }
}

void WindowSession::launch(const views::LaunchSpec& spec) {
    const views::LaunchSpec wanted = spec;  // may be a reference to launched_
    opener_.cancel();
    main_.open(nullptr);
    if (program_ != nullptr && !program_->ended()) {
        // It goes first, since the next may need its ports and files; a large one takes longer to die than a frame may.
        program_->signal(SIGKILL);
        next_launch_ = wanted;
        return;
    }
    next_launch_.reset();
    program_ = nullptr;
    output_ = ProgramOutput();
    main_.workspace().program = {};
    auto started = LaunchedProgram::start(to_app(wanted), OutputTo::kPipe);
    if (!started.ok()) {
        refuse(started.error().message);
        return;
    }
    program_ = std::move(started).value();
    launched_ = wanted;
    output_open_ = true;
    program_ended_ = false;
    opening_trace_.clear();
    opening_launched_ = true;
    saved_.remember_launch(wanted);
    main_.workspace().lists.launches = saved_.launches;
    main_.workspace().notice.clear();
    opener_.attach_when_started(static_cast<std::uint32_t>(program_->pid()));
    show_program();
}

void WindowSession::show_program() {
    views::ProgramState& state = main_.workspace().program;
    std::vector<std::string> words = launched_.arguments;
    words.insert(words.begin(), launched_.program);
    state.present = true;
    state.running = !program_ended_;
    state.pid = static_cast<std::uint32_t>(program_->pid());
    state.command = views::join_words(words);
    state.status = program_ended_ ? program_->status_text() : "running";
    state.output = output_.lines();
    state.output_dropped = output_.dropped();
}

bool WindowSession::pump_program() {
    if (program_ == nullptr || !watching()) return false;
    bool changed = false;
    if (output_open_) {
        std::string text, errors;
        output_open_ = program_->read_output(text, errors);
        changed = !text.empty() || !errors.empty() || !output_open_;
        output_.append(text, false);
        output_.append(errors, true);
        if (!output_open_) output_.finish();
    }
    if (!program_ended_ && program_->ended()) {
        program_ended_ = changed = true;
    }
    if (changed && main_.workspace().program.present) show_program();
    return changed;
}

void WindowSession::open(SessionOpener::Opened opened) {
    if (!opened.ok()) {
        std::string why = opened.error().message;
        if (opening_launched_ && program_->ended()) why += " (the program " + program_->status_text() + ")";
        refuse(why);
        return;
    }
    if (!opening_trace_.empty()) {
        saved_.remember_trace(opening_trace_);
        main_.workspace().lists.traces = recent_traces(saved_);
    }
    main_.workspace().notice.clear();
    main_.workspace().program.watched = opening_launched_;
    main_.open(std::move(opened).value());
    if (const auto noted = main_.workspace().notes.open(opening_trace_); !noted.ok())
        main_.say(noted.error().message, true);
}

// The attach list is looked up anew each second while the start page shows it.
bool WindowSession::refresh_lists() {
    views::Workspace& ws = main_.workspace();
    if (ws.session != nullptr) return false;
    const auto now = std::chrono::steady_clock::now();
    if (candidates_asked_ == 0 || now - candidates_at_ > kListInterval) {
        ++candidates_asked_;
        candidates_at_ = now;
    }
    candidates_.want(lister_, candidates_asked_, [this, before = candidates_.shared()] {
        std::vector<views::AttachCandidate> found = find_candidates();
        list_news_ = before == nullptr || !same_list(*before, found);
        return found;
    });
    if (candidates_.value() == candidates_shown_ || candidates_.value() == nullptr) return false;
    candidates_shown_ = candidates_.value();
    const bool first = !std::exchange(ws.lists.candidates_known, true);
    if (!first && same_list(ws.lists.candidates, *candidates_shown_)) return false;
    ws.lists.candidates = *candidates_shown_;
    return true;
}

bool WindowSession::tick() {
    bool changed = pump_program();
    if (next_launch_.has_value() && program_ended_) {
        launch(*next_launch_);
        changed = true;
    }
    if (auto opened = opener_.take(); opened.has_value()) {
        open(std::move(*opened));
        changed = true;
    }
    return refresh_lists() || changed;
}

}  // namespace coroscope::app
