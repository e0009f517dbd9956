// See flame_model.h.
#include "views/flame_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "views/coroutine_model.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using exports::ProfileFrame;
using exports::StackProfile;

// The module in which most stacks have frames: the program itself.
std::string own_module(const StackProfile& profile) {
    std::map<std::string, std::uint64_t> seen;
    for (const exports::StackRow& row : profile.rows)
        for (const ProfileFrame& frame : row.frames)
            if (!frame.module.empty()) ++seen[frame.module];
    const auto most = std::max_element(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == seen.end() ? std::string() : most->first;
}

FlameKind kind_of(const ProfileFrame& frame, const std::string& own) {
    if (frame.pc == 0) return FlameKind::kUnknown;
    const std::string name = short_function(frame.function);
    if (name.starts_with("cprime::") || name.starts_with("cprime_")) return FlameKind::kRuntime;
    if (frame.function.empty() || frame.function.starts_with("0x")) return FlameKind::kUnknown;
    if (frame.module != own || frame.file.starts_with("/usr/") || name.starts_with("std::")) return FlameKind::kLibrary;
    return FlameKind::kOwn;
}

class FlameMaker {
public:
    FlameMaker(const StackProfile& profile, bool by_count) : profile_(profile), by_count_(by_count), own_(own_module(profile)) {
        tree_.unit = profile.units[by_count ? 0 : 1];
        tree_.counted = profile.names[0];
        tree_.frames.emplace_back();
        tree_.frames[0].name = "all";
    }

    FlameTree make() {
        for (const exports::StackRow& row : profile_.rows)
            add(row);
        sort_children();
        place();
        return std::move(tree_);
    }

private:
    void add(const exports::StackRow& row) {
        const std::int64_t value = row.values[by_count_ ? 0 : 1], count = row.values[0];
        std::uint32_t at = 0;
        grow(at, value, count);
        for (auto frame = row.frames.rbegin(); frame != row.frames.rend(); ++frame) {
            const bool root = frame == row.frames.rbegin();
            at = child(at, frame->function, root ? FlameKind::kRoot : kind_of(*frame, own_), *frame);
            if (root) tree_.frames[at].site = row.site;
            grow(at, value, count);
        }
        if (!row.reason.empty()) {
            at = child(at, "[" + row.reason + "]", FlameKind::kReason, {});
            grow(at, value, count);
        }
        tree_.frames[at].self += value;
    }
    void grow(std::uint32_t at, std::int64_t value, std::int64_t count) {
        tree_.frames[at].total += value;
        tree_.frames[at].count += count;
    }
    std::uint32_t child(std::uint32_t parent, const std::string& name, FlameKind kind, const ProfileFrame& from) {
        const auto [found, fresh] = known_.try_emplace({parent, name, from.module},
                                                       static_cast<std::uint32_t>(tree_.frames.size()));
        if (!fresh) return found->second;
        FlameFrame frame;
        frame.name = name;
        frame.module = from.module;
        frame.kind = kind;
        frame.parent = parent;
        frame.depth = tree_.frames[parent].depth + 1;
        if (!from.file.empty()) frame.place = from.line != 0 ? fmt::format("{}:{}", from.file, from.line) : from.file;
        tree_.depth_most = std::max(tree_.depth_most, frame.depth);
        tree_.frames.push_back(std::move(frame));
        tree_.frames[parent].children.push_back(found->second);
        return found->second;
    }
    void sort_children() {
        for (FlameFrame& frame : tree_.frames) {
            std::sort(frame.children.begin(), frame.children.end(), [this](std::uint32_t a, std::uint32_t b) {
                const FlameFrame &one = tree_.frames[a], &other = tree_.frames[b];
                return std::tie(other.total, one.name, one.module) < std::tie(one.total, other.name, other.module);
            });
        }
    }
    // Parents come before their children, so one pass does.
    void place() {
        for (const FlameFrame& frame : tree_.frames) {
            std::int64_t begin = frame.begin;
            for (const std::uint32_t child : frame.children) {
                tree_.frames[child].begin = begin;
                begin += tree_.frames[child].total;
            }
        }
    }

    const StackProfile& profile_;
    const bool by_count_;
    const std::string own_;
    FlameTree tree_;
    std::map<std::tuple<std::uint32_t, std::string, std::string>, std::uint32_t> known_;
};

// nullptr above all roots.
const FlameFrame* root_frame(const FlameTree& tree, std::uint32_t frame) {
    if (frame >= tree.frames.size()) return nullptr;
    while (frame != 0 && tree.frames[frame].kind != FlameKind::kRoot)
        frame = tree.frames[frame].parent;
    return frame == 0 ? nullptr : &tree.frames[frame];
}

}  // namespace

