// All that is compared: a row, its unit, its series. Names and peers of the promised rows are checked by bench_test.py.
#include "driver/rows.h"

#include <algorithm>
#include <iterator>

namespace coroscope::bench {
namespace {

// A program is told nothing by the environment that the bench did not mean to tell it.
const Environment kPlain = {{"LD_BIND_NOW", "1"}, {"CPRIME_WORKERS", "1"}, {"GOMAXPROCS", "1"}};

Environment plain_and(const char* name, const char* value) {
    Environment all = kPlain;
    all.emplace_back(name, value);
    return all;
}

Series ours(const char* workload) {
    return {"ours", "bench_cprime", workload, kPlain};
}
Series boost_fiber(const char* workload) {
    return {"boost_fiber", "bench_boost", workload, kPlain};
}
Series boost_context(const char* workload) {
    return {"boost_context", "bench_boost", workload, kPlain};
}
Series cpp20(const char* workload) {
    return {"cpp20", "bench_cpp20", workload, kPlain};
}
Series go(const char* workload) {
    return {"go", "bench_go", workload, kPlain};
}

Series asio(const char* workload) {
    return {"asio", "bench_asio", workload, kPlain};
}

Series growable(const char* label, const char* workload) {
    return {label, "bench_growable", workload, kPlain};
}

Series emit(const char* label, const char* workload) {
    return {label, "bench_emit", workload, kPlain};
}

// The same yields, in the conditions that a program can be in.
std::vector<Series> yield_conditions(const char* workload) {
    return {ours(workload),
            {"probes_off", "bench_cprime_probes_off", workload, kPlain},
            {"no_state_plane", "bench_cprime", workload, plain_and("CPRIME_STATE_PLANE", "off")},
            {"recorded", "bench_cprime", workload, kPlain, Watch::kEvents},
            {"recorded_profiled", "bench_cprime", workload, kPlain, Watch::kProfiled}};
}

// A bare switch around a ring of contexts, on stacks of one size.
Row ring(const std::string& name, const std::string& size_class, const std::string& contexts) {
    const std::string workload = "ring_" + size_class + "_" + contexts;
    return {name,
            "ns",
            "one bare switch around a ring of " + contexts + " contexts, on stacks as large as our class " +
                size_class,
            Measure::kTime,
            0,
            {ours(workload.c_str()), boost_context(workload.c_str())}};
}

// 100,000 stacks of 8 MiB are more maps than a process may have on the peer's side. Medium with 1k is the row switch_ring_1000.
std::vector<Row> rings() {
    std::vector<Row> rows;
    for (const std::string size_class : {"micro", "small", "medium", "large"}) {
        for (const std::string contexts : {"2", "1k", "10k", "100k"}) {
            if (size_class == "large" && contexts == "100k") continue;
            if (size_class == "medium" && contexts == "1k") continue;
            rows.push_back(ring("ring_" + size_class + "_" + contexts, size_class, contexts));
        }
    }
    return rows;
}

// What waits in large numbers, or for several things at once.
std::vector<Row> crowds() {
    constexpr std::uint64_t kMillion = 1'000'000;
    const Environment two_workers = {{"LD_BIND_NOW", "1"}, {"CPRIME_WORKERS", "2"}, {"GOMAXPROCS", "2"}};
    // Forks and joins: what was spawned last runs first, so that few are alive at once.
    const Environment forks = plain_and("BENCH_NEWEST_FIRST", "1");
    Environment forks_on_two = two_workers;
    forks_on_two.emplace_back("BENCH_NEWEST_FIRST", "1");
    return {
        {"select_2",
         "ns",
         "one message by a select that receives from two channels of capacity 0, each with a sender",
         Measure::kTime,
         0,
         {ours("select_2"), go("select_2"), asio("select_2")}},
        {"fan_in_10k",
         "ns",
         "one message from 10,000 senders to one receiver, capacity 0",
         Measure::kTime,
         0,
         {ours("fan_in_10k"), go("fan_in_10k"), boost_fiber("fan_in_10k"), asio("fan_in_10k")}},
        {"signal",
         "ns",
         "from kill() to the first instruction of the handler, a coroutine; of a plain handler on the same thread; of the goroutine that "
         "signal.Notify tells",
         Measure::kTime,
         0,
         {ours("signal"), {"sigaction", "bench_cpp20", "signal", kPlain}, go("signal")}},
        {"timer_1m",
         "ms",
         "make a million coroutines that sleep (Go: timers) and wake them all, within 10 ms in no order, "
         "without the wait between",
         Measure::kWhole,
         kMillion,
         {ours("timers_fire"), go("timers_fire"), boost_fiber("timers_fire"), asio("timers_fire")}},
        {"timer_1m_cancelled",
         "ms",
         "the same, all of them cancelled instead",
         Measure::kWhole,
         kMillion,
         {ours("timers_cancelled"), go("timers_cancelled"), asio("timers_cancelled")}},
        {"skynet_1m_1_worker",
         "ms",
         "ten coroutines each, down to a million, and the sum of their numbers back up over channels of "
         "capacity 0",
         Measure::kWhole,
         kMillion,
         {{"ours", "bench_cprime", "skynet", forks},
          go("skynet"),
          boost_fiber("skynet_1_worker"),
          asio("skynet_1_worker")}},
        {"skynet_1m_2_workers",
         "ms",
         "the same on two workers; one_worker: ours on one",
         Measure::kWhole,
         kMillion,
         {{"ours", "bench_cprime", "skynet", forks_on_two},
          {"one_worker", "bench_cprime", "skynet", forks},
          {"go", "bench_go", "skynet", two_workers},
          {"boost_fiber", "bench_boost", "skynet_2_workers", two_workers},
          {"asio", "bench_asio", "skynet_2_workers", two_workers}}},
    };
}

// What it takes to look at a program, and what being looked at costs it. The peers of these rows are other ways to do the same in the driver.
std::vector<Row> looks() {
    const Series held = ours("hold_chains");
    const auto peer = [&](const char* label) {
        Series series = held;
        series.label = label;
        return series;
    };
    return {
        {"unwind",
         "ns",
         "unwind one copied stack of nine frames, of 64 different ones, warm",
         Measure::kUnwind,
         20'000,
         {held, peer("libunwind")}},
        {"stacks_100k",
         "ms",
         "copy the state and the stacks of 100,000 parked coroutines of a running program, unwind, merge and "
         "name them, warm",
         Measure::kStacks,
         100'000,
         {held, peer("libunwind")}},
        {"stacks_1m", "ms", "the same of a million", Measure::kStacks, 1'000'000, {held, peer("libunwind")}},
        {"watched",
         "ns",
         "yields and messages by the target's own processor time, beside 10,000 parked coroutines, while a "
         "session with the window's defaults refreshes all tables and stacks at 10 Hz; alone; beside the window "
         "itself; beside a window that looks at another program; while a session listens to everything",
         Measure::kWatched,
         10'000,
         {ours("busy_among_held"),
          {"alone", "bench_cprime", "busy_among_held", kPlain},
          {"window", "bench_cprime", "busy_among_held", kPlain},
          {"window_elsewhere", "bench_cprime", "busy_among_held", kPlain},
          {"profiled", "bench_cprime", "busy_among_held", kPlain}}},
    };
}

// Trace files. The peers are other ways to write or read the same events, in the driver.
std::vector<Row> trace_files() {
    const auto series = [](const char* label) { return Series{label, "", "", {}}; };
    return {
        {"trace_write",
         "ns",
         "write one event of a recorded demo to a trace, as it is written live; as slots, under pressure; by "
         "compact",
         Measure::kTraceWrite,
         0,
         {series("ours"), series("slots"), series("compacted")}},
        {"trace_log",
         "ns",
         "one event of a recorded demo on a recorder's log thread: counted, tallied and written; stored verbatim, under pressure; not written",
         Measure::kTraceLog,
         0,
         {series("ours"), series("verbatim"), series("counted")}},
        {"trace_scan",
         "ns",
         "visit type and stamp of one event of a trace; whole events; both of a compacted trace",
         Measure::kTraceScan,
         0,
         {series("ours"), series("rows"), series("compacted"), series("compacted_rows")}},
        {"trace_open_50m",
         "ms",
         "open a trace of 50 million events; without its footer; up to what the window shows first; one moment anywhere in it",
         Measure::kTraceOpen,
         50'000'000,
         {series("ours"), series("walked"), series("first_picture"), series("moment")}},
        {"trace_open_1g",
         "ms",
         "the same of 1000 million events",
         Measure::kTraceOpen,
         1'000'000'000,
         {series("ours"), series("walked"), series("first_picture"), series("moment")}},
    };
}

constexpr std::uint64_t kParked = 200'000;

std::vector<Row> make_rows() {
    return {
        {"switch",
         "ns",
         "one bare switch between two contexts",
         Measure::kTime,
         0,
         {ours("switch"), boost_context("switch")}},
        ring("switch_ring_1000", "medium", "1k"),
        {"by_hand",
         "ns",
         "resume a coroutine by hand and come back from its yield",
         Measure::kTime,
         0,
         {ours("by_hand"),
          {"boost_context", "bench_boost", "by_hand_fiber", kPlain},
          {"boost_callcc", "bench_boost", "by_hand_callcc", kPlain},
          {"boost_coroutine2", "bench_boost", "by_hand_coroutine2", kPlain}}},
        {"yield_2",
         "ns",
         "one yield among 2 coroutines",
         Measure::kTime,
         0,
         {ours("yield_2"), go("yield_2"), boost_fiber("yield_2"), cpp20("yield_2"), asio("yield_2")}},
        {"yield_1000",
         "ns",
         "one yield among 1000 coroutines",
         Measure::kTime,
         0,
         {ours("yield_1000"), go("yield_1000"), boost_fiber("yield_1000"), cpp20("yield_1000"),
          asio("yield_1000")}},
        {"yield_1000_micro",
         "ns",
         "the same, our coroutines in the micro class",
         Measure::kTime,
         0,
         {ours("yield_1000_micro"), go("yield_1000"), boost_fiber("yield_1000"), cpp20("yield_1000"),
          asio("yield_1000")}},
        {"spawn_join",
         "ns",
         "spawn a coroutine that ends at once, join it",
         Measure::kTime,
         0,
         {ours("spawn_join"), go("spawn_join"), boost_fiber("spawn_join"), cpp20("spawn_join"),
          asio("spawn_join")}},
        {"spawn_join_1000",
         "ns",
         "the same, 1000 spawned before they are joined",
         Measure::kTime,
         0,
         {ours("spawn_join_1000"), go("spawn_join_1000"), boost_fiber("spawn_join_1000"),
          cpp20("spawn_join_1000"), asio("spawn_join_1000")}},
        {"channel_unbuffered",
         "ns",
         "one message from one coroutine to another, capacity 0",
         Measure::kTime,
         0,
         {ours("channel_unbuffered"), go("channel_unbuffered"), boost_fiber("channel_unbuffered"),
          asio("channel_unbuffered")}},
        {"channel_buffered_128",
         "ns",
         "one message from one coroutine to another, capacity 128",
         Measure::kTime,
         0,
         {ours("channel_buffered_128"), go("channel_buffered_128"), boost_fiber("channel_buffered_128"),
          asio("channel_buffered_128")}},
        {"hop_cached",
         "ns",
         "a call in growable code from a micro stack onto the segment that is there, and back; the same call "
         "with room; cycles beside it",
         Measure::kTime,
         0,
         {growable("ours", "call_over_a_hop"), growable("call_with_room", "call_with_room")}},
        {"hop_first",
         "ns",
         "the first such call after a wait, which takes a segment; a new goroutine's first call that does "
         "not fit",
         Measure::kTime,
         0,
         {growable("ours", "call_over_first_hop"), go("grow_first")}},
        {"bigger_stack",
         "ns",
         "call_on_bigger_stack on a micro stack, onto the segment that is there; the same where there is "
         "room",
         Measure::kTime,
         0,
         {growable("ours", "bigger_stack_cached"), growable("with_room", "bigger_stack_with_room")}},
        {"slot_lifo",
         "ns",
         "take a stack's slot and give it back, with so many used; cycles beside it",
         Measure::kTime,
         0,
         {ours("slot_lifo_1k"),
          {"used_64k", "bench_cprime", "slot_lifo_64k", kPlain},
          {"used_1m", "bench_cprime", "slot_lifo_1m", kPlain}}},
        {"slot_classes",
         "ns",
         "the same with 1,000 used, of each class; cycles beside it",
         Measure::kTime,
         0,
         {ours("slot_lifo_1k"),
          {"small", "bench_cprime", "slot_lifo_small", kPlain},
          {"medium", "bench_cprime", "slot_lifo_medium", kPlain},
          {"large", "bench_cprime", "slot_lifo_large", kPlain}}},
        {"slot_random",
         "ns",
         "give a slot back and take one, among a million used, at random; 100 back before 100 are taken",
         Measure::kTime,
         0,
         {ours("slot_random_1m"), {"by_100", "bench_cprime", "slot_random_1m_100", kPlain}}},
        {"million",
         "ns",
         "spawn a coroutine that parks, a million of them on new stacks; bytes each, when each has had a "
         "message",
         Measure::kCold,
         1'000'000,
         {ours("cold_micro"),
          {"linked_statically", "bench_cprime_static", "cold_micro", kPlain},
          {"slots_ahead", "bench_cprime", "cold_micro", plain_and("BENCH_MICRO_AHEAD", "1000000")},
          go("cold")}},
        {"spawn_cold_medium",
         "ns",
         "the same, 100,000 of them on stacks of 16 KiB",
         Measure::kCold,
         100'000,
         {ours("cold_medium"),
          {"slots_ahead", "bench_cprime", "cold_medium", plain_and("BENCH_MEDIUM_AHEAD", "100000")},
          go("cold"),
          boost_fiber("parked_medium")}},
        {"parked_micro_bytes",
         "bytes",
         "memory that one coroutine adds which waits for a channel, smallest stack",
         Measure::kBytes,
         kParked,
         {ours("parked_micro"), go("parked"), boost_fiber("parked_micro")}},
        {"parked_micro_handle_bytes",
         "bytes",
         "the same, each of ours with a channel handle of its own",
         Measure::kBytes,
         kParked,
         {ours("parked_micro_own_handle"), go("parked"), boost_fiber("parked_micro")}},
        {"parked_medium_bytes",
         "bytes",
         "memory that one coroutine adds which waits for a channel, 16 KiB stack",
         Measure::kBytes,
         kParked,
         {ours("parked_medium"), go("parked"), boost_fiber("parked_medium")}},
        {"event",
         "ns",
         "one event of 16 bytes written to a ring that somebody listens to, stamp included",
         Measure::kTime,
         0,
         {emit("ours", "event"), emit("rdtsc_store", "rdtsc_store"), emit("rdtsc", "rdtsc")}},
        {"ring_to_memory",
         "ns",
         "one event of 80 million a second into a ring that another thread empties into its memory, as a recorder does; as fast as it goes",
         Measure::kTime,
         0,
         {emit("ours", "ring_to_memory"), emit("full_speed", "ring_to_memory_full"), emit("overwritten", "event_stamped")}},
        {"event_lttng",
         "ns",
         "the same, against a tracepoint of LTTng-UST with two integers; one of the two of a switch, which share a stamp; the stamp alone",
         Measure::kTime,
         0,
         {emit("ours", "event"),
          {"lttng", "bench_lttng", "event", kPlain},
          emit("of_switch", "event_of_switch"),
          emit("rdtsc", "rdtsc")}},
        {"zone",
         "ns",
         "one of the two events of a zone that a recorded program enters and leaves",
         Measure::kTime,
         0,
         {{"ours", "bench_cprime", "zones", kPlain, Watch::kEvents},
          emit("rdtsc_store", "rdtsc_store"),
          {"dormant", "bench_cprime", "zones", kPlain},
#ifdef COROSCOPE_BENCH_TRACY
          {"tracy", "bench_tracy", "zones", kPlain},
#endif
         }},
        {"slices_1us",
         "ns",
         "a microsecond of computing and a yield, recorded, stacks painted and switches stamped; alone",
         Measure::kTime,
         0,
         {{"ours", "bench_cprime", "slices_1us", kPlain, Watch::kProfiled},
          {"events", "bench_cprime", "slices_1us", kPlain, Watch::kEvents},
          {"alone", "bench_cprime", "slices_1us", kPlain}}},
        {"local_signal",
         "ns",
         "a signal of the program raised in a function and recovered by its caller; a plain exception",
         Measure::kTime,
         0,
         {ours("local_signal"), {"throw_catch", "bench_cprime", "local_throw", kPlain}}},
        {"local_scope",
         "ns",
         "a scope that catches signals, none raised; a try block",
         Measure::kTime,
         0,
         {ours("local_scope"), {"try", "bench_cprime", "local_try", kPlain}}},
        {"event_wide",
         "ns",
         "the same, an event of 32 bytes",
         Measure::kTime,
         0,
         {emit("ours", "event_wide"), emit("rdtsc_store", "rdtsc_store")}},
        {"event_stamped",
         "ns",
         "an event of 16 bytes whose stamp is there already",
         Measure::kTime,
         0,
         {emit("ours", "event_stamped"), emit("rdtsc", "rdtsc")}},
        {"event_judged",
         "ns",
         "an event under a rule that does not match: on how long its wait was; on another type",
         Measure::kTime,
         0,
         {emit("ours", "event_judged"), emit("passed_over", "event_passed_over"), emit("rdtsc", "rdtsc")}},
        {"probe_dormant",
         "ns",
         "one yield among 1000 coroutines, probes dormant against compiled out",
         Measure::kTime,
         0,
         {ours("yield_1000"), {"no_probe", "bench_cprime_probes_off", "yield_1000", kPlain}}},
        {"probe_dormant_2",
         "ns",
         "one yield among 2 coroutines, probes dormant against compiled out",
         Measure::kTime,
         0,
         {ours("yield_2"), {"no_probe", "bench_cprime_probes_off", "yield_2", kPlain}}},
        {"yield_1000_conditions", "ns", "one yield among 1000 coroutines, dormant, against other conditions",
         Measure::kTime, 0, yield_conditions("yield_1000")},
        {"yield_2_conditions", "ns", "one yield among 2 coroutines, dormant, against other conditions",
         Measure::kTime, 0, yield_conditions("yield_2")},
        {"switch_histogram",
         "ticks",
         "p50 of the runtime's switch histogram against stamps taken by the bench",
         Measure::kSwitchHistogram,
         0,
         {ours("stamped_yield_2"), {"bench_stamps", "bench_cprime", "stamped_yield_2", kPlain}}},
    };
}

}  // namespace

const std::vector<Row>& all_rows() {
    static const std::vector<Row> rows = [] {
        std::vector<Row> all = make_rows();
        for (std::vector<Row> more : {looks(), trace_files(), crowds(), rings()})
            std::move(more.begin(), more.end(), std::back_inserter(all));
        return all;
    }();
    return rows;
}

}  // namespace coroscope::bench
