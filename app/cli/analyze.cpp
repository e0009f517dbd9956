// `coroscope analyze`: what the stacks of a program's coroutines take at most, proven from its code.
//
// One line a spawn site: PROVEN with a bound, or UNPROVEN with the reasons. With --function the same of functions by name. Exit code 1 when
// something asked for is unproven.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "instrumentation/bounds/callgraph_info.h"
#include "instrumentation/bounds/runtime_calls.h"
#include "instrumentation/bounds/spawn_sites.h"
#include "instrumentation/inspect/proc.h"

namespace coroscope::app {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kReasonsShown = 3;

void erase_all(std::string& text, const std::string& what) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
        text.erase(at, what.size());
}

// Names of templates fill screens: what is between < and > is left out where people read, and so are parameters and return types.
std::string brief_name(const std::string& name) {
    if (name.starts_with("void cprime::detail::run_closure<")) return "what is spawned";
    std::string text;
    int depth = 0;
    for (const char letter : name.substr(0, name.find(" [clone"))) {
        const bool is_operator = text.ends_with("operator") || text.ends_with("operator<") ||
                                 text.ends_with("operator-");
        if (letter == '<' && !is_operator && ++depth == 1) text += "<…";
        if (depth == 0) text += letter;
        if (letter == '>' && depth > 0 && --depth == 0) text += '>';
    }
    erase_all(text, "(anonymous namespace)::");
    if (text.ends_with(" const")) text.resize(text.size() - std::string(" const").size());
    // From the end: parameters, then the name up to a space outside of brackets.
    std::size_t end = text.size();
    std::size_t begin = text.size();
    for (int open = 0; begin > 0; --begin) {
        const char letter = text[begin - 1];
        if (letter == ')') ++open;
        if (letter == '(' && --open == 0 && end == text.size() && begin > 1) end = begin - 1;
        const bool is_operator = text.compare(0, begin - 1, "operator") == 0 ||
                                 (begin > 8 && text.compare(begin - 9, 8, "operator") == 0);
        if (letter == ' ' && open == 0 && !is_operator) break;
    }
    return begin < end && text.ends_with(')') ? text.substr(begin, end - begin) : text.substr(begin);
}

std::string path_text(const bounds::Program& program, const std::vector<bounds::NodeId>& path) {
    std::string text;
    for (const bounds::NodeId node : path)
        text += (text.empty() ? "" : " → ") + brief_name(program.name(node));
    return text;
}

ordered_json reasons_json(bounds::Program& program, bounds::NodeId node) {
    ordered_json reasons = ordered_json::array();
    for (const bounds::Finding& finding : program.findings(node)) {
        ordered_json path = ordered_json::array();
        for (const bounds::NodeId step : finding.path)
            path.push_back(program.name(step));
        reasons.push_back({{"reason", program.name(finding.path.back()) + " " +
                                          bounds::Program::sentence(finding.reason,
                                                                    bounds::readable(finding.reason.callee))},
                           {"address", finding.reason.address},
                           {"binary", program.path_of(finding.path.back())},
                           {"path", std::move(path)}});
    }
    return reasons;
}

// Where a coroutine may wait, and what it does with channels.
void fill_runtime_calls(bounds::Program& program, bounds::NodeId node, ordered_json& row) {
    bool complete = false;
    const std::vector<bounds::RuntimeCall> calls = program.runtime_calls_under(node, &complete);
    ordered_json points = ordered_json::array();
    for (const bounds::RuntimeCall& call : calls) {
        points.push_back({{"function", program.name(call.in)},
                          {"address", call.address},
                          {"wants", call.wanted},
                          {"in_a_loop", call.repeats}});
    }
    row["suspension_points"] = std::move(points);
    row["suspension_points_complete"] = complete;
    row["channels"] = bounds::channel_pattern(calls);
}

// What is known of the stack under one function, into a row that names it.
void fill_bound(bounds::Program& program, bounds::NodeId node, ordered_json& row) {
    const bounds::Bound& bound = program.bound(node);
    row["proven"] = bound.proven;
    row["recursion"] = bound.recursive;
    row["frame_bytes"] = bound.own_depth;
    if (!bound.proven) {
        row["reasons"] = reasons_json(program, node);
        return;
    }
    row["depth_bytes"] = bound.depth;
    row["call_depth"] = bound.calls_deep;
    ordered_json path = ordered_json::array();
    for (const bounds::NodeId step : program.deepest_path(node))
        path.push_back(program.name(step));
    row["path"] = std::move(path);
    ordered_json contracts = ordered_json::array();
    for (const bounds::Contract* contract : program.contracts_under(node)) {
        contracts.push_back(
            {{"function", contract->name}, {"depth_bytes", contract->depth}, {"evidence", contract->evidence}});
    }
    row["contracts"] = std::move(contracts);
    row["assumptions"] = program.assumptions_under(node);
}

