// The records of synchronisation objects in the segment: which object has which, and who may change them.
//
// A record lies in the segment (wire/waitable.h) and is all that an object is while a runtime lives; its lock and the list of waiting threads are
// in it too, so that a call touches one line and a stale index still finds a lock [waitable.stale]: records are used again, never given back.
// Object and record name each other: Waitable::record, WaitableRecord::object.
//
// Invariants
//   W1  A record is read and changed under its own lock only; a change is bracketed by its sequence (WaitableChange), so that a viewer sees it
//       whole or knows that it did not. No call holds two such locks, but for call channels: callers' first, then servers'.
//   W2  Every change of owner or value adds one to `operations` and has an event that says both.
//   W3  Nobody else's code runs under such a lock.
//
// Thread: any that may call the runtime. Blocks for spin locks only (for a mutex at an object's first use). Tested in
// tests/unit/runtime/waitable_records_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>

#include "cprime/detail/waitable_calls.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/waitable.h"
#include "runtime/scheduler/sequenced_change.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// The record's own lock.
inline SpinLock& lock_of(wire::WaitableRecord& record) {
    static_assert(sizeof(SpinLock) <= sizeof record.lock && alignof(SpinLock) == 1);
    return *std::launder(reinterpret_cast<SpinLock*>(record.lock));
}

// Brackets a change of a record [waitable.sequence].
using WaitableChange = SequencedChange<wire::WaitableRecord>;

class WaitableTables {
public:
    void start(emit::StateSegment& segment);
    void stop();

    // Of the runtime that lives; 0 = none.
    std::uint32_t generation() const { return generation_.load(std::memory_order_relaxed); }
    // A forked child has no runtime. Async-signal-safe.
    void forget() { generation_.store(0, std::memory_order_relaxed); }

    wire::WaitableRecord& record(std::uint32_t index) { return records_[index]; }
    // Records ever used; an index from elsewhere must be below.
    std::uint32_t count() const { return count_.load(std::memory_order_acquire); }

    // The object's record; made at its first use in this runtime. Ends the program with a sentence that names `call` when there is no runtime
    // or no room.
    std::uint32_t find(Waitable& object, const char* call, Worker* worker) {
        const std::uint64_t known = object.record.load(std::memory_order_acquire);  // [waitable.record]
        if (__builtin_expect(known >> 32 == generation_.load(std::memory_order_relaxed) && known >> 32 != 0, 1))
            return static_cast<std::uint32_t>(known);
        return make_record(object, call, worker);
    }
    // The same without making one; kNone when it has none in this runtime.
    std::uint32_t find_existing(const Waitable& object) const {
        const std::uint64_t known = object.record.load(std::memory_order_acquire);
        return known >> 32 == generation() && generation() != 0 ? static_cast<std::uint32_t>(known)
                                                                : wire::kNone;
    }
    void give_back(std::uint32_t index);

    bool threads_cancelled() const { return threads_cancelled_.load(std::memory_order_relaxed); }
    void cancel_threads() { threads_cancelled_.store(true, std::memory_order_relaxed); }

private:
    std::uint32_t make_record(Waitable& object, const char* call, Worker* worker);
    std::uint32_t take_record();

    emit::StateSegment* segment_ = nullptr;
    wire::WaitableRecord* records_ = nullptr;
    // Writer: start and stop, and a forked child. Readers: any thread, to tell records of another runtime; relaxed, since whoever uses an object
    // has seen the runtime start.
    std::atomic<std::uint32_t> generation_{0};
    std::uint32_t generations_ = 0;
    std::atomic<std::uint32_t> count_{0};         // writer: holder of lock_, after the record exists
    std::atomic<bool> threads_cancelled_{false};  // writer: shutdown, before it takes each record's lock in turn
    std::mutex lock_;                         // guards making and giving back; order: before a record's lock
    std::uint32_t first_free_ = wire::kNone;  // linked by WaitableRecord::first
    std::uint64_t next_identity_ = 1;
};

extern WaitableTables g_waitables;

}  // namespace cprime::detail
