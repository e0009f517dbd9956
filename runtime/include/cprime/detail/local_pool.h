// What MicroPool<N> and the runtime tell each other. Not part of the public interface.
//
// The memory and the table of who lives in it are the MicroPool's own. The runtime knows it from its first spawn on, as one slab of the
// pool "local", and forgets it in its destructor; a Runtime that ends forgets all of them.
//
// Thread: any; registration and allocation are under a lock of the runtime's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cprime/detail/park.h"

namespace cprime {

// Bytes of one slot of a MicroPool, as of the runtime's own micro pool. Sanitized builds need more room for their frames.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t kMicroSlotBytes = std::size_t{16} << 10;
#else
inline constexpr std::size_t kMicroSlotBytes = 256;
#endif

namespace detail {

// Of a slot's bytes, what a spawn keeps free beside the closure.
inline constexpr std::size_t kRoomBesideLocalClosure = 160;

// Who was spawned into a slot last.
struct LocalEntry {
    std::uint64_t identity = 0;
    std::uint32_t coroutine = kNoCoroutine;
};

struct LocalPool {
    // constant
    std::byte* memory;
    LocalEntry* entries;       // one a slot; written by the spawner, before the child is published
    std::uint32_t slots;       // at most 512
    std::uint32_t slot_bytes;  // as the program was compiled
    // the runtime's, under its lock
    std::uint64_t generation = 0;  // which Runtime knows it; 0 = none yet
    std::uint32_t slab = 0;        // its record in the pool "local"
    bool closed = false;           // being destroyed: no more spawns
};

// Asks everybody who lives in it to end, waits for them, and has the runtime forget it. Parks in a coroutine, blocks another thread.
// Ends the program with a sentence when the caller itself lives in it.
void end_local_pool(LocalPool& pool) noexcept;

}  // namespace detail
}  // namespace cprime
