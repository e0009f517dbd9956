// What an event probably says, from the events before it in its chunk: encoder and decoder guess alike, and only what was guessed wrong is stored.
//
// Two thirds of what events carry is repetition: a coroutine resumes, is suspended at the same place for the same reason on the same object, and its
// change count grows by the same step; who wakes it wakes the same again. So a table keyed by (kind of event, running coroutine) remembers what it
// said last, one keyed by (whose count, which one) the last change count, and each kind keeps its last values and their stride. Per kind and field
// it is learned whether table or stride is right more often. A guess costs a few nanoseconds; 60 to 90 % are right in programs whose coroutines
// repeat themselves.
//
// Nothing here knows an event type: a chunk's dictionary gives each kind (type, number of EXT slots) its rule, so that a reader of a file decodes
// kinds that it has never heard of. Tables that are too small only guess worse; hashes are part of the format.
//
// One template serves both sides (Coder = writer or reader of fields), so they cannot differ.
//
// Thread: one at a time. Tested in tests/unit/traces/event_columns_test.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "instrumentation/wire/limits.h"
#include "traces/bytes.h"

namespace coroscope::traces {

inline constexpr std::size_t kRowExtsMax = 3;

// Whose change count stands in the argument's low 24 bits.
enum class CountOf : std::uint8_t { kNobody = 0, kObject = 1, kCurrent = 2 };

// One kind of event, as a chunk's dictionary has it. 4 bytes.
struct EventKind {
    std::uint8_t type;
    std::uint8_t exts;  // EXT slots that follow
    std::uint8_t count_of;  // CountOf | family << 4: counts of different families are apart although their objects have the same number
    std::uint8_t effect;  // kBecomesCurrent, kEndsCurrent
};
static_assert(sizeof(EventKind) == 4);
inline constexpr std::uint8_t kBecomesCurrent = 1;  // object runs from now on
inline constexpr std::uint8_t kEndsCurrent = 2;     // nobody does

struct EventRow {
    std::uint32_t object = 0;
    std::uint32_t argument = 0;
    std::uint64_t ext48[kRowExtsMax] = {};
    std::uint64_t ext64[kRowExtsMax] = {};
};

class EventPredictor {
public:
    static constexpr std::size_t kKindsMax = 255;

    // Forgets everything. `rows`: how many will come; small chunks have small tables.
    void begin(std::size_t rows) {
        bits_ = kTableBitsMin;
        while (bits_ < kTableBitsMax && (std::size_t{1} << bits_) < rows)
            ++bits_;
        const std::size_t size = std::size_t{1} << bits_;
        contexts_.assign(size, {});
        counts_.assign(size, kUnseen);
        exts_.assign(size, {});
        kinds_.fill({});
        current_ = wire::kNone;
    }

    // Coder: object(guess, last, row.object), argument likewise, count(guess, row.argument), ext48 and ext64; each either stores
    // how the value differs from the guess, or sets it.
    template <typename Coder>
    void take(Coder& coder, unsigned number, EventKind kind, EventRow& row) {
        Kind& known = kinds_[number];
        const std::uint32_t place = hash(number, current_);
        Context& context = contexts_[place];
        coder.object(guess(known.object, context.seen, context.object), known.object.last, row.object);
        learn(known.object, context.seen, context.object, row.object);
        if ((kind.count_of & 0xf) == 0) {
            coder.argument(guess(known.argument, context.seen, context.argument), known.argument.last,
                           row.argument);
            learn(known.argument, context.seen, context.argument, row.argument);
        } else {
            take_count(coder, known, kind, context, row);
        }
        context = {row.object, row.argument, 1};
        for (unsigned i = 0; i < kind.exts; ++i) {
            Ext& ext = exts_[(place + i) & mask()];
            const bool seen = ext.number == number + 1;
            Kind::Exts& last = known.exts[i];
            coder.ext48(guess(last.ext48, seen, ext.ext48), last.ext48.last, row.ext48[i]);
            learn(last.ext48, seen, ext.ext48, row.ext48[i]);
            coder.ext64(guess(last.ext64, seen, ext.ext64), last.ext64.last, row.ext64[i]);
            learn(last.ext64, seen, ext.ext64, row.ext64[i]);
            ext = {row.ext48[i], row.ext64[i], number + 1};
        }
        if ((kind.effect & kBecomesCurrent) != 0) current_ = row.object;
        if ((kind.effect & kEndsCurrent) != 0) current_ = wire::kNone;
    }

private:
    static constexpr unsigned kTableBitsMin = 8, kTableBitsMax = 14;
    static constexpr std::uint32_t kUnseen = 0xffffffff;
    static constexpr std::int32_t kTrustMax = 8;

    struct Context {
        std::uint32_t object = 0, argument = 0, seen = 0;
    };
    struct Ext {
        std::uint64_t ext48 = 0, ext64 = 0;
        std::uint32_t number = 0;
    };
    template <typename T>
    struct Field {
        T last = 0, stride = 0;
        std::int32_t trust = 1;  // > 0: in the table rather than in the stride
    };
    struct Kind {
        Field<std::uint32_t> object, argument;
        std::uint32_t count_step = 0, count_last = 0;
        struct Exts {
            Field<std::uint64_t> ext48, ext64;
        } exts[kRowExtsMax];
    };

    std::uint32_t mask() const { return (1U << bits_) - 1; }
    std::uint32_t hash(std::uint32_t a, std::uint32_t b) const {
        const std::uint32_t mixed = (a * 0x9e3779b1U) ^ (b * 0x85ebca6bU);
        return (mixed * 0xc2b2ae35U) >> (32 - bits_);
    }
    template <typename T>
    static T guess(const Field<T>& field, bool seen, T before) {
        return seen && field.trust > 0 ? before : field.last + field.stride;
    }
    template <typename T>
    static void learn(Field<T>& field, bool seen, T before, T value) {
        const int table = before == value ? 1 : 0;
        const int stride = field.last + field.stride == value ? 1 : 0;
        field.trust = std::clamp(field.trust + (seen ? table - stride : 0), -kTrustMax, kTrustMax);
        field.stride = value - field.last;
        field.last = value;
    }
    // Low 24 bits: the count before and this kind's step. High 8: a coroutine's own where it begins to run, else what the context said.
    template <typename Coder>
    void take_count(Coder& coder, Kind& known, EventKind kind, const Context& context, EventRow& row) {
        const std::uint32_t whose = (kind.count_of & 0xf) == 1 ? row.object : current_;
        std::uint32_t& entry = counts_[hash(whose, kind.count_of >> 4)];
        const bool seen = entry != kUnseen;
        const bool begins = (kind.effect & kBecomesCurrent) != 0;
        const std::uint32_t low = ((seen ? entry : known.count_last) + known.count_step) & 0xffffff;
        const std::uint32_t high = begins ? (seen ? entry : known.argument.last)
                                          : (context.seen != 0 ? context.argument : known.argument.last);
        coder.count(low | (high & 0xff000000), row.argument);
        if (seen) known.count_step = (row.argument - entry) & 0xffffff;
        known.count_last = (row.argument - known.count_step) & 0xffffff;
        known.argument.last = row.argument;
        entry = (row.argument & 0xffffff) | ((begins || !seen ? row.argument : entry) & 0xff000000);
    }

    unsigned bits_ = kTableBitsMin;
    std::uint32_t current_ = wire::kNone;
    std::vector<Context> contexts_;
    std::vector<std::uint32_t> counts_;
    std::vector<Ext> exts_;
    std::array<Kind, kKindsMax> kinds_{};
};

}  // namespace coroscope::traces
