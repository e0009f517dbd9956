// See wait_model.h.
#include "views/wait_model.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/coroutine_filter.h"
#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::CoroutineImage;

// Identity from its decimal text; 0 when it is none.
std::uint64_t identity_of(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return 0;
    return std::strtoull(text.c_str(), nullptr, 10);
}

class Builder {
public:
    Builder(const traces::Moment& moment, const traces::Waits& waits, const WaitQuery& query)
        : moment_(moment), waits_(waits), query_(query), lock_rows_(traces::waitable_stats(moment.state)) {
        for (const traces::WaitCycle& cycle : waits.cycles)
            cycle_members_.insert(cycle.ids.begin(), cycle.ids.end());
        orphans_.insert(waits.orphans.begin(), waits.orphans.end());
        for (const inspect::ChannelImage& channel : moment.state.channels)
            channels_.try_emplace(moment.state.channel_text(channel), &channel);
        for (const traces::WaitableStat& lock : lock_rows_)
            locks_.try_emplace(lock.kind + ":" + lock.name, &lock);
        for (const traces::WaitEdge& edge : waits.edges) {
            std::string& wait = waits_for_[edge.from];
            wait += (wait.empty() ? "" : ", ") + edge.kind + " " + edge.to;  // a select has an edge an arm
        }
    }

    WaitGraph run() {
        graph_.cycles = waits_.cycles;
        graph_.orphans = waits_.orphans.size();
        const FilterMatch match = query_.filter.empty() ? FilterMatch{} : match_filter(moment_, query_.filter);
        const auto passes = [&](const std::string& text) {
            if (query_.filter.empty() || cycle_members_.count(text) != 0) return true;
            const CoroutineImage* waiter = moment_.state.coroutine_of(identity_of(text));
            return waiter != nullptr && match.by_position[static_cast<std::size_t>(waiter - moment_.state.coroutines.data())];
        };
        const std::string* before = nullptr;
        for (const traces::WaitEdge& edge : waits_.edges) {
            if (!passes(edge.from)) continue;
            if (edge.kind == "sleep" || edge.to.empty()) {
                ++graph_.sleeping;
                continue;
            }
            if (before == nullptr || *before != edge.from)
                ++graph_.waiting;  // the arms of a select are one wait
            before = &edge.from;
            add_link(node_of(edge.from), node_of(edge.to), edge.kind, false);
        }
        if (query_.could_wake) {
            for (const traces::WaitEdge& edge : waits_.could_wake) {
                // Only what somebody waits for is worth an arrow.
                const auto target = by_text_.find(edge.to);
                if (target != by_text_.end()) add_link(node_of(edge.from), target->second, edge.kind, true);
            }
        }
        mark_cycles();
        cut();
        return std::move(graph_);
    }

private:
    std::size_t add_node(const std::string& key, WaitNode node) {
        const auto [entry, added] = by_key_.try_emplace(key, graph_.nodes.size());
        if (added) {
            node.key = key;
            graph_.nodes.push_back(std::move(node));
        }
        return entry->second;
    }

    std::size_t node_of(const std::string& text) {
        const auto known = by_text_.find(text);
        if (known != by_text_.end()) return known->second;
        const std::uint64_t identity = identity_of(text);
        const std::size_t node = identity != 0 ? coroutine_node(text, identity) : resource_node(text);
        by_text_.emplace(text, node);
        return node;
    }

