// The state segment as its owner sees it: the memory in which the runtime keeps its bookkeeping so that a
// viewer may read it.
//
// Called by the runtime (cprime) and by the agent; knows the format (wire/segment.h) and nothing of
// schedulers. Every section has a fixed window of one big reservation, and the file is sparse with the same
// offsets, so record r of a section is simply `base + r`: one add, no table, from any thread. Chunks come
// into use one after the other: the file grows by ftruncate under a lock, the bytes are populated, the
// chunk's word is published [segment.publish].
//
//   E1  A window never moves while the segment lives: pointers into it may be kept.
//   E2  The memfd is sealed against shrinking and has mode 0400 from the start; what a viewer is sent is a
//       descriptor opened O_RDONLY. Nobody but root can make a writable one of it.
//   E3  The mapping is MADV_DONTFORK; in a forked child an unreadable mapping takes its place, so that an access
//       faults instead of hitting somebody's memory, and forked_child() says why.
//
// The other choice, chunks packed densely and mapped one by one, costs a mapping a chunk (the kernel allows
// 65530). Without a state plane (CPRIME_STATE_PLANE=off) the same windows lie in private anonymous memory.
//
// Threads: any, unless said otherwise. Tested in tests/unit/emit/state_segment_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "instrumentation/base/check.h"
#include "instrumentation/base/result.h"
#include "instrumentation/emit/fork_guard.h"
#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/segment.h"

namespace coroscope::emit {

struct StateOptions {
    bool shared = true;       // false: private anonymous memory that nobody can attach to
    std::uint32_t flags = 0;  // wire::SegmentFlag
    std::uint64_t reservation_bytes = wire::kStateReservationBytes;  // upper bound; less under RLIMIT_AS or RLIMIT_FSIZE
};

class StateSegment {
public:
    // Reserves, lays out and fills in the header (who, when, clock: calibrating takes 2 ms). lifecycle =
    // kStarting. Fails with kRefused when not even kStateReservationBytesMin of address space can be had.
    static base::Result<std::unique_ptr<StateSegment>> create(const StateOptions& options);
    ~StateSegment();
    StateSegment(const StateSegment&) = delete;
    StateSegment& operator=(const StateSegment&) = delete;

    wire::SegmentHeader& header() { return *reinterpret_cast<wire::SegmentHeader*>(base_); }
    const wire::SegmentHeader& header() const { return *reinterpret_cast<const wire::SegmentHeader*>(base_); }

    // First record of a section's window; valid for the segment's life. Records exist up to the last
    // ensure_records.
    template <typename Record>
    Record* records(wire::SectionKind kind) {
        const Window& window = windows_[static_cast<std::uint32_t>(kind)];
        CHECK(window.record_bytes == sizeof(Record));
        return reinterpret_cast<Record*>(window.base);
    }

    // Most records the section can ever hold here (smaller than the limit in wire/limits.h when address space
    // is scarce).
    std::uint32_t records_max(wire::SectionKind kind) const {
        return windows_[static_cast<std::uint32_t>(kind)].records_max;
    }

    // Makes records 0..count-1 exist, zeroed where new, and visible to viewers (records_used only grows). False
    // when the section is full or memory is short. Fast when they exist already; otherwise takes a lock and
    // enters the kernel.
    bool ensure_records(wire::SectionKind kind, std::uint32_t count);

    // Hands out `count` consecutive records that nobody had before and publishes them; the first one's index,
    // or kNone when the section is full. They are zeroed. Takes a lock. There is no giving back: the caller
    // keeps free lists.
    std::uint32_t allocate_records(wire::SectionKind kind, std::uint32_t count);

    // Gives a chunk's memory back: first the word says `trimmed`, then the bytes go. Its records must be out of
    // use.
    void trim_chunk(wire::SectionKind kind, std::uint32_t chunk);
    // Brings a trimmed chunk back, zeroed. False when memory is short.
    bool restore_chunk(wire::SectionKind kind, std::uint32_t chunk);

    // Index of the string, equal for equal text (cut after kStringLengthMax bytes); kNone when the arena is
    // full. Takes a lock and may allocate: not for hot paths.
    std::uint32_t intern(std::string_view text);
    // The text of an interned string; "" for kNone. The view stays valid.
    std::string_view string(std::uint32_t index) const;

    // Whether an address lies in the reservation (for a fault handler: async-signal-safe).
    bool contains(const void* address) const {
        const auto* byte = static_cast<const std::byte*>(address);
        return byte >= base_ && byte < base_ + reservation_bytes_;
    }

    bool shared() const { return fd_ >= 0; }
    int fd() const { return fd_; }                      // read-write, close-on-exec; -1 when not shared
    int read_only_fd() const { return read_only_fd_; }  // what a viewer is sent; -1 when not shared
    std::uint64_t file_bytes() const;                   // size of the file now (it may grow)

private:
    struct Window {
        std::byte* base = nullptr;
        std::uint64_t offset_bytes = 0;
        std::uint32_t record_bytes = 0;
        std::uint32_t records_per_chunk = 0;
        std::uint32_t records_max = 0;
        std::uint64_t chunk_bytes = 0;
    };

    StateSegment() = default;
    base::Status open_file();
    base::Status map(std::uint64_t bytes_max);
    std::uint64_t lay_out(std::uint32_t shrink_shift);  // fills windows_; returns the bytes needed
    std::uint64_t lay_out_within(std::uint64_t bytes_max);
    void write_header(const StateOptions& options);
    bool publish_records(wire::SectionKind kind, std::uint32_t count);        // under lock_
    bool grow_and_populate(std::uint64_t offset_bytes, std::uint64_t bytes);  // under lock_
    wire::SectionEntry& section(wire::SectionKind kind) {
        return header().sections[static_cast<std::uint32_t>(kind)];
    }
    wire::ChunkWord* directory(wire::SectionKind kind) {
        return reinterpret_cast<wire::ChunkWord*>(base_ + section(kind).directory_offset);
    }

    std::byte* base_ = nullptr;
    std::uint64_t reservation_bytes_ = 0;
    int fd_ = -1;
    int read_only_fd_ = -1;
    Window windows_[wire::kSectionsMax];
    std::uint64_t directory_offsets_[wire::kSectionsMax] = {};

    mutable std::mutex lock_;  // guards growth of file and sections
    std::uint64_t file_bytes_ = 0;
    std::mutex strings_lock_;  // taken before lock_
    std::uint64_t string_bytes_used_ = 0;
    std::unordered_map<std::string_view, std::uint32_t> strings_;  // keys point into the arena
};

}  // namespace coroscope::emit
