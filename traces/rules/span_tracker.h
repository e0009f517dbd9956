// SpanTracker: which objects a state rule holds for, while events go by.
//
// Objects are tried again after each event that may have changed them, and when time alone may have: a rule that asks how long something has lasted
// changes its mind without an event. When an object is tried, the next moment at which one of its lengths of time reaches what it is compared with is
// put into a queue, and the object is tried again then.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/rules/query_test.cpp (against moments rebuilt) and event_steps_test.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "traces/event_feed.h"
#include "traces/rules/evaluator.h"
#include "traces/rules/state_cursor.h"

namespace coroscope::rules {

class SpanTracker {
public:
    // The rule begins to hold for an object, or held for it.
    struct Turn {
        bool begins = false;
        std::uint64_t identity = 0;  // 0: the rule names all of its objects
        const std::string& label;    // "channel:jobs"
        std::uint64_t since_ticks = 0, until_ticks = 0;
        bool open_begin = false;  // it held already when it was looked at first, or again after a loss
        bool open_end = false;    // it still does, or events about it are missing from here on
    };
    // `rule` and `names` must outlive it; turns of what is before begin() are not told.
    SpanTracker(std::shared_ptr<const Rule> rule, const inspect::StateImage& keyframe, const Names& names,
                std::function<void(const Turn&)> tell);

    // Before begin(): only what there is by then matters.
    void take(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);
    void begin(std::uint64_t ticks);
    bool begun() const { return begun_; }
    void end(std::uint64_t ticks);
    // From `now_ticks` on events are missing, the last of them stamped `until_ticks`.
    void lose(std::uint64_t now_ticks, std::uint64_t until_ticks);
    // Begins anew with a keyframe (new_ground.h); `around` feeds the events that may not be in it, up to its end.
    void renew(const inspect::StateImage& keyframe, traces::EventFeed& around);

    // Errors: kUsage for rules that cannot be followed from event to event.
    static base::Status can_follow(const Rule& rule);

private:
    static constexpr std::uint64_t kNeverTicks = std::numeric_limits<std::uint64_t>::max();
    struct State {
        std::uint64_t identity = 0;
        std::uint64_t since_ticks = 0;
        std::uint64_t again_ticks = kNeverTicks;  // when time alone may change its value
        bool holds = false, open_begin = false;
        std::string label;
    };
    struct Again {
        std::uint64_t ticks;
        std::uint32_t index;
        bool operator>(const Again& other) const { return ticks > other.ticks; }
    };

    void know_all(const inspect::StateImage& keyframe);
    void know(Kind kind, std::uint32_t index) {
        if (rule_.subject() == kind) known_.push_back(index);
    }
    void try_known(std::uint64_t ticks);
    void pass_to(std::uint64_t ticks);
    void try_on(std::uint32_t index, std::uint64_t now);
    void ask_again(State& state, std::uint32_t index, std::uint64_t now);
    void close(State& state, std::uint32_t index, std::uint64_t ticks, bool open_end);

    const std::shared_ptr<const Rule> rule_pointer_;
    const Rule& rule_;
    const Names& names_;
    const std::function<void(const Turn&)> tell_;
    std::unique_ptr<StateCursor> cursor_;
    Evaluator evaluator_;
    Scope scope_;
    bool begun_ = false;
    bool looks_anew_ = false;  // what is found to hold may have held before
    bool loses_ = false;
    std::uint64_t now_ticks_ = 0;
    std::vector<std::uint32_t> known_;  // objects to be tried at the next look at all
    traces::SparseTable<State> state_;
    std::set<std::uint32_t> holding_;
    std::priority_queue<Again, std::vector<Again>, std::greater<>> queue_;
};

}  // namespace coroscope::rules
