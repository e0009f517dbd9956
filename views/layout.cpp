// See layout.h. A recursive descent over four characters of syntax.
#include "views/layout.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace coroscope::views {
namespace {

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    base::Result<std::unique_ptr<LayoutNode>> run() {
        auto node = parse(0);
        if (node != nullptr && at_ != text_.size()) fail("nothing more");
        if (!problem_.empty()) return base::error(base::ErrorCode::kUsage, problem_);
        return node;
    }

private:
    std::unique_ptr<LayoutNode> fail(const char* wanted) {
        if (problem_.empty())
            problem_ = fmt::format("layout '{}': {} is expected at position {}", text_, wanted, at_ + 1);
        return nullptr;
    }
    bool take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    std::unique_ptr<LayoutNode> parse(int depth) {
        if (depth > kLayoutDepthMax) return fail("fewer splits within splits");
        auto node = std::make_unique<LayoutNode>();
        if (take('t')) {
            if (!take('(') || !parse_tabs(*node)) return fail("t(view,…)");
            return node;
        }
        node->kind = LayoutNode::Kind::kAbove;
        if (take('h')) {
            node->kind = LayoutNode::Kind::kBeside;
        } else if (!take('v')) {
            return fail("h(, v( or t(");
        }
        if (!take('(')) return fail("'('");
        int percent = 0;
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), percent);
        if (error != std::errc()) return fail("a share in percent");
        at_ = static_cast<std::size_t>(end - text_.data());
        node->share = std::clamp(static_cast<float>(percent) / 100, 0.1F, 0.9F);
        if (!take(',')) return fail("','");
        if ((node->first = parse(depth + 1)) == nullptr) return nullptr;
        if (!take(',')) return fail("','");
        if ((node->second = parse(depth + 1)) == nullptr) return nullptr;
        if (!take(')')) return fail("')'");
        return node;
    }
    bool parse_tabs(LayoutNode& node) {
        do {
            if (take('*')) node.front = node.tabs.size();
            const std::size_t begin = at_;
            while (at_ < text_.size() &&
                   (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
                ++at_;
            const std::string name(text_.substr(begin, at_ - begin));
            if (name.empty() || !seen_.insert(name).second) return false;
            node.tabs.push_back(name);
        } while (take(','));
        return take(')');
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::set<std::string> seen_;
    std::string problem_;
};

void collect_visible(const LayoutNode& node, std::vector<std::string>& names) {
    if (node.kind == LayoutNode::Kind::kTabs) {
        names.push_back(node.tabs[node.front]);
        return;
    }
    collect_visible(*node.first, names);
    collect_visible(*node.second, names);
}

}  // namespace

base::Result<std::unique_ptr<LayoutNode>> parse_layout(std::string_view text) {
    return Parser(text).run();
}

std::string to_text(const LayoutNode& node) {
    if (node.kind == LayoutNode::Kind::kTabs) {
        std::string out = "t(";
        for (std::size_t i = 0; i < node.tabs.size(); ++i) {
            if (i != 0) out += ',';
            if (i == node.front && i != 0) out += '*';
            out += node.tabs[i];
        }
        return out + ')';
    }
    return fmt::format("{}({},{},{})", node.kind == LayoutNode::Kind::kBeside ? 'h' : 'v',
                       std::lround(node.share * 100), to_text(*node.first), to_text(*node.second));
}

LayoutNode* find_leaf(LayoutNode& node, std::string_view view) {
    if (node.kind == LayoutNode::Kind::kTabs) {
        return std::find(node.tabs.begin(), node.tabs.end(), view) != node.tabs.end() ? &node : nullptr;
    }
    if (LayoutNode* found = find_leaf(*node.first, view); found != nullptr) return found;
    return find_leaf(*node.second, view);
}

std::vector<std::string> visible_views(const LayoutNode& node) {
    std::vector<std::string> names;
    collect_visible(node, names);
    return names;
}

const std::vector<Preset>& presets() {
    static const std::vector<Preset> all = {
        {"overview", "Overview", "f1",
         "h(54,v(46,t(overview,timeline,events),t(coroutines,channels,output,messages)),"
         "v(46,t(pools,waits,locks,selects,timers,signals,workers,histograms,sizes,flame,lints),t(stack,code,words)))"},
        {"latency", "Latency", "f2",
         "h(56,v(48,t(timeline,events),t(histograms,flame,workers)),"
         "v(50,t(coroutines,channels,output,messages),t(stack,code,words,waits,locks,selects,timers,signals,pools,lints)))"},
        {"memory", "Memory", "f3",
         "h(64,t(pools,sizes),v(50,t(coroutines,output,messages,lints),"
         "t(stack,words,code,waits,locks,workers,selects,histograms)))"},
        {"debug", "Debug", "f4",
         "h(38,v(28,t(coroutines,output,messages,pools,waits,locks,channels,lints),v(50,t(stack),t(words))),"
         "t(code,events,timeline,workers,selects,histograms))"},
        {"compare", "Compare", "f5",
         "h(62,t(compare,sizes,histograms),v(50,t(coroutines,output,messages,pools,waits,locks,workers,selects),"
         "t(stack,code,words,flame)))"},
        {"waits", "Waits", "shift+f1",
         "h(66,t(waits),v(50,t(coroutines,locks,selects,channels,output,messages),"
         "t(stack,code,words,workers,pools,histograms)))"},
        {"stacks", "Stacks", "shift+f2",
         "h(44,v(70,t(coroutines,output,messages),t(pools,waits,locks,workers,selects,histograms)),t(stack,code,words))"},
    };
    return all;
}

const Preset* find_preset(std::string_view name) {
    for (const Preset& preset : presets()) {
        if (name == preset.name) return &preset;
    }
    return nullptr;
}

}  // namespace coroscope::views
