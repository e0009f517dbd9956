// Row model of the wait graph: coroutines and what they wait for, look-alikes collapsed.
//
//   Waits (one edge a waiting coroutine) ─▶ WaitGraph (groups by site, resource and kind, with counts) ─▶ layered_layout
//
// 100,000 coroutines that receive from one channel are one node "swarm × 100 000". Members of a cycle, and the selected coroutine, stay
// by themselves. Drawn from left to right the graph reads "waits for": waiter → channel → who could wake it; "could wake" edges are
// laid out against their own direction for that reason. What is left out (sleepers; resources beyond the busiest) is counted.
//
// Pure functions; any thread. 100,000 edges: about 100 ms. Tested in tests/unit/views/wait_model_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/analysis.h"
#include "views/look.h"

namespace coroscope::views {

struct WaitNode {
    enum class Kind : std::uint8_t { kCoroutines, kChannel, kOther };
    Kind kind = Kind::kCoroutines;
    std::string key;                   // stable between Moments
    std::string title;                 // "swarm", "rows"
    std::string detail;                // "demo.cpp:120", "cap 8 · 3 queued"
    std::uint64_t count = 0;           // coroutines in it
    std::uint64_t first_identity = 0;  // of the oldest of them: what a click selects
    std::string channel;               // "channel:NAME" for channels
    Look look = Look::kOther;
    bool in_cycle = false;
    bool orphan = false;  // waits for something that nobody can do any more
    bool selected = false;
    bool pinned = false;
    std::vector<std::uint64_t> identities = {};  // of the coroutines in it, the first few: for who is lit
};
inline constexpr std::size_t kNodeIdentitiesMost = 4096;
inline constexpr std::size_t kNodesMost = 1000;  // that are drawn, but for cycles, the selection and pins

struct WaitLink {
    std::size_t from = 0, to = 0;
    std::uint64_t count = 0;
    std::string kind;  // "receive", "join" ...; of could-wake edges what they could do
    bool could_wake = false;
    bool in_cycle = false;
};

struct WaitGraph {
    std::vector<WaitNode> nodes;
    std::vector<WaitLink> links;
    std::vector<traces::WaitCycle> cycles;
    std::uint64_t waiting = 0;       // coroutines, without sleepers
    std::uint64_t sleeping = 0;      // left out: they wait for time alone
    std::uint64_t hidden_nodes = 0;  // left out: beyond the busiest resources
    std::uint64_t orphans = 0;
};

struct WaitQuery {
    std::uint64_t selected = 0;  // coroutine identity; stays by itself, with its neighbourhood
    std::string channel;         // selected channel
    bool could_wake = true;
    std::vector<std::uint64_t> pins = {};  // coroutines that stay by themselves, too, and are not left out for want of room
    std::string filter = {};  // of coroutines that wait; those of a cycle are there in any case; "" = everybody
    bool operator==(const WaitQuery&) const = default;
};

WaitGraph compute_wait_graph(const traces::Moment& moment, const traces::Waits& waits, const WaitQuery& query);
nlohmann::json to_json(const WaitGraph& graph);

}  // namespace coroscope::views
