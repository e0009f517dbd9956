// TopTable: what `coroscope top` shows of a program, as plain values: computed from looks, filtered and sorted, before anything is drawn.
//
// Who runs is sampled: each look says who is on a worker at that moment, and the share of a site is that of the looks of one interval in which its
// coroutines were, over all workers (2 of 4 workers all the time: 50 %). Nothing is listened to for it. Rates are differences between looks.
//
// Thread: one at a time. Tested in tests/unit/app/top_table_test.cpp; end to end in tests/e2e/top_test.py.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/analyses/lints.h"
#include "traces/session.h"

namespace coroscope::app {

inline constexpr double kNotMeasured = -1;

struct TopSite {
    std::string site, name, size_class;
    std::uint64_t coroutines = 0, running = 0, ready = 0, parked = 0;
    double running_share = kNotMeasured;  // of all workers' time
    std::string why;                      // what most of those that are parked wait for; "" = none is
    std::uint64_t why_count = 0;
    std::uint64_t stack_bytes = 0;  // deepest use that is known; 0 = none is
};
struct TopChannel {
    std::string name;
    std::uint64_t channels = 0;  // of this name
    std::uint64_t length = 0, capacity = 0, senders_waiting = 0, receivers_waiting = 0, sent = 0;
    double sent_per_second = kNotMeasured;
};
struct TopWorker {
    std::uint32_t worker = 0;
    std::string state, current;
    double use = kNotMeasured;  // share of the looks in which it did not sleep
    std::uint64_t ready = 0;    // in line for it
};
struct TopPool {
    std::string size_class, purpose;
    std::uint64_t used = 0, slots = 0, high_water = 0;
};

struct TopTable {
    std::string title, status;
    std::int64_t t_ns = 0;
    std::uint64_t coroutines = 0;
    std::map<std::string, std::uint64_t> states;
    double switches_per_second = kNotMeasured, spawned_per_second = kNotMeasured;
    double events_per_second = 0;
    bool live = false, listening = false;
    std::uint64_t lost = 0;
    std::uint64_t looks = 0;  // that the shares were sampled by
    std::vector<TopWorker> workers;
    std::vector<TopSite> sites;
    std::vector<TopChannel> channels;  // those with the most waiting first
    std::vector<TopPool> pools;        // that have slots
    analyses::LintReport lints;
    std::size_t muted = 0;
};
nlohmann::json to_json(const TopTable& table);

enum class TopSort : std::uint8_t { kRunning, kReady, kCoroutines, kStack, kName };
inline constexpr const char* kTopSortNames[] = {"running", "ready", "coroutines", "stack", "name"};
TopSort top_sort(const std::string& name);  // kRunning for what is none
// Those first of which there is most; by name: in its order.
void sort_sites(std::vector<TopSite>& sites, TopSort sort);
// Keeps sites, channels and lints that have all words of the filter, in whichever case.
void filter_table(TopTable& table, const std::string& filter);

// Follows a session from look to look.
class TopFollower {
public:
    TopFollower(traces::Session& session, analyses::Mutes mutes)
        : session_(session), mutes_(std::move(mutes)) {}

    // Takes the newest look, if there is one that was not taken yet. Call it more often than there are looks.
    void poll();
    bool has_look() const { return now_ != nullptr; }
    // Of the time since the last one; sampling begins anew.
    TopTable table();

private:
    using MomentPtr = std::shared_ptr<const traces::Moment>;
    void add_sites(TopTable& table) const;
    void add_workers(TopTable& table) const;
    void add_channels(TopTable& table) const;
    void add_rates(TopTable& table) const;
    double share(std::uint64_t samples, std::uint64_t of) const;

    traces::Session& session_;
    const analyses::Mutes mutes_;
    MomentPtr now_;
    MomentPtr table_before_;                                // of the last table
    std::vector<MomentPtr> earlier_;                        // for lints, oldest first
    std::uint64_t looks_ = 0;                               // since the last table
    std::unordered_map<std::uint32_t, std::uint64_t> ran_;  // by site: workers on which it ran, over all looks
    std::vector<std::uint64_t> awake_;                      // by worker: looks in which it did not sleep
};

}  // namespace coroscope::app
