// Analyses that window and command line share, each a plain value computed from a Moment (or a whole trace), each with its JSON in the shape
// that DESIGN promises to others.
//
// Thread: pure functions; call them off the frame when the Moment is large.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/base/result.h"
#include "traces/session.h"
#include "traces/signal_stat.h"

namespace coroscope::traces {

// ---- stat: counts, losses, states, pools, latencies
struct PoolStat {
    std::string size_class, purpose;
    std::uint64_t slot_bytes = 0, slots = 0, used = 0, high_water_slots = 0;
    std::string guards;  // "canaries", "all guarded", "12 of 512 guarded" ...; "" = nothing to say
    std::uint64_t guarded_slots = 0, trimmed_bytes = 0;
    std::uint64_t grown_in_place = 0,
                  segments = 0;  // now: coroutines whose own slot here grew; slots that are segments
};
// How deep the stacks of a spawn site went and how they grew.
struct SiteStat {
    std::string site, name, size_class, evidence;
    std::string pattern;  // what its coroutines do with channels; "" = not said
    std::uint64_t high_water_bytes = 0;  // deepest use seen, a lower bound; 0 = nothing seen
    inspect::SiteMigrationsImage grown;
    std::string last_function;  // that wanted the room; "" = not known (yet)
};
// What keeps neighbours in a pool apart, in words: as above, or "3 guarded, each at its first use" (Large); "" = not known, or no slots.
std::string guards_text(const inspect::PoolImage& pool);
// Sites that say something, in the order of the program. Names come from the session; those it does not know yet are asked for. Does not block.
std::vector<SiteStat> site_stats(Session& session, const inspect::StateImage& state);
// The same in JSON: [{"site", "name", "class", "evidence", "pattern", "high_water_bytes", "migrations": {"in_place", "segments", "wishes"}, "last"}].
nlohmann::json to_json(const std::vector<SiteStat>& sites);
// "small to medium, 1 200 bytes for climb(), 312 ticks"; "" when no stack grew.
std::string last_migration_text(const SiteStat& site);
struct Percentiles {
    double p50 = -1, p90 = -1, p99 = -1, p999 = -1;  // -1 = not measured
    std::uint64_t samples = 0, below_resolution = 0;
    double resolution = 0;
};
// A mutex, semaphore ... that lives, and who holds it and waits.
struct WaitableStat {
    std::string kind, name, site;
    std::string holder;       // "fork (12)", "thread 4711"; "" = nobody
    std::string value;        // "2 of 8 permits", "set" ...; "" = says nothing
    std::uint64_t owner = 0;  // identity; 0 = no coroutine holds it
    std::uint64_t waiting = 0, threads_waiting = 0, served = 0, waited = 0;
    std::vector<std::uint64_t> waiters;  // identities of coroutines, the first few of `waiting`
};
std::vector<WaitableStat> waitable_stats(const inspect::StateImage& state);
nlohmann::json to_json(const std::vector<WaitableStat>& waitables);
std::string to_text(const std::vector<WaitableStat>& waitables);  // "" when there are none
// A worker: what it does, what stands in its queues, whom it took coroutines from.
struct WorkerStat {
    inspect::WorkerImage worker;
    std::uint64_t current = 0;  // identity of the coroutine it runs; 0 = none
    std::string current_name;
    std::uint64_t taken_by_others = 0;   // coroutines that other workers took from its queue
    std::int64_t timer_next_in_ns = -1;  // as in Stat
};
std::vector<WorkerStat> worker_stats(const inspect::StateImage& state, TimeNs t);
// "12 from worker 0, 3 from worker 2"; "" when it never took any. wire::WorkerQueuesRecord counts to 2^32.
std::string taken_from_text(const inspect::WorkerImage& worker);
nlohmann::json to_json(const std::vector<WorkerStat>& workers);
std::string to_text(const std::vector<WorkerStat>& workers);

// A select in the program's code, and what becomes of its arms.
enum class ArmLuck : std::uint8_t {
    kFires,
    kNotYet,      // it never fired; nor did the others often
    kNeverReady,  // others fired, and this one was never ready
    kStarves,     // it is ready and others are drawn, far more often than chance would have it
};
const char* luck_name(ArmLuck luck);  // "fires" "not yet" "never ready" "starves"
struct SelectArmStat {
    std::string does;     // "receive" "send" "timeout" "otherwise"
    std::string channel;  // that somebody waits for there now; "" = nobody does
    std::uint64_t fired = 0, passed_over = 0;
    ArmLuck luck = ArmLuck::kNotYet;
};
struct SelectStat {
    std::uint64_t address = 0;        // where it returns to
    std::string site, function;       // "file:line"; "" = not known (yet)
    std::uint64_t waiting = 0;        // coroutines that are parked in it now
    std::uint64_t first_waiting = 0;  // identity of the one that was spawned first; 0 = nobody is
    std::uint64_t parked = 0, timed_out = 0, declined = 0;
    std::vector<SelectArmStat> arms;
    bool more_arms = false;  // the last one stands for all that follow
};
// In the order in which they ran first. Names come from the session; those it does not know yet are asked for. Does not block.
std::vector<SelectStat> select_stats(Session& session, const inspect::StateImage& state);
nlohmann::json to_json(const std::vector<SelectStat>& selects);
std::string to_text(const std::vector<SelectStat>& selects);

struct Stat {
    std::string ended;  // how the program ended, where that is known: "the program was killed by signal 11 (SIGSEGV)"; "" = it runs
    std::uint64_t events = 0, lost = 0;
    std::int64_t duration_ns = 0;
    std::uint32_t workers = 0;
    std::uint64_t spawned = 0, exited = 0;
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> channels;  // name -> sent, received
    std::map<std::string, std::uint64_t> signals;  // delivered, by name
    std::vector<SignalStat> signal_rows;
    std::map<std::string, std::uint64_t> states;
    std::map<std::string, EventCount> events_by_type;
    std::vector<PoolStat> pools;
    std::vector<SiteStat> sites;
    std::vector<WaitableStat> waitables;
    std::vector<WorkerStat> per_worker;
    std::vector<SelectStat> selects;
    Percentiles switch_cycles;  // TSC ticks
    Percentiles wake_to_run_ns;
    Percentiles signal_latency_ns;  // arrival to the handler's first instruction
    double ns_per_event = -1;
    std::uint64_t peak_rss_kib = 0, stack_bytes_peak = 0;
    std::uint64_t timers_armed = 0;      // parked coroutines that a deadline will wake
    std::int64_t timer_next_in_ns = -1;  // from the moment to the first of them, 0 when it has passed; -1 = none
    inspect::BlockingImage blocking;
};
Stat compute_stat(Session& session, const Moment& moment);
nlohmann::json to_json(const Stat& stat);
std::string to_text(const Stat& stat);

// ---- stacks: every coroutine's stack, look-alikes merged
nlohmann::json stacks_json(Session& session, const Moment& moment);
std::string stacks_text(Session& session, const Moment& moment);

// ---- waits: who waits for whom
struct WaitEdge {
    std::string from;  // coroutine identity as decimal text
    std::string to;    // "channel:NAME", "mutex:NAME" or a coroutine identity
    // "send" "receive" "select-send" "select-receive" (an edge an arm) "join" "lock" "acquire" "pass" "sleep" "signal" ...; "could-wake" for the
    // dashed ones
    std::string kind;
};
struct WaitCycle {
    std::vector<std::string> ids;  // coroutine identities, channels and locks, in order
    bool certain = false;          // deadlock; else suspected
    bool by_select = false;  // one of them waits in a select, of which no arm can fire any more (`ids` names one arm's channel)
    std::string sentence;  // "3 (left) waits to receive from a, which only 4 (right) can send to, ..."
};
struct Waits {
    std::vector<WaitEdge> edges;  // who waits for what
    std::vector<WaitEdge> could_wake;  // from = coroutine that could act, to = channel or coroutine it could release
    std::vector<WaitCycle> cycles;
    std::vector<std::string> orphans;  // wait for something nobody can do any more
};
Waits compute_waits(const Moment& moment);
nlohmann::json to_json(const Waits& waits);
std::string to_text(const Waits& waits);
std::string to_dot(const Waits& waits);

// ---- sizes: the profile-guided table
// From whole traces; `previous` rows (sizes.json of an earlier run) are merged. Errors: kCorrupt for a malformed table, naming the line.
base::Result<nlohmann::json> compute_sizes(const std::vector<std::string>& traces,
                                           const std::vector<std::string>& previous_tables);
std::string sizes_text(const nlohmann::json& sizes);

}  // namespace coroscope::traces
