// TimerNodes: one link a coroutine, found by its index, for the wheel that its deadline stands in.
//
// A coroutine has at most one deadline, so nothing is allocated when one is armed: its node is nodes[index]. The array comes in chunks of
// 4096 nodes (96 KiB) that are mapped when the first of them is armed, and whose pages the kernel fills when they are written: a coroutine
// that never had a deadline costs nothing, one that has costs 24 bytes. A node of zeros is one that is not armed, so a chunk in
// which nobody is armed can give its pages back and is good for use at once (MADV_DONTNEED reads as zeros). Who may do that must know that
// nobody is armed in it: Timers::trim() holds the locks of all wheels.
//
// Thread: find() and at() any; a node's members belong to the holder of the lock of the wheel it stands in, but for `place`.
// Tested in tests/unit/runtime/timing_wheel_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/zero_pages.h"

namespace cprime::detail {

struct TimerNode {
    std::uint64_t deadline;  // ticks
    std::uint32_t next;      // ring of its wheel's slot
    std::uint32_t previous;
    std::uint32_t sequence;  // what the record's was when the coroutine parked
    // Where it stands: 0 nowhere, else wheel << 16 | slot + 1. Writer: the holder of that wheel's lock. Reader without a lock: whoever cancels, to
    // find the lock, and then looks again; relaxed: the right to wake a coroutine came to it through a lock that was released after arming.
    // 0 is stored with release, and read with acquire before the node is armed anew, maybe in another wheel [timers.place]. A node that moves
    // to another slot of its wheel is never 0 meanwhile: who cancels it then would take it for one that fires.
    sync::atomic<std::uint32_t> place;
};
static_assert(sync::kModelled || sizeof(TimerNode) == 24);

class TimerNodes {
public:
    static constexpr std::uint32_t kChunkShift = 12;
    static constexpr std::uint32_t kChunkNodes = 1U << kChunkShift;
    static constexpr std::uint64_t kChunkBytes = kChunkNodes * sizeof(TimerNode);
    static constexpr std::uint32_t kChunksMax = coroscope::wire::kCoroutinesMax >> kChunkShift;

    TimerNodes() = default;
    ~TimerNodes();
    TimerNodes(const TimerNodes&) = delete;
    TimerNodes& operator=(const TimerNodes&) = delete;

    // The node of a coroutine that was armed once.
    TimerNode& at(std::uint32_t index) {
        // Acquire [timer.chunk]: the pages are mapped before the address is known.
        return chunk(index >> kChunkShift).load(std::memory_order_acquire)[index & (kChunkNodes - 1)];
    }
    // The same, made where there is none; ends the process with a sentence when there is no memory for it.
    TimerNode& make(std::uint32_t index) {
        if (__builtin_expect(chunk(index >> kChunkShift).load(std::memory_order_acquire) == nullptr, 0))
            map(index >> kChunkShift);
        return at(index);
    }
    // Null when the coroutine never was.
    TimerNode* find(std::uint32_t index) {
        TimerNode* first = chunk(index >> kChunkShift).load(std::memory_order_acquire);
        return first != nullptr ? first + (index & (kChunkNodes - 1)) : nullptr;
    }
    // Gives the chunk's pages back. While nobody in it is armed, nor can be.
    void forget(std::uint32_t chunk_number);

private:
    using Chunk = sync::atomic<TimerNode*>;  // [timer.chunk] writer: whoever maps it first; then constant
    Chunk& chunk(std::uint32_t number) { return chunks_.at<Chunk>(number); }
    void map(std::uint32_t chunk_number);

    ZeroPages chunks_{kChunksMax * sizeof(Chunk)};
};

}  // namespace cprime::detail
