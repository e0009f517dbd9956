// One copy: sequence, bounds, bytes, sequence.
#include "instrumentation/emit/stack_copier.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/pool.h"

namespace coroscope::emit {
namespace {

constexpr int kAttempts = 4;

struct Place {
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
};

// Constant from spawn to exit, and checked by the sequence: a race with the spawner is found out afterwards, which TSan
// cannot know.
__attribute__((no_sanitize("thread"), noinline)) Place read_place(const wire::CoroutineRecord& record) {
    return {record.pool, record.slot};
}
__attribute__((no_sanitize("thread"), noinline)) wire::StackBounds read_bounds(const wire::PoolRecord& pool,
                                                                               const wire::SlabRecord& slab,
                                                                               std::uint32_t slot) {
    return wire::stack_bounds(pool, slab.stack_base, slot);
}

std::uint32_t used(StateSegment& state, wire::SectionKind kind) {
    return state.header().sections[static_cast<std::uint32_t>(kind)].records_used.load(
        std::memory_order_acquire);
}

// {0, 0} when the record names no slot.
wire::StackBounds bounds_of(StateSegment& state, const wire::CoroutineRecord& record) {
    const Place place = read_place(record);
    if (place.pool >= wire::kPoolsMax || place.pool >= used(state, wire::SectionKind::kPools)) return {};
    const auto slabs_kind = static_cast<wire::SectionKind>(
        static_cast<std::uint32_t>(wire::SectionKind::kSlabsFirst) + place.pool);
    const std::uint32_t slab = place.slot / wire::kSlotsPerSlab;
    if (slab >= used(state, slabs_kind)) return {};
    return read_bounds(state.records<wire::PoolRecord>(wire::SectionKind::kPools)[place.pool],
                       state.records<wire::SlabRecord>(slabs_kind)[slab], place.slot);
}

}  // namespace

wire::StackCopied copy_stack(StateSegment& state, std::uint32_t index, int fd, std::uint32_t offset,
                             std::uint64_t room_bytes) {
    wire::StackCopied copied{};
    copied.coroutine = index;
    copied.offset = offset;
    if (index >= used(state, wire::SectionKind::kCoroutines)) return copied;
    const auto& record = state.records<wire::CoroutineRecord>(wire::SectionKind::kCoroutines)[index];
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        // [coroutine.sequence] acquire: what was written before it turned even is seen.
        copied.sequence = record.sequence.load(std::memory_order_acquire);
        if (copied.sequence % 2 != 0) return copied;
        if (record.state.load(std::memory_order_relaxed) == wire::CoroutineState::kFree) return copied;
        copied.rsp = record.rsp.load(std::memory_order_relaxed);
        copied.rip = record.rip.load(std::memory_order_relaxed);
        const wire::StackBounds bounds = bounds_of(state, record);
        if (copied.rsp < bounds.low || copied.rsp >= bounds.high) return copied;
        const std::uint64_t wanted = std::min(bounds.high - copied.rsp, wire::kStackCopyBytesMax);
        if (wanted > room_bytes) return copied;
        // The bare system call: a sanitizer's wrapper would look at the stack itself, which is somebody else's.
        const long written = syscall(SYS_pwrite64, fd, copied.rsp, wanted, static_cast<long>(offset));
        // The copy must be done before the sequence is read again [coroutine.sequence].
        std::atomic_thread_fence(std::memory_order_acquire);
        if (record.sequence.load(std::memory_order_relaxed) != copied.sequence) continue;
        if (written == static_cast<long>(wanted)) copied.bytes = static_cast<std::uint32_t>(wanted);
        return copied;
    }
    return copied;
}

}  // namespace coroscope::emit
