// The gate, and who is set aside.
#include "runtime/scheduler/hold.h"

#include <algorithm>
#include <mutex>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/futex.h"
#include "runtime/scheduler/joiners.h"
#include "runtime/scheduler/switch_histogram.h"

namespace cprime::detail {

using wire::CoroutineName;
using wire::CoroutineState;
using wire::ReplyStatus;
using wire::WaitReason;
using wire::WorkerState;

constinit Hold g_hold;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int kAll = 1 << 20;

// A ready coroutine that stands in no queue changes its state; the holder of the lock owns it.
std::uint32_t restate(std::uint32_t index, CoroutineState state, WaitReason reason) {
    wire::CoroutineRecord& its = record(index);
    its.reason.store(reason, kRelaxed);
    its.state.store(state, kRelaxed);
    const std::uint32_t sequence = its.sequence.load(kRelaxed) + 2;
    its.sequence.store(sequence, std::memory_order_release);  // [coroutine.sequence]
    return sequence;
}

}  // namespace

void Hold::start(std::uint32_t workers_count, bool paused) {
    workers_count_ = workers_count;
    at_gate_ = std::make_unique<AtGate[]>(workers_count);
    marks_.clear();
    step_ = {};
    waiting_ = 0;
    ended_ = false;
    publish(paused);
}

// Ended first: what hold_now() announces after that is taken back at the gate.
void Hold::end() {
    {
        const std::lock_guard<SpinLock> guard(lock_);
        ended_ = true;
    }
    apply(false, {});
}

void Hold::hold_now(void* self) {
    Hold& hold = *static_cast<Hold*>(self);
    hold.everything_.store(true, kRelaxed);
    hold.on_.store(true, kRelaxed);
    cprime_urgent.fetch_or(kUrgentHold, kRelaxed);
}

// Under lock_, or before workers run.
void Hold::publish(bool everything) {
    everything_.store(everything, kRelaxed);
    on_.store(everything || !marks_.empty(), kRelaxed);
    wire::SegmentHeader& header = g_runtime->segment->header();
    const std::uint32_t state = (everything ? wire::kPausedEverything : 0U) |
                                static_cast<std::uint32_t>(marks_.size()) << wire::kPausedChosenShift;
    if (header.pause_state.exchange(state, kRelaxed) != state)
        header.pause_epoch.fetch_add(1, std::memory_order_release);
}

void Hold::open_gate() {
    gate_.fetch_add(1, kRelaxed);  // what it announces is looked up under lock_
    futex_wake(gate_, kAll);
}

ReplyStatus Hold::hold(void* self, bool everything, std::span<const CoroutineName> chosen) {
    Hold& hold = *static_cast<Hold*>(self);
    {
        const std::lock_guard<SpinLock> guard(hold.lock_);
        if (hold.ended_) return everything || !chosen.empty() ? ReplyStatus::kEnding : ReplyStatus::kOk;
    }
    hold.apply(everything, chosen);
    return ReplyStatus::kOk;
}

void Hold::apply(bool everything, std::span<const CoroutineName> chosen) {
    std::vector<Mark> marks;  // no memory is asked for under the lock
    marks.reserve(chosen.size());
    std::vector<Mark> before;
    {
        const std::lock_guard<SpinLock> guard(lock_);
        for (const CoroutineName& name : chosen)
            keep_in(marks, name);
        before.swap(marks_);
        marks_.swap(marks);
        for (Mark& mark : before)
            if (mark.aside && find(mark.index) == nullptr) let_go(mark);
        publish(everything);
        if (!everything) {  // a step that was under way goes on with all the others
            for (std::uint32_t i = 0; i < workers_count_; ++i) {
                if (std::exchange(at_gate_[i].steps, false)) end_step(at_gate_[i].ran);
            }
            if (std::exchange(step_.open, false)) end_step(0);
        }
        open_gate();
    }
    g_runtime->scheduler.publish();
    if (everything) g_runtime->scheduler.wake_all();
}

