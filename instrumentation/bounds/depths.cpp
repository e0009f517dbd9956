// Depths along calls: strongly connected components first (Tarjan, without recursion of its own), since functions in a circle have no bound.
#include <algorithm>
#include <unordered_map>

#include "instrumentation/bounds/program.h"
#include "instrumentation/bounds/runtime_calls.h"

namespace coroscope::bounds {

void Program::measure(NodeId root) {
    struct Visit {
        NodeId node;
        std::size_t edge;
    };
    std::vector<Visit> visits;
    const auto begin = [&](NodeId id) {
        static_cast<void>(read(id));
        nodes_[id].order = nodes_[id].low = next_order_++;
        nodes_[id].on_stack = true;
        tarjan_stack_.push_back(id);
        visits.push_back({id, 0});
    };
    if (nodes_[root].order == 0) begin(root);
    while (!visits.empty()) {
        Visit& visit = visits.back();
        Node& node = nodes_[visit.node];
        if (visit.edge < node.edges.size()) {
            const NodeId to = node.edges[visit.edge++].to;
            if (nodes_[to].order == 0) {
                begin(to);  // `visit` is not used again
            } else if (nodes_[to].on_stack) {
                node.low = std::min(node.low, nodes_[to].order);
            }
            continue;
        }
        const NodeId done = visit.node;
        visits.pop_back();
        if (!visits.empty())
            nodes_[visits.back().node].low = std::min(nodes_[visits.back().node].low, node.low);
        if (node.low != node.order) continue;
        const auto first = std::find(tarjan_stack_.rbegin(), tarjan_stack_.rend(), done).base() - 1;
        const std::vector<NodeId> members(first, tarjan_stack_.end());
        tarjan_stack_.erase(first, tarjan_stack_.end());
        finish_component(members);
    }
}

void Program::finish_component(const std::vector<NodeId>& members) {
    for (const NodeId id : members)
        nodes_[id].on_stack = false;
    Node& node = nodes_[members.front()];
    const bool calls_itself = std::any_of(node.edges.begin(), node.edges.end(),
                                          [&](const Edge& edge) { return edge.to == members.front(); });
    if (members.size() > 1 || calls_itself) {
        for (const NodeId id : members) {
            Node& member = nodes_[id];
            member.bound.recursive = true;
            for (const Edge& edge : member.edges) {
                if (std::find(members.begin(), members.end(), edge.to) == members.end()) continue;
                member.reasons.push_back({ReasonKind::kRecursion, {}, edge.from, function(edge.to).name});
                break;
            }
        }
        return;
    }
    node.deepest = members.front();
    node.bound.depth = node.bound.own_depth;
    node.bound.proven = node.reasons.empty();
    for (const Edge& edge : node.edges) {
        const Bound& under = nodes_[edge.to].bound;
        node.bound.proven = node.bound.proven && under.proven;
        if (!under.proven || edge.depth + under.depth < node.bound.depth ||
            (edge.depth + under.depth == node.bound.depth && node.deepest != members.front()))
            continue;
        node.bound.depth = edge.depth + under.depth;
        node.bound.calls_deep = under.calls_deep + 1;
        node.deepest = edge.to;
    }
}

const Bound& Program::bound(NodeId node) {
    measure(node);
    return nodes_[node].bound;
}

std::optional<std::uint32_t> Program::own_frame(NodeId node) {
    const Node& known = read(node);
    const bool doubted = std::any_of(known.reasons.begin(), known.reasons.end(),
                                     [](const Reason& reason) { return reason.kind == ReasonKind::kDoubt; });
    return doubted ? std::nullopt : std::optional(known.frame_depth);
}

std::vector<NodeId> Program::deepest_path(NodeId node) {
    measure(node);
    std::vector<NodeId> path = {node};
    while (nodes_[path.back()].bound.proven && nodes_[path.back()].deepest != path.back())
        path.push_back(nodes_[path.back()].deepest);
    return path;
}

std::uint64_t Program::call_between(NodeId from, NodeId to) const {
    const Edge* deepest = nullptr;
    for (const Edge& edge : nodes_[from].edges) {
        if (edge.to == to && (deepest == nullptr || edge.depth > deepest->depth)) deepest = &edge;
    }
    return deepest != nullptr ? deepest->from : function(from).low;
}

std::vector<Finding> Program::findings(NodeId root) {
    measure(root);
    std::vector<Finding> found;
    std::vector<NodeId> order = {root};
    std::unordered_map<NodeId, NodeId> callers = {{root, root}};
    for (std::size_t i = 0; i < order.size(); ++i) {
        const Node& node = nodes_[order[i]];
        for (const Reason& reason : node.reasons) {
            Finding finding{reason, {order[i]}};
            for (NodeId at = order[i]; at != root; at = callers[at])
                finding.path.push_back(callers[at]);
            std::reverse(finding.path.begin(), finding.path.end());
            found.push_back(std::move(finding));
        }
        for (const Edge& edge : node.edges) {
            if (!nodes_[edge.to].bound.proven && callers.emplace(edge.to, order[i]).second)
                order.push_back(edge.to);
        }
    }
    return found;
}

std::vector<RuntimeCall> Program::runtime_calls_under(NodeId root, bool* complete) {
    measure(root);
    std::vector<RuntimeCall> found;
    std::vector<NodeId> order = {root};
    std::unordered_map<NodeId, bool> seen = {{root, true}};
    *complete = true;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const Node& node = nodes_[order[i]];
        found.insert(found.end(), node.runtime_calls.begin(), node.runtime_calls.end());
        for (const Reason& reason : node.reasons) {
            // How deep the stack gets is not known then, but who is called is.
            const bool known = reason.kind == ReasonKind::kRecursion || reason.kind == ReasonKind::kThrow ||
                               (reason.kind == ReasonKind::kDoubt && reason.doubt == DoubtKind::kVariableFrame);
            *complete = *complete && known;
        }
        for (const Edge& edge : node.edges) {
            // Behind a door is the runtime, which calls itself.
            if (!enters_runtime(function(edge.to).name) && seen.emplace(edge.to, true).second)
                order.push_back(edge.to);
        }
    }
    return found;
}

std::vector<std::string> Program::narrowings_under(NodeId root) {
    measure(root);
    std::vector<std::string> found;
    std::vector<NodeId> order = {root};
    std::unordered_map<NodeId, bool> seen = {{root, true}};
    for (std::size_t i = 0; i < order.size(); ++i) {
        for (const std::uint32_t narrowing : nodes_[order[i]].narrowings) {
            const std::string& sentence = narrowings_[narrowing].assumption;
            if (std::find(found.begin(), found.end(), sentence) == found.end()) found.push_back(sentence);
        }
        for (const Edge& edge : nodes_[order[i]].edges) {
            if (seen.emplace(edge.to, true).second) order.push_back(edge.to);
        }
    }
    return found;
}

std::vector<const Contract*> Program::contracts_under(NodeId root) {
    measure(root);
    std::vector<const Contract*> found;
    std::vector<NodeId> order = {root};
    std::unordered_map<NodeId, bool> seen = {{root, true}};
    for (std::size_t i = 0; i < order.size(); ++i) {
        for (const Contract* contract : nodes_[order[i]].contracts) {
            if (std::find(found.begin(), found.end(), contract) == found.end()) found.push_back(contract);
        }
        for (const Edge& edge : nodes_[order[i]].edges) {
            if (seen.emplace(edge.to, true).second) order.push_back(edge.to);
        }
    }
    return found;
}

}  // namespace coroscope::bounds