const char* flame_kind_name(FlameKind kind) {
    constexpr const char* kNames[] = {"all", "spawn site", "own code", "CPrime", "library", "reason", "not known"};
    return kNames[static_cast<std::size_t>(kind)];
}

FlameTree make_flame(const StackProfile& profile, bool by_count) {
    return FlameMaker(profile, by_count).make();
}

FlameWindow flame_window(const FlameTree& tree, std::uint32_t zoom) {
    if (zoom >= tree.frames.size()) return {};
    const FlameFrame& frame = tree.frames[zoom];
    return {static_cast<double>(frame.begin), static_cast<double>(frame.begin + frame.total)};
}

// Lengths go by their ratio, so that each part of the way is as long for the eye; the place goes with them.
FlameWindow flame_between(FlameWindow from, FlameWindow to, double share) {
    const double a = from.end - from.begin, b = to.end - to.begin;
    if (share >= 1 || a <= 0 || b <= 0) return to;
    const double length = a * std::pow(b / a, share);
    const double moved = std::abs(b - a) > 1e-9 * std::max(a, b) ? (length - a) / (b - a) : share;
    const double begin = from.begin + (to.begin - from.begin) * moved;
    return {begin, begin + length};
}

std::vector<FlameBox> flame_boxes(const FlameTree& tree, FlameWindow window, float width) {
    std::vector<FlameBox> boxes;
    if (tree.frames.empty() || width < 1 || window.end <= window.begin) return boxes;
    const double scale = static_cast<double>(width) / (window.end - window.begin);
    const auto x_of = [&](std::int64_t value) {
        return static_cast<float>(std::clamp((static_cast<double>(value) - window.begin) * scale, 0.0, static_cast<double>(width)));
    };
    std::vector<std::uint32_t> level = {0}, next;
    boxes.push_back({0, 0, 0, width, 0, tree.frames[0].total});
    while (!level.empty()) {
        next.clear();
        for (const std::uint32_t parent : level) {
            FlameBox rest;
            for (const std::uint32_t child : tree.frames[parent].children) {
                const FlameFrame& frame = tree.frames[child];
                const float x0 = x_of(frame.begin), x1 = x_of(frame.begin + frame.total);
                if (x1 - x0 >= 1) {
                    boxes.push_back({child, frame.depth, x0, x1, 0, frame.total});
                    next.push_back(child);
                    continue;
                }
                if (x1 <= x0) continue;  // beside what is looked at
                if (rest.merged++ == 0) rest = {FlameBox::kMerged, frame.depth, x0, x0, 1, 0};
                rest.x1 = x1;
                rest.total += frame.total;
            }
            if (rest.merged != 0 && rest.x1 - rest.x0 >= 1) boxes.push_back(rest);
        }
        std::swap(level, next);
    }
    return boxes;
}

std::vector<FlameBox> flame_boxes(const FlameTree& tree, std::uint32_t zoom, float width) {
    return flame_boxes(tree, flame_window(tree, zoom), width);
}

std::string flame_root(const FlameTree& tree, std::uint32_t frame) {
    const FlameFrame* root = root_frame(tree, frame);
    return root == nullptr ? std::string() : root->name;
}

std::string flame_site(const FlameTree& tree, std::uint32_t frame) {
    const FlameFrame* root = root_frame(tree, frame);
    return root == nullptr ? std::string() : root->site;
}

std::vector<std::string> flame_path(const FlameTree& tree, std::uint32_t frame) {
    std::vector<std::string> path;
    for (; frame != 0 && frame < tree.frames.size(); frame = tree.frames[frame].parent)
        path.insert(path.begin(), tree.frames[frame].name);
    return path;
}