// Whoever lives, once; one that was set aside before stays so.
void Hold::keep_in(std::vector<Mark>& marks, const CoroutineName& name) {
    if (name.index >= wire::kCoroutinesMax || marks.size() == marks.capacity()) return;
    const auto is_it = [&](const Mark& mark) { return mark.index == name.index; };
    if (std::any_of(marks.begin(), marks.end(), is_it)) return;
    if (const Mark* before = find(name.index); before != nullptr && before->identity == name.identity) {
        marks.push_back(*before);
        return;
    }
    const std::lock_guard<SpinLock> guard(g_runtime->joiners.locks[name.index]);
    if (still_alive(name.index, name.identity)) marks.push_back({name.index, name.identity});
}

void Hold::let_go(Mark& mark) {
    mark.aside = false;
    const std::uint32_t sequence = restate(mark.index, CoroutineState::kReady, WaitReason::kNothing);
    if (emit::listening(wire::kCategoryCoroutine))
        emit::probe::unpause(emit::thread_writer(), mark.index, sequence);
    g_runtime->scheduler.inject(mark.index);
}

Hold::Mark* Hold::find(std::uint32_t index) {
    const auto found = std::find_if(marks_.begin(), marks_.end(),
                                    [&](const Mark& mark) { return mark.index == index; });
    return found != marks_.end() ? &*found : nullptr;
}

bool Hold::stops(std::uint32_t index) {
    if (everything()) return true;
    const std::lock_guard<SpinLock> guard(lock_);
    const Mark* mark = find(index);
    return mark != nullptr && mark->identity == detail(index).identity.load(kRelaxed);
}

std::uint32_t Hold::pass_gate(Worker& worker) {
    AtGate& at = at_gate_[worker.index];
    std::uint32_t named = wire::kNone;
    bool waited = false;
    while (true) {
        std::uint32_t epoch = 0;
        {
            const std::lock_guard<SpinLock> guard(lock_);
            if (ended_ && everything()) {  // a rule held at the last moment
                everything_.store(false, kRelaxed);
                on_.store(false, kRelaxed);
            }
            if (at.steps && at.ran == 0) return wire::kNone;  // it looks for work with its step
            if (std::exchange(at.steps, false)) end_step(at.ran);
            bool taken = false;
            if (everything()) named = take_step(worker, at, &taken);
            if (!everything() || taken) {
                if (at.waits) --waiting_;
                at.waits = false;
                break;
            }
            if (!at.waits) ++waiting_;
            at.waits = true;
            settle_step();
            epoch = gate_.load(kRelaxed);  // [hold.gate]: under the lock, so that what comes later is not missed
        }
        if (!waited) {
            worker.current = &worker.home;
            worker.current_index = wire::kNone;
            worker.record->current.store(wire::kNone, kRelaxed);
            if (worker.sampling != 0) spoil_sample(worker);
            emit::probe::pause_worker(worker.ring, worker.index);
            worker.record->state.store(WorkerState::kHeld, std::memory_order_release);
        }
        waited = true;
        futex_wait(gate_, epoch);
    }
    if (waited) {
        worker.record->state.store(WorkerState::kScheduling, kRelaxed);
        emit::probe::unpause_worker(worker.ring, worker.index);
        worker.switch_stamp = 0;
    }
    return named;
}

bool Hold::keeps(Worker& worker, std::uint32_t index) {
    const std::lock_guard<SpinLock> guard(lock_);
    AtGate& at = at_gate_[worker.index];
    const std::uint64_t identity = detail(index).identity.load(kRelaxed);
    Mark* mark = find(index);
    const bool chosen = mark != nullptr && mark->identity == identity;
    const bool named = at.steps && step_.identity == identity;
    if (chosen && !named && !std::exchange(mark->may_run, false)) {
        mark->aside = true;
        const std::uint32_t sequence = restate(index, CoroutineState::kPaused, WaitReason::kPause);
        if (emit::listening(wire::kCategoryCoroutine)) emit::probe::pause(worker.ring, index, sequence);
        return true;
    }
    if (at.steps) at.ran = identity;
    return false;
}

}  // namespace cprime::detail