// What is said once is said: the same of other instructions follows in --json.
void unproven_text(bounds::Program& program, bounds::NodeId node, std::string& text) {
    const std::vector<bounds::Finding> findings = program.findings(node);
    text += fmt::format("UNPROVEN, {} reason{}\n", findings.size(), findings.size() == 1 ? "" : "s");
    std::vector<std::string> said;
    for (const bounds::Finding& finding : findings) {
        const std::string callee = brief_name(bounds::readable(finding.reason.callee));
        const std::string sentence = brief_name(program.name(finding.path.back())) + " " +
                                     bounds::Program::sentence(finding.reason, callee);
        if (std::find(said.begin(), said.end(), sentence) != said.end()) continue;
        if (said.size() == kReasonsShown) {
            text += "    and others: --json lists them\n";
            break;
        }
        said.push_back(sentence);
        text += fmt::format("    {}, at 0x{:x}\n", sentence, finding.reason.address);
        if (finding.path.size() > 2) text += fmt::format("      by {}\n", path_text(program, finding.path));
    }
}

class BoundsAnswer {
public:
    explicit BoundsAnswer(bounds::Program& program) : program_(program) {}

    void function(bounds::NodeId node) {
        ordered_json row = {{"function", program_.name(node)}, {"address", program_.function(node).low}};
        fill_bound(program_, node, row);
        const bounds::Bound& bound = program_.bound(node);
        text_ += brief_name(program_.name(node)) + "  ";
        if (bound.proven) {
            text_ += fmt::format("PROVEN ≤ {} bytes below its return address, by {}\n", bound.depth,
                                 path_text(program_, program_.deepest_path(node)));
        } else {
            unproven_text(program_, node, text_);
        }
        count(bound.proven);
        functions_.push_back(std::move(row));
    }

    void site(const bounds::SpawnSite& site) {
        const std::string place = site.line == 0 ? brief_name(site.function) + " (no line is known)"
                                                 : fmt::format("{}:{}", site.file, site.line);
        ordered_json row = {{"site", site.line == 0 ? std::string() : place},
                            {"function", site.function},
                            {"entry", program_.name(site.entry)},
                            {"closure_bytes", site.closure_bytes}};
        if (site.wish != 0)
            row["class_wished"] = inspect::size_class_name(static_cast<wire::SizeClass>(site.wish - 1));
        row["in_micro_pool"] = site.in_micro_pool;
        if (site.declared) {
            row["declared"] = {{"max_stack_bytes", site.declared->max_stack_bytes},
                               {"bounded", site.declared->bounded},
                               {"recursive", site.declared->recursive},
                               {"calls_foreign", site.declared->calls_foreign}};
            if (site.declared->size_class != 0)
                row["declared"]["class"] = inspect::size_class_name(static_cast<wire::SizeClass>(site.declared->size_class - 1));
        }
        row["closure_alignment"] = site.closure_alignment;
        fill_bound(program_, site.entry, row);
        fill_runtime_calls(program_, site.entry, row);
        const bounds::Bound& bound = program_.bound(site.entry);
        text_ += place + "  ";
        if (bound.proven) {
            const std::uint64_t bytes = bounds::stack_bytes(program_, site);
            row["bound_bytes"] = bytes;
            text_ += fmt::format("PROVEN ≤ {} bytes, by {}\n", bytes,
                                 path_text(program_, program_.deepest_path(site.entry)));
        } else {
            unproven_text(program_, site.entry, text_);
        }
        const std::size_t points = row["suspension_points"].size();
        const bool complete = row["suspension_points_complete"].get<bool>();
        text_ += fmt::format("    {}{} suspension point{}; with channels{}: {}\n",
                             complete ? "" : "at least ", points, points == 1 ? "" : "s",
                             complete ? "" : ", as far as known", row["channels"].get<std::string>());
        count(bound.proven);
        sites_.push_back(std::move(row));
    }

    // Of which nothing is proven, but that they are there.

    // All functions of the binary, as two numbers.
    void all_functions() {
        std::size_t proven = 0;
        for (bounds::NodeId node = 0; node < program_.functions_count(); ++node)
            proven += program_.bound(node).proven ? 1 : 0;
        functions_proven_ = proven;
        text_ += fmt::format("{} of {} functions are proven\n", proven, program_.functions_count());
    }

