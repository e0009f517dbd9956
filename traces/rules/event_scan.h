// EventScan: an event rule over a stream of events.
//
// Events come in the order of their stamps, from a file (query.cpp) or as they happen (record_watch.cpp). What the rule does not ask for is not kept
// track of: a rule of event types alone costs a look into a table an event. A SUSPEND that is told by what comes of it (`suspend and
// blocked_ns > 10ms`) is set aside until its wait is over, or has been long enough: it matches late, with its own time.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/rules/event_scan_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "instrumentation/wire/ring.h"
#include "traces/event_feed.h"
#include "traces/rules/evaluator.h"
#include "traces/rules/event_context.h"
#include "traces/rules/state_cursor.h"

namespace coroscope::rules {

class EventScan {
public:
    struct Options {
        std::uint64_t from_ticks = 0, to_ticks = ~std::uint64_t{0};  // of the events that may match
        bool with_facts = true;  // matches say whose the event is also where the rule does not ask
    };
    // `names` must outlive it, and may learn more meanwhile.
    EventScan(std::shared_ptr<const Rule> rule, const inspect::StateImage& keyframe, const Names& names,
              const Options& options);

    // The stamp from which on events may not be in the keyframe: a change is stamped before it is written.
    static std::uint64_t first_ticks_after(const inspect::StateImage& keyframe);

    // match(const EventFacts&) for each event that matches, also for one set aside before.
    template <typename Match>
    void take(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index,
              Match&& match) {
        const bool candidate = evaluator_.rule().may_match(event.type) && event.tsc >= options_.from_ticks &&
                               event.tsc <= options_.to_ticks;
        if (!tracks_ && !candidate) return;
        if (settle_before(event)) hand_out(match);
        const EventFacts& facts = look(event, owner, owner_index);
        if (settle_after(event)) hand_out(match);
        if (candidate && holds(facts)) match(facts);
    }
    // Everything up to `now_ticks` was taken: of waits that are not over it is known how long they last at least.
    template <typename Match>
    void reach(std::uint64_t now_ticks, Match&& match) {
        settle_all(now_ticks);
        hand_out(match);
    }
    void lose(std::uint64_t until_ticks);
    // Begins anew with a keyframe (new_ground.h); `around` feeds the events that may not be in it, up to its end.
    void renew(const inspect::StateImage& keyframe, traces::EventFeed& around);
    void names_learned() { evaluator_.forget_names(); }
    std::size_t set_aside() const { return waiting_; }
    // Whether a SUSPEND stamped from `from_ticks` to `to_ticks` is set aside.
    bool set_aside_between(std::uint64_t from_ticks, std::uint64_t to_ticks) const;

private:
    struct Aside {
        wire::DecodedEvent event;
        EventFacts facts;
        Evaluator::Recorded recorded;
        bool in_use = false;
    };
    template <typename Match>
    void hand_out(Match&& match) {
        for (const std::uint32_t at : settled_) {
            Aside& aside = asides_[at];
            aside.facts.event = &aside.event;
            match(static_cast<const EventFacts&>(aside.facts));
            release(at);
        }
        settled_.clear();
    }
    const EventFacts& look(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);
    bool holds(const EventFacts& facts);
    void set_aside(const EventFacts& facts, const Scope& scope);
    bool settle_before(const wire::DecodedEvent& event);
    bool settle_after(const wire::DecodedEvent& event);
    void settle_all(std::uint64_t now_ticks);
    Truth settle(std::uint32_t at, Span blocked);
    void release(std::uint32_t at);

    Evaluator evaluator_;
    const Names& names_;
    const Options options_;
    bool tracks_ = false, other_parties_ = false;
    std::unique_ptr<EventContext> context_;
    std::unique_ptr<StateCursor> cursor_;
    std::uint64_t cursor_from_ticks_ = 0;
    EventFacts bare_;
    std::uint64_t start_ticks_ = 0;
    double ns_per_tick_ = 0;
    std::vector<Aside> asides_;
    std::vector<std::uint32_t> free_, settled_;
    traces::SparseTable<std::uint32_t> aside_of_;  // coroutine -> position in asides_ + 1
    std::size_t waiting_ = 0;
};

}  // namespace coroscope::rules
