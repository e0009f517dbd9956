// See layered_layout.h.
#include "views/layered_layout.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace coroscope::views {
namespace {

constexpr int kSweeps = 8;
constexpr int kRelaxations = 12;

// A node of one component: a true one, or a bend of a long edge.
struct Vertex {
    std::size_t original = std::numeric_limits<std::size_t>::max();
    std::size_t layer = 0;
    float width = 0, height = 0;
    float y = 0;                           // centre
    std::vector<std::size_t> left, right;  // neighbours in the layers beside
    bool is_bend() const { return original == std::numeric_limits<std::size_t>::max(); }
};

struct Component {
    std::vector<Vertex> vertices;
    std::vector<std::vector<std::size_t>> layers;  // vertices in their order, top to bottom
    std::vector<std::pair<std::size_t, std::vector<std::size_t>>> bends;  // edge -> its bends from left to right
    std::vector<float> layer_x, layer_width;
    float width = 0, height = 0;
};

std::vector<std::vector<std::size_t>> components_of(const LayoutInput& input) {
    const std::size_t count = input.nodes.size();
    std::vector<std::size_t> parent(count);
    std::iota(parent.begin(), parent.end(), std::size_t{0});
    const auto root = [&](std::size_t v) {
        while (parent[v] != v)
            v = parent[v] = parent[parent[v]];
        return v;
    };
    for (const auto& [from, to] : input.edges)
        parent[std::max(root(from), root(to))] = std::min(root(from), root(to));
    std::vector<std::vector<std::size_t>> members(count), components;
    for (std::size_t v = 0; v < count; ++v)
        members[root(v)].push_back(v);
    for (auto& list : members) {
        if (!list.empty()) components.push_back(std::move(list));
    }
    return components;
}

// Edges of the whole graph that close a cycle in a depth-first walk, nodes in input order: they are laid out the other way round.
std::vector<bool> back_edges(const LayoutInput& input) {
    const std::size_t count = input.nodes.size();
    std::vector<std::vector<std::size_t>> out(count);
    std::vector<std::size_t> in_degree(count, 0);
    for (std::size_t e = 0; e < input.edges.size(); ++e) {
        out[input.edges[e].first].push_back(e);
        ++in_degree[input.edges[e].second];
    }
    std::vector<bool> back(input.edges.size(), false);
    std::vector<char> state(count, 0);  // 0 new, 1 on the path, 2 done
    struct Step {
        std::size_t vertex, next;
    };
    const auto walk = [&](std::size_t start) {
        std::vector<Step> path = {{start, 0}};
        state[start] = 1;
        while (!path.empty()) {
            Step& top = path.back();
            if (top.next == out[top.vertex].size()) {
                state[top.vertex] = 2;
                path.pop_back();
                continue;
            }
            const std::size_t edge = out[top.vertex][top.next++];
            const std::size_t to = input.edges[edge].second;
            if (state[to] == 1) {
                back[edge] = true;
            } else if (state[to] == 0) {
                state[to] = 1;
                path.push_back({to, 0});
            }
        }
    };
    for (std::size_t v = 0; v < count; ++v) {
        if (in_degree[v] == 0 && state[v] == 0) walk(v);
    }
    for (std::size_t v = 0; v < count; ++v) {
        if (state[v] == 0) walk(v);
    }
    return back;
}

// Longest path from the sources; every edge goes at least one layer to the right.
std::vector<std::size_t> longest_path_layers(const LayoutInput& input, const std::vector<bool>& back) {
    const std::size_t count = input.nodes.size();
    std::vector<std::vector<std::size_t>> out(count);
    std::vector<std::size_t> in_degree(count, 0), layer(count, 0);
    for (std::size_t e = 0; e < input.edges.size(); ++e) {
        auto [from, to] = input.edges[e];
        if (from == to) continue;
        if (back[e]) std::swap(from, to);
        out[from].push_back(to);
        ++in_degree[to];
    }
    std::vector<std::size_t> ready, order;
    for (std::size_t v = 0; v < count; ++v) {
        if (in_degree[v] == 0) ready.push_back(v);
    }
    for (std::size_t i = 0; i < ready.size(); ++i) {
        const std::size_t v = ready[i];
        order.push_back(v);
        for (const std::size_t to : out[v]) {
            layer[to] = std::max(layer[to], layer[v] + 1);
            if (--in_degree[to] == 0) ready.push_back(to);
        }
    }
    // Sources move right, next to what they lead to: waiters stand beside what they wait for.
    for (auto v = order.rbegin(); v != order.rend(); ++v) {
        std::size_t nearest = std::numeric_limits<std::size_t>::max();
        for (const std::size_t to : out[*v])
            nearest = std::min(nearest, layer[to]);
        if (nearest != std::numeric_limits<std::size_t>::max()) layer[*v] = std::max(layer[*v], nearest - 1);
    }
    return layer;
}

Component make_component(const LayoutInput& input, const std::vector<std::size_t>& members,
                         const std::vector<std::size_t>& layer, const std::vector<bool>& back) {
    Component component;
    std::vector<std::size_t> index(input.nodes.size(), std::numeric_limits<std::size_t>::max());
    std::size_t first_layer = std::numeric_limits<std::size_t>::max(), last_layer = 0;
    for (const std::size_t v : members) {
        first_layer = std::min(first_layer, layer[v]);
        last_layer = std::max(last_layer, layer[v]);
    }
    component.layers.resize(last_layer - first_layer + 1);
    const auto add = [&](Vertex vertex) {
        component.layers[vertex.layer].push_back(component.vertices.size());
        component.vertices.push_back(std::move(vertex));
        return component.vertices.size() - 1;
    };
    for (const std::size_t v : members) {
        Vertex vertex;
        vertex.original = v;
        vertex.layer = layer[v] - first_layer;
        vertex.width = input.nodes[v].width;
        vertex.height = input.nodes[v].height;
        index[v] = add(std::move(vertex));
    }
    const auto join = [&](std::size_t a, std::size_t b) {
        component.vertices[a].right.push_back(b);
        component.vertices[b].left.push_back(a);
    };
    for (std::size_t e = 0; e < input.edges.size(); ++e) {
        auto [from, to] = input.edges[e];
        if (from == to || index[from] == std::numeric_limits<std::size_t>::max()) continue;
        if (back[e]) std::swap(from, to);
        const std::size_t a = index[from], b = index[to];
        const std::size_t span = component.vertices[b].layer - component.vertices[a].layer;
        if (span == 1 || span > kBendsMax + 1) {
            if (span == 1) join(a, b);
            continue;
        }
        std::size_t before = a;
        std::vector<std::size_t> bends;
        for (std::size_t l = component.vertices[a].layer + 1; l < component.vertices[b].layer; ++l) {
            Vertex bend;
            bend.layer = l;
            bend.height = input.node_gap;
            const std::size_t at = add(std::move(bend));
            bends.push_back(at);
            join(before, at);
            before = at;
        }
        join(before, b);
        component.bends.emplace_back(e, std::move(bends));
    }
    return component;
}

std::size_t crossings_between(const Component& component, std::size_t layer,
                              const std::vector<std::size_t>& place) {
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (const std::size_t v : component.layers[layer]) {
        for (const std::size_t to : component.vertices[v].right)
            edges.emplace_back(place[v], place[to]);
    }
    std::size_t crossings = 0;
    for (std::size_t i = 0; i < edges.size(); ++i) {
        for (std::size_t j = i + 1; j < edges.size(); ++j) {
            const bool above = edges[i].first < edges[j].first,
                       above_there = edges[i].second < edges[j].second;
            if (edges[i].first != edges[j].first && edges[i].second != edges[j].second && above != above_there)
                ++crossings;
        }
    }
    return crossings;
}

// Orders each layer by the median place of its neighbours, back and forth, and keeps the order with the fewest crossings.
void order_layers(Component& component) {
    std::vector<std::size_t> place(component.vertices.size());
    const auto number = [&](std::size_t layer) {
        for (std::size_t i = 0; i < component.layers[layer].size(); ++i)
            place[component.layers[layer][i]] = i;
    };
    const auto all_crossings = [&] {
        std::size_t sum = 0;
        for (std::size_t l = 0; l + 1 < component.layers.size(); ++l)
            sum += crossings_between(component, l, place);
        return sum;
    };
    for (std::size_t l = 0; l < component.layers.size(); ++l)
        number(l);
    auto best = component.layers;
    std::size_t fewest = all_crossings();
    for (int sweep = 0; sweep < kSweeps && fewest != 0; ++sweep) {
        const bool forwards = sweep % 2 == 0;
        for (std::size_t step = 0; step < component.layers.size(); ++step) {
            const std::size_t l = forwards ? step : component.layers.size() - 1 - step;
            std::vector<std::pair<double, std::size_t>> keyed;
            for (const std::size_t v : component.layers[l]) {
                const auto& beside = forwards ? component.vertices[v].left : component.vertices[v].right;
                std::vector<std::size_t> places;
                for (const std::size_t n : beside)
                    places.push_back(place[n]);
                std::sort(places.begin(), places.end());
                double median = static_cast<double>(place[v]);
                if (!places.empty()) {
                    const std::size_t half = places.size() / 2;
                    median = places.size() % 2 == 1
                                 ? static_cast<double>(places[half])
                                 : (static_cast<double>(places[half - 1]) + static_cast<double>(places[half])) /
                                       2;
                }
                keyed.emplace_back(median, v);
            }
            std::stable_sort(keyed.begin(), keyed.end(),
                             [](const auto& a, const auto& b) { return a.first < b.first; });
            for (std::size_t i = 0; i < keyed.size(); ++i)
                component.layers[l][i] = keyed[i].second;
            number(l);
        }
        if (const std::size_t now = all_crossings(); now < fewest) {
            fewest = now;
            best = component.layers;
        }
    }
    component.layers = std::move(best);
}

// Pushes the vertices of a layer apart so that none overlap, keeping their order and, as far as possible, where they want to be.
void separate(Component& component, const std::vector<std::size_t>& layer, std::vector<float>& wanted,
              float gap) {
    // Blocks of touching vertices move to the mean of what their members want (pool adjacent violators).
    struct Block {
        float sum = 0;     // of wanted centres, relative to the block's top
        float height = 0;  // with gaps
        std::size_t first = 0, count = 0;
        float top() const { return sum / static_cast<float>(count); }
    };
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < layer.size(); ++i) {
        const float height = component.vertices[layer[i]].height;
        Block block{wanted[i] - height / 2, height + gap, i, 1};
        blocks.push_back(block);
        while (blocks.size() > 1 &&
               blocks[blocks.size() - 2].top() + blocks[blocks.size() - 2].height > blocks.back().top()) {
            const Block below = blocks.back();
            blocks.pop_back();
            Block& above = blocks.back();
            above.sum += below.sum - above.height * static_cast<float>(below.count);
            above.height += below.height;
            above.count += below.count;
        }
    }
    for (const Block& block : blocks) {
        float y = block.top();
        for (std::size_t i = block.first; i < block.first + block.count; ++i) {
            Vertex& vertex = component.vertices[layer[i]];
            vertex.y = y + vertex.height / 2;
            y += vertex.height + gap;
        }
    }
}

