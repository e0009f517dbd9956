// Reading the state segment: from (section, record index) to bytes, every step checked.
//
// Used by inspect's reader, by the agent's tests and wherever a mapped segment is looked into. It is the one
// place that keeps S1 (segment.h): a record is handed out only if its chunk is published, live, and inside
// the mapping. Reading anything else of the file could allocate memory in the target.
//
// Thread: any; a view is a value. Blocks: never. Tested in tests/unit/wire/segment_view_test.cpp and, on a
// real segment with holes, in tests/unit/emit/state_segment_test.cpp; fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/segment.h"

namespace coroscope::wire {

class SegmentView {
public:
    SegmentView() = default;
    // Checks magic, version, header and section directory of `bytes` bytes at `data` (8-byte aligned). kVersion
    // says which side to upgrade, kCorrupt what is wrong. The bytes must stay mapped while the view is used.
    static base::Result<SegmentView> open(const void* data, std::uint64_t bytes);

    const SegmentHeader& header() const { return *reinterpret_cast<const SegmentHeader*>(data_); }

    // Records 0..count-1 of the section have been in use; 0 for a section that is not there. Never more than
    // its chunks can hold.
    std::uint32_t records_count(SectionKind kind) const;

    // Bytes of one record, as its writer lays them out; 0 for a section that is not there.
    std::uint32_t record_bytes(SectionKind kind) const;

    // The record; null when it is not published, trimmed away, or outside this mapping (see needs_bytes). At
    // least `least_bytes` long. For strings a record is one byte.
    const std::byte* record(SectionKind kind, std::uint32_t index, std::uint32_t least_bytes) const;

    template <typename Record>
    const Record* record(SectionKind kind, std::uint32_t index) const {
        return reinterpret_cast<const Record*>(record(kind, index, sizeof(Record)));
    }

    // Records that lie in one piece from `index` on (to the end of its chunk, at most records_count); 0 when
    // none. For copying many at once.
    std::uint32_t run_length(SectionKind kind, std::uint32_t index) const;

    // Size that a mapping must have to show every published record: when greater than the size given, map anew.
    std::uint64_t needs_bytes() const;

    // An interned string; "" when it is out of bounds.
    std::string_view string(std::uint32_t index) const;

private:
    // A section's constants, copied and checked once: the memory they came from belongs to somebody else.
    struct Section {
        std::uint32_t record_bytes = 0;  // 0 = not there
        std::uint32_t records_per_chunk = 1;
        std::uint32_t chunks_max = 0;
        std::uint64_t directory_offset = 0;
        std::uint64_t chunk_bytes() const { return std::uint64_t{record_bytes} * records_per_chunk; }
    };
    const Section& section(SectionKind kind) const;
    const SectionEntry& entry(SectionKind kind) const {
        return header().sections[static_cast<std::uint32_t>(kind)];
    }
    std::uint32_t chunks_published(SectionKind kind) const;
    std::uint64_t chunk_word(SectionKind kind, std::uint32_t chunk) const;

    const std::byte* data_ = nullptr;
    std::uint64_t bytes_ = 0;
    Section sections_[kSectionsMax];
};

}  // namespace coroscope::wire
