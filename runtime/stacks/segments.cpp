// Chains of segments, and blocks.
#include "runtime/stacks/segments.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/learning/unheld_rows.h"
#include "runtime/stacks/high_water.h"
#include "runtime/stacks/overflow.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"
#include "runtime/switch/valgrind.h"

namespace cprime::detail {

using wire::kNone;
using wire::SectionKind;
using wire::SizeClass;
using wire::StackBounds;
using wire::StackSegmentHeader;

namespace {

// A 16-byte aligned array follows.
constexpr std::uint64_t kAlignment = 16;

StackSegmentHeader& header(std::uint64_t limit) {
    const std::uint64_t address = wire::segment_header_address(limit);
    valgrind_readable(address, address + sizeof(StackSegmentHeader));
    return *reinterpret_cast<StackSegmentHeader*>(address);
}
std::uint64_t& next_after(std::uint64_t limit) {
    const std::uint64_t address = limit + COROSCOPE_SEGMENT_NEXT;
    valgrind_readable(address, address + sizeof(std::uint64_t));
    return *reinterpret_cast<std::uint64_t*>(address);
}
// Where `next` would be if the slot were a coroutine's own [G2].
std::uint64_t& next_of_own(std::uint64_t low) {
    return next_after(low + wire::kOwnSlotLimitBytes);
}

std::uint64_t limit_of_frame(std::uint64_t rsp) {
    return reinterpret_cast<const wire::SavedFrame*>(rsp)->stack_limit;
}

// Who wants a segment: the function whose prologue asks for it, or who called call_on_bigger_stack.
struct Wanter {
    std::uint64_t address;
    wire::MigrationForm form;
};
Wanter find_wanter(std::uint64_t address, std::uint64_t rsp) {
    constexpr std::uint64_t kStubBytes = 64, kReturnAddress = 32;  // from rsp; both as in grow_x86_64.S
    if (address - reinterpret_cast<std::uint64_t>(&cprime_call_on_bigger_stack) >= kStubBytes)
        return {address, wire::MigrationForm::kSegment};
    return {*reinterpret_cast<const std::uint64_t*>(rsp + kReturnAddress), wire::MigrationForm::kWish};
}

}  // namespace

struct Segments::Block {
    Block* next;
    std::uint64_t limit;  // of the stack that the frame is on
    std::uint64_t rsp;    // of the frame
    std::uint64_t padding;
};

coroscope::base::Status Segments::start(coroscope::emit::StateSegment& segment) {
    segment_ = &segment;
    records_ = segment.records<wire::StackSegmentRecord>(SectionKind::kStackSegments);
    const std::uint64_t bytes = segment.records_max(SectionKind::kCoroutines) * sizeof(Block*);
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        -1, 0);
    if (memory == MAP_FAILED) {
        return coroscope::base::error(coroscope::base::ErrorCode::kRefused,
                                      "cprime has no address space for its table of growing stacks");
    }
    blocks_ = static_cast<Block**>(memory);
    return coroscope::base::ok_status();
}

Segments::~Segments() {
    if (blocks_ != nullptr) munmap(blocks_, segment_->records_max(SectionKind::kCoroutines) * sizeof(Block*));
}

StackPlace Segments::place(std::uint32_t index, std::uint64_t limit) const {
    const wire::CoroutineRecord& self = record(index);
    const bool own = limit == 0 ||
                     (self.flags.load(std::memory_order_relaxed) & wire::kCoroutineSegments) == 0 ||
                     limit == own_limit(g_runtime->pools, self.pool, self.slot);
    if (own) return {self.pool, self.slot};
    return {header(limit).pool, header(limit).slot};
}

std::uint32_t Segments::take_record() {
    const std::lock_guard<SpinLock> hold(lock_);
    const std::uint32_t free = first_free_;
    if (free == kNone) return segment_->allocate_records(SectionKind::kStackSegments, 1);
    first_free_ = records_[free].next_free;
    return free;
}

void Segments::give_record(std::uint32_t record) {
    records_[record].coroutine.store(kNone, std::memory_order_relaxed);
    const std::lock_guard<SpinLock> hold(lock_);
    records_[record].next_free = first_free_;
    first_free_ = record;
}

