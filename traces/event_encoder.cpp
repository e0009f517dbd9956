// From slots to columns: see event_columns.h.
#include <array>
#include <cstring>
#include <memory>

#include "traces/event_columns.h"
#include "traces/event_fields.h"
#include "traces/packing.h"

namespace coroscope::traces {
namespace {

using wire::EventSlot;
using wire::EventType;

constexpr std::size_t kFewEvents = 64;  // a chunk of so few is not worth a frame a column

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

// What is needed for chunk after chunk; 1 to 3 MiB a thread that encodes.
struct EncodingShop {
    EventPredictor predictor;
    FieldWriter fields;
    ValueWriter<kStampLengths> stamps;
    std::vector<std::int64_t> differences;
    std::array<Bytes, kColumnsCount> columns;
};
EncodingShop& encoding_shop() {
    thread_local const auto mine = std::make_unique<EncodingShop>();
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
        kinds_of_rows.resize(rows);
        shop_.differences.resize(rows);
        std::uint8_t* next_kind = kinds_of_rows.data();
        std::int64_t* next_difference = shop_.differences.data();
        shop_.predictor.begin(rows);
        shop_.fields.objects.begin(rows);
        shop_.fields.arguments.begin(rows);
        shop_.fields.ext48s.begin(slots_.size() - rows);
        shop_.fields.ext64s.begin(slots_.size() - rows);
        std::uint64_t full = context_ticks_;
        EventRow row;  // of EXT words, only those of its kind are looked at
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
            row.object = wire::slot_object(head);
            row.argument = wire::slot_argument(head);
            for (std::size_t i = 0; i < exts; ++i) {
                row.ext48[i] = wire::slot_stamp(slots_[at + 1 + i]);
                row.ext64[i] = slots_[at + 1 + i].word1;
            }
            shop_.predictor.take(shop_.fields, number, kinds_[number], row);
            *next_kind++ = static_cast<std::uint8_t>(number);
            *next_difference++ = difference;
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

    EncodingShop& shop_ = encoding_shop();
    const std::span<const EventSlot> slots_;
    const std::uint64_t context_ticks_;
    std::vector<EventKind> kinds_;
    std::array<std::uint8_t, 256 * (kRowExtsMax + 1)> number_of_{};  // 0 = none yet
    std::int64_t smallest_ = 0;
};

}  // namespace

std::optional<EncodedColumns> encode_event_columns(std::span<const EventSlot> slots,
                                                   std::uint64_t context_ticks, Compression wish) {
    if (slots.size() > kChunkSlotsMax) return std::nullopt;
    Encoder encoder(slots, context_ticks);
    if (!encoder.run()) return std::nullopt;
    return encoder.pack_all(wish);
}

}  // namespace coroscope::traces
