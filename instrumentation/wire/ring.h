// Event rings: one single-writer ring a worker (and one for every other thread that emits), in a second memfd.
//
//   page 0..2        RingSegmentHeader with one RingEntry a ring
//   per ring         RingHeader (1 page: the writer's line, counters, control line), then power-of-two many slots
//
// Positions count slots and only grow. Writer, per event group of n slots [ring.publish]:
//   (drop mode) room: head + n <= tail + slots - kRingGroupSlotsMax, tail from the reader page, re-read only when the
//   cached limit is reached [ring.tail]
//   store the slots with 16-byte vector stores (inline assembly: intrinsics were split into two, and thousands of torn
//   records were accepted), head.store(release), then a release fence before the next record.
// Reader [ring.publish]:
//   h = head (acquire); copy; acquire fence; h2 = head (relaxed);
//   slot at position p is good iff h2 - p <= slots - kRingGroupSlotsMax: while head stands at h2 the writer may already be
//   storing a group that starts there, which overwrites what lies one lap before.
//   Then check the slot's lap. 0 bad of 20M with the second read, thousands without.
//
// Modes: drop and count (recording; the reader's tail holds the writer back), overwrite-oldest (watching, flight
// recorder), block (opt-in), off. Identities that always hold, per ring and per type:
//   emitted[t] = written[t] + dropped[t],   and per reader: written = accepted + overtaken.
//
// Writers: one thread per ring, named in its entry; nobody emits from a signal handler. Readers: viewers; the tail is in
// the viewer's own reader page, never here. Tested in tests/unit/wire, tests/stress (torn reads), tests/model.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/wire/event.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

inline constexpr std::uint64_t kRingMagic = 0x31474e49'524f5243ULL;    // "CRORING1"
inline constexpr std::uint64_t kReaderMagic = 0x31444145'524f5243ULL;  // "CROREAD1"

enum class RingMode : std::uint32_t { kOff = 0, kDropAndCount = 1, kOverwrite = 2, kBlock = 3 };
enum class RingOwner : std::uint32_t { kFree = 0, kWorker = 1, kThread = 2 };

struct RingEntry {                     // 32 bytes
    std::atomic<std::uint32_t> owner;  // RingOwner; release after the rest is in place [ring.entry]
    std::uint32_t owner_index;         // worker index, or a running number for other threads
    std::atomic<std::uint32_t> thread_id;
    std::atomic<std::uint32_t> slots;  // power of two; 0 = no memory yet, nothing to read; release [ring.entry]
    std::uint64_t header_offset;       // bytes from the ring segment's start; slots begin one page later
    std::uint64_t reserved;
};
static_assert(sizeof(RingEntry) == 32);

struct RingSegmentHeader {
    std::uint64_t magic;
    std::uint16_t version_major;
    std::uint16_t version_minor;
    std::uint32_t rings_max;                 // kRingsMax
    std::uint64_t segment_nonce;             // equals the state segment's
    std::atomic<std::uint32_t> rings_count;  // entries 0..count-1 have been in use [ring.entry]
    std::atomic<std::uint32_t> mask;         // Category bits in force; writer: agent
    std::atomic<std::uint32_t> mode;         // RingMode in force; writer: agent
    std::atomic<std::uint32_t> epoch;  // grows with every change of mask, mode or recorder; writer: agent
    std::atomic<std::uint32_t> sample_period;  // one switch in this many is stamped
    std::atomic<std::uint32_t> withheld;       // Category bits that nobody gets (handshake.h, Mask); writer: agent
    std::atomic<std::uint64_t> events_without_ring;  // emitted by threads for which no ring was left
    std::uint64_t reserved[7];
    RingEntry rings[kRingsMax];
};
static_assert(sizeof(RingSegmentHeader) <= 3 * kPageBytes);
inline constexpr std::uint64_t kRingDirectoryBytes = 3 * kPageBytes;

struct alignas(64) RingHeader {                // one page, then the slots
    std::atomic<std::uint64_t> head;           // slots written so far [ring.publish]
    std::atomic<std::uint64_t> dropped_total;  // events
    std::atomic<std::uint64_t> blocked_ns;
    std::uint64_t reserved0[5];
    alignas(64) std::atomic<std::uint64_t> epoch_seen;  // last epoch this writer has acted on
    std::uint64_t reserved1[7];
    alignas(64) std::atomic<std::uint64_t> emitted[kEventTypesMax];  // attempts by type; writer only, relaxed
    std::atomic<std::uint64_t> dropped[kEventTypesMax];              // of those, dropped for want of room
};
static_assert(sizeof(RingHeader) <= kPageBytes);

// Written by the viewer, read by the target: a memfd of the viewer's (sealed against shrinking and growing), which the
// target maps read-only. The target clamps: a tail counts only if it is <= head and >= the tail it knew.
struct alignas(64) ReaderLine {
    std::atomic<std::uint64_t> tail;  // slots consumed [ring.tail]
    std::uint64_t reserved[7];
};
struct ReaderPage {
    std::uint64_t magic;
    std::uint32_t rings_max;
    std::uint32_t viewer_pid;
    std::atomic<std::uint64_t> heartbeat_ns;  // CLOCK_MONOTONIC of the viewer's last round
    std::uint64_t reserved[5];
    ReaderLine lines[kRingsMax];
};
inline constexpr std::uint64_t kReaderPageBytes = (sizeof(ReaderPage) + kPageBytes - 1) / kPageBytes *
                                                  kPageBytes;

// The rules of the protocol. Writer and reader use exactly these, and so does the model that tries every order of
// their steps (tests/model/ring_model.cpp).
inline constexpr std::uint64_t ring_usable_slots(std::uint32_t slots) {
    return slots - kRingGroupSlotsMax;
}
// Writer: whether `count` more slots fit without touching what the reader has not consumed.
inline constexpr bool ring_has_room(std::uint64_t head, std::uint64_t count, std::uint64_t tail,
                                    std::uint32_t slots) {
    return head + count <= tail + ring_usable_slots(slots);
}
// Reader: whether a copy of the slot at `position`, made before head was seen at `head`, is whole.
inline constexpr bool ring_slot_settled(std::uint64_t head, std::uint64_t position, std::uint32_t slots) {
    return head - position <= ring_usable_slots(slots);
}

// Writer: every so many slots a block begins, which opens with SYNC and which no group crosses. Small rings have four
// blocks, so that there is always a whole one to be read.
inline constexpr std::uint64_t ring_block_slots(std::uint32_t slots) {
    const std::uint64_t block = kRingBlockBytes / kEventSlotBytes;
    return slots / 4 < block ? slots / 4 : block;
}

inline constexpr std::uint8_t ring_lap(std::uint64_t position, std::uint32_t slots) {
    return static_cast<std::uint8_t>(position / slots);
}

}  // namespace coroscope::wire
