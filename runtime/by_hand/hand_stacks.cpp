// Slots of pools, or mappings that threads keep.
#include "runtime/by_hand/hand_stacks.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "instrumentation/emit/probes.h"
#include "instrumentation/wire/limits.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/stacks/guards.h"
#include "runtime/stacks/pools.h"
#include "runtime/switch/sanitizer.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace cprime::detail {
namespace {

constexpr std::uint64_t kMediumBytes = (kSanitizer ? 4 : 1) * (std::uint64_t{64} << 10);
constexpr std::uint64_t kLargeBytes = std::uint64_t{8} << 20;
constexpr std::uint64_t kGuardBytes = coroscope::wire::kPageBytes;

// Slots of the Runtime's pools that are held by hand. Writers: whoever takes or gives one; reader: the end of the Runtime, which
// comes after them by the program's own order, so relaxed.
std::atomic<std::uint64_t> slots_held{0};

// What a frame of an ended coroutine left poisoned is nobody's now.
void unpoison([[maybe_unused]] const HandStack& stack) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(reinterpret_cast<void*>(stack.low), stack.high - stack.low);
#endif
}

// Mappings that a thread keeps, by class. Trivial, so that it still stands when statics are destroyed; Emptier empties it before.
struct Kept {
    static constexpr std::uint32_t kMost[2] = {16, 2};  // Medium, Large
    HandStack stacks[2][16];
    std::uint32_t count[2];
    bool closed;  // the thread is ending: nothing is kept any more
};
thread_local constinit Kept kept{};

void unmap(const HandStack& stack) {
    munmap(reinterpret_cast<void*>(stack.high - stack.mapped_bytes), stack.mapped_bytes);
}

struct Emptier {
    ~Emptier() {
        kept.closed = true;
        for (int large = 0; large < 2; ++large) {
            while (kept.count[large] != 0)
                unmap(kept.stacks[large][--kept.count[large]]);
        }
    }
    void touch() {}
};

HandStack map_stack(bool large) {
    if (kept.count[large] != 0) return kept.stacks[large][--kept.count[large]];
    const std::uint64_t bytes = large ? kLargeBytes : kMediumBytes;
    void* memory = mmap(nullptr, bytes + kGuardBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return {};
    const auto base = reinterpret_cast<std::uint64_t>(memory);
    madvise(memory, bytes + kGuardBytes, MADV_NOHUGEPAGE);  // a huge page would be resident for one frame
    if (install_guards(base, bytes + kGuardBytes, 1, kGuardBytes).count != 1) {
        munmap(memory, bytes + kGuardBytes);
        return {};
    }
    return {base + kGuardBytes, base + kGuardBytes + bytes, bytes + kGuardBytes, kNoCoroutine, 0};
}

void keep_or_unmap(const HandStack& stack) {
    static thread_local Emptier emptier;
    emptier.touch();  // makes it, and so has it run when the thread ends
    const bool large = stack.mapped_bytes == kLargeBytes + kGuardBytes;
    if (kept.closed || kept.count[large] == Kept::kMost[large]) {
        unmap(stack);
        return;
    }
    kept.stacks[large][kept.count[large]++] = stack;
}

struct SlotRequest {
    HandStack stack;
    bool large = false;
};

ResumePoint take_slot(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<SlotRequest*>(argument);
    Pools& pools = g_runtime->pools;
    const std::uint8_t pool = request.large ? kPoolLarge : kPoolMedium;
    const std::uint32_t slot = pools.allocate(worker, pool);
    if (slot != wire::kNone) {
        const wire::StackBounds bounds = pools.bounds(pool, slot);
        request.stack = {bounds.low, bounds.high, 0, slot, pool};
        slots_held.fetch_add(1, std::memory_order_relaxed);
        if (emit::listening(wire::kCategoryPool)) emit::probe::pool_allocate(ring_of(worker), 0, slot, pool);
    }
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

ResumePoint give_slot(Worker* worker, std::uint32_t, void* argument) noexcept {
    const auto& request = *static_cast<const SlotRequest*>(argument);
    if (emit::listening(wire::kCategoryPool)) {
        emit::probe::pool_free(ring_of(worker), 0, request.stack.slot, request.stack.pool);
    }
    slots_held.fetch_sub(1, std::memory_order_relaxed);
    g_runtime->pools.free(worker, request.stack.pool, request.stack.slot);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace

HandStack take_hand_stack(bool large) noexcept {
    SlotRequest request;
    request.large = large;
    if (g_runtime != nullptr && !emit::forked_child()) {
        park(&take_slot, &request);
    } else {
        request.stack = map_stack(large);
    }
    if (request.stack.low != 0) unpoison(request.stack);
    return request.stack;
}

void give_hand_stack(const HandStack& stack) noexcept {
    unpoison(stack);
    if (stack.mapped_bytes != 0) {
        keep_or_unmap(stack);
        return;
    }
    if (emit::forked_child()) return;  // the parent's
    SlotRequest request;
    request.stack = stack;
    park(&give_slot, &request);
}

void check_no_hand_stacks_left() {
    const std::uint64_t held = slots_held.load(std::memory_order_relaxed);
    if (held == 0) return;
    std::fprintf(stderr,
                 "cprime: the Runtime ends while %llu cprime::Coroutine made under it still exist, on its "
                 "stacks; destroy "
                 "them first, or make them before the Runtime\n",
                 static_cast<unsigned long long>(held));
    std::abort();
}

}  // namespace cprime::detail