    std::size_t coroutine_node(const std::string& text, std::uint64_t identity) {
        const inspect::StateImage& state = moment_.state;
        const CoroutineImage* coroutine = state.coroutine_of(identity);
        WaitNode node;
        node.title = coroutine != nullptr ? std::string(state.coroutine_name(*coroutine)) : "coroutine";
        node.detail = coroutine != nullptr ? std::string(short_path(state.site_text(coroutine->site)))
                                           : "ended";
        node.look = coroutine != nullptr ? look_of(*coroutine) : Look::kOther;
        node.orphan = orphans_.count(text) != 0;
        node.selected = identity == query_.selected;
        node.pinned = std::find(query_.pins.begin(), query_.pins.end(), identity) != query_.pins.end();
        const bool alone = cycle_members_.count(text) != 0 || node.selected || node.pinned || node.orphan;
        std::string key = "coroutine " + text;
        if (!alone && coroutine != nullptr) {
            const auto wait = waits_for_.find(text);
            key = fmt::format("group {} | {} | {} | {}", node.title, state.site_text(coroutine->site),
                              static_cast<int>(node.look),
                              wait != waits_for_.end() ? wait->second : std::string("-"));
        }
        const std::size_t at = add_node(key, std::move(node));
        WaitNode& group = graph_.nodes[at];
        ++group.count;
        if (group.identities.size() < kNodeIdentitiesMost) group.identities.push_back(identity);
        group.first_identity = group.first_identity == 0 ? identity : std::min(group.first_identity, identity);
        return at;
    }

    std::size_t resource_node(const std::string& text) {
        WaitNode node;
        const auto channel = channels_.find(text);
        if (text.starts_with("channel:")) {
            node.kind = WaitNode::Kind::kChannel;
            node.channel = text;
            node.title = text.substr(std::string_view("channel:").size());
            node.look = Look::kChannel;
            if (channel != channels_.end()) {
                const inspect::ChannelImage& image = *channel->second;
                node.detail = image.capacity == 0
                                  ? "unbuffered"
                                  : fmt::format("{} of {} queued", image.length, image.capacity);
                if (image.closed) node.detail += " · closed";
            }
            node.selected = text == query_.channel;
        } else {
            node.kind = WaitNode::Kind::kOther;
            node.title = text;
            if (const auto lock = locks_.find(text); lock != locks_.end()) {
                node.look = Look::kLock;
                node.detail = lock->second->holder.empty() ? lock->second->value
                                                           : "held by " + lock->second->holder;
            }
        }
        return add_node(text, std::move(node));
    }

    void add_link(std::size_t from, std::size_t to, const std::string& kind, bool could_wake) {
        const auto [entry, added] = links_.try_emplace({from, to, kind, could_wake}, graph_.links.size());
        if (added) graph_.links.push_back({from, to, 0, kind, could_wake, false});
        ++graph_.links[entry->second].count;
    }

    // The nodes of every cycle, and the links between them, are marked.
    void mark_cycles() {
        std::set<std::pair<std::size_t, std::size_t>> steps;
        for (const traces::WaitCycle& cycle : waits_.cycles) {
            for (std::size_t i = 0; i < cycle.ids.size(); ++i) {
                const auto here = by_text_.find(cycle.ids[i]),
                           next = by_text_.find(cycle.ids[(i + 1) % cycle.ids.size()]);
                if (here != by_text_.end()) graph_.nodes[here->second].in_cycle = true;
                if (here == by_text_.end() || next == by_text_.end()) continue;
                steps.emplace(here->second, next->second);
                steps.emplace(next->second, here->second);
            }
        }
        for (WaitLink& link : graph_.links) {
            const bool both = graph_.nodes[link.from].in_cycle && graph_.nodes[link.to].in_cycle;
            link.in_cycle = both && steps.count({link.from, link.to}) != 0;
        }
    }

