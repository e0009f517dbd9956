// Each chunk is assembled in memory and handed to the medium as a whole.
#include "traces/trace_writer.h"

#include <algorithm>
#include <cstring>

#include "instrumentation/wire/segment.h"
#include "traces/bytes.h"
#include "traces/event_buckets.h"
#include "traces/event_columns.h"
#include "traces/image_codec.h"
#include "traces/packing.h"
#include "traces/ring_log.h"

namespace coroscope::traces {
namespace {

template <typename T>
BytesView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

ChunkHeader plain_header(ChunkType type) {
    ChunkHeader header{};
    header.magic = kChunkMagic;
    header.type = type;
    header.ring = wire::kNone;
    header.context_current = wire::kNone;
    return header;
}

}  // namespace

base::Result<std::unique_ptr<TraceWriter>> TraceWriter::create(const std::string& path, const TraceMeta& meta) {
    auto medium = open_medium(path);
    if (!medium.ok()) return medium.error();
    return create(std::move(*medium), meta);
}

base::Result<std::unique_ptr<TraceWriter>> TraceWriter::create(std::shared_ptr<TraceMedium> medium,
                                                               const TraceMeta& meta) {
    std::unique_ptr<TraceWriter> writer(new TraceWriter(std::move(medium)));
    FileHeader header{};
    std::memcpy(header.magic, kTraceMagic, sizeof header.magic);
    header.version_major = kTraceMajor;
    header.version_minor = kTraceMinor;
    header.wire_major = wire::kWireMajor;
    header.wire_minor = wire::kWireMinor;
    header.segment_nonce = meta.segment_nonce;
    header.start_ticks = meta.start_ticks;
    writer->seed_ = header.hash = checksum(&header, offsetof(FileHeader, hash));
    {
        const std::lock_guard lock(writer->lock_);
        const base::Status written = writer->write_locked(bytes_of(header), 0);
        if (!written.ok()) return written.error();
    }
    const base::Status written = writer->append(plain_header(ChunkType::kMeta), encode_meta(meta),
                                                Compression::kNone);
    if (!written.ok()) return written.error();
    return writer;
}

base::Status TraceWriter::status() const {
    if (failed_.load(std::memory_order_acquire)) return error_;  // [writer.failed]
    return base::ok_status();
}

std::uint64_t TraceWriter::file_bytes() const {
    return offset_.load(std::memory_order_relaxed);
}

std::uint64_t TraceWriter::chunks_count() const {
    return chunks_.load(std::memory_order_relaxed);
}

std::uint64_t TraceWriter::keyframes_count() const {
    return keyframes_.load(std::memory_order_relaxed);
}

std::uint64_t TraceWriter::look_bytes() const {
    return look_bytes_.load(std::memory_order_relaxed);
}

std::uint64_t TraceWriter::events_count() const {
    return events_.load(std::memory_order_relaxed);
}

base::Status TraceWriter::write_locked(BytesView bytes, std::size_t parts_bytes) {
    const base::Status written = medium_->append(bytes, parts_bytes);
    if (!written.ok()) {
        error_ = written.error();
        failed_.store(true, std::memory_order_release);  // [writer.failed]
        return written;
    }
    offset_ += bytes.size();
    return base::ok_status();
}

base::Status TraceWriter::append_stored(ChunkHeader& header, Extras extras, BytesView payload) {
    const std::lock_guard lock(lock_);
    if (failed_.load(std::memory_order_relaxed)) return error_;
    CHECK(!finished_);
    header.number = chunks_;
    header.types_count = static_cast<std::uint16_t>(extras.counts.size());
    header.time_buckets = static_cast<std::uint16_t>(extras.buckets.size());
    header.payload_bytes = payload.size();
    header.header_hash = header_checksum(header, extras.counts, extras.buckets, seed_);
    const auto raw = [](auto rows) {
        return BytesView(reinterpret_cast<const std::uint8_t*>(rows.data()), rows.size_bytes());
    };
    ByteWriter out;
    out.bytes().reserve(sizeof header + extras.counts.size_bytes() + extras.buckets.size_bytes() +
                        payload.size());
    out.put_bytes(bytes_of(header));
    out.put_bytes(raw(extras.counts));
    out.put_bytes(raw(extras.buckets));
    const std::size_t parts_bytes = out.size();
    out.put_bytes(payload);
    const std::uint64_t offset = offset_;
    const base::Status written = write_locked(out.bytes(), parts_bytes);
    if (!written.ok()) return written;
    ++chunks_;
    if (is_look(header.type)) look_bytes_ += out.size();
    if (is_keyframe(header.type)) ++keyframes_;
    if (header.type == ChunkType::kEvents) {
        for (const TypeCount& row : extras.counts)
            events_ += is_bookkeeping(static_cast<wire::EventType>(row.type)) ? 0 : row.count;
    }
    if (!medium_->keeps_everything()) return written;
    const BytesView offset_bytes = bytes_of(offset);
    index_.insert(index_.end(), offset_bytes.begin(), offset_bytes.end());
    const auto parts_end = out.bytes().begin() + static_cast<std::ptrdiff_t>(parts_bytes);
    index_.insert(index_.end(), out.bytes().begin(), parts_end);
    return base::ok_status();
}

base::Status TraceWriter::append(ChunkHeader header, Bytes payload, Compression wish) {
    if (payload.size() > kPayloadBytesMax) {
        return base::error(base::ErrorCode::kInternal,
                           "a " + std::string(chunk_type_name(header.type)) + " of " +
                               std::to_string(payload.size()) +
                               " bytes is too large for a trace; record fewer coroutines at once");
    }
    header.unpacked_bytes = payload.size();
    const Packed packed = pack(std::move(payload), wish);
    header.compression = packed.compression;
    header.payload_hash = checksum(packed.bytes.data(), packed.bytes.size());
    return append_stored(header, {}, packed.bytes);
}

base::Status TraceWriter::add_events(const EventsChunk& chunk, bool hurry) {
    CHECK(chunk.slots.size() <= kChunkSlotsMax);
    if (failed_.load(std::memory_order_acquire)) return error_;  // [writer.failed] nothing is packed for nobody
    ChunkHeader header = plain_header(ChunkType::kEvents);
    header.ring = chunk.ring;
    header.owner = static_cast<std::uint32_t>(chunk.owner);
    header.owner_index = chunk.owner_index;
    header.first_position = chunk.first_position;
    header.ticks_min = chunk.ticks_min;
    header.ticks_max = chunk.ticks_max;
    header.slots_count = static_cast<std::uint32_t>(chunk.slots.size());
    header.events_count = chunk.events_count;
    header.lost_count = chunk.lost_count;
    header.lost_since_ticks = chunk.lost_since_ticks;
    header.context_ticks = chunk.context_ticks;
    header.context_current = chunk.context_current;
    header.context_known = chunk.context_known ? 1 : 0;
    std::vector<TypeCount> counts;
    for (std::size_t type = 0; type < chunk.counts.size(); ++type) {
        if (chunk.counts[type] != 0)
            counts.push_back({static_cast<std::uint8_t>(type), {}, chunk.counts[type]});
    }
    return append_events(header, counts, chunk.slots, hurry ? Compression::kNone : Compression::kLz4);
}

base::Status TraceWriter::add_again(const ChunkHeader& header, Bytes payload) {
    return append(header, std::move(payload), Compression::kZstd);
}

base::Status TraceWriter::add_stored(ChunkHeader header, std::span<const TypeCount> counts,
                                     std::span<const std::uint16_t> buckets, BytesView payload) {
    return append_stored(header, {counts, buckets}, payload);
}

base::Status TraceWriter::add_events_again(ChunkHeader header, std::span<const TypeCount> counts,
                                           std::span<const wire::EventSlot> slots) {
    return append_events(header, counts, slots, Compression::kZstd);
}

base::Status TraceWriter::append_events(ChunkHeader& header, std::span<const TypeCount> counts,
                                        std::span<const wire::EventSlot> slots, Compression wish) {
    const std::vector<std::uint16_t> buckets = count_buckets(header, slots);
    std::optional<EncodedColumns> columns;
    if (wish != Compression::kNone) columns = encode_event_columns(slots, header.context_ticks, wish);
    if (columns) {
        header.layout = EventsLayout::kColumns;
        header.compression = wish;
        header.unpacked_bytes = columns->unpacked_bytes;
        header.scan_bytes = static_cast<std::uint32_t>(columns->scan_bytes);
        header.payload_hash = checksum(columns->payload.data(), kColumnsHeadBytes);
        return append_stored(header, {counts, buckets}, columns->payload);
    }
    header.layout = EventsLayout::kSlots;
    header.scan_bytes = 0;
    const BytesView raw(reinterpret_cast<const std::uint8_t*>(slots.data()), slots.size_bytes());
    header.unpacked_bytes = raw.size();
    if (wish == Compression::kNone) {
        header.compression = wish;
        header.payload_hash = checksum(raw.data(), raw.size());
        return append_stored(header, {counts, buckets}, raw);
    }
    Bytes packed;
    header.compression = pack_onto(packed, raw, wish);
    header.payload_hash = checksum(packed.data(), packed.size());
    return append_stored(header, {counts, buckets}, packed);
}

base::Status TraceWriter::add_keyframe(const inspect::StateImage& image) {
    std::uint64_t strings_begin = 0;
    {
        const std::lock_guard lock(lock_);
        if (failed_.load(std::memory_order_relaxed)) return error_;
        strings_begin = strings_written_;
        strings_written_ = std::max<std::uint64_t>(strings_written_, image.strings.size());
    }
    if (image.strings.size() > strings_begin) {
        ByteWriter strings;
        strings.put(strings_begin);
        strings.put_text(std::string_view(image.strings).substr(strings_begin));
        const base::Status written = append(plain_header(ChunkType::kStrings), std::move(strings.bytes()),
                                            Compression::kZstd);
        if (!written.ok()) return written;
    }
    ChunkHeader header = plain_header(ChunkType::kKeyframe);
    header.ticks_min = image.read_begin_ticks;
    header.ticks_max = image.read_end_ticks;
    if (medium_->keeps_everything()) {
        if (std::optional<Bytes> delta = base_.keyframe(image)) {
            header.type = ChunkType::kKeyframeDelta;
            header.context_ticks = base_.keyframe_ticks();
            return append(header, std::move(*delta), Compression::kZstd);
        }
    }
    return append(header, encode_image(image), Compression::kZstd);
}

base::Status TraceWriter::add_stacks(const inspect::StackSnapshot& stacks, const inspect::StackTable& table) {
    const auto end = static_cast<std::uint32_t>(table.size());
    std::uint32_t first = 0;
    {
        const std::lock_guard lock(lock_);
        if (failed_.load(std::memory_order_relaxed)) return error_;
        first = stacks_written_;
        stacks_written_ = end;
    }
    if (first < end) {
        const base::Status written = append(plain_header(ChunkType::kStackTable),
                                            encode_stack_table(table, first, end), Compression::kZstd);
        if (!written.ok()) return written;
    }
    ChunkHeader header = plain_header(ChunkType::kStacks);
    header.ticks_min = header.ticks_max = stacks.taken_ticks;
    if (medium_->keeps_everything()) {
        if (std::optional<Bytes> delta = base_.stacks(stacks)) {
            header.type = ChunkType::kStacksDelta;
            header.context_ticks = base_.stacks_ticks();
            return append(header, std::move(*delta), Compression::kZstd);
        }
    }
    return append(header, encode_stacks(stacks), Compression::kZstd);
}

base::Status TraceWriter::add_modules(const std::vector<inspect::Module>& modules) {
    return append(plain_header(ChunkType::kModules), encode_modules(modules), Compression::kZstd);
}

base::Status TraceWriter::add_symbols(const Symbols& symbols) {
    return append(plain_header(ChunkType::kSymbols), encode_symbols(symbols), Compression::kZstd);
}

base::Status TraceWriter::add_counts(const Counts& counts) {
    ChunkHeader header = plain_header(ChunkType::kCounts);
    header.ticks_min = header.ticks_max = counts.mark_ticks;
    return append(header, encode_counts(counts), Compression::kZstd);
}

base::Status TraceWriter::finish(const TraceEnd& end) {
    ChunkHeader last_words = plain_header(ChunkType::kEnd);
    last_words.ticks_min = last_words.ticks_max = end.ticks;
    const base::Status said = append(last_words, encode_end(end), Compression::kNone);
    if (!said.ok()) return said;
    std::uint64_t footer_offset = 0;
    Bytes index;
    {
        const std::lock_guard lock(lock_);
        footer_offset = offset_;
        index = index_;
    }
    const base::Status written = append(plain_header(ChunkType::kFooter), std::move(index),
                                        Compression::kZstd);
    if (!written.ok()) return written;
    Trailer trailer{};
    trailer.magic = kTrailerMagic;
    trailer.footer_offset = footer_offset;
    trailer.hash = checksum(&trailer, offsetof(Trailer, hash));
    const std::lock_guard lock(lock_);
    finished_ = true;
    return write_locked(bytes_of(trailer), 0);
}

}  // namespace coroscope::traces
