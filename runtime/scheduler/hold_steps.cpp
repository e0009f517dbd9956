// Steps: who takes one, whom it runs, and when it is done.
#include <mutex>
#include <utility>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/hold.h"
#include "runtime/scheduler/joiners.h"

namespace cprime::detail {

using wire::CoroutineName;
using wire::CoroutineState;
using wire::ReplyStatus;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

ReplyStatus Hold::step(void* self, const CoroutineName& coroutine, std::uint32_t* detail) {
    Hold& hold = *static_cast<Hold*>(self);
    const std::lock_guard<SpinLock> guard(hold.lock_);
    return hold.begin_step(coroutine, detail);
}

ReplyStatus Hold::begin_step(const CoroutineName& name, std::uint32_t* detail) {
    if (ended_) return ReplyStatus::kEnding;
    bool under_way = step_.open;
    for (std::uint32_t i = 0; i < workers_count_; ++i)
        under_way = under_way || at_gate_[i].steps;
    if (under_way) return ReplyStatus::kStepUnderWay;
    if (name.identity != 0) {
        if (name.index >= wire::kCoroutinesMax) return ReplyStatus::kNoSuchCoroutine;
        CoroutineState state{};
        {
            const std::lock_guard<SpinLock> guard(g_runtime->joiners.locks[name.index]);
            if (!still_alive(name.index, name.identity)) return ReplyStatus::kNoSuchCoroutine;
            state = record(name.index).state.load(kRelaxed);
            *detail = static_cast<std::uint32_t>(record(name.index).reason.load(kRelaxed));
        }
        if (state == CoroutineState::kParked) return ReplyStatus::kNotReady;
        if (state == CoroutineState::kRunning) return ReplyStatus::kRuns;
        Mark* mark = find(name.index);
        if (mark != nullptr && mark->identity != name.identity) mark = nullptr;
        if (!everything()) return mark == nullptr ? ReplyStatus::kNotHeld : step_chosen(*mark, detail);
        if (g_runtime->scheduler.policy() != nullptr) return ReplyStatus::kNotSupported;
        if (mark != nullptr && mark->aside) let_go(*mark);  // into a queue, where the step finds it
    } else if (!everything()) {
        return ReplyStatus::kNotHeld;
    }
    ++step_.number;
    step_.open = true;
    step_.index = name.index;
    step_.identity = name.identity;
    *detail = static_cast<std::uint32_t>(step_.number);
    open_gate();
    return ReplyStatus::kOk;
}

// The program runs; this one may, once. That it is done its record says.
ReplyStatus Hold::step_chosen(Mark& mark, std::uint32_t* detail) {
    *detail = 0;
    mark.may_run = true;
    if (mark.aside) let_go(mark);
    return ReplyStatus::kOk;
}

// Under lock_: the step is this worker's, if it is anybody's to take. Returns whom it names, if that one stands in a queue of this worker's
// or of everybody's.
std::uint32_t Hold::take_step(Worker& worker, AtGate& at, bool* taken) {
    if (!step_.open || at.looked == step_.number) return wire::kNone;
    at.looked = step_.number;
    std::uint32_t named = wire::kNone;
    if (step_.identity != 0) {
        const bool found = worker.queue.take_out(step_.index, worker.several_workers) ||
                           g_runtime->scheduler.take_out(worker, step_.index);
        if (!found) return wire::kNone;
        named = step_.index;
    }
    step_.open = false;
    at.steps = *taken = true;
    at.ran = 0;
    emit::probe::step(worker.ring, worker.index);
    return named;
}

bool Hold::found_nobody(Worker& worker) {
    const std::lock_guard<SpinLock> guard(lock_);
    if (!std::exchange(at_gate_[worker.index].steps, false)) return false;
    step_.open = true;
    open_gate();
    return true;
}

// Under lock_: when every worker has looked and none has found anybody, the step is done as well.
void Hold::settle_step() {
    if (!step_.open || waiting_ != workers_count_) return;
    for (std::uint32_t i = 0; i < workers_count_; ++i)
        if (at_gate_[i].looked != step_.number) return;
    step_.open = false;
    end_step(0);
}

void Hold::end_step(std::uint64_t ran) {
    wire::SegmentHeader& header = g_runtime->segment->header();
    header.step_coroutine.store(ran, kRelaxed);
    header.steps_done.store(step_.number, std::memory_order_release);  // [step.done]
}

}  // namespace cprime::detail
