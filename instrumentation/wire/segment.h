// The state segment: one memfd that holds the runtime's own bookkeeping, placed where another process may read it.
//
// Nothing in it is a copy made for the viewer: control blocks, channel headers, worker records, pool bitmaps and
// histograms *live* here. A viewer maps it read-only and sees what the runtime believes.
//
//   page 0                      SegmentHeader: magic, version, who, clock, section directory
//   following pages             chunk directories: one array of ChunkWord a section
//   from then on                chunks, in the order in which they were needed; the file grows by ftruncate
//
//   record r of section s  =  chunk(s, r / records_per_chunk) + (r % records_per_chunk) * record_bytes
//
// Everything refers to everything by record index; no pointer in the segment is followed by a reader (addresses of the
// target that appear in records, such as stack pointers, are for reading the *target*, never the segment).
//
// Invariants
//   S1  A reader touches chunk i of a section only if i < chunks_published and its ChunkWord says `live`. Reading a hole
//       of the file would allocate it in the target.
//   S2  A chunk's word becomes `live` after its bytes exist and are initialised [segment.publish]; it says `trimmed`
//       before MADV_REMOVE takes the bytes away.
//   S3  records_used only grows. A record that is not in use says so itself (each kind has a "free" value).
//   S4  The file is sealed against shrinking and has mode 0400 before it is sent; it is mapped MADV_DONTFORK.
//   S5  header.lifecycle moves forward only.
//
// Writers: the target's runtime, field by field as each record says. Readers: viewers, from outside, without locks.
// Tested in tests/unit/wire and tests/unit/emit; fuzzed as input in tests/fuzz.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "instrumentation/base/tsc.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

inline constexpr std::uint64_t kSegmentMagic = 0x31474553'4f524f43ULL;  // "COROSEG1", little endian
// Major: readers of another major refuse, with a sentence that says which side to upgrade. Minor: fields were added at
// the end or taken from reserved ones.
inline constexpr std::uint16_t kWireMajor = 1;
// 1: section kWorkerQueues, SelectRecord::receives, other_arm. 2: control (SegmentHeader::pause_…, step_…; WorkerState::kHeld).
// 3: rules and masks (RingSegmentHeader::withheld). 4: section kSignals, HistogramKind::kSignalTicks
inline constexpr std::uint16_t kWireMinor = 4;

enum class SectionKind : std::uint32_t {
    kNothing = 0,
    kCoroutines = 1,          // CoroutineRecord (coroutine.h), index = coroutine
    kCoroutineDetails = 2,    // CoroutineDetail, same index
    kWorkers = 3,             // WorkerRecord (worker.h)
    kHistograms = 4,          // HistogramRecord (histogram.h)
    kChannels = 5,            // ChannelRecord (channel.h)
    kHandles = 6,             // HandleRecord (channel.h)
    kChannelTotals = 7,       // ChannelTotalsRecord (channel.h)
    kSites = 8,               // SiteRecord (site.h)
    kStrings = 9,             // bytes (strings.h)
    kPools = 10,              // PoolRecord (pool.h), index = pool
    kWaitables = 11,          // WaitableRecord (waitable.h)
    kSelectArms = 12,         // SelectArmRecord (select_arm.h): one an arm of a waiting select
    kTimers = 13,             // reserved
    kForeignCoroutines = 14,  // reserved: coroutines of other runtimes
    kSelects = 15,            // SelectRecord (select_arm.h): one a select in the code
    kStackSegments = 32,      // StackSegmentRecord (stack_segment.h)
    kWorkerQueues = 33,       // WorkerQueuesRecord (worker.h), index = worker
    kSignals = 34,            // SignalRecord (signal.h), index = number, then the program's own
    kSlabsFirst = 16,         // SlabRecord (pool.h) of pool p in section kSlabsFirst + p, p < kPoolsMax
};

// State of a chunk and where it lies: bits 0..7 state, bits 8..63 offset in the file divided by kPageBytes.
enum class ChunkState : std::uint8_t { kAbsent = 0, kLive = 1, kTrimmed = 2 };
using ChunkWord = std::atomic<std::uint64_t>;  // writer: runtime (release) [segment.publish]; readers: viewers (acquire)
inline constexpr std::uint64_t make_chunk_word(std::uint64_t offset_bytes, ChunkState state) {
    return ((offset_bytes / kPageBytes) << 8) | static_cast<std::uint64_t>(state);
}
inline constexpr ChunkState chunk_state(std::uint64_t word) {
    return static_cast<ChunkState>(word & 0xff);
}
inline constexpr std::uint64_t chunk_offset_bytes(std::uint64_t word) {
    return (word >> 8) * kPageBytes;
}

