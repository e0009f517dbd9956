// The timeline as Chrome's trace event format: one JSON object, an event a line.
//
// Workers are threads of process 1, coroutines threads of process 2, threads that are no workers, zones of coroutines and of threads
// those of 3, 4, 5. Slices are complete events ("X"), flows "s" and "f", which bind to the
// slice of their thread that is open at their time. Times are microseconds with three decimals.
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "traces/exports/formats.h"
#include "traces/exports/json_text.h"
#include "traces/exports/timeline.h"

namespace coroscope::exports {
namespace {

std::string micros(std::int64_t ns) {
    return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
}

class ChromeSink final : public TimelineSink {
public:
    ChromeSink(const analyses::TraceWalk& walk, OutputFile& output) : output_(output) {
        output_.write("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n");
        const std::string program = walk.reader().meta().program;
        write(fmt::format(R"({{"ph": "M", "name": "process_name", "pid": 1, "args": {{"name": {}}}}})",
                          json_text(program + ": workers")));
        for (const auto& [process, what] : {std::pair(2, "coroutines"), {3, "threads"}, {4, "zones"}, {5, "zones of threads"}})
            write(fmt::format(R"({{"ph": "M", "name": "process_name", "pid": {}, "args": {{"name": {}}}}})", process,
                              json_text(program + ": " + what)));
    }
    void finish() { output_.write("\n]}\n"); }

    void track(const Track& track, const std::string& name) override {
        write(fmt::format(R"({{"ph": "M", "name": "thread_name", {}, "args": {{"name": {}}}}})", place(track),
                          json_text(name)));
    }
    void slice(const Slice& slice) override {
        std::string arguments;
        if (slice.coroutine != 0)
            arguments = fmt::format(R"(, "args": {{"coroutine": {}}})", slice.coroutine);
        else if (slice.worker != wire::kNone)
            arguments = fmt::format(R"(, "args": {{"worker": {}}})", slice.worker);
        write(fmt::format(R"({{"ph": "X", "name": {}, "cat": "{}", {}, "ts": {}, "dur": {}{}}})",
                          json_text(slice.name), slice.category, place(slice.track), micros(slice.begin_ns),
                          micros(slice.end_ns - slice.begin_ns), arguments));
        if (slice.flow_in != 0) flow('f', "wake", slice.track, slice.begin_ns, slice.flow_in);
    }
    void instant(const Instant& instant) override {
        write(fmt::format(R"({{"ph": "i", "s": "t", "name": {}, "cat": "{}", {}, "ts": {}}})",
                          json_text(instant.name), instant.category, place(instant.track),
                          micros(instant.at_ns)));
        if (instant.flow_out != 0)
            flow('s', instant.category, instant.track, instant.at_ns, instant.flow_out);
        if (instant.flow_in != 0) flow('f', instant.category, instant.track, instant.at_ns, instant.flow_in);
    }
    void counter_track(std::size_t, const std::string& name) override {
        counters_.push_back(json_text(name));
    }
    void real_counter(std::size_t number, std::int64_t at_ns, double value) override {
        // What is no number has no place in JSON.
        if (std::isfinite(value)) counter_value(number, at_ns, fmt::format("{}", value));
    }
    void counter(std::size_t number, std::int64_t at_ns, std::int64_t value) override {
        counter_value(number, at_ns, fmt::format("{}", value));
    }

private:
    void counter_value(std::size_t number, std::int64_t at_ns, const std::string& value) {
        write(fmt::format(R"({{"ph": "C", "name": {}, "pid": 1, "tid": 0, "ts": {}, "args": {{"value": {}}}}})",
                          counters_[number], micros(at_ns), value));
    }
    static std::string place(const Track& track) {
        // A process each for workers, coroutines, other threads, zones of coroutines and zones of threads.
        const int process = static_cast<int>(track.kind) + 1;
        return fmt::format(R"("pid": {}, "tid": {})", process,
                           track.kind == Track::Kind::kCoroutine || track.kind == Track::Kind::kZones ? track.id
                                                                                                      : track.id + 1);
    }
    void flow(char phase, const char* category, const Track& track, std::int64_t at_ns, std::uint64_t id) {
        write(fmt::format(R"({{"ph": "{}", {}"name": "{}", "cat": "{}", "id": {}, {}, "ts": {}}})", phase,
                          phase == 'f' ? R"("bp": "e", )" : "", category, category, id, place(track),
                          micros(at_ns)));
    }
    void write(const std::string& event) {
        output_.write(first_ ? "" : ",\n");
        first_ = false;
        output_.write(event);
    }

    OutputFile& output_;
    std::vector<std::string> counters_;
    bool first_ = true;
};

}  // namespace

void write_chrome(analyses::TraceWalk& walk, OutputFile& output) {
    ChromeSink sink(walk, output);
    Timeline timeline(walk, sink);
    walk.run(timeline);
    timeline.finish();
    sink.finish();
}

}  // namespace coroscope::exports
