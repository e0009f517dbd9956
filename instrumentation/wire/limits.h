// Every bound of the shared memory format, in one place, with units.
//
// Both sides check against these before they use anything read from the other. Changing one changes the format: raise
// kWireVersion (segment.h).
#pragma once

#include <cstdint>

namespace coroscope::wire {

inline constexpr std::uint32_t kNone = 0xffffffffU;  // "no record": an index that never names one

inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr std::uint64_t kCacheLineBytes = 64;

// State segment.
inline constexpr std::uint64_t kStateReservationBytes = 64ULL
                                                        << 30;  // address space; halved until mmap agrees
inline constexpr std::uint64_t kStateReservationBytesMin = 64ULL
                                                           << 20;  // below this the runtime refuses to start
inline constexpr std::uint32_t kSectionsMax = 36;                  // entries of the section directory
inline constexpr std::uint32_t kPoolsMax = 16;                     // pools with slabs of their own
inline constexpr std::uint32_t kWorkersMax = 256;
inline constexpr std::uint32_t kCoroutinesMax = 1U << 26;  // records alive at once
inline constexpr std::uint32_t kChannelsMax = 1U << 22;
inline constexpr std::uint32_t kHandlesMax = 1U << 24;
inline constexpr std::uint32_t kSelectArmRecordsMax = 1U << 22;
inline constexpr std::uint32_t kSelectsMax = 1U << 12;  // places in the code
inline constexpr std::uint32_t kWaitablesMax = 1U << 22;
inline constexpr std::uint32_t kStackSegmentsMax = 1U << 22;
inline constexpr std::uint32_t kSitesMax = 1U << 16;
inline constexpr std::uint32_t kSlabsPerPoolMax = 1U << 17;  // x 512 slots = 64M slots
inline constexpr std::uint32_t kStringBytesMax = 64U << 20;  // all interned strings together
inline constexpr std::uint32_t kStringLengthMax = 1023;      // bytes of one string
inline constexpr std::uint32_t kSignalsMax = 65;             // signal numbers 0..64
inline constexpr std::uint32_t kSignalRecordsMax = 1024;     // those, and a program's own

// Slots.
inline constexpr std::uint32_t kSlotsPerSlab = 512;  // 8 bitmap words: one cache line
inline constexpr std::uint32_t kSlabWords = kSlotsPerSlab / 64;

// Event rings.
inline constexpr std::uint32_t kRingsMax = 320;  // workers, signal thread, agent and other threads that emit
inline constexpr std::uint64_t kEventSlotBytes = 16;
inline constexpr std::uint64_t kWorkerRingBytes = 4ULL << 20;
inline constexpr std::uint64_t kThreadRingBytes = 64ULL << 10;
inline constexpr std::uint64_t
    kRingBlockBytes = 64ULL << 10;  // each block opens with a SYNC group; less in small rings (ring.h)
inline constexpr std::uint32_t kRingGroupSlotsMax = 4;  // most slots published at once; also what a reader stays behind
inline constexpr std::uint32_t kEventTypesMax = 128;
inline constexpr std::uint64_t kRingReservationBytes = 4ULL << 30;  // address space; halved until mmap agrees

// Handshake.
inline constexpr std::uint32_t kStackCopiesPerRequestMax = 512;
inline constexpr std::uint32_t kPausedCoroutinesMax = 1024;        // chosen by one viewer, or kept
inline constexpr std::uint64_t kStackCopyBytesMax = 256ULL << 10;  // of one stack: the innermost part is kept
inline constexpr std::uint64_t kStackCopyAreaBytes = 128ULL
                                                     << 20;  // viewer's memfd that the agent copies into

}  // namespace coroscope::wire
