// Wishes, one after the other.
#include "traces/hold_desk.h"

#include <fmt/format.h>

#include <utility>

namespace coroscope::traces {
namespace {

constexpr int kPatienceMs = 500;

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

std::string last_line(std::string text) {
    if (!text.empty() && text.back() == '\n') text.pop_back();
    const std::size_t at = text.rfind('\n');
    return at == std::string::npos ? text : text.substr(at + 1);
}

}  // namespace

HoldDesk::HoldDesk(std::uint32_t pid, std::function<void()> changed) : pid_(pid), changed_(std::move(changed)) {
    state_.available = true;
    thread_ = std::thread([this] { loop(); });
}

HoldDesk::~HoldDesk() {
    {
        const std::lock_guard lock(lock_);
        stop_ = true;
        asked_.notify_all();
    }
    thread_.join();
}

void HoldDesk::ask(HoldWish wish) {
    const std::lock_guard lock(lock_);
    wishes_.push_back(std::move(wish));
    state_.busy = true;
    asked_.notify_all();
}

HoldState HoldDesk::state() const {
    const std::lock_guard lock(lock_);
    return state_;
}

void HoldDesk::loop() {
    for (;;) {
        HoldWish wish;
        {
            std::unique_lock lock(lock_);
            state_.busy = !wishes_.empty();
            asked_.wait(lock, [this] { return stop_ || !wishes_.empty(); });
            if (stop_) break;
            wish = std::move(wishes_.front());
            wishes_.pop_front();
        }
        if (control_ == nullptr || !control_->alive()) {
            auto opened = Control::open(pid_);
            if (!opened) {
                say(opened.error().message, true);
                continue;
            }
            control_ = std::move(*opened);
        }
        act(*control_, wish);
    }
    stopped_ = nullptr;  // by the thread that stopped it
}

void HoldDesk::act(Control& control, const HoldWish& wish) {
    switch (wish.what) {
        case HoldWish::What::kPause: {
            auto report = control.pause(wish.coroutines, false, kPatienceMs);
            if (!report) return say(report.error().message, true);
            const std::string text = to_text(*report);
            // Whoever keeps it from taking effect is worth more than how many do not.
            return say(report->stragglers.empty() && report->chosen.empty() ? first_line(text) : last_line(text),
                       !report->stragglers.empty());
        }
        case HoldWish::What::kResume: {
            stopped_ = nullptr;
            {
                const std::lock_guard lock(lock_);
                state_.stopped_thread = 0;
            }
            auto report = control.resume(wish.coroutines);
            return report ? say("", false) : say(report.error().message, true);
        }
        case HoldWish::What::kStep: {
            auto report = control.step(wish.coroutines.empty() ? 0 : wish.coroutines.front(), kPatienceMs);
            if (!report) return say(report.error().message, true);
            {
                const std::lock_guard lock(lock_);
                state_.stepped = report->coroutine;
                ++state_.steps;
            }
            return say(first_line(to_text(*report)), report->under_way);
        }
        case HoldWish::What::kLookAtRunning:
            return look_at_running(control);
        case HoldWish::What::kStopThread:
            return stop_thread(control, wish.coroutines.empty() ? 0 : wish.coroutines.front());
    }
}

void HoldDesk::look_at_running(Control& control) {
    auto running = control.running();
    if (!running) return say(running.error().message, true);
    std::vector<HoldState::RunningLook> looks;
    std::uint64_t stood_ns = 0;
    for (Control::Running& one : *running) {
        stood_ns = std::max(stood_ns, one.stack.stopped_ns);
        if (one.stack.identity == 0) continue;
        looks.push_back({one.stack.identity, one.stack.worker, std::move(one.frames), one.stack.error});
    }
    const std::size_t count = looks.size();
    {
        const std::lock_guard lock(lock_);
        state_.running = std::make_shared<const std::vector<HoldState::RunningLook>>(std::move(looks));
    }
    say(count == 0 ? "no worker ran a coroutine just then"
                   : fmt::format("{} running coroutine{} looked at; {} stood still for {:.0f} us", count,
                                 count == 1 ? "" : "s", count == 1 ? "its worker" : "their workers",
                                 static_cast<double>(stood_ns) / 1e3),
        false);
}

void HoldDesk::stop_thread(Control& control, std::uint64_t identity) {
    stopped_ = nullptr;
    auto stopped = control.stop(identity);
    {
        const std::lock_guard lock(lock_);
        state_.stopped_thread = stopped ? stopped->thread() : 0;
    }
    if (!stopped) return say(stopped.error().message, true);
    stopped_ = std::make_unique<inspect::ThreadStop>(std::move(*stopped));
    say(fmt::format("thread {} is stopped in coroutine {}; resume lets it go on", stopped_->thread(), identity),
        false);
}

void HoldDesk::say(const std::string& sentence, bool error) {
    {
        const std::lock_guard lock(lock_);
        state_.sentence = sentence;
        state_.is_error = error;
        ++state_.said;
    }
    changed_();
}

}  // namespace coroscope::traces
