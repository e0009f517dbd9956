// Chunks come when they are needed, and stay mapped.
#include "runtime/scheduler/timer_nodes.h"

#include "runtime/entry/runtime_state.h"

namespace cprime::detail {

TimerNodes::~TimerNodes() {
    for (std::uint32_t number = 0; number < kChunksMax; ++number) {
        TimerNode* first = chunk(number).load(std::memory_order_relaxed);
        if (first != nullptr) munmap(first, kChunkBytes);
    }
}

void TimerNodes::map(std::uint32_t chunk_number) {
    void* memory = ZeroPages::map(kChunkBytes);
    if (memory == nullptr) fatal("there is no memory for the deadlines of 4096 more coroutines", 1);
    TimerNode* none = nullptr;
    // [timer.chunk] release: see at(). Somebody else may have been first.
    if (!chunk(chunk_number)
             .compare_exchange_strong(none, static_cast<TimerNode*>(memory), std::memory_order_acq_rel))
        munmap(memory, kChunkBytes);
}

void TimerNodes::forget(std::uint32_t chunk_number) {
    TimerNode* first = chunk(chunk_number).load(std::memory_order_acquire);
    if (first != nullptr) madvise(first, kChunkBytes, MADV_DONTNEED);
}

}  // namespace cprime::detail
