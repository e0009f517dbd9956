// RecordingCost: what a recording takes from the program and from the machine, measured while it goes on.
//
// Two figures of the program's own, because nobody can run the same program twice at once:
//
//   cpu_share             events x what one costs on this machine (calibrate_event_ns()), of the processor time that the program had: what the
//                         events themselves take, a lower bound
//   estimated_slowdown    what the program would have saved if nobody had listened, by constants that `./dev bench watched` measured on a loop of
//                         switches and nothing else (event_budget.h): switches, with their two events, their fenced stamps and what they push out of
//                         caches, and the other events; events that were dropped cost their stamp. An estimate, and never more than that loop lost
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/traces/recording_cost_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace coroscope::traces {

struct RecordingCost {
    double seconds = 0;        // that it is of
    double ns_per_event = 0;   // calibrated
    double events_per_second = 0;  // emitted, whether they were lost or not
    double cpu_share = 0;           // 0 .. 1 of the program's processor time
    double estimated_slowdown = 0;  // 0 .. 1 of the same
    double recorder_cores = 0;      // processor time of the recorder in each second
    double bytes_per_second = 0;    // of the trace
    double blocked_seconds = 0;     // that the program's threads waited for the recorder, together; by choice only (WhenFull)
};
// "it took 1.2 % of the program's processor time (9.8 ns x 1.3 M events/s); unwatched it would have needed about 4 % less; ..."
std::string to_text(const RecordingCost& cost);

class CostMeter {
public:
    struct Counts {
        std::uint64_t now_ns = 0;
        std::uint64_t events = 0;    // that were taken
        std::uint64_t lost = 0;      // that were emitted and dropped
        std::uint64_t switches = 0;  // of those taken, those that began a run of a coroutine
        std::uint64_t program_cpu_ns = 0;
        std::uint64_t recorder_cpu_ns = 0;
        std::uint64_t bytes = 0;
        std::uint64_t blocked_ns = 0;
    };
    CostMeter(double ns_per_event, const Counts& begin)
        : ns_per_event_(ns_per_event), begin_(begin), before_(begin), now_(begin) {}

    // Counts that stand where they stood before are those of a program that is gone.
    void take(const Counts& counts) {
        before_ = now_;
        now_ = counts;
    }
    RecordingCost total() const { return between(begin_, now_); }
    RecordingCost recent() const { return between(before_, now_); }  // between the last two counts

private:
    RecordingCost between(const Counts& from, const Counts& to) const;

    const double ns_per_event_;
    const Counts begin_;
    Counts before_, now_;
};

}  // namespace coroscope::traces
