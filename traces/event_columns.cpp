// See event_columns.h. Bounds first: what a column may unpack to follows from its number of rows, and that from kChunkSlotsMax.
#include "traces/event_columns.h"

#include <array>
#include <cstring>
#include <memory>

#include "traces/bytes.h"
#include "traces/packing.h"
#include "traces/value_stream.h"

namespace coroscope::traces {
namespace {

using wire::EventSlot;
using wire::EventType;

constexpr std::uint32_t kStampLengths = 0x6321;
constexpr std::uint32_t kFieldLengths = 0x4210;
constexpr std::uint32_t kExt48Lengths = 0x6310;
constexpr std::uint32_t kExt64Lengths = 0x8410;
constexpr std::size_t kFewEvents = 64;  // a chunk of so few is not worth a frame a column

std::int64_t signed48(std::uint64_t value) {
    return static_cast<std::int64_t>(value << 16) >> 16;
}
std::uint32_t zigzag32(std::uint32_t difference) {
    return (difference << 1) ^ static_cast<std::uint32_t>(static_cast<std::int32_t>(difference) >> 31);
}
std::uint32_t unzigzag32(std::uint32_t value) {
    return (value >> 1) ^ (0U - (value & 1));
}

// How an event's fields are guessed. This is the only place where the format's writer knows what an event means.
EventKind kind_of(EventType type, std::uint8_t exts) {
    constexpr auto object_of = [](std::uint8_t family) {
        return static_cast<std::uint8_t>(static_cast<std::uint8_t>(CountOf::kObject) | family << 4);
    };
    EventKind kind{static_cast<std::uint8_t>(type), exts, 0, 0};
    switch (type) {
        case EventType::kResume:
            kind.effect = kBecomesCurrent;
            kind.count_of = object_of(0);
            break;
        case EventType::kExit:
            kind.effect = kEndsCurrent;
            kind.count_of = object_of(0);
            break;
        case EventType::kWake:
        case EventType::kPause:
        case EventType::kUnpause:
            kind.count_of = object_of(0);
            break;
        case EventType::kSuspend:
            kind.effect = kEndsCurrent;
            kind.count_of = static_cast<std::uint8_t>(CountOf::kCurrent);
            break;
        case EventType::kSync:
            kind.effect = kBecomesCurrent;
            break;
        case EventType::kChannelSend:
        case EventType::kChannelReceive:
        case EventType::kChannelBlock:
        case EventType::kChannelClose:
        case EventType::kChannelDestroy:
        case EventType::kSelectArm:
            kind.count_of = object_of(1);
            break;
        case EventType::kLockAcquire:
        case EventType::kLockRelease:
        case EventType::kNotify:
        case EventType::kWaitableDestroy:
            kind.count_of = object_of(2);
            break;
        default:
            break;
    }
    return kind;
}

struct FieldWriter {
    ValueWriter<kFieldLengths> objects, arguments;
    ValueWriter<kExt48Lengths> ext48s;
    ValueWriter<kExt64Lengths> ext64s;

    template <typename Writer>
    static void field32(Writer& to, std::uint32_t guess, std::uint32_t last, std::uint32_t value) {
        if (value == guess) return to.put_nothing();
        to.put(zigzag32(value - last), 1);
    }
    void object(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        field32(objects, guess, last, value);
    }
    void argument(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        field32(arguments, guess, last, value);
    }
    void count(std::uint32_t guess, std::uint32_t& value) {
        if (value == guess) return arguments.put_nothing();
        const std::uint32_t low = zigzag32((value - guess) << 8) >> 8;  // of 24 bits
        arguments.put((low & 0xffffff) | ((value ^ guess) & 0xff000000), 1);
    }
    void ext48(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        if (value == (guess & wire::kStampMask)) return ext48s.put_nothing();
        ext48s.put(zigzag(signed48(value - last)) & wire::kStampMask, 1);
    }
    void ext64(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        if (value == guess) return ext64s.put_nothing();
        ext64s.put(zigzag(static_cast<std::int64_t>(value - last)), 1);
    }
};

struct FieldReader {
    ValueReader<kFieldLengths> objects, arguments;
    ValueReader<kExt48Lengths> ext48s;
    ValueReader<kExt64Lengths> ext64s;

