// CoroutineRecords: which control blocks are free, and identities.
//
// Each worker keeps a list of free blocks (linked by `next`) and a block of identities; past kLocalMost it gives half back to a shared
// list, so that blocks spawned here and freed there come round. New blocks are made kBatch at a time.
//
// Thread: any; a worker passes itself, other threads nullptr. Tested in tests/unit/runtime/spawn_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/emit/state_segment.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

class CoroutineRecords {
public:
    void start(emit::StateSegment& segment) { segment_ = &segment; }

    // Index of a free record: state kFree, even sequence. kNone when there is no memory for more.
    std::uint32_t allocate(Worker* worker);
    // Gives it back; its state is kFree already.
    void free(Worker* worker, std::uint32_t index);

    // An identity that nobody ever had in this process. Never 0.
    std::uint64_t new_identity(Worker* worker);

private:
    struct FreeList {
        std::uint32_t first = wire::kNone;
        std::uint32_t count = 0;
    };
    static constexpr std::uint32_t kBatch = 64;
    static constexpr std::uint32_t kLocalMost = 3 * kBatch;
    static constexpr std::uint32_t kIdentityBlock = 64;

    // Fills the worker's empty list from the shared one, or with new records. False: no memory.
    bool refill(FreeList& list);

    emit::StateSegment* segment_ = nullptr;
    SpinLock lock_;  // guards shared_
    FreeList shared_;
    SpinLock outside_lock_;  // guards the two below
    FreeList outside_;
    std::uint64_t outside_identity_next_ = 0, outside_identity_end_ = 0;
};

}  // namespace cprime::detail