FlameFound find_in_flame(const FlameTree& tree, std::string_view text) {
    FlameFound found;
    if (text.empty() || tree.frames.empty()) return found;
    found.frames.resize(tree.frames.size());
    std::vector<bool> covered(tree.frames.size());
    std::int64_t sum = 0;
    for (std::uint32_t at = 1; at < tree.frames.size(); ++at) {
        const FlameFrame& frame = tree.frames[at];
        found.frames[at] = contains_folded(frame.name, text) || contains_folded(frame.place, text);
        covered[at] = covered[frame.parent] || found.frames[at];
        if (!found.frames[at]) continue;
        ++found.matches;
        if (!covered[frame.parent]) sum += frame.total;
    }
    if (tree.frames[0].total > 0) found.share = static_cast<double>(sum) / static_cast<double>(tree.frames[0].total);
    return found;
}

std::string flame_folded(const FlameTree& tree, std::uint32_t frame) {
    if (frame >= tree.frames.size()) return {};
    const auto folded = [&](std::uint32_t at) {
        std::string name = tree.frames[at].name;
        for (char& c : name)
            c = c == ';' ? ',' : static_cast<unsigned char>(c) < ' ' ? '?' : c;
        return name;
    };
    std::string stack;
    for (std::uint32_t at = tree.frames[frame].parent; at != 0; at = tree.frames[at].parent)
        stack.insert(0, folded(at) + ";");
    std::string text;
    const auto tell = [&](auto&& self, std::uint32_t at, std::string path) -> void {
        if (at != 0) path += folded(at);
        if (tree.frames[at].self != 0 && at != 0) text += fmt::format("{} {}\n", path, tree.frames[at].self);
        if (at != 0) path += ";";
        for (const std::uint32_t child : tree.frames[at].children)
            self(self, child, path);
    };
    tell(tell, frame, stack);
    return text;
}

std::string flame_value_text(const FlameTree& tree, std::int64_t value) {
    if (tree.unit == "nanoseconds") return format_duration(value);
    if (tree.unit == "bytes") return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(0, value)));
    return fmt::format("{} {}", format_count(static_cast<std::uint64_t>(std::max<std::int64_t>(0, value))), tree.counted);
}

std::string flame_line(const FlameTree& tree, std::uint32_t frame) {
    const FlameFrame& one = tree.frames[frame];
    const double all = std::max(1.0, static_cast<double>(tree.frames[0].total));
    std::string line = one.name;
    if (!one.place.empty()) line += fmt::format(" ({})", short_path(one.place));
    line += fmt::format(": {}, {}", flame_value_text(tree, one.total), format_share(static_cast<double>(one.total) / all));
    if (one.self != one.total) line += fmt::format(", itself {}", flame_value_text(tree, one.self));
    if (tree.unit != "count") line += fmt::format(", {} {}", format_count(static_cast<std::uint64_t>(one.count)), tree.counted);
    return line;
}

std::uint32_t flame_step(const FlameTree& tree, std::uint32_t from, FlameStep step) {
    if (from >= tree.frames.size()) return 0;
    const FlameFrame& frame = tree.frames[from];
    if (step == FlameStep::kIn) return frame.children.empty() ? from : frame.children.front();
    if (step == FlameStep::kOut) return frame.parent;
    if (from == 0) return from;
    const auto& siblings = tree.frames[frame.parent].children;
    auto at = std::find(siblings.begin(), siblings.end(), from) - siblings.begin();
    at = std::clamp<std::ptrdiff_t>(at + (step == FlameStep::kNext ? 1 : -1), 0, std::ssize(siblings) - 1);
    return siblings[static_cast<std::size_t>(at)];
}

nlohmann::json to_json(const FlameTree& tree) {
    nlohmann::json frames = nlohmann::json::array();
    for (const FlameFrame& frame : tree.frames) {
        frames.push_back({{"name", frame.name},
                          {"place", frame.place},
                          {"site", frame.site},
                          {"kind", flame_kind_name(frame.kind)},
                          {"total", frame.total},
                          {"self", frame.self},
                          {"count", frame.count},
                          {"parent", frame.parent},
                          {"depth", frame.depth}});
    }
    return {{"unit", tree.unit}, {"counted", tree.counted}, {"frames", std::move(frames)}};
}

}  // namespace coroscope::views
