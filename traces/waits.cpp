// compute_waits: the wait graph as edges, cycles with their sentences, and orphans; its JSON, text and dot.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/awaited.h"
#include "traces/wait_graph.h"

namespace coroscope::traces {
namespace {

using inspect::ChannelImage;
using inspect::CoroutineImage;
using inspect::StateImage;
using wire::WaitReason;
using What = WaitGraph::What;

// "receive" rather than "channel-receive": the edge's end says that it is a channel.
const char* edge_kind(WaitReason reason) {
    switch (reason) {
        case WaitReason::kChannelSend:
            return "send";
        case WaitReason::kChannelReceive:
            return "receive";
        case WaitReason::kMutex:
        case WaitReason::kSharedMutex:
            return "lock";
        case WaitReason::kSemaphore:
            return "acquire";
        case WaitReason::kCondition:
        case WaitReason::kBarrier:
        case WaitReason::kLatch:
        case WaitReason::kWaitEvent:
        case WaitReason::kOnce:
            return "pass";
        default:
            return inspect::reason_name(reason);
    }
}

std::string identity_text(const CoroutineImage& coroutine) {
    return std::to_string(coroutine.identity);
}

std::string called(const StateImage& state, const CoroutineImage& coroutine) {
    return fmt::format("{} ({})", state.coroutine_name(coroutine), coroutine.identity);
}

void add_edges(const StateImage& state, Waits& waits) {
    for (const CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked) continue;
        const auto arms = coroutine.reason == WaitReason::kSelect ? state.arms_of(coroutine)
                                                                  : std::span<const inspect::SelectArmImage>();
        for (const inspect::SelectArmImage& arm : arms) {
            waits.edges.push_back({identity_text(coroutine), channel_at_text(state, arm.channel),
                                   arm.receives ? "select-receive" : "select-send"});
        }
        if (!arms.empty()) continue;
        waits.edges.push_back(
            {identity_text(coroutine), awaited_text(state, coroutine), edge_kind(coroutine.reason)});
    }
}

void add_could_wake(const StateImage& state, const WaitGraph& graph, Waits& waits) {
    for (const WaitGraph::Node& node : graph.nodes()) {
        if (node.what == What::kCoroutine) {
            const CoroutineImage& coroutine = state.coroutines[node.position];
            if (coroutine.state != wire::CoroutineState::kParked || coroutine.reason != WaitReason::kJoin)
                continue;
            if (const CoroutineImage* joined = state.coroutine_at(coroutine.wait_object)) {
                waits.could_wake.push_back({identity_text(*joined), identity_text(coroutine), "could-wake"});
            }
            continue;
        }
        if (node.what == What::kWaitable) {
            const inspect::WaitableImage& waitable = state.waitables[node.position];
            if (waitable.waiting == 0 || node.to.empty()) continue;
            waits.could_wake.push_back({identity_text(state.coroutines[node.to.front()]),
                                        state.waitable_text(waitable), "could-wake"});
            continue;
        }
        const ChannelImage& channel = state.channels[node.position];
        if ((node.waits_to_receive ? channel.receivers_waiting : channel.senders_waiting) == 0) continue;
        for (const std::uint32_t holder : node.to) {
            waits.could_wake.push_back(
                {identity_text(state.coroutines[holder]), state.channel_text(channel), "could-wake"});
        }
    }
}

// "receive from channel:a, which only right (4) can send to"; `who` waits there.
std::string side_sentence(const StateImage& state, const WaitGraph& graph, const WaitGraph::Node& side,
                          std::uint32_t who) {
    std::vector<std::uint32_t> others;
    std::copy_if(side.to.begin(), side.to.end(), std::back_inserter(others),
                 [&](std::uint32_t holder) { return holder != who; });
    const bool alone = others.empty();
    if (alone) others = side.to;
    std::string holders;
    constexpr std::size_t kNamed = 3;
    for (std::size_t i = 0; i < std::min(kNamed, others.size()); ++i) {
        if (i > 0) holders += i + 1 == others.size() ? " and " : ", ";
        holders += called(state, state.coroutines[graph.nodes()[others[i]].position]);
    }
    if (others.size() > kNamed) holders += fmt::format(" and {} more", others.size() - kNamed);
    if (side.unknown_holder)
        holders += side.outside_holder ? ", or a thread outside," : ", or a holder nobody knows,";
    return fmt::format("{} {}, which only {} can {}{}", side.waits_to_receive ? "receive from" : "send to",
                       state.channel_text(state.channels[side.position]), holders,
                       side.waits_to_receive ? "send to" : "receive from",
                       alone || others.size() == side.to.size() ? "" : ", besides itself");
}

// "left (3) waits to receive from channel:a, which only right (4) can send to"
std::string step_sentence(const StateImage& state, const WaitGraph& graph, std::uint32_t id) {
    const WaitGraph::Node& node = graph.nodes()[id];
    const std::string who = called(state, state.coroutines[node.position]);
    const WaitGraph::Node& next = graph.nodes()[node.to.front()];
    if (next.what == What::kCoroutine)
        return fmt::format("{} waits for {} to end", who, called(state, state.coroutines[next.position]));
    if (next.what == What::kWaitable) {
        return fmt::format("{} waits for {}, which {} holds", who,
                           state.waitable_text(state.waitables[next.position]),
                           called(state, state.coroutines[next.to.front()]));
    }
    const bool selects = state.coroutines[node.position].reason == WaitReason::kSelect;
    std::string text = who + (selects ? " waits in a select to " : " waits to ");
    for (std::size_t i = 0; i < node.to.size(); ++i)
        text += (i == 0 ? "" : ", or to ") + side_sentence(state, graph, graph.nodes()[node.to[i]], id);
    return text;
}

void add_cycles(const StateImage& state, const WaitGraph& graph, Waits& waits,
                std::unordered_set<std::uint32_t>& in_ring) {
    for (const std::vector<std::uint32_t>& ring : graph.rings()) {
        WaitCycle cycle;
        cycle.certain = true;
        std::set<std::string> objects;
        std::string steps;
        for (const std::uint32_t id : ring) {
            cycle.certain = cycle.certain && graph.stuck()[id] == 2;
            const WaitGraph::Node& node = graph.nodes()[id];
            if (node.what != What::kCoroutine) {
                cycle.ids.push_back(node.what == What::kSide
                                        ? state.channel_text(state.channels[node.position])
                                        : state.waitable_text(state.waitables[node.position]));
                objects.insert(cycle.ids.back());
                continue;
            }
            const CoroutineImage& coroutine = state.coroutines[node.position];
            cycle.ids.push_back(identity_text(coroutine));
            cycle.by_select = cycle.by_select || coroutine.reason == WaitReason::kSelect;
            if (coroutine.reason == WaitReason::kJoin) objects.insert(awaited_text(state, coroutine));
            steps += (steps.empty() ? "" : "; ") + step_sentence(state, graph, id);
        }
        // Workers that share one channel both ways and are fed from outside look like a ring of one object; that is how they rest.
        if (!cycle.certain && objects.size() < 2) continue;
        in_ring.insert(ring.begin(), ring.end());
        cycle.sentence = fmt::format("{}: {}.", cycle.certain ? "deadlock" : "suspected deadlock", steps);
        waits.cycles.push_back(std::move(cycle));
    }
}

// Stuck for certain without being part of a ring, or waiting for handles that only ended coroutines held.
void add_orphans(const StateImage& state, const WaitGraph& graph,
                 const std::unordered_set<std::uint32_t>& in_ring, Waits& waits) {
    for (std::uint32_t id = 0; id < state.coroutines.size(); ++id) {
        if (in_ring.count(id) != 0 || graph.stuck()[id] == 0) continue;
        const WaitGraph::Node& node = graph.nodes()[id];
        bool orphan = graph.stuck()[id] == 2;
        if (!orphan && !node.to.empty()) {
            orphan = std::all_of(node.to.begin(), node.to.end(), [&](std::uint32_t at) {
                const WaitGraph::Node& side = graph.nodes()[at];
                return side.what != What::kCoroutine && side.to.empty() && side.unknown_holder &&
                       !side.outside_holder;
            });
        }
        if (orphan) waits.orphans.push_back(identity_text(state.coroutines[id]));
    }
}

// Identities are numbers in JSON, everything else is text.
nlohmann::json id_json(const std::string& id) {
    if (!id.empty() && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return std::stoull(id);
    return id;
}

nlohmann::json edges_json(const std::vector<WaitEdge>& edges) {
    nlohmann::json rows = nlohmann::json::array();
    for (const WaitEdge& edge : edges)
        rows.push_back({{"from", id_json(edge.from)}, {"to", id_json(edge.to)}, {"kind", edge.kind}});
    return rows;
}

}  // namespace

Waits compute_waits(const Moment& moment) {
    const StateImage& state = moment.state;
    const WaitGraph graph(state, moment.moved);
    Waits waits;
    add_edges(state, waits);
    add_could_wake(state, graph, waits);
    std::unordered_set<std::uint32_t> in_ring;
    add_cycles(state, graph, waits, in_ring);
    add_orphans(state, graph, in_ring, waits);
    return waits;
}

nlohmann::json to_json(const Waits& waits) {
    nlohmann::json cycles = nlohmann::json::array();
    for (const WaitCycle& cycle : waits.cycles) {
        nlohmann::json ids = nlohmann::json::array();
        for (const std::string& id : cycle.ids)
            ids.push_back(id_json(id));
        cycles.push_back({{"ids", ids},
                          {"certainty", cycle.certain ? "deadlock" : "suspected"},
                          {"by_select", cycle.by_select},
                          {"sentence", cycle.sentence}});
    }
    nlohmann::json orphans = nlohmann::json::array();
    for (const std::string& id : waits.orphans)
        orphans.push_back(id_json(id));
    return {{"edges", edges_json(waits.edges)},
            {"could_wake", edges_json(waits.could_wake)},
            {"cycles", cycles},
            {"orphans", orphans}};
}

std::string to_text(const Waits& waits) {
    // Look-alikes share a line: who waits is counted by what for.
    std::map<std::pair<std::string, std::string>, std::pair<std::size_t, std::string>> by_object;
    for (const WaitEdge& edge : waits.edges) {
        auto& [count, example] = by_object[{edge.kind, edge.to}];
        if (count++ == 0) example = edge.from;
    }
    std::string text;
    for (const WaitCycle& cycle : waits.cycles)
        text += cycle.sentence + "\n";
    if (!waits.cycles.empty()) text += "\n";
    text += fmt::format("{:>10}  {:<14} {}\n", "coroutines", "wait to", "object");
    for (const auto& [object, who] : by_object) {
        text += fmt::format("{:>10}  {:<14} {}{}\n", who.first, object.first, object.second,
                            who.first == 1 ? fmt::format("   (coroutine {})", who.second) : "");
    }
    if (waits.edges.empty()) text += "nobody waits\n";
    if (!waits.orphans.empty()) {
        text += fmt::format("\n{} stuck behind something that nobody can do any more", waits.orphans.size());
        for (std::size_t i = 0; i < std::min<std::size_t>(waits.orphans.size(), 10); ++i)
            text += (i == 0 ? ": " : ", ") + waits.orphans[i];
        text += waits.orphans.size() > 10 ? ", ...\n" : "\n";
    }
    return text;
}

std::string to_dot(const Waits& waits) {
    std::set<std::string> red;
    for (const WaitCycle& cycle : waits.cycles)
        red.insert(cycle.ids.begin(), cycle.ids.end());
    std::string text = "digraph waits {\n  rankdir=LR;\n  node [fontname=\"Inter\"];\n";
    std::set<std::string> nodes;
    for (const auto* edges : {&waits.edges, &waits.could_wake}) {
        for (const WaitEdge& edge : *edges) {
            nodes.insert(edge.from);
            nodes.insert(edge.to);
        }
    }
    const auto quoted = [](const std::string& id) {
        std::string out = "\"";
        for (const char c : id) {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        return out + "\"";
    };
    for (const std::string& node : nodes) {
        text += fmt::format("  {} [shape={}{}];\n", quoted(node),
                            node.find(':') != std::string::npos ? "box" : "ellipse",
                            red.count(node) != 0 ? ", color=red" : "");
    }
    for (const WaitEdge& edge : waits.edges)
        text += fmt::format("  {} -> {} [label=\"{}\"];\n", quoted(edge.from), quoted(edge.to), edge.kind);
    for (const WaitEdge& edge : waits.could_wake)
        text += fmt::format("  {} -> {} [style=dashed];\n", quoted(edge.from), quoted(edge.to));
    return text + "}\n";
}

}  // namespace coroscope::traces