    void object(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        value = field32(objects, guess, last);
    }
    void argument(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        value = field32(arguments, guess, last);
    }
    template <typename Reader>
    static std::uint32_t field32(Reader& from, std::uint32_t guess, std::uint32_t last) {
        unsigned value_class = 0;
        const auto stored = static_cast<std::uint32_t>(from.next(value_class));
        return value_class == 0 ? guess : last + unzigzag32(stored);
    }
    void count(std::uint32_t guess, std::uint32_t& value) {
        unsigned value_class = 0;
        const auto stored = static_cast<std::uint32_t>(arguments.next(value_class));
        const std::uint32_t low = guess + unzigzag32(stored & 0xffffff);
        value = value_class == 0 ? guess : (low & 0xffffff) | ((stored ^ guess) & 0xff000000);
    }
    void ext48(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        unsigned value_class = 0;
        const std::uint64_t stored = ext48s.next(value_class);
        const std::uint64_t other = last + static_cast<std::uint64_t>(unzigzag(stored));
        value = (value_class == 0 ? guess : other) & wire::kStampMask;
    }
    void ext64(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        unsigned value_class = 0;
        const std::uint64_t stored = ext64s.next(value_class);
        value = value_class == 0 ? guess : last + static_cast<std::uint64_t>(unzigzag(stored));
    }
};

// What both directions need again and again; 0.7 MiB a thread that encodes or decodes.
struct Workshop {
    EventPredictor predictor;
    FieldWriter fields;
    ValueWriter<kStampLengths> stamps;
    std::vector<std::int64_t> differences;
    std::array<Bytes, kColumnsCount> columns;
    std::vector<std::uint64_t> ticks;
};
Workshop& workshop() {
    thread_local const auto mine = std::make_unique<Workshop>();
    return *mine;
}

class Encoder {
public:
    Encoder(std::span<const EventSlot> slots, std::uint64_t context_ticks)
        : slots_(slots), context_ticks_(context_ticks) {}

    // False when the slots make no rows.
    bool run() {
        number_of_.fill(0);
        std::size_t rows = 0;
        for (const EventSlot slot : slots_)
            rows += wire::slot_type(slot) == EventType::kExt ? 0 : 1;
        Bytes& kinds_of_rows = shop_.columns[static_cast<std::size_t>(Column::kKind)];
        kinds_of_rows.clear();
        kinds_of_rows.reserve(rows);
        shop_.differences.clear();
        shop_.differences.reserve(rows);
        shop_.predictor.begin(rows);
        shop_.fields.objects.begin(rows);
        shop_.fields.arguments.begin(rows);
        shop_.fields.ext48s.begin(slots_.size() - rows);
        shop_.fields.ext64s.begin(slots_.size() - rows);
        std::uint64_t full = context_ticks_;
        for (std::size_t at = 0; at < slots_.size();) {
            const EventSlot head = slots_[at];
            std::size_t exts = 0;
            while (at + 1 + exts < slots_.size() && wire::slot_type(slots_[at + 1 + exts]) == EventType::kExt)
                ++exts;
            const EventType type = wire::slot_type(head);
            if (type == EventType::kExt || exts > kRowExtsMax) return false;
            const std::int64_t difference = signed48(wire::slot_stamp(head) - full);
            full += static_cast<std::uint64_t>(difference);
            if (type == EventType::kSync && exts > 0 && !continues(full, slots_[at + 1].word1)) return false;
            const unsigned number = number_of(type, static_cast<std::uint8_t>(exts));
            if (number >= EventPredictor::kKindsMax) return false;
            EventRow row;
            row.object = wire::slot_object(head);
            row.argument = wire::slot_argument(head);
            for (std::size_t i = 0; i < exts; ++i) {
                row.ext48[i] = wire::slot_stamp(slots_[at + 1 + i]);
                row.ext64[i] = slots_[at + 1 + i].word1;
            }
            shop_.predictor.take(shop_.fields, number, kinds_[number], row);
            kinds_of_rows.push_back(static_cast<std::uint8_t>(number));
            shop_.differences.push_back(difference);
            smallest_ = std::min(smallest_, difference);
            at += 1 + exts;
        }
        return true;
    }