// Links the slot behind the stack with that limit.
std::uint64_t Segments::append(Worker& worker, std::uint32_t index, std::uint64_t limit, StackPlace to) {
    const std::uint32_t taken = take_record();
    if (taken == kNone)
        report_overflow(worker, index, "there are more stack segments than cprime has records for");
    wire::StackSegmentRecord& about = records_[taken];
    about.slot.store(to.slot, std::memory_order_relaxed);
    about.pool.store(to.pool, std::memory_order_relaxed);
    about.coroutine.store(index, std::memory_order_relaxed);
    Pools& pools = g_runtime->pools;
    valgrind_create_segment(taken, pools.window(to.pool, to.slot));
    if (pools.has_canaries(to.pool)) pools.arm_canary(to.pool, to.slot);
    const StackBounds bounds = pools.bounds(to.pool, to.slot);
    const std::uint64_t own = bounds.low + wire::kSegmentLimitBytes;
    const std::uint64_t top = bounds.high & ~(kAlignment - 1);
    const std::uint64_t capacity = on_valgrind() ? 0 : top - own;  // 0: always ask new_segment()
    header(own) = {taken, to.slot, to.pool, {}, limit, 0, capacity, top, 0};
    next_after(limit) = own;
    return own;
}

// Gives everything behind the stack with that limit back.
void Segments::cut_after(Worker& worker, std::uint64_t limit) {
    Pools& pools = g_runtime->pools;
    std::uint64_t at = std::exchange(next_after(limit), 0);
    while (at != 0) {
        const StackSegmentHeader gone = header(at);
        // [G2]: the header covers the place where `next` would be.
        next_of_own(at - wire::kSegmentLimitBytes) = 0;
        emit::probe::pool_free(worker.ring, 0, gone.slot, gone.pool);
        valgrind_destroy_segment(gone.record);
        give_record(gone.record);
        pools.free(&worker, gone.pool, gone.slot);
        at = gone.next;
    }
}

std::uint64_t Segments::used_bytes(std::uint32_t index, std::uint64_t limit, std::uint64_t rsp) const {
    const wire::CoroutineRecord& self = record(index);
    const std::uint64_t own = own_limit(g_runtime->pools, self.pool, self.slot);
    std::uint64_t bytes = 0;
    for (; limit != own; limit = header(limit).previous_limit) {
        bytes += header(limit).top - rsp;
        rsp = header(limit).previous_rsp;
    }
    return bytes + g_runtime->pools.bounds(self.pool, self.slot).high - rsp;
}

std::uint64_t Segments::new_segment(Worker& worker, std::uint64_t limit, std::uint64_t bytes,
                                    std::uint64_t wanter, std::uint64_t rsp) {
    const std::uint64_t begin = coroscope::base::read_tsc();
    const std::uint32_t index = worker.current_index;
    Pools& pools = g_runtime->pools;
    const std::uint8_t from = class_of(place(index, limit).pool);
    if (on_valgrind()) {
        const std::uint64_t next = next_after(limit);
        if (next != 0 && header(next).top - next >= bytes) return next;
    }
    record(index).flags.fetch_or(wire::kCoroutineSegments, std::memory_order_relaxed);
    cut_after(worker, limit);
    StackPlace to{0, kNone};
    for (std::uint8_t pool = std::min<std::uint8_t>(from + 1, kPoolLarge);
         pool <= kPoolLarge && to.slot == kNone; ++pool) {
        const PoolGeometry& geometry = pools.geometry(pool);
        const std::uint64_t lost = (geometry.colour_steps - 1) * wire::kCacheLineBytes +
                                   wire::kSegmentLimitBytes;
        if (geometry.slot_bytes - lost >= bytes) to = {pool, pools.allocate(&worker, pool)};
    }
    if (to.slot == kNone)
        report_overflow(worker, index, "it wants to grow, and no pool has a segment large enough");
    const std::uint64_t grown = append(worker, index, limit, to);
    const std::uint8_t now = class_of(to.pool);
    const std::uint32_t site = detail(index).site.load(std::memory_order_relaxed);
    g_runtime->sites.raise(site, static_cast<SizeClass>(now));
    const std::uint64_t wanted_bytes = used_bytes(index, limit, rsp) + bytes;
    raise_high_water(index, static_cast<std::uint32_t>(wanted_bytes));
    const Wanter by = find_wanter(wanter, rsp);
    g_runtime->learned.grew(site, by.form);
    if (by.form != wire::MigrationForm::kWish) note_unheld_growth(index, wanted_bytes);
    if (emit::listening(wire::kCategoryCoroutine | wire::kCategoryPool)) {
        const std::uint64_t stamp = emit::stamp();
        emit::probe::pool_allocate(worker.ring, stamp, to.slot, to.pool);
        emit::probe::migrate(worker.ring, stamp, index, from, now, by.form, by.address,
                             static_cast<std::uint32_t>(bytes),
                             static_cast<std::uint32_t>(coroscope::base::read_tsc() - begin));
    }
    return grown;
}

