// From columns to slots: see event_columns.h. Bounds first: what a column may unpack to follows from its number of rows,
// and that from kChunkSlotsMax.
#include "traces/event_columns.h"

#include <array>
#include <cstring>
#include <memory>

#include "traces/event_fields.h"
#include "traces/packing.h"

namespace coroscope::traces {
namespace {

using wire::EventSlot;
using wire::EventType;

// What is needed for chunk after chunk; 1 to 3 MiB a thread that decodes.
struct DecodingShop {
    EventPredictor predictor;
    std::array<Bytes, kColumnsCount> columns;
    std::vector<std::uint64_t> ticks;
};
DecodingShop& decoding_shop() {
    thread_local const auto mine = std::make_unique<DecodingShop>();
    return *mine;
}

base::Error broken(const char* what) {
    return base::error(base::ErrorCode::kCorrupt, what);
}

// The head and the entries of a payload, checked against each other and against its length.
struct Layout {
    ColumnsHead head{};
    std::array<ColumnEntry, kColumnsCount> entries{};
    std::array<std::size_t, kColumnsCount> offsets{};

    static std::uint64_t unpacked_max(std::size_t column, const ColumnsHead& head) {
        switch (static_cast<Column>(column)) {
            case Column::kKinds:
                return head.kinds * sizeof(EventKind);
            case Column::kKind:
                return head.rows;
            case Column::kExt48:
            case Column::kExt64:
                return std::uint64_t{head.exts} * 9 + 1;
            default:
                return std::uint64_t{head.rows} * 9 + 1;
        }
    }

