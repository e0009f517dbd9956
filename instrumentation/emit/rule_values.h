// What an armed rule asks of an event: fields of the event, of the coroutine that it is of, and of records of the state plane.
//
// The counterpart, inside the target, of traces/rules/fields.h and facts.h: the same names mean the same. Records are read as any thread of the
// runtime may read them: relaxed, field by field; the event's own were changed just before by the thread that emits. A record is touched only when
// its section says that it has been in use.
//
// Thread: any that emits. Blocks: never. Tested in tests/unit/rules/break_program_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/rule_program.h"
#include "instrumentation/wire/waitable.h"
#include "instrumentation/wire/worker.h"

namespace coroscope::wire {

enum class RuleTruth : std::uint8_t { kFalse, kTrue, kUnknown };

}  // namespace coroscope::wire

namespace coroscope::emit {

// An event on its way.
struct Happened {
    std::uint64_t ticks = 0;
    wire::EventType type{};
    std::uint32_t object = 0, argument = 0;
    std::uint64_t words[4] = {};              // of its EXT slots: 48, 64, 48 and 64 bits
    std::uint32_t current = wire::kNone;      // the coroutine that runs on the thread
    std::uint32_t worker = wire::kNone;       // whose thread it is; kNone: of none
    std::uint32_t other_party = wire::kNone;  // of a channel operation with kOtherParty: that coroutine's index
};

struct RuleSpans {
    std::uint64_t blocked = wire::kNotMeasured, ready = wire::kNotMeasured, run = wire::kNotMeasured;  // ticks
};

// A bit a term.
struct RuleBits {
    std::uint64_t known = 0, truth = 0, doubt = 0;
};

struct RuleValue {
    bool known = false;
    double value = 0;
};

// The sections that rules read, found once.
struct StatePlane {
    explicit StatePlane(StateSegment& segment);
    bool has(wire::SectionKind kind, std::uint32_t index) const {
        return index < segment->header().sections[static_cast<std::uint32_t>(kind)].records_used.load(
                           std::memory_order_acquire);
    }
    StateSegment* segment;
    const wire::CoroutineRecord* coroutines;
    const wire::CoroutineDetail* details;
    const wire::ChannelRecord* channels;
    const wire::WaitableRecord* waitables;
    const wire::WorkerRecord* workers;
    const wire::PoolRecord* pools;
    double ns_per_tick;
};

// The coroutine that an event is of: the one that it names, or else the one that runs; kNone: nobody's.
std::uint32_t coroutine_of(const Happened& event);

class RuleValues {
public:
    RuleValues(const StatePlane& plane, const wire::RuleProgram& program, const Happened& event,
               std::uint32_t coroutine, const RuleSpans& spans);

    RuleValue number(wire::RuleField field, std::uint8_t object) const;
    int code(wire::RuleField field, std::uint8_t object) const;  // -1: not known
    // What stands for the name in a set of names. False: there is no such object.
    struct Name {
        bool of_site = false;  // `number` is a site; else a string, or kNone
        bool or_site = false;  // no string: the name of `site`
        std::uint32_t number = wire::kNone, site = wire::kNone;
    };
    bool name(wire::RuleField field, std::uint8_t object, Name* name) const;

    std::uint32_t coroutine() const { return coroutine_; }  // index; kNone: nobody
    std::uint64_t identity() const { return identity_; }    // of the coroutine; 0: nobody
    std::uint32_t site() const { return site_; }
    std::uint32_t name() const { return name_; }

private:
    std::uint32_t subject(wire::RuleKind kind) const;
    // Index of the record that is meant; kNone: there is none, or it is another object's by now.
    std::uint32_t record(wire::RuleKind kind, std::uint8_t object) const;
    RuleValue of_event(wire::RuleField field) const;
    RuleValue of_coroutine(wire::RuleField field, std::uint32_t index) const;
    RuleValue of_channel(wire::RuleField field, std::uint32_t index) const;
    RuleValue of_pool(wire::RuleField field, std::uint32_t index) const;
    RuleValue of_worker(wire::RuleField field, std::uint32_t index) const;
    RuleValue of_lock(wire::RuleField field, std::uint32_t index) const;
    int class_of_pool(std::uint32_t pool) const;
    RuleValue time(std::uint64_t ticks) const;

    const StatePlane& plane_;
    const wire::RuleProgram& program_;
    const Happened& event_;
    const std::uint32_t coroutine_;
    const RuleSpans& spans_;
    std::uint64_t identity_ = 0;
    std::uint32_t site_ = wire::kNone, name_ = wire::kNone, pool_ = wire::kNone;
};

}  // namespace coroscope::emit
