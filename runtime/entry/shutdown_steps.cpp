// The list of steps, and the coroutine that takes them one number after the other.
#include "runtime/entry/shutdown_steps.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "cprime/semaphore.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/watch/describe.h"

namespace cprime::detail {

constinit ShutdownSteps g_shutdown_steps;

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct DestroyStep {
    void operator()(ShutdownStep* step) const { step->destroy(step); }
};
using OwnedStep = std::unique_ptr<ShutdownStep, DestroyStep>;

// A step that runs.
struct Running {
    JoinHandle<void> handle;
    steady_clock::time_point until;  // then it is cancelled; then left behind
    milliseconds grace{};
    bool cancelled = false, left_behind = false;
};

void destroy_all(ShutdownStep* steps) {
    while (steps != nullptr) {
        const OwnedStep step(std::exchange(steps, steps->next));
    }
}

// The grace of whoever is due is over: cancels it, then leaves it behind.
void press(std::vector<Running>& all, unsigned number) {
    const auto now = steady_clock::now();
    for (Running& one : all) {
        if (one.left_behind || one.until > now || one.handle.is_complete()) continue;
        const auto id = static_cast<unsigned long long>(one.handle.id());
        const auto ms = static_cast<long long>(one.grace.count());
        if (one.cancelled) {
            std::fprintf(stderr,
                         "cprime: shutdown: step %u goes on after being cancelled (coroutine %llu); what "
                         "comes after it begins\n",
                         number, id);
            one.left_behind = true;
            continue;
        }
        std::fprintf(
            stderr,
            "cprime: shutdown: step %u (coroutine %llu) has not ended after %lld ms and is cancelled\n",
            number, id, ms);
        one.handle.cancel();
        one.cancelled = true;
        one.until = now + one.grace;
    }
}

}  // namespace

void ShutdownSteps::start() {
    const std::lock_guard<SpinLock> hold(lock_);
    phase_ = Phase::collecting;
    passed_ = 0;
}

void ShutdownSteps::stop() {
    give_up();
}

bool ShutdownSteps::add(ShutdownStep* step) {
    const std::lock_guard<SpinLock> hold(lock_);
    if (phase_ == Phase::over || step->number < passed_) return false;
    ShutdownStep** link = &first_;
    while (*link != nullptr && (*link)->number <= step->number)
        link = &(*link)->next;
    step->next = *link;
    *link = step;
    return true;
}

ShutdownSteps::Begin ShutdownSteps::begin() {
    const std::lock_guard<SpinLock> hold(lock_);
    if (phase_ == Phase::running) return Begin::wait;
    if (phase_ == Phase::over) return Begin::cancel;
    phase_ = first_ != nullptr ? Phase::running : Phase::over;
    return first_ != nullptr ? Begin::run : Begin::cancel;
}

ShutdownStep* ShutdownSteps::take_lowest() {
    const std::lock_guard<SpinLock> hold(lock_);
    ShutdownStep* const lowest = first_;
    if (lowest == nullptr) {
        phase_ = Phase::over;
        return nullptr;
    }
    passed_ = lowest->number;
    ShutdownStep** link = &first_;
    while (*link != nullptr && (*link)->number == lowest->number)
        link = &(*link)->next;
    first_ = std::exchange(*link, nullptr);
    return lowest;
}

void ShutdownSteps::give_up() {
    ShutdownStep* left = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        phase_ = Phase::over;
        left = std::exchange(first_, nullptr);
    }
    destroy_all(left);
}

void ShutdownSteps::run_at_once(ShutdownStep* steps) {
    const unsigned number = steps->number;
    // Shared with the steps: one that is left behind gives its permit to nobody.
    const auto ended = std::make_shared<Semaphore>(0, "ended steps");
    std::vector<Running> all;
    while (steps != nullptr) {
        OwnedStep step(std::exchange(steps, steps->next));
        const milliseconds grace(step->grace_ms);
        struct Ended {
            std::shared_ptr<Semaphore> permits;
            ~Ended() { permits->release(); }
        };
        const Place place = step->place;
        try {
            all.emplace_back();
            all.back().handle = spawn(
                {.name = "shutdown step " + std::to_string(number)},
                [owned = std::move(step), ended] {
                    const Ended tells{ended};
                    owned->run(owned.get());
                },
                place);
            all.back().grace = grace;
            all.back().until = steady_clock::now() + grace;
        } catch (const std::exception&) {
            if (!all.empty() && !all.back().handle.joinable()) all.pop_back();
            std::fprintf(stderr,
                         "cprime: shutdown: there is no memory for a step of number %u, which is left out\n",
                         number);
        }
    }
    for (std::size_t ended_count = 0; ended_count < all.size();) {
        auto next = steady_clock::time_point::max();
        for (const Running& one : all) {
            if (!one.left_behind && !one.handle.is_complete()) next = std::min(next, one.until);
        }
        // Nobody but left ones, or those that are about to be complete and have given their permit.
        if (next == steady_clock::time_point::max()) break;
        const Status status = ended->acquire_for(next - steady_clock::now()).status();
        if (status == Status::cancelled) break;  // somebody has asked even this coroutine to end
        if (status == Status::ok) {
            ++ended_count;
        } else {
            press(all, number);
        }
    }
}

void ShutdownSteps::run_all() {
    while (ShutdownStep* steps = take_lowest())
        run_at_once(steps);
}

ResumePoint add_shutdown_step(Worker* worker, std::uint32_t, void* argument) noexcept {
    if (worker == nullptr) runtime("at_shutdown");
    auto& request = *static_cast<AddStepRequest*>(argument);
    request.added = g_shutdown_steps.add(request.step);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

namespace {

ResumePoint cancel_all(Worker* worker, std::uint32_t, void*) noexcept {
    cancel_everybody(worker);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace

ResumePoint shut_down(Worker* worker, std::uint32_t, void* argument) noexcept {
    if (worker == nullptr) runtime("shutdown");
    const ShutdownSteps::Begin begin = g_shutdown_steps.begin();
    static_cast<ShutdownRequest*>(argument)->steps_to_run = begin == ShutdownSteps::Begin::run;
    if (begin == ShutdownSteps::Begin::cancel) cancel_everybody(worker);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

void run_shutdown_steps() noexcept {
    try {
        spawn_detached({.name = "shutdown", .priority = priority::high}, [] {
            g_shutdown_steps.run_all();
            park(&cancel_all, nullptr);
        });
    } catch (const std::exception&) {
        std::fputs(
            "cprime: shutdown: there is no memory for a coroutine to take its steps, which are left out\n",
            stderr);
        g_shutdown_steps.give_up();
        park(&cancel_all, nullptr);
    }
}

}  // namespace cprime::detail
