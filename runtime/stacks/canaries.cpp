// Canaries: sixteen bytes at the low end of a slot that has no guard page.
//
// Who checks one may be on another thread than the slab's owner, who may just then give the memory of a free slot below back to the
// kernel, canary and all. So damage is believed only if no trim was under way [pool.trim]: trim_slab() makes `trims` odd, forgets the
// canaries, gives the pages back and makes it even again; a check that finds a canary wrong reads `trims` on both sides.
#include <immintrin.h>

#include "runtime/stacks/pools.h"
#include "runtime/switch/valgrind.h"

namespace cprime::detail {

using coroscope::wire::kSlotsPerSlab;

namespace {

[[gnu::no_sanitize("address"), gnu::no_sanitize("thread"), gnu::noinline]] bool canary_whole(
    std::uint64_t address) {
    valgrind_readable(address, address + kCanaryBytes);
    // As canary_stands(), which would be instrumented when it is inlined here.
    const auto* words = reinterpret_cast<const volatile std::uint64_t*>(address);
    return words[0] == (kCanaryFirst ^ address) && words[1] == (kCanarySecond ^ address);
}

}  // namespace

void Pools::arm_canary(std::uint8_t pool, std::uint32_t slot) {
    SlabState& state = state_of(pool, slot);
    if (is_set(state.canaries, slot) || is_set(state.guarded, slot)) return;
    write_canary(canary_address(pool, slot));
    // Release: who sees the bit sees the canary. fetch_or: only the slab's owner spawns here, but checks come from all sides.
    state.canaries[word_of(slot)].fetch_or(bit_of(slot), std::memory_order_release);
}

void Pools::forget_canary(std::uint8_t pool, std::uint32_t slot) {
    if (!has_canaries(pool)) return;
    state_of(pool, slot).canaries[word_of(slot)].fetch_and(~bit_of(slot), std::memory_order_relaxed);
    arm_canary(pool, slot);
}

bool Pools::canary_whole_at(std::uint8_t pool, std::uint32_t slot) const {
    const SlabState& state = state_of(pool, slot);
    const auto whole = [&] {
        const std::uint64_t armed = state.canaries[word_of(slot)].load(std::memory_order_acquire);
        return (armed & bit_of(slot)) == 0 || canary_whole(canary_address(pool, slot));
    };
    if (__builtin_expect(whole(), 1)) return true;
    while (true) {
        const std::uint32_t before = state.trims.load(std::memory_order_acquire);  // [pool.trim]
        if (before % 2 == 0) {
            if (whole()) return true;
            std::atomic_thread_fence(std::memory_order_acquire);
            if (state.trims.load(std::memory_order_relaxed) == before) return false;
        }
        _mm_pause();
    }
}

bool Pools::canary_intact_slowly(std::uint8_t pool, std::uint32_t slot) const {
    return canary_whole_at(pool, slot) && (slot % kSlotsPerSlab == 0 || canary_whole_at(pool, slot - 1));
}

}  // namespace cprime::detail