void place_vertices(Component& component, const LayoutInput& input) {
    for (const auto& layer : component.layers) {
        float y = 0;
        for (const std::size_t v : layer) {
            component.vertices[v].y = y + component.vertices[v].height / 2;
            y += component.vertices[v].height + input.node_gap;
        }
    }
    for (int round = 0; round < kRelaxations; ++round) {
        const bool forwards = round % 2 == 0;
        for (std::size_t step = 0; step < component.layers.size(); ++step) {
            const auto& layer = component.layers[forwards ? step : component.layers.size() - 1 - step];
            std::vector<float> wanted;
            for (const std::size_t v : layer) {
                const Vertex& vertex = component.vertices[v];
                const auto& beside = forwards ? (vertex.left.empty() ? vertex.right : vertex.left)
                                              : (vertex.right.empty() ? vertex.left : vertex.right);
                float sum = 0;
                for (const std::size_t n : beside)
                    sum += component.vertices[n].y;
                wanted.push_back(beside.empty() ? vertex.y : sum / static_cast<float>(beside.size()));
            }
            separate(component, layer, wanted, input.node_gap);
        }
    }
    float top = std::numeric_limits<float>::max();
    for (const Vertex& vertex : component.vertices)
        top = std::min(top, vertex.y - vertex.height / 2);
    for (Vertex& vertex : component.vertices) {
        vertex.y -= top;
        component.height = std::max(component.height, vertex.y + vertex.height / 2);
    }
    float x = 0;
    for (const auto& layer : component.layers) {
        float widest = 0;
        for (const std::size_t v : layer)
            widest = std::max(widest, component.vertices[v].width);
        component.layer_x.push_back(x);
        component.layer_width.push_back(widest);
        x += widest + input.layer_gap;
    }
    component.width = x - input.layer_gap;
}

}  // namespace

