// Arms: who waits on a channel without being a coroutine that waits for that channel only.
//
// A coroutine that waits for one channel stands in its wait list by its control block. Every other waiter stands there by an arm: each arm
// of a select, and each thread that is no worker. An arm is a record that viewers read (wire/select_arm.h) and a private state of the same
// index. All arms of one select are a chain: taken, and given back, together.
//
// Who fires a select [select.claim]: the state of the chain's first arm holds a claim word, coroutine:32 | sequence:31 | open:1, of the
// select that waits there. Whoever wants to end the wait (a sender, a receiver, a close, a timer, a canceller) exchanges the open word for the
// same one closed; one succeeds. The word names coroutine and sequence, so that a canceller or a timer that comes too late, when the
// chain is somebody else's, fails. Whoever succeeded fills the requests in the waiter's frame, takes the other arms out of their lists
// (retire_select), gives the chain back, and only then wakes: until then the frame stands still.
//
// Thread: any, on a worker's own stack or on a thread that is none. Blocks for spin locks only. Tested in
// tests/unit/runtime/select_test.cpp and tests/model/select_model.cpp.
#pragma once

#include <array>
#include <cstdint>

#include "cprime/detail/channel_calls.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/select_arm.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/tables.h"
#include "runtime/scheduler/thread_waiter.h"

namespace cprime::detail {

// Tells an arm's index from a coroutine's where either may stand.
inline constexpr std::uint32_t kArmBit = 1U << 31;
static_assert(wire::kCoroutinesMax <= kArmBit && wire::kSelectArmRecordsMax <= kArmBit);

struct ArmState {
    ChannelRequest* request = nullptr;  // in the waiter's frame
    SelectRequest* select = nullptr;    // the same; null: a thread that waits for one channel
    ThreadWaiter* thread = nullptr;     // null: a coroutine
    std::uint32_t first = wire::kNone;  // of the chain
    // [select.claim], of the first arm only; see above. Writers: who waits opens it by a release store, which publishes the requests and arms
    // to who claims; claimers exchange it, acquire for those, release so that a claimer who fails sees it closed after all that came before.
    sync::atomic<std::uint64_t> claim{0};
};

inline constexpr std::uint64_t kClaimOpen = 1;
// The claim word of a coroutine that waits with that sequence, which is even; not yet open.
inline constexpr std::uint64_t claim_of(std::uint32_t coroutine, std::uint32_t sequence) {
    return std::uint64_t{coroutine} << 32 | sequence;
}

class ArmTable {
public:
    void start(coroscope::emit::StateSegment& segment);
    void stop();

    // A chain of `count` arms, linked by next_arm, each with `first` set; kNone when there is no room. With it: a number that no
    // earlier chain of a thread's had, for its claim word.
    std::uint32_t take(std::uint32_t count);
    void give(std::uint32_t first);
    std::uint32_t next_thread_sequence() { return thread_sequence_.fetch_add(2, std::memory_order_relaxed); }

    wire::SelectArmRecord& record(std::uint32_t arm) { return records_[arm]; }
    ArmState& state(std::uint32_t arm) {
        return chunks_[arm / kStatesPerChunk].load(std::memory_order_acquire)[arm % kStatesPerChunk];
    }
    // The same for an index that may be stale; null when there never was such an arm.
    ArmState* find_state(std::uint32_t arm);

    // Takes the right to end the wait of the select to which a linked arm belongs. Under the lock of the arm's channel.
    bool claim(std::uint32_t arm) {
        sync::atomic<std::uint64_t>& word = state(state(arm).first).claim;
        std::uint64_t open = word.load(std::memory_order_acquire);
        return (open & kClaimOpen) != 0 &&
               word.compare_exchange_strong(open, open & ~kClaimOpen, std::memory_order_acq_rel);
    }
    // The same for a timer or a canceller that knows who waits, and since when; waits while that select is just being set up.
    bool claim_for(std::uint32_t first_arm, std::uint32_t coroutine, std::uint32_t sequence);

private:
    static constexpr std::uint32_t kStatesPerChunk = sync::kModelled ? 8 : 1024;
    static constexpr std::uint32_t kChunksMost = sync::kModelled
                                                     ? 1
                                                     : wire::kSelectArmRecordsMax / kStatesPerChunk;

    coroscope::emit::StateSegment* segment_ = nullptr;
    wire::SelectArmRecord* records_ = nullptr;
    SpinLock lock_;  // guards the free list
    std::uint32_t free_ = wire::kNone;
    sync::atomic<std::uint32_t> thread_sequence_{0};  // only uniqueness matters
    // Writer: holder of lock_, release: the states are made [select.states]. Readers: anybody, acquire. Never replaced, never freed.
    std::array<sync::atomic<ArmState*>, kChunksMost> chunks_{};
};

extern ArmTable g_arms;

}  // namespace cprime::detail
