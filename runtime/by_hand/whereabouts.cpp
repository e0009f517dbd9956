// The table: 1024 chunks of 64 Ki entries.
#include "runtime/by_hand/whereabouts.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "instrumentation/wire/limits.h"
#include "runtime/entry/runtime_state.h"

namespace cprime::detail {
namespace {

using Entry = std::atomic<ByHand*>;

Entry* map_chunk(std::atomic<Entry*>& place) {
    void* memory = mmap(nullptr, kWhereaboutsChunk * sizeof(Entry), PROT_READ | PROT_WRITE,
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
    munmap(memory, kWhereaboutsChunk * sizeof(Entry));
    return there;
}

}  // namespace

std::atomic<Entry*> g_whereabouts[kWhereaboutsChunks];

std::atomic<ByHand*>& map_whereabouts(std::uint32_t index) {
    std::atomic<Entry*>& place = g_whereabouts[index / kWhereaboutsChunk];
    Entry* chunk = place.load(std::memory_order_acquire);
    if (chunk == nullptr) chunk = map_chunk(place);  // no `?:` below: g++ 12 with UBSan then sets the index in one of its arms only
    return chunk[index % kWhereaboutsChunk];
}

[[gnu::no_sanitize("address"), gnu::no_sanitize("thread")]] ByHand* by_hand_of(std::uint32_t index) {
    const Entry* chunk = g_whereabouts[index / kWhereaboutsChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk[index % kWhereaboutsChunk].load(std::memory_order_relaxed);
}

bool grow_by_hand(ByHand& hand) {
    Pools& pools = g_runtime->pools;
    if (hand.mapped_bytes != 0 || !pools.grow(hand.pool, hand.slot, pools.window(hand.pool, hand.slot).low)) return false;
    hand.low = pools.window(hand.pool, hand.slot).low;
    return true;
}

bool grow_by_hand_at(std::uint32_t index, std::uint64_t address) {
    ByHand* hand = by_hand_of(index);
    if (hand == nullptr || hand->mapped_bytes != 0 || address >= hand->low ||
        address < g_runtime->pools.window(hand->pool, hand->slot).low)
        return false;
    const int error_before = errno;  // that of the code which goes on after this
    const bool grown = grow_by_hand(*hand);
    errno = error_before;
    return grown;
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