    // Keeps cycles, the selection and pins whatever there are, then their neighbours, orphans, and what most wait for with theirs, while
    // there is room.
    void cut() {
        if (graph_.nodes.size() <= kNodesMost) return;
        std::vector<std::uint64_t> waiters(graph_.nodes.size(), 0);
        std::vector<std::vector<std::size_t>> beside(graph_.nodes.size());
        for (const WaitLink& link : graph_.links) {
            if (!link.could_wake) waiters[link.to] += link.count;
            beside[link.from].push_back(link.to);
            beside[link.to].push_back(link.from);
        }
        std::vector<bool> kept(graph_.nodes.size(), false);
        std::size_t count = 0;
        const auto keep = [&](std::size_t node, bool in_any_case) {
            if (kept[node] || (!in_any_case && count >= kNodesMost)) return;
            kept[node] = true;
            ++count;
        };
        std::vector<std::size_t> first;
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const WaitNode& node = graph_.nodes[i];
            if (!node.in_cycle && !node.selected && !node.pinned) continue;
            keep(i, true);
            first.push_back(i);
        }
        const auto keep_beside = [&](std::size_t node) {
            for (const std::size_t other : beside[node])
                keep(other, false);
        };
        std::for_each(first.begin(), first.end(), keep_beside);
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (graph_.nodes[i].orphan) keep(i, false);
        }
        std::vector<std::size_t> busiest(graph_.nodes.size());
        std::iota(busiest.begin(), busiest.end(), std::size_t{0});
        std::stable_sort(busiest.begin(), busiest.end(), [&](std::size_t a, std::size_t b) { return waiters[a] > waiters[b]; });
        for (const std::size_t node : busiest) {
            if (waiters[node] == 0 || count >= kNodesMost) break;
            keep(node, false);
            keep_beside(node);
        }
        std::vector<std::size_t> renamed(graph_.nodes.size(), 0);
        std::vector<WaitNode> nodes;
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            renamed[i] = nodes.size();
            if (kept[i]) nodes.push_back(std::move(graph_.nodes[i]));
        }
        graph_.hidden_nodes = renamed.size() - nodes.size();
        std::vector<WaitLink> links;
        for (WaitLink& link : graph_.links) {
            if (!kept[link.from] || !kept[link.to]) continue;
            link.from = renamed[link.from];
            link.to = renamed[link.to];
            links.push_back(std::move(link));
        }
        graph_.nodes = std::move(nodes);
        graph_.links = std::move(links);
    }

    const traces::Moment& moment_;
    const traces::Waits& waits_;
    const WaitQuery& query_;
    const std::vector<traces::WaitableStat> lock_rows_;
    WaitGraph graph_;
    std::unordered_set<std::string> cycle_members_, orphans_;
    std::unordered_map<std::string, const inspect::ChannelImage*> channels_;
    std::unordered_map<std::string, const traces::WaitableStat*> locks_;  // by "mutex:NAME"; into lock_rows_
    std::unordered_map<std::string, std::string> waits_for_;
    std::unordered_map<std::string, std::size_t> by_key_, by_text_;
    std::map<std::tuple<std::size_t, std::size_t, std::string, bool>, std::size_t> links_;
};

}  // namespace

WaitGraph compute_wait_graph(const traces::Moment& moment, const traces::Waits& waits, const WaitQuery& query) {
    return Builder(moment, waits, query).run();
}

nlohmann::json to_json(const WaitGraph& graph) {
    nlohmann::json nodes = nlohmann::json::array(), links = nlohmann::json::array(),
                   cycles = nlohmann::json::array();
    for (const WaitNode& node : graph.nodes) {
        nodes.push_back({{"title", node.title},
                         {"detail", node.detail},
                         {"kind", node.kind == WaitNode::Kind::kCoroutines ? "coroutines"
                                  : node.kind == WaitNode::Kind::kChannel  ? "channel"
                                                                           : "other"},
                         {"count", node.count},
                         {"first", node.first_identity},
                         {"channel", node.channel},
                         {"in_cycle", node.in_cycle},
                         {"orphan", node.orphan},
                         {"selected", node.selected},
                         {"pinned", node.pinned}});
    }
    for (const WaitLink& link : graph.links) {
        links.push_back({{"from", link.from},
                         {"to", link.to},
                         {"count", link.count},
                         {"kind", link.kind},
                         {"could_wake", link.could_wake},
                         {"in_cycle", link.in_cycle}});
    }
    for (const traces::WaitCycle& cycle : graph.cycles) {
        cycles.push_back({{"ids", cycle.ids},
                          {"certainty", cycle.certain ? "deadlock" : "suspected"},
                          {"sentence", cycle.sentence}});
    }
    return {{"nodes", std::move(nodes)}, {"links", std::move(links)},  {"cycles", std::move(cycles)},
            {"waiting", graph.waiting},  {"sleeping", graph.sleeping}, {"hidden_nodes", graph.hidden_nodes},
            {"orphans", graph.orphans}};
}

}  // namespace coroscope::views
