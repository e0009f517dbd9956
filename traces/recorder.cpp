// The loop of a recording: a keyframe twice a second, one more at the end, and a file that is closed properly whoever ends it.
#include "traces/recorder.h"

#include <chrono>
#include <thread>

#include "traces/observation.h"

namespace coroscope::traces {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kLookOut = milliseconds(5);  // between two looks whether something ended
constexpr auto kQuietAfterEnd = milliseconds(
    500);  // without an event after the announced end: it goes on without a runtime

enum class Ending { kNotYet, kAnnounced, kGone, kAsked, kCondition, kFileFailed };

// What should_end says, and since when.
class Condition {
public:
    explicit Condition(const RecordOptions& options) : options_(options) {}
    bool over() {
        if (because_.empty() && options_.should_end) {
            because_ = options_.should_end();
            end_ = Clock::now() + milliseconds(options_.after_ms);
        }
        return !because_.empty() && Clock::now() >= end_;
    }
    const std::string& because() const { return because_; }

private:
    const RecordOptions& options_;
    std::string because_;
    Clock::time_point end_;
};

Ending wait_for(Observation& observation, const std::atomic<bool>* stop, Condition& condition, Clock::time_point until) {
    for (;;) {
        if (condition.over()) return Ending::kCondition;
        if (!observation.pump().target_alive()) return Ending::kGone;
        if (observation.pump().end_announced()) return Ending::kAnnounced;
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) return Ending::kAsked;
        if (!observation.writer()->status().ok()) return Ending::kFileFailed;
        if (Clock::now() >= until) return Ending::kNotYet;
        std::this_thread::sleep_for(kLookOut);
    }
}

// After the announced end: until the process is gone, or stays silent.
void wait_for_silence(Observation& observation, const std::atomic<bool>* stop) {
    std::uint64_t slots = observation.pump().slots_drained();
    auto quiet_since = Clock::now();
    while (observation.pump().target_alive() && Clock::now() - quiet_since < kQuietAfterEnd) {
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) return;
        std::this_thread::sleep_for(kLookOut);
        const std::uint64_t now = observation.pump().slots_drained();
        if (now != slots) quiet_since = Clock::now();
        slots = now;
    }
}

base::Status keyframe(Observation& observation, bool with_stacks) {
    auto moment = observation.look(with_stacks, false);
    if (!moment.ok()) return moment.error();
    return observation.write_keyframe(**moment);
}

std::uint64_t sum(const std::array<EventCount, wire::kEventTypesMax>& counts,
                  std::uint64_t EventCount::*member) {
    std::uint64_t total = 0;
    for (std::size_t type = 0; type < counts.size(); ++type) {
        if (!is_bookkeeping(static_cast<wire::EventType>(type))) total += counts[type].*member;
    }
    return total;
}

}  // namespace

base::Result<RecordResult> record(const RecordOptions& options, const std::atomic<bool>* stop) {
    ObservationOptions observing;
    observing.pid = options.pid;
    observing.mask = options.mask != 0 ? options.mask : wire::kEverything;
    observing.sample_period = options.sample_period;
    observing.record_path = options.path;
    auto started = Observation::start(observing);
    if (!started.ok()) return started.error();
    Observation& observation = **started;
    if (options.on_begin) options.on_begin();

    Condition condition(options);
    Ending ending = Ending::kNotYet;
    base::Status status = base::ok_status();
    while (ending == Ending::kNotYet && status.ok()) {
        const auto next = Clock::now() + milliseconds(options.keyframe_interval_ms);
        status = keyframe(observation, options.with_stacks);
        if (status.ok()) ending = wait_for(observation, stop, condition, next);
    }
    std::string because = "asked to stop";
    if (ending == Ending::kAnnounced) {
        because = "the program ended";
        observation.pump().flush();  // so that the look knows since when
        status = keyframe(observation, options.with_stacks);
        observation.pump().flush();
        observation.pump().acknowledge_end();
        wait_for_silence(observation, stop);
    } else if (ending == Ending::kGone) {
        because = "the program was killed";
        observation.pump().stop();
        const std::string how = options.how_it_ended ? options.how_it_ended() : "";
        if (!how.empty()) because = "the program " + how;
        // Nobody changes the segment any more: what it says now is how it ended.
        status = keyframe(observation, false);
    } else if (ending == Ending::kAsked || ending == Ending::kCondition) {
        if (ending == Ending::kCondition) because = condition.because();
        status = keyframe(observation, options.with_stacks);
    }
    const base::Status finished = observation.finish(because);
    const base::Status file = observation.writer()->status();
    if (!file.ok()) return file.error();
    if (!status.ok() && ending == Ending::kNotYet) return status.error();
    if (!finished.ok()) return finished.error();

    const auto counts = observation.pump().counts();
    RecordResult result;
    result.events = sum(counts, &EventCount::accepted);
    result.lost = sum(counts, &EventCount::lost);
    result.chunks = observation.writer()->chunks_count();
    result.keyframes = observation.writer()->keyframes_count();
    result.file_bytes = observation.writer()->file_bytes();
    result.ended_because = because;
    return result;
}

}  // namespace coroscope::traces
