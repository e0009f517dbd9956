// NewGround: where a walk through a trace knows again what is so, after events were lost.
//
// A loss leaves objects unknown (traces/model.h, M2), and what nobody told stays so for as long as events are all that comes. The next keyframe that
// was begun after the loss knows everything: once the walk has passed its end, whoever follows the state begins anew with it and with the events
// around it. A loss takes effect at its own time, not when its chunk happens to be read.
//
// Thread: one at a time. Blocks: take() reads a keyframe. Tested in tests/unit/rules/new_ground_test.cpp.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "traces/event_feed.h"

namespace coroscope::rules {

class NewGround {
public:
    explicit NewGround(const traces::TraceReader& reader) : reader_(reader) {}

    // Before each event is taken: lose(until_ticks) for each of the feed's losses that begins by then.
    template <typename Lose>
    void pass(const traces::EventFeed& feed, std::uint64_t ticks, Lose&& lose) {
        if (feed.losses().size() != seen_) learn(feed.losses());
        while (!ahead_.empty() && ahead_.back().since_ticks <= ticks) {
            const std::uint64_t until_ticks = ahead_.back().until_ticks;
            ahead_.pop_back();
            look_for_keyframe(until_ticks);
            lose(until_ticks);
        }
    }
    // Whether an event of this stamp lies behind a keyframe that begins after all losses so far.
    bool reached(std::uint64_t ticks) const { return ticks > keyframe_end_ticks_; }
    // That keyframe, once; none where it cannot be read: then the next one is waited for.
    std::optional<inspect::StateImage> take();

private:
    static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

    void learn(const std::vector<traces::LossInterval>& losses);
    void look_for_keyframe(std::uint64_t after_ticks);

    const traces::TraceReader& reader_;
    std::size_t seen_ = 0;
    std::vector<traces::LossInterval> ahead_;  // the first to begin is last
    std::uint64_t lost_until_ticks_ = 0;
    std::size_t keyframe_ = 0;  // position in reader.keyframes()
    std::uint64_t keyframe_end_ticks_ = kNever;
};

}  // namespace coroscope::rules
