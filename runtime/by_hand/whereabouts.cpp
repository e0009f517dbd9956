// The table: 1024 chunks of 64 Ki entries.
#include "runtime/by_hand/whereabouts.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "instrumentation/wire/limits.h"

namespace cprime::detail {
namespace {

constexpr std::uint32_t kChunkEntries = 1U << 16;
constexpr std::uint32_t kChunks = coroscope::wire::kCoroutinesMax / kChunkEntries;
using Entry = std::atomic<ByHand*>;

// Writer: whoever first needs the chunk (compare_exchange, release); readers acquire. Zeroed memory is null entries.
std::atomic<Entry*> chunks[kChunks];

Entry* map_chunk(std::atomic<Entry*>& place) {
    void* memory = mmap(nullptr, kChunkEntries * sizeof(Entry), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::fputs(
            "cprime: there is no address space to resume a Coroutine inside a scheduled one; raise "
            "RLIMIT_AS\n",
            stderr);
        std::abort();
    }
    Entry* mine = static_cast<Entry*>(memory);
    Entry* there = nullptr;
    if (place.compare_exchange_strong(there, mine, std::memory_order_acq_rel, std::memory_order_acquire))
        return mine;
    munmap(memory, kChunkEntries * sizeof(Entry));
    return there;
}

}  // namespace

std::atomic<ByHand*>& whereabouts(std::uint32_t index) {
    std::atomic<Entry*>& place = chunks[index / kChunkEntries];
    Entry* chunk = place.load(std::memory_order_acquire);
    if (__builtin_expect(chunk == nullptr, 0)) chunk = map_chunk(place);
    return chunk[index % kChunkEntries];
}

[[gnu::no_sanitize("address"), gnu::no_sanitize("thread")]] ByHand* by_hand_of(std::uint32_t index) {
    const Entry* chunk = chunks[index / kChunkEntries].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk[index % kChunkEntries].load(std::memory_order_relaxed);
}

bool say_by_hand_overflow(std::uint32_t index, std::uint64_t address) {
    const ByHand* hand = by_hand_of(index);
    if (hand == nullptr || hand->low - 1 - address >= coroscope::wire::kPageBytes) return false;
    char line[320];
    const int length = std::snprintf(
        line, sizeof line,
        "cprime: stack overflow in Coroutine \"%.64s\", resumed by hand: it ran into the guard page below "
        "its "
        "%llu bytes; make it with size_class::large, or reduce its recursion or its frames\n",
        hand->name.empty() ? "(no name)" : hand->name.data(),
        static_cast<unsigned long long>(hand->high - hand->low));
    return write(STDERR_FILENO, line, static_cast<std::size_t>(length)) == length;
}

}  // namespace cprime::detail