struct SectionEntry {  // 64 bytes
    SectionKind kind;
    std::uint32_t record_bytes;       // stride of a record
    std::uint32_t records_per_chunk;  // power of two
    std::uint32_t chunks_max;         // length of the chunk directory
    std::uint64_t directory_offset;   // of ChunkWord[chunks_max], in bytes from the segment's start
    std::atomic<std::uint32_t> chunks_published;  // writer: runtime (release) [segment.publish]; readers acquire
    std::atomic<std::uint32_t> records_used;  // records 0..records_used-1 have been in use at some time; same edge
    std::uint64_t reserved[4];
};
static_assert(sizeof(SectionEntry) == 64);

enum class Lifecycle : std::uint32_t {
    kStarting = 0,
    kRunning = 1,
    kEnding = 2,  // orderly end announced; nothing has been freed yet; the recorder may take its last keyframe
    kEnded = 3,
};

enum SegmentFlag : std::uint32_t {
    kFlagProbesCompiled = 1U << 0,  // the runtime was built with probes
    kFlagEagerBinding = 1U << 1,    // LD_BIND_NOW or equivalent was in force at start
    kFlagPtracerAllowed = 1U << 2,  // the target calls PR_SET_PTRACER for a checked viewer
    kFlagSizeTableUsed = 1U << 3,   // CPRIME_SIZES was read
    kFlagSanitizer = 1U << 4,       // built with ASan or TSan: small classes are enlarged
};

enum PauseState : std::uint32_t { kPausedEverything = 1U << 0, kPausedChosenShift = 8 };

// How the registers of a parked coroutine lie (coroutine.h, SavedFrame). Another layout gets another number.
inline constexpr std::uint32_t kSavedFrameLayout = 2;

struct SegmentHeader {  // the first page
    std::uint64_t magic;
    std::uint16_t version_major;
    std::uint16_t version_minor;
    std::uint32_t header_bytes;  // sizeof(SegmentHeader) of the writer
    std::uint32_t pid;           // as the target sees itself
    std::uint32_t uid;
    std::uint64_t start_ticks;    // TSC when the runtime started: t = 0 of every time axis
    std::uint64_t segment_nonce;  // random; the same in state segment, ring segment and handshake
    base::ClockCalibration clock;
    std::uint32_t flags;  // SegmentFlag, constant after start
    std::uint32_t saved_frame_layout;
    std::uint64_t park_address;  // address range of the assembly switch, for annotation
    std::uint64_t park_end_address;
    std::uint64_t trampoline_address;  // where a coroutine that never ran will start
    std::uint64_t reserved_signals_mask;
    // --- changing
    std::atomic<std::uint32_t> lifecycle;      // writer: runtime (release); readers acquire
    std::atomic<std::uint32_t> workers_count;  // writer: runtime at start
    std::atomic<std::uint64_t> next_identity;  // writer: workers, fetch_add of a block; readers: an upper bound
    std::atomic<std::uint64_t> outside_spawned;  // spawns by threads that are no workers (relaxed counters)
    std::atomic<std::uint64_t> outside_exited;   // reserved
    std::atomic<std::uint64_t> peak_rss_kib;     // getrusage at the announced end; 0 before
    std::atomic<std::uint64_t> exit_code;        // reserved
    // What viewers keep from running (handshake.h). Writer: the agent's thread, but for the last two: the worker that took the step.
    std::atomic<std::uint32_t> pause_epoch;  // grows with every change of pause_state
    std::atomic<std::uint32_t> pause_state;  // PauseState: kPausedEverything | chosen coroutines << kPausedChosenShift
    std::atomic<std::uint64_t>
        stack_bytes_peak;  // most bytes of slots in use at once: sum of used x slot_bytes, sampled at slab claims
    // The side pool of blocking calls. Writers: whoever holds its lock; readers: relaxed, each by itself.
    std::atomic<std::uint32_t> blocking_threads;       // that exist
    std::atomic<std::uint32_t> blocking_busy;          // of them, in a call
    std::atomic<std::uint32_t> blocking_queued;        // calls that wait for a thread
    std::atomic<std::uint32_t> blocking_threads_most;  // high water of blocking_threads
    std::atomic<std::uint64_t> blocking_calls;         // begun so far
    std::atomic<std::uint64_t> step_coroutine;  // identity of whom the last step ran; 0 = nobody was ready
    std::atomic<std::uint64_t> steps_done;      // release [step.done]: reader acquires what the step ran
    std::uint64_t reserved[15];
    char socket_name[64];  // abstract name of the agent's socket without the leading zero; "" = no agent
    char program[256];     // /proc/self/exe at start, zero-terminated
    std::uint64_t reserved_text[8];
    std::atomic<std::uint64_t>
        signals_delivered[kSignalsMax + 3];  // of programs of minor < 4, by number; now SignalRecord::delivered
    SectionEntry sections[kSectionsMax];     // entry of kind k at index k
};
static_assert(sizeof(SegmentHeader) <= kPageBytes);
static_assert(offsetof(SegmentHeader, magic) == 0);

}  // namespace coroscope::wire
