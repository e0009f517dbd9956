// Profile: where the time of a recorded program went, by coroutine, spawn site, channel or worker.
//
// Computed from one walk through a trace (trace_walk.h). Everybody who lived during the walk is counted; of rows by coroutine only as many are kept
// as were asked for, so that memory does not grow with the number of coroutines that came and went.
//
// How a coroutine came to the worker that runs it, at each run:
//   first        it had never run before
//   same worker  it ran there last
//   stolen       it was made ready on another worker, from which this one has taken coroutines that have not all run yet. Which of those it took
//                no event says: their number is right, who they are is likely
//   migrated     it ran elsewhere last, and nobody stole it: it was in a shared queue, or was woken here
//
// Thread: pure functions. Blocks: reads the trace. Tested in tests/unit/analyses/profile_test.cpp and tests/e2e/profile_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/base/result.h"
#include "traces/analyses/latencies.h"
#include "traces/analyses/trace_walk.h"

namespace coroscope::analyses {

enum class ProfileBy : std::uint8_t { kCoroutine, kSite, kChannel, kWorker };
enum class ProfileSort : std::uint8_t {
    kTotal,
    kRunning,
    kReady,
    kBlocked,
    kRuns,
    kSuspends,
    kLatency,
    kCount,
    kName
};
inline constexpr std::array<const char*, 4> kProfileByNames = {"coroutine", "site", "channel", "worker"};
inline constexpr std::array<const char*, 9> kProfileSortNames = {
    "total", "running", "ready", "blocked", "runs", "suspends", "latency", "count", "name"};

struct ProfileOptions {
    ProfileBy by = ProfileBy::kSite;
    ProfileSort sort = ProfileSort::kTotal;
    std::size_t top = 0;  // rows; 0 = all
};

enum class SwitchKind : std::uint8_t { kFirst, kSameWorker, kStolen, kMigrated };
inline constexpr std::size_t kSwitchKindsCount = 4;
inline constexpr std::array<const char*, kSwitchKindsCount> kSwitchKindNames = {"first", "same-worker",
                                                                                "stolen", "migrated"};

// Ticks spent, and how often.
struct Times {
    std::array<std::uint64_t, kActivitiesCount> ticks{};                 // by Activity
    std::array<std::uint64_t, wire::kWaitReasonsCount> blocked_ticks{};  // of kBlocked, by reason
    std::array<std::uint64_t, wire::kWaitReasonsCount> waits{};          // suspends by reason
    std::array<std::uint64_t, kSwitchKindsCount> switches{};             // runs by SwitchKind
    std::uint64_t runs = 0, suspends = 0, wakes = 0;
    Latencies wake_to_run;

    std::uint64_t of(Activity activity) const { return ticks[static_cast<std::size_t>(activity)]; }
    std::uint64_t total() const;
    void merge(const Times& other);
};

struct ProfileRow {
    std::string label;  // site "file:line", "channel:NAME", "worker 0", or the coroutine's name
    std::string name, site;
    std::uint64_t identity = 0, spawner = 0;  // of a coroutine
    std::int64_t begin_ns = 0, end_ns = 0;    // of a coroutine
    LifeEnd end = LifeEnd::kAlive;            // of a coroutine
    std::uint64_t coroutines = 0;             // of a site: that lived during the walk
    std::uint64_t alive = 0;                  // of them, at its end
    std::uint64_t sent = 0, received = 0;     // of a channel
    std::uint64_t idle_ticks = 0,
                  scheduling_ticks = 0;  // of a worker: asleep; neither asleep nor with a coroutine
    std::uint64_t taken = 0;             // of a worker: coroutines it took from others' queues
    Times times;
};

// Runs that began right after another coroutine had left the worker, without sleep in between: ticks from its stamp to that of the run.
struct SwitchCost {
    Latencies ticks;
    std::uint64_t one_stamp = 0;  // both events carry one stamp: what lay between them was not measured
};
struct WakeRow {
    std::string from, to;  // sites; `from` may be "timer", "signal", "thread outside" ...
    std::uint64_t count = 0;
    Latencies wake_to_run;
};
struct SpawnRow {
    std::string from, to;  // sites; `from`: "outside" where no coroutine did it
    std::uint64_t count = 0;
};
struct AliveRow {
    std::string site, name, state, waits_on;     // waits_on: of one of them
    std::uint64_t count = 0, first = 0;          // first: an identity
    std::uint64_t stuck = 0, perhaps_stuck = 0;  // nobody can wake them; only holders that nobody knows could
};

struct Profile {
    ProfileOptions options;
    std::int64_t duration_ns = 0;
    double ns_per_tick = 0;
    WalkCounts counts;
    std::string ended;                      // why the recording ended; "" = it was cut short
    std::uint64_t spawned = 0, exited = 0;  // during the walk
    std::vector<ProfileRow> rows;
    std::uint64_t rows_left_out = 0;
    Times totals;
    std::array<SwitchCost, kSwitchKindsCount> switches;
    std::vector<WakeRow> wakes;    // most first
    std::vector<SpawnRow> spawns;  // most first
    std::vector<AliveRow> alive_at_end;
};

Profile compute_profile(TraceWalk& walk, const ProfileOptions& options);
nlohmann::json to_json(const Profile& profile);
std::string to_text(const Profile& profile);

}  // namespace coroscope::analyses
