// Finding the segment, and copying what was dumped of it.
#include "instrumentation/inspect/core_state.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/segment_view.h"

namespace coroscope::inspect {
namespace {

using base::ErrorCode;

// Where the segment lay; nothing when the core has none. A viewer's own mappings of others' segments are read-only.
std::optional<std::uint64_t> segment_address(const CoreFile& core) {
    for (const CoreFile::Segment& segment : core.segments()) {
        std::uint64_t magic = 0;
        if (segment.writable && segment.file_bytes >= wire::kPageBytes &&
            core.read(segment.address, &magic, sizeof magic) == sizeof magic && magic == wire::kSegmentMagic)
            return segment.address;
    }
    return std::nullopt;
}

base::Error no_segment(const CoreFile& core) {
    const std::string name = std::string("/memfd:") + wire::kStateMemfdName;
    const bool mapped = std::any_of(core.mappings().begin(), core.mappings().end(),
                                    [&](const CoreFile::Mapping& mapping) { return mapping.path == name; });
    if (core.cut_off_bytes() != 0)
        return base::error(
            ErrorCode::kUnreadable,
            core.path() +
                " is cut off before the program's state plane: raise `ulimit -c`, or make room on the disk");
    if (mapped)
        return base::error(
            ErrorCode::kUnreadable,
            core.path() +
                " lacks the program's state plane, which is shared memory: let cores contain that "
                "(/proc/PID/coredump_filter 0x33)");
    return base::error(
        ErrorCode::kUnreadable,
        core.path() + " is of a program without a CPrime runtime: there is nothing of coroutines in it");
}

// Copies what the core holds of [address + from, address + to) to data + from.
void copy(const CoreFile& core, std::uint64_t address, std::uint64_t from, std::uint64_t to,
          std::uint8_t* data) {
    static constexpr std::uint8_t kZeros[wire::kPageBytes] = {};
    std::vector<std::uint8_t> buffer(256 * wire::kPageBytes);
    while (from < to) {
        from = core.next_data(address + from, address + to) - address;
        const std::size_t got = core.read(address + from, buffer.data(),
                                          std::min<std::uint64_t>(buffer.size(), to - from));
        if (got == 0) break;
        // Pages of zeros stay holes: windows are dumped whole, and most of them is empty.
        for (std::size_t page = 0; page < got; page += wire::kPageBytes) {
            const std::size_t bytes = std::min<std::size_t>(wire::kPageBytes, got - page);
            if (std::memcmp(&buffer[page], kZeros, bytes) != 0)
                std::memcpy(data + from + page, &buffer[page], bytes);
        }
        from += got;
    }
}

base::Result<SharedMapping> copy_segment(const CoreFile& core, std::uint64_t address, std::uint64_t bytes) {
    return SharedMapping::of_copy(
        bytes, [&](std::uint8_t* data) { copy(core, address, 0, bytes, data); },
        "the state segment of " + core.path());
}

// How far header and chunk directories reach, by the header's word.
std::uint64_t directories_end(const wire::SegmentHeader& header) {
    std::uint64_t end = wire::kPageBytes;
    for (const wire::SectionEntry& entry : header.sections) {
        if (entry.kind == wire::SectionKind::kNothing || entry.directory_offset > wire::kStateReservationBytes)
            continue;
        end = std::max(end,
                       entry.directory_offset + std::uint64_t{entry.chunks_max} * sizeof(wire::ChunkWord));
    }
    return end;
}

// Takes live chunks that the core does not hold out of the directories of a copy: what would be read there was never anybody's record.
// Returns their bytes; nothing when the chunks that it holds are more than the file can, so that many words name one chunk.
std::optional<std::uint64_t> drop_missing_chunks(const CoreFile& core, std::uint64_t address,
                                                 const wire::SegmentView& view, std::uint8_t* data) {
    std::uint64_t missing = 0;
    std::uint64_t held = 0;
    for (std::uint32_t number = 1; number < wire::kSectionsMax; ++number) {
        const auto kind = static_cast<wire::SectionKind>(number);
        const std::uint32_t count = view.records_count(kind);
        const wire::SectionEntry& entry = view.header().sections[number];
        for (std::uint64_t index = 0; index < count; index += entry.records_per_chunk) {
            const std::byte* chunk = view.record(kind, static_cast<std::uint32_t>(index), 1);
            if (chunk == nullptr) continue;
            const std::uint64_t bytes = std::uint64_t{entry.record_bytes} * entry.records_per_chunk;
            const auto offset = static_cast<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(chunk) - data);
            if (core.holds(address + offset, bytes)) {
                held += bytes;
                continue;
            }
            missing += bytes;
            const std::uint64_t word = wire::make_chunk_word(offset, wire::ChunkState::kAbsent);
            std::memcpy(data + entry.directory_offset + index / entry.records_per_chunk * sizeof word, &word,
                        sizeof word);
        }
    }
    if (held > core.file_bytes()) return std::nullopt;
    return missing;
}

base::Error unreadable(const CoreFile& core, const base::Error& why) {
    return base::error(why.code, core.path() + " cannot be read: " + why.message);
}

base::Error corrupt(const CoreFile& core, const char* how) {
    return base::error(ErrorCode::kCorrupt, core.path() + " cannot be read: its state segment " + how);
}

// How many bytes the segment has, as its directories say.
base::Result<std::uint64_t> segment_bytes(const CoreFile& core, std::uint64_t address) {
    auto page = copy_segment(core, address, wire::kPageBytes);
    if (!page) return page.error();
    // Of another version it may lie differently, so that is asked first.
    const auto version = wire::SegmentView::open(page->data(), page->bytes());
    if (!version && version.error().code == ErrorCode::kVersion) return unreadable(core, version.error());
    const std::uint64_t end = directories_end(*page->at<wire::SegmentHeader>(0));
    if (!core.holds(address, end)) return corrupt(core, "is cut off within its directories");
    auto directories = copy_segment(core, address, end);
    if (!directories) return directories.error();
    const auto view = wire::SegmentView::open(directories->data(), directories->bytes());
    if (!view) return unreadable(core, view.error());
    const std::uint64_t bytes = std::max(end, view->needs_bytes());
    if (bytes > wire::kStateReservationBytes) return corrupt(core, "is larger than any can be");
    return bytes;
}

}  // namespace

base::Result<CoreState> open_core_state(const CoreFile& core) {
    const auto address = segment_address(core);
    if (!address) return no_segment(core);
    const auto bytes = segment_bytes(core, *address);
    if (!bytes) return bytes.error();
    std::optional<std::uint64_t> missing;
    auto mapping = SharedMapping::of_copy(
        *bytes,
        [&](std::uint8_t* data) {
            copy(core, *address, 0, *bytes, data);
            const auto view = wire::SegmentView::open(data, *bytes);
            if (view.ok()) missing = drop_missing_chunks(core, *address, *view, data);
        },
        "the state segment of " + core.path());
    if (!mapping) return mapping.error();
    if (!missing) return corrupt(core, "names one chunk many times");
    auto reader = StateReader::open(std::move(*mapping), core.path());
    if (!reader) return reader.error();
    return CoreState{std::move(*reader), *missing};
}

}  // namespace coroscope::inspect
