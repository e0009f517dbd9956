// Bounds, bounds, bounds: nothing read from the segment is used before it was compared with the mapping.
#include "instrumentation/wire/segment_view.h"

#include <algorithm>
#include <bit>
#include <string>

#include "instrumentation/wire/strings.h"

namespace coroscope::wire {
namespace {

using base::ErrorCode;

constexpr std::uint32_t kRecordBytesMax = 1U << 20;
constexpr std::uint32_t kRecordsPerChunkMax = 1U << 20;
constexpr std::uint32_t kChunksMax = 1U << 26;

}  // namespace

base::Result<SegmentView> SegmentView::open(const void* data, std::uint64_t bytes) {
    if (bytes < kPageBytes)
        return base::error(ErrorCode::kCorrupt, "the state segment is shorter than its header");
    const auto* header = static_cast<const SegmentHeader*>(data);
    if (header->magic != kSegmentMagic) {
        return base::error(ErrorCode::kCorrupt, "the state segment does not begin with its magic number");
    }
    const std::uint16_t major = header->version_major;
    if (major != kWireMajor) {
        return base::error(
            ErrorCode::kVersion,
            "the program's runtime speaks version " + std::to_string(major) +
                " of the segment and this coroscope version " + std::to_string(kWireMajor) + ": upgrade " +
                (major > kWireMajor ? "coroscope" : "the runtime that the program is linked with"));
    }
    SegmentView view;
    view.data_ = static_cast<const std::byte*>(data);
    view.bytes_ = bytes;
    for (std::uint32_t kind = 1; kind < kSectionsMax; ++kind) {
        const SectionEntry& entry = header->sections[kind];
        const auto named = static_cast<std::uint32_t>(entry.kind);
        if (named == 0) continue;
        const Section section{entry.record_bytes, entry.records_per_chunk, entry.chunks_max,
                              entry.directory_offset};
        const bool sane = named == kind && section.record_bytes > 0 &&
                          section.record_bytes <= kRecordBytesMax &&
                          std::has_single_bit(section.records_per_chunk) &&
                          section.records_per_chunk <= kRecordsPerChunkMax &&
                          section.chunks_max <= kChunksMax &&
                          section.directory_offset % sizeof(ChunkWord) == 0 &&
                          section.directory_offset >= kPageBytes && section.directory_offset <= bytes &&
                          section.chunks_max * sizeof(ChunkWord) <= bytes - section.directory_offset;
        if (!sane) {
            return base::error(ErrorCode::kCorrupt,
                               "section " + std::to_string(kind) + " of the state segment is broken");
        }
        view.sections_[kind] = section;
    }
    return view;
}

const SegmentView::Section& SegmentView::section(SectionKind kind) const {
    static constexpr Section kAbsent;
    const auto index = static_cast<std::uint32_t>(kind);
    return index < kSectionsMax ? sections_[index] : kAbsent;
}

std::uint32_t SegmentView::chunks_published(SectionKind kind) const {
    const Section& constants = section(kind);
    if (constants.record_bytes == 0) return 0;
    // [segment.publish] acquire: the words and bytes of chunks below it are there.
    return std::min(entry(kind).chunks_published.load(std::memory_order_acquire), constants.chunks_max);
}

std::uint64_t SegmentView::chunk_word(SectionKind kind, std::uint32_t chunk) const {
    if (chunk >= chunks_published(kind)) return 0;
    const auto* words = reinterpret_cast<const ChunkWord*>(data_ + section(kind).directory_offset);
    return words[chunk].load(std::memory_order_acquire);  // [segment.publish]
}

std::uint32_t SegmentView::record_bytes(SectionKind kind) const {
    return section(kind).record_bytes;
}

std::uint32_t SegmentView::records_count(SectionKind kind) const {
    const std::uint64_t room = std::uint64_t{chunks_published(kind)} * section(kind).records_per_chunk;
    if (room == 0) return 0;
    const std::uint32_t used = entry(kind).records_used.load(std::memory_order_acquire);  // [segment.publish]
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(used, room));
}

const std::byte* SegmentView::record(SectionKind kind, std::uint32_t index, std::uint32_t least_bytes) const {
    const Section& constants = section(kind);
    if (constants.record_bytes < least_bytes || index >= records_count(kind)) return nullptr;
    const std::uint64_t word = chunk_word(kind, index / constants.records_per_chunk);
    if (chunk_state(word) != ChunkState::kLive) return nullptr;
    const std::uint64_t offset = chunk_offset_bytes(word);
    if (offset > bytes_ || constants.chunk_bytes() > bytes_ - offset) return nullptr;
    return data_ + offset + std::uint64_t{index % constants.records_per_chunk} * constants.record_bytes;
}

std::uint32_t SegmentView::run_length(SectionKind kind, std::uint32_t index) const {
    const std::uint32_t count = records_count(kind);
    if (index >= count || record(kind, index, 1) == nullptr) return 0;
    const std::uint32_t per_chunk = section(kind).records_per_chunk;
    return std::min(per_chunk - index % per_chunk, count - index);
}

std::uint64_t SegmentView::needs_bytes() const {
    std::uint64_t needed = kPageBytes;
    for (std::uint32_t number = 1; number < kSectionsMax; ++number) {
        const auto kind = static_cast<SectionKind>(number);
        const std::uint32_t chunks = chunks_published(kind);
        for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
            const std::uint64_t word = chunk_word(kind, chunk);
            if (chunk_state(word) != ChunkState::kLive) continue;
            needed = std::max(needed, chunk_offset_bytes(word) + section(kind).chunk_bytes());
        }
    }
    return needed;
}

std::string_view SegmentView::string(std::uint32_t index) const {
    const std::uint32_t run = run_length(SectionKind::kStrings, index);
    const std::byte* start = record(SectionKind::kStrings, index, 1);
    if (section(SectionKind::kStrings).record_bytes != 1 || start == nullptr || run < kStringHeaderBytes)
        return {};
    const std::uint32_t length = static_cast<std::uint32_t>(start[0]) | static_cast<std::uint32_t>(start[1])
                                                                            << 8;
    if (length > kStringLengthMax || length > run - kStringHeaderBytes) return {};
    return {reinterpret_cast<const char*>(start) + kStringHeaderBytes, length};
}

}  // namespace coroscope::wire
