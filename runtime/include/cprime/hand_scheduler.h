// HandScheduler: runs things that are resumed by hand, of kinds that it has never heard of, in the order of a SchedulingPolicy.
//
//   cprime::HandScheduler<cprime::ByScore> tasks;
//   tasks.add(cprime::Coroutine<void, int>({.name = "numbers", .priority = cprime::priority::high}, numbers));
//   tasks.add(Countdown(10));                              // a class of one's own: Schedulable and Resumable (schedulable.h)
//   tasks.add(cprime::AnyCoroutine(cprime::spawn(work)));  // even one that is scheduled: resumed where it has suspended itself
//   while (tasks.run_all() != 0) wait_for_something();
//
// One turn (run_one) asks the policy for one of those that are resumable, resumes it, and looks at what it says of itself: complete ones are
// destroyed, resumable ones stand in line again, the others are looked at again every so many turns and when nobody is resumable.
// It needs no Runtime; within one it may be used like any other object.
//
// The policy is the same as for RuntimeOptions::policy (scheduling_policy.h), its functions may do what they like here but call this scheduler, and
// one that does not keep its contract ends the program with the same sentence. name, file and line are told where the kind has a name().
//
// Thread: one at a time; a task's resume() may call add() and borrow(). Blocks only where a task does. Tested in
// tests/unit/runtime/hand_scheduler_test.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cprime/detail/hand_task.h"
#include "cprime/detail/policy_faults.h"
#include "cprime/policies.h"
#include "cprime/schedulable.h"
#include "cprime/scheduling_policy.h"

namespace cprime {

template <SchedulingPolicy Policy = RoundRobin>
class HandScheduler {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit HandScheduler(Policy policy = Policy()) : policy_(std::move(policy)) {}
    HandScheduler(const HandScheduler&) = delete;
    HandScheduler& operator=(const HandScheduler&) = delete;

    // Takes the task over; it is destroyed when it is complete, reaped, or with the scheduler. One that is complete is destroyed at once.
    template <typename T>
    requires Schedulable<T> && Resumable<T>
    void add(T task) { enter(std::make_unique<detail::HandTaskOf<T, T>>(std::move(task))); }
    // Runs a task that the caller keeps, until it is complete or reaped, at the same place for as long.
    template <typename T>
    requires Schedulable<T> && Resumable<T>
    void borrow(T& task) { enter(std::make_unique<detail::HandTaskOf<T, T*>>(&task)); }

    // Resumes one task. False: nobody is resumable now. Throws what escapes the task's resume(); the scheduler goes on with the others.
    bool run_one() {
        if (given_ == 0 || ++turns_ % kTurnsPerLook == 0) look_at_all();
        while (given_ != 0) {
            const std::uint32_t place = name_one();
            if (slots_[place].task == nullptr) {  // it was reaped in line
                forget(place);
                continue;
            }
            run(place);
            return true;
        }
        return false;
    }
    // Resumes until nobody is resumable; how many are left, which wait or run elsewhere.
    std::size_t run_all() {
        while (run_one()) {
        }
        return alive_;
    }

    // How many are not complete.
    std::size_t size() const noexcept { return alive_; }

    // Lets go of all that were not active for at least `limit`, by what they say themselves and by when they were added or resumed here. Not of those
    // that run. How many these were; owned ones are destroyed, which unwinds a Coroutine. Not from within a task's destructor.
    std::size_t reap_idle(std::chrono::nanoseconds limit) {
        const Time now = std::chrono::steady_clock::now();
        std::size_t reaped = 0;
        for (std::uint32_t place = 0; place < slots_.size(); ++place) {
            Slot& slot = slots_[place];
            if (slot.task == nullptr || now - std::max(slot.task->last_activity(), slot.active) < limit)
                continue;
            if (slot.running || slot.task->look() == coroutine_state::running) continue;
            drop(place);
            ++reaped;
        }
        return reaped;
    }

private:
    static constexpr std::uint64_t kTurnsPerLook = 64;

    struct Slot {
        std::unique_ptr<detail::HandTask> task;  // null: nobody
        Time active;                             // added or resumed here
        std::uint64_t times_run = 0;
        std::uint64_t given = 0;  // the id by which the policy knows it
        bool in_line = false;     // the policy has it, also when it was reaped
        bool running = false;     // here
    };

    void enter(std::unique_ptr<detail::HandTask> task) {
        std::uint32_t place = static_cast<std::uint32_t>(slots_.size());
        if (free_.empty()) {
            slots_.emplace_back();
        } else {
            place = free_.back();
            free_.pop_back();
        }
        slots_[place] = {std::move(task), std::chrono::steady_clock::now()};
        ++alive_;
        settle(place);
    }

    // It stands in line, is complete, or waits.
    void settle(std::uint32_t place) {
        Slot& slot = slots_[place];
        const coroutine_state state = slot.task->look();
        if (state == coroutine_state::complete) {
            drop(place);
        } else if (state == coroutine_state::resumable) {
            ReadyCoroutine told;
            told.ready_since = slot.active;
            told.times_run = slot.times_run;
            slot.task->tell(told);
            told.id.place = place;
            slot.given = told.id.id;
            slot.in_line = true;
            ++given_;
            policy_.ready(told);
        }
    }

    void look_at_all() {
        for (std::uint32_t place = 0; place < slots_.size(); ++place) {
            const Slot& slot = slots_[place];
            if (slot.task != nullptr && !slot.in_line && !slot.running) settle(place);
        }
    }

    std::uint32_t name_one() {
        const std::optional<ReadyId> named = policy_.next(0);
        if (!named) detail::policy_misbehaves(name(), detail::PolicyFault::names_nobody, given_);
        if (named->place >= slots_.size() || !slots_[named->place].in_line ||
            slots_[named->place].given != named->id)
            detail::policy_misbehaves(name(), detail::PolicyFault::names_a_stranger, named->id);
        slots_[named->place].in_line = false;
        --given_;
        detail::check_policy_empty(name(), policy_.empty(), given_);
        return named->place;
    }

    void run(std::uint32_t place) {
        struct Settles {  // also when resume() throws
            HandScheduler& all;
            std::uint32_t place;
            ~Settles() {
                Slot& slot = all.slots_[place];
                slot.running = false;
                slot.active = std::chrono::steady_clock::now();
                ++slot.times_run;
                slot.task->note(slot.active);
                all.settle(place);
            }
        } const settles{*this, place};
        detail::HandTask& task = *slots_[place].task;  // stays where it is when slots_ grows
        slots_[place].running = true;
        task.resume();
    }

    void drop(std::uint32_t place) {
        const std::unique_ptr<detail::HandTask> task = std::move(slots_[place].task);
        --alive_;
        if (!slots_[place].in_line) forget(place);
    }
    void forget(std::uint32_t place) { free_.push_back(place); }
    static constexpr std::string_view name() { return detail::policy_name<Policy>(); }

    Policy policy_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;  // places of nobody
    std::size_t alive_ = 0;
    std::size_t given_ = 0;  // in line
    std::uint64_t turns_ = 0;
};

// Runs what a container holds, in the order of the policy, until nobody is resumable; how many are left. The container keeps them.
template <typename Container, SchedulingPolicy Policy = RoundRobin>
std::size_t run_all(Container& container, Policy policy = Policy()) {
    HandScheduler<Policy> scheduler(std::move(policy));
    for (auto& task : container)
        scheduler.borrow(task);
    return scheduler.run_all();
}

}  // namespace cprime
