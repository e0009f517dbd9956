// LocalPools: the slabs of MicroPools, over memory that is the program's.
//
// Each MicroPool that has spawned is one slab of the pool kPoolLocal: its record says where the program's memory is and who used what, and
// everything that Pools does with a slot (bounds, canaries, giving it back) works on it as on any other. Only handing out is done
// here. The slab belongs to nobody's share (kSlabOwnerOutside), so that slots always come back through `remote`.
//
// Invariants, beside S1, S2 of pools.h
//   L1  A slab has a record only while its MicroPool lives; then the record goes to a free list, with no address and no bit set. Pools
//       never maps, unmaps or searches slabs of kPoolLocal.
//   L2  A MicroPool ends only when each of its slots is back (owned & ~remote == 0, [pool.remote] acquire): from then on nobody touches the
//       memory, since giving the slot back is the last thing that the end of a coroutine does with it.
//
// Thread: any; a lock inside. Tested in tests/unit/runtime/micro_pool_test.cpp.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "cprime/detail/local_pool.h"
#include "instrumentation/emit/state_segment.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stacks/pools.h"

namespace cprime::detail {

class LocalPools {
public:
    void start(coroscope::emit::StateSegment& segment, Pools& pools);

    // A free slot of the MicroPool, which becomes known with its first one; kNone when all are taken or it is being destroyed.
    std::uint32_t allocate(Worker* worker, LocalPool& pool);

    // Whether this Runtime knows it: else nobody lives in it.
    bool knows(const LocalPool& pool) const { return pool.generation == generation_; }
    // No more spawns.
    void close(LocalPool& pool);
    // The first slot in use, from `position` on; pool.slots when there is none. [pool.remote] acquire.
    std::uint32_t next_used(const LocalPool& pool, std::uint32_t position) const;
    // Forgets the MicroPool; all its slots are back.
    void release(LocalPool& pool);

private:
    bool claim(LocalPool& pool);

    coroscope::emit::StateSegment* segment_ = nullptr;
    Pools* pools_ = nullptr;
    std::uint64_t generation_ = 0;  // constant; each Runtime of a process has another one
    std::mutex lock_;  // guards free_slabs_, handing out, and the runtime's part of each LocalPool
    std::vector<std::uint32_t> free_slabs_;
};

}  // namespace cprime::detail