    EncodedColumns pack_all(Compression wish) {
        const std::size_t rows = shop_.differences.size();
        shop_.stamps.begin(rows);
        for (const std::int64_t difference : shop_.differences)
            shop_.stamps.put(static_cast<std::uint64_t>(difference - smallest_));
        const auto column = [&](Column which) -> Bytes& {
            return shop_.columns[static_cast<std::size_t>(which)];
        };
        for (const Column which :
             {Column::kStamp, Column::kObject, Column::kArgument, Column::kExt48, Column::kExt64})
            column(which).clear();
        const auto* kinds = reinterpret_cast<const std::uint8_t*>(kinds_.data());
        column(Column::kKinds).assign(kinds, kinds + kinds_.size() * sizeof(EventKind));
        shop_.stamps.append_to(column(Column::kStamp));
        shop_.fields.objects.append_to(column(Column::kObject));
        shop_.fields.arguments.append_to(column(Column::kArgument));
        shop_.fields.ext48s.append_to(column(Column::kExt48));
        shop_.fields.ext64s.append_to(column(Column::kExt64));

        ColumnsHead head{};
        head.rows = static_cast<std::uint32_t>(rows);
        head.exts = static_cast<std::uint32_t>(slots_.size() - rows);
        head.kinds = static_cast<std::uint16_t>(kinds_.size());
        head.stamp_base = smallest_;
        EncodedColumns encoded;
        std::array<ColumnEntry, kColumnsCount> entries{};
        encoded.payload.resize(kColumnsHeadBytes);
        for (std::size_t i = 0; i < kColumnsCount; ++i) {
            const std::size_t begin = encoded.payload.size();
            const Compression used = pack_onto(encoded.payload, shop_.columns[i],
                                               rows < kFewEvents ? Compression::kNone : wish);
            entries[i].column = static_cast<std::uint8_t>(i);
            entries[i].compression = used;
            entries[i].stored_bytes = static_cast<std::uint32_t>(encoded.payload.size() - begin);
            entries[i].unpacked_bytes = static_cast<std::uint32_t>(shop_.columns[i].size());
            entries[i].hash = checksum(encoded.payload.data() + begin, entries[i].stored_bytes);
            encoded.unpacked_bytes += entries[i].unpacked_bytes;
            if (i + 1 == kScanColumns) encoded.scan_bytes = encoded.payload.size();
        }
        std::memcpy(encoded.payload.data(), &head, sizeof head);
        std::memcpy(encoded.payload.data() + sizeof head, entries.data(), sizeof entries);
        encoded.unpacked_bytes += kColumnsHeadBytes;
        return encoded;
    }

private:
    // Whether a SYNC's full stamp is that which the stamps before it lead to.
    static bool continues(std::uint64_t full, std::uint64_t said) {
        return full == said + static_cast<std::uint64_t>(signed48(full - said));
    }
    unsigned number_of(EventType type, std::uint8_t exts) {
        std::uint8_t& number = number_of_[static_cast<std::size_t>(type) * (kRowExtsMax + 1) + exts];
        if (number == 0) {
            if (kinds_.size() == EventPredictor::kKindsMax) return EventPredictor::kKindsMax;
            kinds_.push_back(kind_of(type, exts));
            number = static_cast<std::uint8_t>(kinds_.size());
        }
        return number - 1U;
    }

    Workshop& shop_ = workshop();
    const std::span<const EventSlot> slots_;
    const std::uint64_t context_ticks_;
    std::vector<EventKind> kinds_;
    std::array<std::uint8_t, 256 * (kRowExtsMax + 1)> number_of_{};  // 0 = none yet
    std::int64_t smallest_ = 0;
};

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

std::optional<EncodedColumns> encode_event_columns(std::span<const EventSlot> slots,
                                                   std::uint64_t context_ticks, Compression wish) {
    if (slots.size() > kChunkSlotsMax) return std::nullopt;
    Encoder encoder(slots, context_ticks);
    if (!encoder.run()) return std::nullopt;
    return encoder.pack_all(wish);
}

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
    Workshop& shop = workshop();
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
