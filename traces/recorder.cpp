// The loop of a recording: keyframes at their pace, dumps when they are wanted, and a trace that is closed properly whoever ends it.
#include "traces/recorder.h"

#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <thread>
#include <utility>

#include "traces/keyframe_pace.h"
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

std::int64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// What was taken from the program and is not in the file.
base::Error with_missing(base::Error error, std::uint64_t taken, std::uint64_t written) {
    if (taken > written) error.message += fmt::format("; {} of {} events are missing in it", taken - written, taken);
    return error;
}

class Recording {
public:
    Recording(const RecordOptions& options, const std::atomic<bool>* stop, Observation& observation)
        : options_(options),
          stop_(stop),
          observation_(observation),
          condition_(options),
          pace_(std::int64_t{options.keyframe_interval_ms} * 1'000'000, options.flight.value_or(TraceWindow{})),
          counts_(options.pid, observation),
          cost_(observation.ns_per_event(), counts_.soon()) {
        if (options.flight.has_value()) dumps_.emplace(observation.memory(), options.path);
        if (options.on_progress) progress_.emplace(options.pid, observation, options.on_progress);
    }

    base::Result<RecordResult> run() {
        Ending ending = Ending::kNotYet;
        base::Status status = base::ok_status();
        bool began = false;
        while (ending == Ending::kNotYet && status.ok()) {
            status = keyframe(options_.with_stacks && pace_.stacks_due(clock_ns(CLOCK_MONOTONIC)));
            if (status.ok() && options_.on_begin && !std::exchange(began, true)) options_.on_begin();
            if (status.ok()) ending = wait_for_next();
        }
        const std::string because = end(ending, status);
        const RecordingCost cost = cost_.total();
        const base::Status finished = observation_.finish(because, cost);
        const base::Status file = observation_.writer()->status();
        if (!file.ok()) {
            const std::uint64_t taken = sum(observation_.pump().counts(), &EventCount::accepted);
            return with_missing(file.error(), taken, observation_.writer()->events_count());
        }
        if (!status.ok() && ending == Ending::kNotYet) return status.error();
        if (!finished.ok()) return finished.error();
        RecordResult result;
        result.cost = cost;
        result.ended_because = because;
        const std::string last_because = options_.last_dump_wanted ? options_.last_dump_wanted(because) : because;
        if (dumps_.has_value() && !last_because.empty()) {
            auto last = dumps_->write(last_because, cost);
            if (!last.ok()) return last.error();
            result.last_dump = std::move(*last);
        }
        const auto counts = observation_.pump().counts();
        result.events = sum(counts, &EventCount::accepted);
        result.lost = sum(counts, &EventCount::lost);
        result.chunks = observation_.writer()->chunks_count();
        result.keyframes = observation_.writer()->keyframes_count();
        result.file_bytes = observation_.writer()->file_bytes();
        return result;
    }

private:
    // Until a keyframe is due, or it ends.
    Ending wait_for_next() {
        for (;;) {
            if (condition_.over()) return Ending::kCondition;
            if (!observation_.pump().target_alive()) return Ending::kGone;
            if (observation_.pump().end_announced()) return Ending::kAnnounced;
            if (stopped()) return Ending::kAsked;
            if (!observation_.writer()->status().ok()) return Ending::kFileFailed;
            dump_if_wanted();
            if (pace_.due(clock_ns(CLOCK_MONOTONIC), observation_.writer()->file_bytes(), observation_.pump().slots_drained()) ||
                observation_.crowded())
                return Ending::kNotYet;
            std::this_thread::sleep_for(kLookOut);
        }
    }

    bool stopped() const { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); }

    // The last looks, by what ended it; says why, in words.
    std::string end(Ending ending, base::Status& status) {
        switch (ending) {
            case Ending::kAnnounced:
                observation_.pump().flush();  // so that the look knows since when
                status = keyframe(options_.with_stacks);
                observation_.pump().flush();
                cost_.take(counts_.now());
                observation_.pump().acknowledge_end();
                wait_for_silence();
                return "the program ended";
            case Ending::kGone: {
                observation_.pump().stop();
                cost_.take(counts_.now());  // who is reaped has no processor time any more
                const std::string how = options_.how_it_ended ? options_.how_it_ended() : "";
                // Nobody changes the segment any more: what it says now is how it ended.
                status = keyframe(false);
                return "the program " + (how.empty() ? "was killed" : how);
            }
            case Ending::kAsked:
            case Ending::kCondition:
                status = keyframe(options_.with_stacks);
                cost_.take(counts_.now());
                return ending == Ending::kCondition ? condition_.because() : "asked to stop";
            case Ending::kNotYet:
            case Ending::kFileFailed:
                break;
        }
        return "it could not be recorded any further";
    }

    // After the announced end: until the process is gone, or stays silent.
    void wait_for_silence() {
        std::uint64_t slots = observation_.pump().slots_drained();
        auto quiet_since = Clock::now();
        while (observation_.pump().target_alive() && Clock::now() - quiet_since < kQuietAfterEnd) {
            if (stopped()) return;
            std::this_thread::sleep_for(kLookOut);
            const std::uint64_t now = observation_.pump().slots_drained();
            if (now != slots) quiet_since = Clock::now();
            slots = now;
        }
    }

    base::Status keyframe(bool with_stacks) {
        KeyframePace::Look look;
        look.begin_ns = clock_ns(CLOCK_MONOTONIC);
        const std::int64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        // Only what lies before a mark gives way, and only to a look behind it.
        if (observation_.crowded()) observation_.pump().flush();
        auto moment = observation_.look(with_stacks, false);
        if (!moment.ok()) return moment.error();
        const std::uint64_t bytes_before = observation_.writer()->look_bytes();
        const base::Status written = observation_.write_keyframe(**moment);
        if (!written.ok()) return written;
        look.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
        look.bytes = observation_.writer()->look_bytes() - bytes_before;
        look.trace_bytes = observation_.writer()->file_bytes();
        look.slots = observation_.pump().slots_drained();
        look.stacks = with_stacks;
        pace_.taken(look);
        return base::ok_status();
    }

    void dump_if_wanted() {
        if (!dumps_.has_value() || !options_.dump_wanted) return;
        const std::string because = options_.dump_wanted();
        if (because.empty()) return;
        // A look first: it brings the names that came since the last one, and how things stand now.
        const base::Status looked = keyframe(options_.with_stacks);
        const base::Status settled = looked.ok() ? observation_.settle() : looked;
        cost_.take(counts_.now());
        const auto dump = settled.ok() ? dumps_->write(because, cost_.total())
                                       : base::Result<FlightDump>(settled.error());
        if (options_.on_dump) options_.on_dump(dump);
    }

    const RecordOptions& options_;
    const std::atomic<bool>* const stop_;
    Observation& observation_;
    Condition condition_;
    KeyframePace pace_;
    std::optional<FlightDumps> dumps_;
    RecordingCounts counts_;
    CostMeter cost_;
    std::optional<RecordingProgress> progress_;
};

}  // namespace

base::Result<RecordResult> record(const RecordOptions& options, const std::atomic<bool>* stop) {
    ObservationOptions observing;
    observing.pid = options.pid;
    observing.mask = options.mask != 0 ? options.mask : wire::kEverything;
    observing.sample_period = options.sample_period;
    observing.record_path = options.path;
    observing.medium = options.medium;
    observing.keep = options.flight;
    observing.when_full = options.when_full;
    auto started = Observation::start(observing);
    if (!started.ok()) return started.error();
    return Recording(options, stop, **started).run();
}

}  // namespace coroscope::traces