    // `columns`: how many of the frames must lie in `payload`.
    base::Status read(const ChunkHeader& header, BytesView payload, std::size_t columns) {
        if (payload.size() < kColumnsHeadBytes ||
            checksum(payload.data(), kColumnsHeadBytes) != header.payload_hash)
            return broken("the table of its columns is damaged");
        std::memcpy(&head, payload.data(), sizeof head);
        std::memcpy(entries.data(), payload.data() + sizeof head, sizeof entries);
        if (std::uint64_t{head.rows} + head.exts > kChunkSlotsMax || head.kinds > EventPredictor::kKindsMax)
            return broken("it claims more events than a chunk holds");
        std::uint64_t offset = kColumnsHeadBytes;
        for (std::size_t i = 0; i < kColumnsCount; ++i) {
            if (entries[i].column != i || entries[i].unpacked_bytes > unpacked_max(i, head))
                return broken("the table of its columns makes no sense");
            offsets[i] = offset;
            offset += entries[i].stored_bytes;
            if (offset > header.payload_bytes || (i < columns && offset > payload.size()))
                return broken("its columns are longer than the chunk");
        }
        return base::ok_status();
    }
    BytesView stored(BytesView payload, Column column) const {
        const auto i = static_cast<std::size_t>(column);
        return payload.subspan(offsets[i], entries[i].stored_bytes);
    }
    base::Status unpack(BytesView payload, Column column, Bytes& to) const {
        const ColumnEntry& entry = entries[static_cast<std::size_t>(column)];
        const BytesView frame = stored(payload, column);
        if (checksum(frame.data(), frame.size()) != entry.hash) return broken("a column is damaged");
        to.resize(entry.unpacked_bytes + kValueSlackBytes);
        return unpack_into(entry.compression, frame, std::span<std::uint8_t>(to.data(), entry.unpacked_bytes));
    }
    BytesView unpacked(Column column, const Bytes& bytes) const {
        return BytesView(bytes).first(entries[static_cast<std::size_t>(column)].unpacked_bytes);
    }
};

// The dictionary, and a byte for each kind that a row may name.
base::Status read_kinds(const Layout& layout, BytesView payload, Bytes& bytes,
                        std::array<EventKind, 256>& kinds) {
    const base::Status unpacked = layout.unpack(payload, Column::kKinds, bytes);
    if (!unpacked.ok()) return unpacked;
    if (layout.unpacked(Column::kKinds, bytes).size() != layout.head.kinds * sizeof(EventKind))
        return broken("its dictionary is cut off");
    kinds.fill({});
    std::memcpy(kinds.data(), bytes.data(), layout.head.kinds * sizeof(EventKind));
    for (std::size_t i = 0; i < layout.head.kinds; ++i) {
        if (kinds[i].exts > kRowExtsMax) return broken("its dictionary makes no sense");
    }
    return base::ok_status();
}

base::Status read_stamps(const Layout& layout, BytesView payload, std::uint64_t context_ticks, Bytes& bytes,
                         std::vector<std::uint64_t>& ticks) {
    const base::Status unpacked = layout.unpack(payload, Column::kStamp, bytes);
    if (!unpacked.ok()) return unpacked;
    const std::size_t rows = layout.head.rows;
    ValueReader<kStampLengths> reader;
    if (!reader.begin(layout.unpacked(Column::kStamp, bytes), rows))
        return broken("its stamps have the wrong length");
    ticks.resize(rows + 4);
    reader.all(rows, ticks.data());
    std::uint64_t full = context_ticks;
    const auto base = static_cast<std::uint64_t>(layout.head.stamp_base);
    for (std::size_t i = 0; i < rows; ++i)
        ticks[i] = full += ticks[i] + base;
    return base::ok_status();
}

}  // namespace

base::Result<ScannedEvents> ColumnScanner::scan(const ChunkHeader& header, BytesView payload) {
    Layout layout;
    base::Status status = layout.read(header, payload, kScanColumns);
    std::array<EventKind, 256> kinds;
    if (status.ok()) status = read_kinds(layout, payload, kind_column_, kinds);
    if (status.ok()) status = layout.unpack(payload, Column::kKind, kind_column_);
    if (status.ok()) status = read_stamps(layout, payload, header.context_ticks, stamp_column_, ticks_);
    if (!status.ok()) return status.error();
    const BytesView numbers = layout.unpacked(Column::kKind, kind_column_);
    if (numbers.size() != layout.head.rows) return broken("its kinds of event have the wrong length");
    std::array<EventType, 256> types;
    for (std::size_t i = 0; i < types.size(); ++i)
        types[i] = static_cast<EventType>(kinds[i].type);
    types_.resize(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i)
        types_[i] = types[numbers[i]];
    return ScannedEvents{std::span(ticks_).first(numbers.size()), types_};
}

base::Status decode_event_columns(const ChunkHeader& header, BytesView payload, std::vector<EventSlot>& slots) {
    DecodingShop& shop = decoding_shop();
    Layout layout;
    base::Status status = layout.read(header, payload, kColumnsCount);
    std::array<EventKind, 256> kinds;
    const auto column = [&](Column which) -> Bytes& { return shop.columns[static_cast<std::size_t>(which)]; };
    if (status.ok()) status = read_kinds(layout, payload, column(Column::kKinds), kinds);
    for (const Column which :
         {Column::kKind, Column::kObject, Column::kArgument, Column::kExt48, Column::kExt64}) {
        if (status.ok()) status = layout.unpack(payload, which, column(which));
    }
    if (status.ok())
        status = read_stamps(layout, payload, header.context_ticks, column(Column::kStamp), shop.ticks);
    if (!status.ok()) return status;
    const BytesView numbers = layout.unpacked(Column::kKind, column(Column::kKind));
    const std::size_t rows = layout.head.rows;
    std::size_t exts = 0;
    std::uint8_t number_max = 0;
    for (const std::uint8_t number : numbers) {
        exts += kinds[number].exts;
        number_max = std::max(number_max, number);
    }
    const auto view = [&](Column which) { return layout.unpacked(which, column(which)); };
    FieldReader fields;
    if (numbers.size() != rows || exts != layout.head.exts || (rows > 0 && number_max >= layout.head.kinds) ||
        !fields.objects.begin(view(Column::kObject), rows) ||
        !fields.arguments.begin(view(Column::kArgument), rows) ||
        !fields.ext48s.begin(view(Column::kExt48), exts) || !fields.ext64s.begin(view(Column::kExt64), exts))
        return broken("its columns have the wrong length");
    slots.resize(rows + exts);
    shop.predictor.begin(rows);
    EventSlot* to = slots.data();
    for (std::size_t i = 0; i < rows; ++i) {
        const EventKind kind = kinds[numbers[i]];
        EventRow row;
        shop.predictor.take(fields, numbers[i], kind, row);
        *to++ = wire::make_slot(shop.ticks[i], static_cast<EventType>(kind.type), 0,
                                wire::make_word1(row.object, row.argument));
        for (unsigned k = 0; k < kind.exts; ++k)
            *to++ = wire::make_slot(row.ext48[k], EventType::kExt, 0, row.ext64[k]);
    }
    return base::ok_status();
}

base::Result<std::vector<EventSlot>> decode_event_columns(const ChunkHeader& header, BytesView payload) {
    std::vector<EventSlot> slots;
    const base::Status decoded = decode_event_columns(header, payload, slots);
    if (!decoded.ok()) return decoded.error();
    return slots;
}

bool event_columns_whole(const ChunkHeader& header, BytesView payload) {
    Layout layout;
    if (!layout.read(header, payload, kColumnsCount).ok()) return false;
    for (std::size_t i = 0; i < kColumnsCount; ++i) {
        const BytesView frame = layout.stored(payload, static_cast<Column>(i));
        if (checksum(frame.data(), frame.size()) != layout.entries[i].hash) return false;
    }
    return true;
}

}  // namespace coroscope::traces
