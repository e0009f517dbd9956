// Free lists of control blocks.
#include "runtime/scheduler/coroutine_records.h"

#include <algorithm>
#include <mutex>

#include "runtime/scheduler/tables.h"

namespace cprime::detail {

std::uint32_t CoroutineRecords::allocate(Worker* worker) {
    if (worker == nullptr) {
        const std::lock_guard<SpinLock> hold(outside_lock_);
        if (outside_.count == 0 && !refill(outside_)) return wire::kNone;
        const std::uint32_t index = outside_.first;
        outside_.first = record(index).next.load(std::memory_order_relaxed);
        --outside_.count;
        return index;
    }
    if (__builtin_expect(worker->free_records_count == 0, 0)) {
        FreeList list;
        if (!refill(list)) return wire::kNone;
        worker->free_records = list.first;
        worker->free_records_count = list.count;
    }
    const std::uint32_t index = worker->free_records;
    worker->free_records = record(index).next.load(std::memory_order_relaxed);
    --worker->free_records_count;
    return index;
}

bool CoroutineRecords::refill(FreeList& list) {
    {
        const std::lock_guard<SpinLock> hold(lock_);
        if (shared_.count > 0) {
            while (list.count < kBatch && shared_.count > 0) {
                const std::uint32_t index = shared_.first;
                shared_.first = record(index).next.load(std::memory_order_relaxed);
                --shared_.count;
                record(index).next.store(list.first, std::memory_order_relaxed);
                list.first = index;
                ++list.count;
            }
            return true;
        }
    }
    const std::uint32_t first = segment_->allocate_records(wire::SectionKind::kCoroutineDetails, kBatch);
    if (first == wire::kNone || !segment_->ensure_records(wire::SectionKind::kCoroutines, first + kBatch))
        return false;
    for (std::uint32_t index = first + kBatch; index-- > first;) {
        record(index).next.store(list.first, std::memory_order_relaxed);
        list.first = index;
        ++list.count;
    }
    return true;
}

void CoroutineRecords::free(Worker* worker, std::uint32_t index) {
    if (worker == nullptr) {
        const std::lock_guard<SpinLock> hold(lock_);
        record(index).next.store(shared_.first, std::memory_order_relaxed);
        shared_.first = index;
        ++shared_.count;
        return;
    }
    record(index).next.store(worker->free_records, std::memory_order_relaxed);
    worker->free_records = index;
    if (__builtin_expect(++worker->free_records_count <= kLocalMost, 1)) return;
    // Cut kBatch off the front, outside the lock, then hang them before the shared ones.
    const std::uint32_t first = worker->free_records;
    std::uint32_t last = first;
    for (std::uint32_t i = 1; i < kBatch; ++i)
        last = record(last).next.load(std::memory_order_relaxed);
    worker->free_records = record(last).next.load(std::memory_order_relaxed);
    worker->free_records_count -= kBatch;
    const std::lock_guard<SpinLock> hold(lock_);
    record(last).next.store(shared_.first, std::memory_order_relaxed);
    shared_.first = first;
    shared_.count += kBatch;
}

std::uint64_t CoroutineRecords::new_identity(Worker* worker) {
    std::atomic<std::uint64_t>& source = segment_->header().next_identity;
    if (worker != nullptr) {
        if (worker->identity_next == worker->identity_end) {
            worker->identity_next = source.fetch_add(kIdentityBlock, std::memory_order_relaxed);
            worker->identity_end = worker->identity_next + kIdentityBlock;
        }
        return worker->identity_next++;
    }
    const std::lock_guard<SpinLock> hold(outside_lock_);
    if (outside_identity_next_ == outside_identity_end_) {
        outside_identity_next_ = source.fetch_add(kIdentityBlock, std::memory_order_relaxed);
        outside_identity_end_ = outside_identity_next_ + kIdentityBlock;
    }
    return outside_identity_next_++;
}

}  // namespace cprime::detail