LayoutOutput lay_out(const LayoutInput& input) {
    LayoutOutput output;
    output.nodes.resize(input.nodes.size());
    output.bends.resize(input.edges.size());
    output.layers.resize(input.nodes.size());
    if (input.nodes.empty()) return output;
    const std::vector<bool> back = back_edges(input);
    const std::vector<std::size_t> layer = longest_path_layers(input, back);
    std::vector<Component> components;
    float area = 0, widest = 0;
    for (const auto& members : components_of(input)) {
        Component component = make_component(input, members, layer, back);
        order_layers(component);
        place_vertices(component, input);
        area += (component.width + input.component_gap) * (component.height + input.component_gap);
        widest = std::max(widest, component.width);
        components.push_back(std::move(component));
    }
    // Shelves: components beside each other up to the width that gives the wanted aspect.
    const float shelf_width = std::max(widest, std::sqrt(area * input.aspect));
    float x = 0, y = 0, shelf_height = 0;
    for (const Component& component : components) {
        if (x > 0 && x + component.width > shelf_width) {
            x = 0;
            y += shelf_height + input.component_gap;
            shelf_height = 0;
        }
        for (const Vertex& vertex : component.vertices) {
            if (vertex.is_bend()) continue;
            output.nodes[vertex.original] = {x + component.layer_x[vertex.layer],
                                             y + vertex.y - vertex.height / 2};
            output.layers[vertex.original] = vertex.layer;
        }
        for (const auto& [edge, bends] : component.bends) {
            for (const std::size_t at : bends) {
                const Vertex& bend = component.vertices[at];
                const float left = x + component.layer_x[bend.layer];
                output.bends[edge].push_back({left, y + bend.y});
                output.bends[edge].push_back({left + component.layer_width[bend.layer], y + bend.y});
            }
            if (back[edge]) std::reverse(output.bends[edge].begin(), output.bends[edge].end());
        }
        output.width = std::max(output.width, x + component.width);
        output.height = std::max(output.height, y + component.height);
        shelf_height = std::max(shelf_height, component.height);
        x += component.width + input.component_gap;
    }
    return output;
}

}  // namespace coroscope::views