bool Segments::in_chain(std::uint32_t index, std::uint64_t innermost, std::uint64_t limit) const {
    const std::uint64_t own = own_limit(g_runtime->pools, record(index).pool, record(index).slot);
    while (innermost != limit && innermost != own)
        innermost = header(innermost).previous_limit;
    return innermost == limit;
}

// Blocks of frames that have returned: deeper on the same stack than `rsp`, or on a stack that is not in use any more. The newest is
// first, so whoever is still there ends the search.
void Segments::free_blocks(std::uint32_t index, std::uint64_t limit, std::uint64_t rsp) {
    Block*& first = blocks_[index];
    while (first != nullptr) {
        const bool alive = first->limit == limit ? first->rsp >= rsp : in_chain(index, limit, first->limit);
        if (alive) return;
        std::free(std::exchange(first, first->next));
    }
}

void* Segments::new_block(Worker& worker, std::uint64_t limit, std::uint64_t rsp, std::uint64_t bytes) {
    const std::uint32_t index = worker.current_index;
    free_blocks(index, limit, rsp);
    auto* block = bytes < PTRDIFF_MAX ? static_cast<Block*>(std::malloc(sizeof(Block) + bytes)) : nullptr;
    if (block == nullptr)
        report_overflow(worker, index, "there is no memory for an array of variable length");
    record(index).flags.fetch_or(wire::kCoroutineSegments, std::memory_order_relaxed);
    *block = {blocks_[index], limit, rsp, 0};
    blocks_[index] = block;
    return block + 1;
}

const char* Segments::check(std::uint32_t index, std::uint64_t rsp) const {
    const Pools& pools = g_runtime->pools;
    const wire::CoroutineRecord& self = record(index);
    const std::uint64_t own = own_limit(g_runtime->pools, self.pool, self.slot);
    for (std::uint64_t limit = limit_of_frame(rsp); limit != own; limit = header(limit).previous_limit) {
        const StackPlace at = place(index, limit);
        if (!pools.holds(at.pool, at.slot, rsp)) return "its stack pointer has left its segment";
        if (pools.has_canaries(at.pool) && !pools.canary_intact(at.pool, at.slot))
            return "a canary at the end of a segment of its stack or of the slot below was overwritten";
        rsp = header(limit).previous_rsp;
    }
    return pools.holds(self.pool, self.slot, rsp) ? nullptr : "its stack pointer has left the slot";
}

void Segments::trim(Worker& worker, std::uint32_t index) {
    wire::CoroutineRecord& self = record(index);
    const std::uint64_t rsp = self.rsp.load(std::memory_order_relaxed);
    const std::uint64_t limit = limit_of_frame(rsp);
    if (limit == 0)
        return;  // on the stack of one that it resumes by hand: which of its own are in use is not known here
    free_blocks(index, limit, rsp);
    cut_after(worker, limit);
    // What it uses now: frames that went on where there was room already have told nobody.
    raise_high_water(index, static_cast<std::uint32_t>(used_bytes(index, limit, rsp)));
    if (limit == own_limit(g_runtime->pools, self.pool, self.slot) && blocks_[index] == nullptr) {
        self.flags.fetch_and(static_cast<std::uint8_t>(~wire::kCoroutineSegments), std::memory_order_relaxed);
    }
}

void Segments::release(Worker& worker, std::uint32_t index) {
    const wire::CoroutineRecord& self = record(index);
    const std::uint64_t own = own_limit(g_runtime->pools, self.pool, self.slot);
    free_blocks(index, own, UINT64_MAX);
    cut_after(worker, own);
}

std::uint32_t Segments::forget(std::uint32_t index) {
    if ((record(index).flags.load(std::memory_order_relaxed) & wire::kCoroutineSegments) == 0) return 0;
    blocks_[index] = nullptr;
    std::uint32_t had = 0;
    const std::uint32_t count = segment_->header()
                                    .sections[static_cast<std::uint32_t>(SectionKind::kStackSegments)]
                                    .records_used.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (records_[i].coroutine.load(std::memory_order_relaxed) != index) continue;
        records_[i].coroutine.store(kNone, std::memory_order_relaxed);
        ++had;
    }
    return had;
}

// Called by grow_x86_64.S.
extern "C" std::uint64_t cprime_new_segment(std::uint64_t limit, std::uint64_t bytes, std::uint64_t wanter,
                                            std::uint64_t rsp) noexcept {
    return g_runtime->segments.new_segment(*cprime_current_worker, limit, bytes, wanter, rsp);
}
extern "C" void* cprime_new_block(std::uint64_t bytes, std::uint64_t limit, std::uint64_t rsp) noexcept {
    return g_runtime->segments.new_block(*cprime_current_worker, limit, rsp, bytes);
}

}  // namespace cprime::detail
