// Building the wait graph, the greatest stuck set (worklist, linear in arrows), and rings (Tarjan's strongly connected components,
// iterative: chains of 100,000 coroutines are ordinary).
#include "traces/wait_graph.h"

#include <algorithm>
#include <unordered_map>

namespace coroscope::traces {
namespace {

constexpr std::uint32_t kUnvisited = 0xffffffffU;

bool waits_without_deadline(const inspect::CoroutineImage& coroutine) {
    if (coroutine.state != wire::CoroutineState::kParked) return false;
    if (coroutine.consistency != inspect::Consistency::kExact) return false;
    if ((coroutine.flags & (wire::kCoroutineTimedWait | wire::kCoroutineCancelRequested)) != 0) return false;
    if (coroutine.deadline_ticks != 0) return false;
    switch (coroutine.reason) {
        case wire::WaitReason::kJoin:
        case wire::WaitReason::kChannelSend:
        case wire::WaitReason::kChannelReceive:
        case wire::WaitReason::kSelect:
            return true;
        default:
            return wire::waits_for_waitable(coroutine.reason);
    }
}

// A waiter at such a channel is about to be released, whoever holds what.
bool about_to_release(const inspect::ChannelImage& channel, bool waits_to_receive) {
    if (channel.closed || channel.consistency != inspect::Consistency::kExact) return true;
    return waits_to_receive ? channel.length > 0 : channel.length < channel.capacity;
}

}  // namespace

WaitGraph::WaitGraph(const inspect::StateImage& state, std::span<const std::uint32_t> moved)
    : state_(state), moved_(moved) {
    nodes_.resize(state.coroutines.size() + 2 * state.channels.size() + state.waitables.size());
    for (std::size_t i = 0; i < state.coroutines.size(); ++i)
        nodes_[i].position = static_cast<std::uint32_t>(i);
    add_sides();
    add_waitables();
    add_waits();
    find_stuck();
}

void WaitGraph::add_sides() {
    const std::size_t coroutines = state_.coroutines.size();
    std::unordered_map<std::uint32_t, std::uint32_t> position_of_channel;
    std::vector<std::uint32_t> handles_seen(2 * state_.channels.size());
    for (std::size_t i = 0; i < state_.channels.size(); ++i) {
        position_of_channel.emplace(state_.channels[i].index, static_cast<std::uint32_t>(i));
        for (std::size_t side = 0; side < 2; ++side) {
            Node& node = nodes_[coroutines + 2 * i + side];
            node.what = What::kSide;
            node.position = static_cast<std::uint32_t>(i);
            node.waits_to_receive = side == 0;
        }
    }
    for (const inspect::HandleImage& handle : state_.handles) {
        const auto found = position_of_channel.find(handle.channel);
        if (found == position_of_channel.end()) continue;
        const inspect::CoroutineImage* holder = handle.holder == wire::kHolderOutside
                                                    ? nullptr
                                                    : state_.coroutine_of(handle.holder);
        for (std::uint32_t side = 0; side < 2; ++side) {
            // Those who wait to receive are released by handles that may send, and the other way round.
            const std::uint32_t needed = side == 0 ? wire::kHandleSend : wire::kHandleReceive;
            if ((handle.rights & needed) == 0) continue;
            const auto id = static_cast<std::uint32_t>(coroutines + 2 * found->second + side);
            Node& node = nodes_[id];
            ++handles_seen[2 * found->second + side];
            if (holder == nullptr) {
                node.unknown_holder = true;
                node.outside_holder = node.outside_holder || handle.holder == wire::kHolderOutside;
                continue;
            }
            node.to.push_back(static_cast<std::uint32_t>(holder - state_.coroutines.data()));
        }
    }
    for (std::size_t i = 0; i < state_.channels.size(); ++i) {
        // Handles that came or went while the image was read: do not claim to know all of them.
        if (handles_seen[2 * i] != state_.channels[i].sender_handles)
            nodes_[coroutines + 2 * i].unknown_holder = true;
        if (handles_seen[2 * i + 1] != state_.channels[i].receiver_handles)
            nodes_[coroutines + 2 * i + 1].unknown_holder = true;
    }
    for (std::size_t id = coroutines; id < coroutines + 2 * state_.channels.size(); ++id) {
        auto& to = nodes_[id].to;
        std::sort(to.begin(), to.end());
        to.erase(std::unique(to.begin(), to.end()), to.end());
        for (const std::uint32_t holder : to)
            nodes_[holder].from.push_back(static_cast<std::uint32_t>(id));
    }
}

// Only what somebody holds can keep others waiting for good: whoever waits for permits, a notification or a set event is released by anybody
// who thinks of it. Readers of a shared mutex are not known by name.
void WaitGraph::add_waitables() {
    const std::size_t first = state_.coroutines.size() + 2 * state_.channels.size();
    for (std::size_t i = 0; i < state_.waitables.size(); ++i) {
        const inspect::WaitableImage& waitable = state_.waitables[i];
        Node& node = nodes_[first + i];
        node.what = What::kWaitable;
        node.position = static_cast<std::uint32_t>(i);
        if (waitable.owner == 0 || waitable.consistency != inspect::Consistency::kExact) continue;
        const inspect::CoroutineImage* owner = state_.coroutine_of(waitable.owner);
        if (owner == nullptr) {
            node.unknown_holder = true;
            node.outside_holder = wire::owner_is_thread(waitable.owner);
            continue;
        }
        node.to.push_back(static_cast<std::uint32_t>(owner - state_.coroutines.data()));
        nodes_[node.to.front()].from.push_back(static_cast<std::uint32_t>(first + i));
    }
}

// Which nodes could end the wait of a coroutine, each alone: several for a select, none when something else can.
std::vector<std::uint32_t> WaitGraph::targets_of(const inspect::CoroutineImage& coroutine) const {
    if (coroutine.reason == wire::WaitReason::kJoin) {
        const auto* joined = state_.coroutine_at(coroutine.wait_object);
        if (joined == nullptr) return {};
        return {static_cast<std::uint32_t>(joined - state_.coroutines.data())};
    }
    if (wire::waits_for_waitable(coroutine.reason)) {
        const auto* waitable = state_.waitable_at(coroutine.wait_object);
        if (waitable == nullptr) return {};
        const std::size_t first = state_.coroutines.size() + 2 * state_.channels.size();
        return {
            static_cast<std::uint32_t>(first + static_cast<std::size_t>(waitable - state_.waitables.data()))};
    }
    std::vector<std::uint32_t> targets;
    // False: a wait at this side of the channel is no reason to be stuck.
    const auto add_side = [&](std::uint32_t index, bool receives) {
        const inspect::ChannelImage* channel = state_.channel_at(index);
        if (channel == nullptr || about_to_release(*channel, receives)) return false;
        const auto at = static_cast<std::size_t>(channel - state_.channels.data());
        targets.push_back(static_cast<std::uint32_t>(state_.coroutines.size() + 2 * at + (receives ? 0 : 1)));
        return true;
    };
    if (coroutine.reason != wire::WaitReason::kSelect) {
        add_side(coroutine.wait_object, coroutine.reason == wire::WaitReason::kChannelReceive);
        return targets;
    }
    for (const inspect::SelectArmImage& arm : state_.arms_of(coroutine)) {
        if (!add_side(arm.channel, arm.receives)) return {};
    }
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    return targets;
}

void WaitGraph::add_waits() {
    for (std::size_t i = 0; i < state_.coroutines.size(); ++i) {
        const inspect::CoroutineImage& coroutine = state_.coroutines[i];
        if (!waits_without_deadline(coroutine)) continue;
        if (std::binary_search(moved_.begin(), moved_.end(), coroutine.index)) continue;
        nodes_[i].to = targets_of(coroutine);
        for (const std::uint32_t target : nodes_[i].to)
            nodes_[target].from.push_back(static_cast<std::uint32_t>(i));
    }
}

std::vector<std::uint8_t> WaitGraph::greatest_stuck_set(bool unknown_can_act) const {
    std::vector<std::uint8_t> in(nodes_.size(), 1);
    std::vector<std::uint32_t> leaving;
    const auto leave = [&](std::uint32_t id) {
        if (in[id] == 0) return;
        in[id] = 0;
        leaving.push_back(id);
    };
    for (std::uint32_t id = 0; id < nodes_.size(); ++id) {
        const Node& node = nodes_[id];
        // A coroutine that waits for nothing known can act; a side without any holder says nothing about who could.
        if (node.what == What::kCoroutine
                ? node.to.empty()
                : (node.unknown_holder && unknown_can_act) || (node.to.empty() && !node.unknown_holder)) {
            leave(id);
        }
    }
    while (!leaving.empty()) {
        const std::uint32_t id = leaving.back();
        leaving.pop_back();
        // One waker that can act is enough to release whoever waits for it.
        for (const std::uint32_t waiting : nodes_[id].from)
            leave(waiting);
    }
    return in;
}

void WaitGraph::find_stuck() {
    const std::vector<std::uint8_t> suspected = greatest_stuck_set(false);
    const std::vector<std::uint8_t> certain = greatest_stuck_set(true);
    stuck_.resize(nodes_.size());
    for (std::size_t i = 0; i < stuck_.size(); ++i)
        stuck_[i] = certain[i] != 0 ? 2 : suspected[i];
}

std::vector<std::vector<std::uint32_t>> WaitGraph::rings() const {
    std::vector<std::vector<std::uint32_t>> rings;
    std::vector<std::uint32_t> order(nodes_.size(), kUnvisited), low(nodes_.size(), 0),
        component_of(nodes_.size(), kUnvisited);
    std::vector<std::uint32_t> open;
    std::vector<std::pair<std::uint32_t, std::size_t>> path;  // node, next arrow
    std::uint32_t next_order = 0, components = 0;
    const auto enter = [&](std::uint32_t id) {
        order[id] = low[id] = next_order++;
        open.push_back(id);
        path.emplace_back(id, 0);
    };
    for (std::uint32_t root = 0; root < nodes_.size(); ++root) {
        if (stuck_[root] == 0 || order[root] != kUnvisited) continue;
        enter(root);
        while (!path.empty()) {
            const std::uint32_t id = path.back().first;
            if (path.back().second < nodes_[id].to.size()) {
                const std::uint32_t to = nodes_[id].to[path.back().second++];
                if (stuck_[to] == 0) continue;
                if (order[to] == kUnvisited) {
                    enter(to);
                } else if (component_of[to] == kUnvisited) {
                    low[id] = std::min(low[id], order[to]);
                }
                continue;
            }
            path.pop_back();
            if (!path.empty()) low[path.back().first] = std::min(low[path.back().first], low[id]);
            if (low[id] != order[id]) continue;
            std::vector<std::uint32_t> component;
            std::uint32_t member = kUnvisited;
            do {
                member = open.back();
                open.pop_back();
                component_of[member] = components;
                component.push_back(member);
            } while (member != id);
            ++components;
            const bool self = std::find(nodes_[id].to.begin(), nodes_[id].to.end(), id) != nodes_[id].to.end();
            if (component.size() > 1 || self) rings.push_back(walk_ring(component, component_of));
        }
    }
    return rings;
}

// The shortest ring through the component's smallest node: what a person should read, however large the component is. That somebody holds the
// very handle which would release it is a ring of one, and the whole story only where nobody else holds one.
std::vector<std::uint32_t> WaitGraph::walk_ring(const std::vector<std::uint32_t>& component,
                                                const std::vector<std::uint32_t>& component_of) const {
    const std::uint32_t start = *std::min_element(component.begin(), component.end());
    const std::vector<std::uint32_t> ring = shortest_ring(start, component_of, false);
    return ring.empty() ? shortest_ring(start, component_of, true) : ring;
}

// `by_oneself`: over a side that start waits at and holds itself as well. Empty when there is none.
std::vector<std::uint32_t> WaitGraph::shortest_ring(std::uint32_t start,
                                                    const std::vector<std::uint32_t>& component_of,
                                                    bool by_oneself) const {
    std::unordered_map<std::uint32_t, std::uint32_t> came_from;
    std::vector<std::uint32_t> frontier{start};
    for (std::size_t i = 0; i < frontier.size(); ++i) {
        const std::uint32_t id = frontier[i];
        for (const std::uint32_t to : nodes_[id].to) {
            if (component_of[to] != component_of[start]) continue;
            if (to == start) {
                const bool next_to_start = id != start && came_from.at(id) == start;
                if (!by_oneself && (id == start || (next_to_start && nodes_[id].what != What::kCoroutine)))
                    continue;
                std::vector<std::uint32_t> ring;
                for (std::uint32_t back = id; back != start; back = came_from.at(back))
                    ring.push_back(back);
                ring.push_back(start);
                std::reverse(ring.begin(), ring.end());
                return ring;
            }
            if (came_from.emplace(to, id).second) frontier.push_back(to);
        }
    }
    return {};
}

}  // namespace coroscope::traces
