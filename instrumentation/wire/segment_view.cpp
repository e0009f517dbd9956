// Bounds, bounds, bounds: nothing read from the segment is used before it was compared with the mapping.
#include "instrumentation/wire/segment_view.h"

#include <algorithm>
#include <bit>
#include <string>

#include "instrumentation/wire/strings.h"

namespace coroscope::wire {
namespace {

using base::ErrorCode;

// The record sizes this build knows; a newer minor version may have longer records, never shorter ones.
bool plausible(const SectionEntry& entry, std::uint64_t bytes) {
  if (entry.record_bytes == 0 || entry.record_bytes > (1U << 20)) return false;
  if (!std::has_single_bit(entry.records_per_chunk) || entry.records_per_chunk > (1U << 20)) return false;
  if (entry.chunks_max > (1U << 26) || entry.directory_offset % sizeof(ChunkWord) != 0) return false;
  const std::uint64_t directory_bytes = std::uint64_t{entry.chunks_max} * sizeof(ChunkWord);
  return entry.directory_offset >= kPageBytes && entry.directory_offset <= bytes &&
         directory_bytes <= bytes - entry.directory_offset;
}

std::uint64_t chunk_bytes(const SectionEntry& entry) {
  return std::uint64_t{entry.records_per_chunk} * entry.record_bytes;
}

}  // namespace

base::Result<SegmentView> SegmentView::open(const void* data, std::uint64_t bytes) {
  if (bytes < kPageBytes)
    return base::error(ErrorCode::kCorrupt, "the state segment is shorter than its header");
  const auto* header = static_cast<const SegmentHeader*>(data);
  if (header->magic != kSegmentMagic) {
    return base::error(ErrorCode::kCorrupt, "the state segment does not begin with its magic number");
  }
  if (header->version_major != kWireMajor) {
    const bool newer = header->version_major > kWireMajor;
    return base::error(ErrorCode::kVersion,
                       "the program's runtime speaks version " + std::to_string(header->version_major) +
                           " of the segment and this coroscope version " + std::to_string(kWireMajor) +
                           ": upgrade " +
                           (newer ? "coroscope" : "the runtime that the program is linked with"));
  }
  for (std::uint32_t kind = 1; kind < kSectionsMax; ++kind) {
    const SectionEntry& entry = header->sections[kind];
    if (entry.kind == SectionKind::kNothing) continue;
    if (static_cast<std::uint32_t>(entry.kind) != kind || !plausible(entry, bytes)) {
      return base::error(ErrorCode::kCorrupt,
                         "section " + std::to_string(kind) + " of the state segment is broken");
    }
  }
  SegmentView view;
  view.data_ = static_cast<const std::byte*>(data);
  view.bytes_ = bytes;
  return view;
}

const SectionEntry* SegmentView::section(SectionKind kind) const {
  const auto index = static_cast<std::uint32_t>(kind);
  if (data_ == nullptr || index >= kSectionsMax) return nullptr;
  const SectionEntry& entry = header().sections[index];
  // Checked again: the bytes may have changed since open().
  return entry.kind == kind && plausible(entry, bytes_) ? &entry : nullptr;
}

std::uint64_t SegmentView::chunk_word(const SectionEntry& entry, std::uint32_t chunk) const {
  // [segment.publish] acquire: the words and bytes of chunks below chunks_published are there.
  if (chunk >= std::min(entry.chunks_published.load(std::memory_order_acquire), entry.chunks_max)) return 0;
  const auto* words = reinterpret_cast<const ChunkWord*>(data_ + entry.directory_offset);
  return words[chunk].load(std::memory_order_acquire);
}

std::uint32_t SegmentView::record_bytes(SectionKind kind) const {
  const SectionEntry* entry = section(kind);
  return entry != nullptr ? entry->record_bytes : 0;
}

std::uint32_t SegmentView::records_count(SectionKind kind) const {
  const SectionEntry* entry = section(kind);
  if (entry == nullptr) return 0;
  const std::uint64_t room =
      std::uint64_t{std::min(entry->chunks_published.load(std::memory_order_acquire), entry->chunks_max)} *
      entry->records_per_chunk;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(entry->records_used.load(std::memory_order_acquire), room));
}

const std::byte* SegmentView::record(SectionKind kind, std::uint32_t index, std::uint32_t least_bytes) const {
  const SectionEntry* entry = section(kind);
  if (entry == nullptr || entry->record_bytes < least_bytes) return nullptr;
  if (index >= entry->records_used.load(std::memory_order_acquire)) return nullptr;
  const std::uint64_t word = chunk_word(*entry, index / entry->records_per_chunk);
  if (chunk_state(word) != ChunkState::kLive) return nullptr;
  const std::uint64_t offset = chunk_offset_bytes(word);
  if (offset > bytes_ || chunk_bytes(*entry) > bytes_ - offset) return nullptr;
  return data_ + offset + std::uint64_t{index % entry->records_per_chunk} * entry->record_bytes;
}

std::uint32_t SegmentView::run_length(SectionKind kind, std::uint32_t index) const {
  const SectionEntry* entry = section(kind);
  if (entry == nullptr || record(kind, index, 1) == nullptr) return 0;
  const std::uint32_t chunk_end = (index / entry->records_per_chunk + 1) * entry->records_per_chunk;
  return std::min(chunk_end, records_count(kind)) - index;
}

std::uint64_t SegmentView::needs_bytes() const {
  std::uint64_t needed = kPageBytes;
  for (std::uint32_t kind = 1; kind < kSectionsMax; ++kind) {
    const SectionEntry* entry = section(static_cast<SectionKind>(kind));
    if (entry == nullptr) continue;
    const std::uint32_t chunks =
        std::min(entry->chunks_published.load(std::memory_order_acquire), entry->chunks_max);
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
      const std::uint64_t word = chunk_word(*entry, chunk);
      if (chunk_state(word) != ChunkState::kLive) continue;
      needed = std::max(needed, chunk_offset_bytes(word) + chunk_bytes(*entry));
    }
  }
  return needed;
}

std::string_view SegmentView::string(std::uint32_t index) const {
  const std::byte* start = record(SectionKind::kStrings, index, 1);
  if (start == nullptr) return {};
  const std::uint32_t run = run_length(SectionKind::kStrings, index);
  if (run < kStringHeaderBytes) return {};
  const std::uint32_t length = static_cast<std::uint32_t>(start[0]) | static_cast<std::uint32_t>(start[1])
                                                                          << 8;
  if (length > kStringLengthMax || length > run - kStringHeaderBytes) return {};
  return {reinterpret_cast<const char*>(start) + kStringHeaderBytes, length};
}

}  // namespace coroscope::wire