    // What the compiler said of frames, beside what was found here.
    void compiled(const bounds::FrameCheck& check) {
        ordered_json different = ordered_json::array();
        text_ += fmt::format("GCC's call graph agrees on {} frames and differs on {}\n", check.agreeing,
                             check.different.size());
        for (const bounds::FrameCheck::Difference& one : check.different) {
            text_ += fmt::format("    {}: {} bytes by its code, {} by the compiler\n",
                                 brief_name(program_.name(one.node)), one.walked_bytes, one.compiled_bytes);
            different.push_back({{"function", program_.name(one.node)},
                                 {"walked_bytes", one.walked_bytes},
                                 {"compiled_bytes", one.compiled_bytes}});
        }
        callgraph_info_ = {{"agreeing", check.agreeing}, {"different", std::move(different)}};
    }

    bool everything_proven() const { return proven_ == asked_; }

    std::string json() const {
        ordered_json whole = {{"binary", program_.binary().path()},
                              {"build_id", program_.binary().file().build_id()}};
        whole["libraries"] = program_.opened();
        whole["libraries_missing"] = program_.missing();
        if (!functions_.empty()) whole["functions"] = functions_;
        whole["sites"] = sites_;
        if (!callgraph_info_.is_null()) whole["callgraph_info"] = callgraph_info_;
        if (functions_proven_) whole["functions_proven"] = *functions_proven_;
        whole["functions_count"] = program_.functions_count();
        return whole.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
    }

    std::string text() const {
        std::string whole = text_;
        if (asked_ != 0) whole += fmt::format("{} of {} proven", proven_, asked_);
        if (proven_ != 0) whole += "; --json says on what assumptions";
        return whole + (asked_ != 0 ? "\n" : "");
    }

private:
    void count(bool proven) {
        ++asked_;
        proven_ += proven ? 1 : 0;
    }

    bounds::Program& program_;
    std::string text_;
    ordered_json functions_ = ordered_json::array(), sites_ = ordered_json::array();
    ordered_json callgraph_info_;
    std::optional<std::size_t> functions_proven_;
    std::size_t asked_ = 0, proven_ = 0;
};

}  // namespace

int run_analyze(const AnalyzeWish& wish) {
    const auto assumes = [&wish](const char* name) {
        return std::find(wish.assumed.begin(), wish.assumed.end(), name) != wish.assumed.end();
    };
    const std::string binary = wish.binary.empty() ? inspect::proc::executable(wish.pid) : wish.binary;
    if (binary.empty()) {
        return fail(base::error(base::ErrorCode::kGone, fmt::format("what process {} runs cannot be seen: is it there, and yours?",
                                                                    wish.pid)));
    }
    auto program = bounds::Program::open(
        binary, {.warm_malloc = assumes("warm-malloc"),
                      .no_throw = assumes("no-throw"),
                      .any_callee = assumes("any-callee")});
    if (!program) return fail(program.error());
    bounds::Program& opened = **program;
    if (wish.pid != 0) {
        if (auto status = opened.bind_to(wish.pid); !status) return fail(status.error());
    }
    if (!opened.binary().has_symbols()) {
        return fail(base::error(base::ErrorCode::kUnreadable,
                                binary + " has no function symbols: analyze it before it is stripped"));
    }
    BoundsAnswer answer(opened);
    if (!wish.function.empty()) {
        const std::vector<bounds::NodeId> found = opened.functions_named(wish.function);
        if (found.empty()) {
            return fail(base::error(
                base::ErrorCode::kUnreadable,
                binary + " has no function '" + wish.function + "': give its name as nm -C prints it"));
        }
        for (const bounds::NodeId node : found)
            answer.function(node);
    } else if (wish.all) {
        answer.all_functions();
    } else {
        const std::vector<bounds::SpawnSite> sites = bounds::spawn_sites(opened);
        if (sites.empty()) {
            return fail(base::error(
                base::ErrorCode::kUnreadable,
                binary + " spawns no coroutines of CPrime: ask for a function with --function NAME"));
        }
        for (const bounds::SpawnSite& site : sites)
            answer.site(site);
    }
    if (!wish.callgraph_info.empty()) {
        auto frames = bounds::read_callgraph_info(wish.callgraph_info);
        if (!frames) return fail(frames.error());
        answer.compiled(bounds::check_frames(opened, *frames));
    }
    if (auto status = write_stdout(wish.json ? answer.json() : answer.text()); !status)
        return fail(status.error());
    return answer.everything_proven() ? kExitGood : kExitFinding;
}

}  // namespace coroscope::app
