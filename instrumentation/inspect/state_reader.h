// Reads the state plane out of a mapped segment: the only code that touches it.
//
//   segment (another process's, changing, of any content)  --StateReader-->  StateImage (plain values)
//
// Invariants
//   R1  Nothing outside published, live chunks is read (S1): wire/segment_view checks every step, anew on every
//       read().
//   R2  Any content gives either one sentence or an image whose indices are safe to look up; never a fault, never
//       more memory than a small multiple of the file's size.
//   R3  A record whose sequence word moved during the copy is retried, then labelled torn. The writer is never held
//       up.
//
// Thread: one at a time. Blocks: never (page faults apart). Tested in tests/unit/inspect; fuzzed in
// tests/fuzz.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/shared_mapping.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/segment_view.h"

namespace coroscope::inspect {

// The published records of one section at one moment.
class SectionView {
public:
    SectionView() = default;

    // Records 0..count()-1 may exist; each lies in a live chunk or is null.
    std::uint32_t count() const { return count_; }
    template <typename Record>
    const Record* record(std::uint32_t index) const {
        return static_cast<const Record*>(bytes_of(index));
    }
    std::uint32_t records_per_chunk() const { return 1U << chunk_shift_; }
    // First byte of chunk `chunk`; nullptr when it is not live.
    const std::byte* chunk(std::uint32_t chunk) const {
        return chunk < chunks_.size() ? chunks_[chunk] : nullptr;
    }

private:
    friend class StateReader;
    const void* bytes_of(std::uint32_t index) const {
        if (index >= count_) return nullptr;
        const std::byte* base = chunk(index >> chunk_shift_);
        if (base == nullptr) return nullptr;
        return base + std::uint64_t{index & (records_per_chunk() - 1)} * record_bytes_;
    }
    std::vector<const std::byte*> chunks_;
    std::uint32_t count_ = 0;
    std::uint32_t record_bytes_ = 0;
    std::uint32_t chunk_shift_ = 0;
};

class StateReader {
public:
    // Takes a state segment's descriptor. `what` names the target in errors ("process 12").
    // Errors: kCorrupt, kVersion (names the side to upgrade), kUnreadable.
    static base::Result<StateReader> open(base::FileDescriptor fd, const std::string& what);
    // The same of a segment that is mapped already, at least as long as its header.
    static base::Result<StateReader> open(SharedMapping mapping, const std::string& what);

    // Copies everything. Errors: kCorrupt.
    base::Result<StateImage> read();

    // What is held now, and every worker. Errors: kCorrupt.
    base::Result<StateImage> read_hold();

    const wire::SegmentHeader& header() const { return *mapping_.at<wire::SegmentHeader>(0); }

    // For stack copies: the live control blocks, valid until the next refresh_coroutines() or read(). Errors:
    // kCorrupt.
    base::Status refresh_coroutines();
    const wire::CoroutineRecord* coroutine(std::uint32_t index) const {
        return coroutines_.record<wire::CoroutineRecord>(index);
    }
    // Copies one of them into `image` as it stands now, with its consistency; false when the record is free.
    bool read_coroutine(std::uint32_t index, CoroutineImage& image) const;
    const wire::CoroutineDetail* detail(std::uint32_t index) const {
        return details_.record<wire::CoroutineDetail>(index);
    }

private:
    // What a section must look like to be used.
    struct Expected {
        wire::SectionKind kind;
        std::uint32_t record_bytes_min;
        std::uint32_t alignment;
        std::uint32_t records_max;
        const char* name;
    };
    StateReader(SharedMapping mapping, std::string what)
        : mapping_(std::move(mapping)), what_(std::move(what)) {}
    base::Result<SectionView> view(const Expected& expected) const;
    base::Error corrupt(const std::string& how) const;

    base::Status look_anew();
    base::Result<StateImage> read_once() const;
    void read_header(StateImage& image) const;
    void read_coroutines(StateImage& image) const;
    base::Status read_channels(StateImage& image) const;
    base::Status read_waitables(StateImage& image) const;
    base::Status read_signals(StateImage& image) const;
    base::Status read_selects(StateImage& image) const;
    base::Status read_pools(StateImage& image) const;
    base::Status read_workers(StateImage& image) const;
    base::Status read_names(StateImage& image) const;

    SharedMapping mapping_;
    std::string what_;
    wire::SegmentView segment_;
    SectionView coroutines_, details_;
    std::size_t coroutines_before_ = 0;  // how many the last image had: what to reserve
};

}  // namespace coroscope::inspect
