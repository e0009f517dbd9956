// Hold: what viewers keep from running, and how far they let it go.
//
//   everything   each worker stops at its next scheduling point: a runtime call of its coroutine, which is put away as for a yield, or, without
//                one, the next look for work. It waits at the gate (WorkerState::kHeld) until all is let go, or a step is its.
//   chosen       a coroutine that was chosen is set aside when its turn comes (CoroutineState::kPaused), and stands in the queue again when it
//                is let go.
//   a rule       that holds holds everything where its event happens (hold_now), before anybody outside hears of it.
//   step         of a paused program: one worker leaves the gate, runs whom the scheduler gives it, or the one that was named, and is back at
//                that one's next scheduling point. Of a chosen coroutine in a running program: it may run once.
//
// What it costs when nothing is held: nothing. It comes in through cprime_urgent, which every runtime call and every pick asks anyway (park.h):
// kUrgentHold sends them the long way, and there this class is asked.
//
// Why no wake-up is lost: nobody is taken out of a queue but by the worker that would run it, and whoever is set aside goes back by
// Scheduler::inject(), as if it had been woken just then. While everything is held nobody sleeps in the scheduler's list
// (Scheduler::idle asks everything() under its lock; hold() wakes those who slept before), so that every worker comes to the gate.
//
// Writers of marks_, step_ and what workers have at the gate: holders of lock_; the Scheduler's lock may be taken inside, never the other way round.
//
// Thread: as marked. Tested in tests/unit/runtime/hold_test.cpp, tests/stress/hold_stress.cpp and tests/e2e/ctl_test.py.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "instrumentation/wire/handshake.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

class Hold {
public:
    // Before workers run. `paused`: everything is held from the start.
    void start(std::uint32_t workers_count, bool paused);
    // Lets everything go, for good. The thread that ends the runtime, before it waits for the workers' threads.
    void end();

    // emit::AgentOptions::Control; `self` is the Hold. One thread at a time (the agent's).
    static wire::ReplyStatus hold(void* self, bool everything, std::span<const wire::CoroutineName> chosen);
    static wire::ReplyStatus step(void* self, const wire::CoroutineName& coroutine, std::uint32_t* detail);
    // The same, `hold_now`: everything is held, from inside a probe of any thread, whatever locks it has. Only until the agent says what is held,
    // which it does as soon as it hears of it; what others store meanwhile may win until then.
    static void hold_now(void* self);

    // Hints, any thread: whether anything is held; whether everything is.
    bool on() const noexcept { return on_.load(std::memory_order_relaxed); }
    bool everything() const noexcept { return everything_.load(std::memory_order_relaxed); }

    // The rest: a worker, on its own stack, while on().
    // Whether its coroutine, in a runtime call that would go on, is to be taken off.
    bool stops(std::uint32_t index);
    // Before it picks: waits at the gate while everything is held and no step is its. Returns whom the step names; kNone: whoever is next.
    std::uint32_t pass_gate(Worker& worker);
    // It has picked a coroutine. True: that one was chosen, and has been set aside: another is to be picked.
    bool keeps(Worker& worker, std::uint32_t index);
    // It has found nobody to run. True: it took a step, which is another worker's now; it is to come back to the gate.
    bool found_nobody(Worker& worker);

private:
    struct Mark {
        std::uint32_t index;
        std::uint64_t identity;
        bool aside = false;    // taken out of its queue; in none
        bool may_run = false;  // once
    };
    struct Step {
        std::uint64_t number = 0;    // of the last one that was asked for
        bool open = false;           // nobody has it
        std::uint32_t index = 0;     // of whom it names
        std::uint64_t identity = 0;  // 0: nobody
    };
    struct AtGate {
        bool waits = false;
        bool steps = false;        // it has the step,
        std::uint64_t ran = 0;     // and runs that coroutine with it; 0: still looks for one
        std::uint64_t looked = 0;  // number of the last step that it has looked for work for
    };

    void apply(bool everything, std::span<const wire::CoroutineName> chosen);
    void publish(bool everything);
    void keep_in(std::vector<Mark>& marks, const wire::CoroutineName& name);
    void let_go(Mark& mark);
    Mark* find(std::uint32_t index);
    wire::ReplyStatus begin_step(const wire::CoroutineName& name, std::uint32_t* detail);
    wire::ReplyStatus step_chosen(Mark& mark, std::uint32_t* detail);
    std::uint32_t take_step(Worker& worker, AtGate& at, bool* taken);
    void end_step(std::uint64_t ran);
    void settle_step();
    void open_gate();

    std::uint32_t workers_count_ = 0;
    // Writers: holders of lock_, and hold_now(); readers: hints, relaxed: what they announce is looked up under it.
    std::atomic<bool> on_{false};
    std::atomic<bool> everything_{false};
    SpinLock lock_;
    std::vector<Mark> marks_;
    Step step_;
    bool ended_ = false;
    std::uint32_t waiting_ = 0;  // workers at the gate
    std::unique_ptr<AtGate[]> at_gate_;
    // Futex [hold.gate]: grows with everything that those at the gate should look at. Writers: holders of lock_.
    std::atomic<std::uint32_t> gate_{0};
};

extern constinit Hold g_hold;

}  // namespace cprime::detail
