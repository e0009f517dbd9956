// The planner: a thread that turns wishes for a stretch of the timeline into plans, coarse first.
//
//   wish ──▶ plan of what is in memory ──▶ plan with the chunks it needs ──▶ lanes of coroutines ──▶ reads on until the trace is known
//             at once                       some ms                          some ms to seconds       a plan every 100 ms
//   Of channels the segments that are seen are read before the others, and all of them behind the workers' lanes.
//
// The newest wish counts: one that comes meanwhile ends what is looked up for the one before. The frame takes the newest plan and draws it where it
// belongs by now; it never waits and never sees an event.
//
// Thread: every function from the frame's; `changed` is called on the planner's after each new plan. Tested in tests/e2e/timeline_test.py.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "traces/search.h"
#include "views/timeline_plan.h"

namespace coroscope::views {

class TimelinePlanner {
public:
    explicit TimelinePlanner(std::function<void()> changed);
    ~TimelinePlanner();
    TimelinePlanner(const TimelinePlanner&) = delete;
    TimelinePlanner& operator=(const TimelinePlanner&) = delete;

    void want(TimelineWish wish);
    // The newest; null before the first.
    std::shared_ptr<const TimelinePlan> plan() const;
    // Until the plan is complete, and all of the trace is known.
    bool busy() const;

private:
    // What is known of a coroutine: the whole of it, coarse, and the stretch that was looked at last, as it was.
    struct Followed {
        std::shared_ptr<const traces::CoroutineTrack> whole, near;
    };
    void loop();
    void publish(TimelinePlan plan);
    bool is_newest(const TimelineWish& wish);
    // The plan's coroutines; false when something newer was wished for meanwhile.
    bool follow_coroutines(TimelinePlan& plan);
    bool add_busiest(const TimelinePlan& plan, std::vector<CoroutineLane>& lanes);
    // The plan's channels, and what was said; the same.
    bool add_channels(TimelinePlan& plan);
    bool add_told(TimelinePlan& plan);
    std::shared_ptr<traces::Search> search() const;
    std::shared_ptr<const traces::CoroutineTrack> look(const traces::LifeBegin& life, std::uint64_t from, std::uint64_t to,
                                                       std::uint64_t quantum);
    std::optional<CoroutineLane> lane_of(std::uint64_t identity, const TimelineWish& wish);

    const std::function<void()> changed_call_;
    mutable std::mutex lock_;  // guards what follows, up to the thread's own
    std::condition_variable changed_;
    std::optional<TimelineWish> wish_;
    std::shared_ptr<const TimelinePlan> plan_;
    std::shared_ptr<traces::Search> search_;
    bool busy_ = false;
    bool stop_ = false;
    // The thread's own.
    traces::LaneIndex index_;
    std::map<std::uint64_t, Followed> followed_;
    ChannelDepths depths_;
    struct Told {  // what was told last, and of what
        std::shared_ptr<const traces::Replay> replay;
        ToldWish wish;
        TimelineTold told;
    };
    std::optional<Told> told_;
    std::thread thread_;
};

}  // namespace coroscope::views
