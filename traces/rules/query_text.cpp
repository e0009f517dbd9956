// What a query found, as text and as JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "traces/rules/query.h"

namespace coroscope::rules {
namespace {

using nlohmann::json;

std::string ms(double ns) {
    return fmt::format("{:.3f}", ns * 1e-6);
}

std::string span_text(const char* what, Span span) {
    if (span.known == Span::Known::kNo) return {};
    return fmt::format("  {} {}{} ms", what, span.known == Span::Known::kAtLeast ? "at least " : "",
                       ms(span.ns));
}

json span_json(Span span) {
    return span.known == Span::Known::kNo ? json(nullptr) : json(static_cast<std::int64_t>(span.ns));
}

std::string more(std::uint64_t matched, std::size_t shown) {
    return matched > shown ? fmt::format("... and {} more: --limit says how many are shown\n", matched - shown)
                           : "";
}

std::string gaps_text(std::uint64_t gaps) {
    return gaps == 0 ? "" : fmt::format(", events are missing in {} places", gaps);
}

}  // namespace

std::string to_text(const EventAnswer& answer) {
    std::string out;
    for (const EventRow& row : answer.rows) {
        out += fmt::format("{:>14} ms  {:<9}  {:<15}", ms(static_cast<double>(row.t)),
                           row.worker == wire::kNone ? "-" : fmt::format("worker {}", row.worker),
                           wire::event_name(row.type));
        if (row.id != 0) out += fmt::format("  {}", row.id);
        if (!row.name.empty()) out += fmt::format(" \"{}\"", row.name);
        if (!row.site.empty() && row.site != "?") out += fmt::format(" ({})", row.site);
        if (!row.detail.empty()) out += "  " + row.detail;
        if (!row.object.empty()) out += "  " + row.object;
        out += span_text("blocked", row.blocked) + span_text("ready", row.ready) + span_text("ran", row.run) +
               "\n";
    }
    out += more(answer.matched, answer.rows.size());
    return out + fmt::format("{} of {} events{}\n", answer.matched, answer.scanned, gaps_text(answer.gaps));
}

json to_json(const EventAnswer& answer) {
    json rows = json::array();
    for (const EventRow& row : answer.rows) {
        rows.push_back({{"t_ns", row.t},
                        {"event", wire::event_name(row.type)},
                        {"worker", row.worker == wire::kNone ? json(nullptr) : json(row.worker)},
                        {"id", row.id == 0 ? json(nullptr) : json(row.id)},
                        {"name", row.name},
                        {"site", row.site},
                        {"object", row.object},
                        {"detail", row.detail},
                        {"blocked_ns", span_json(row.blocked)},
                        {"still_blocked", row.blocked.known == Span::Known::kAtLeast},
                        {"ready_ns", span_json(row.ready)},
                        {"run_ns", span_json(row.run)}});
    }
    return {{"matched", answer.matched},
            {"scanned", answer.scanned},
            {"gaps", answer.gaps},
            {"events", std::move(rows)}};
}

std::string to_text(const StateAnswer& answer) {
    const std::string at = fmt::format("at {} ms", ms(static_cast<double>(answer.t)));
    if (!answer.subject) {
        if (!answer.known)
            return fmt::format(
                "{} it is not known whether the rule holds: what it names is not there, or events are "
                "missing\n",
                at);
        return fmt::format("{} the rule {}\n", at, answer.holds ? "holds" : "does not hold");
    }
    std::string out;
    for (const StateRow& row : answer.rows)
        out += row.text + "\n";
    out += more(answer.matched, answer.rows.size());
    return out + fmt::format("{} {} of {} {}s\n", at, answer.matched, answer.of, kind_name(*answer.subject));
}

json to_json(const StateAnswer& answer) {
    json rows = json::array();
    for (const StateRow& row : answer.rows)
        rows.push_back({{"id", row.id}, {"text", row.text}});
    json out = {{"t_ns", answer.t},
                {"matched", answer.matched},
                {"holds", answer.matched != 0},
                {"known", answer.known}};
    if (!answer.subject) return out;
    out["kind"] = kind_name(*answer.subject);
    out["of"] = answer.of;
    out["objects"] = std::move(rows);
    return out;
}

std::string to_text(const SpanAnswer& answer) {
    std::string out;
    for (const SpanRow& row : answer.rows) {
        out += fmt::format("{:>14} ms {} {:>14} ms {}  {} ms  {}\n", ms(static_cast<double>(row.since)),
                           row.open_begin ? "<" : " ", ms(static_cast<double>(row.until)),
                           row.open_end ? ">" : " ", ms(static_cast<double>(row.until - row.since)), row.text);
    }
    out += more(answer.matched, answer.rows.size());
    return out + fmt::format("held {} times, {} ms in all, between {} ms and {} ms{}\n", answer.matched,
                             ms(answer.total_ns), ms(static_cast<double>(answer.from)),
                             ms(static_cast<double>(answer.to)), gaps_text(answer.gaps));
}

json to_json(const SpanAnswer& answer) {
    json rows = json::array();
    for (const SpanRow& row : answer.rows) {
        rows.push_back({{"id", row.id == 0 ? json(nullptr) : json(row.id)},
                        {"text", row.text},
                        {"since_ns", row.since},
                        {"until_ns", row.until},
                        {"held_at_begin", row.open_begin},
                        {"holds_at_end", row.open_end}});
    }
    return {{"from_ns", answer.from},    {"to_ns", answer.to},
            {"matched", answer.matched}, {"total_ns", static_cast<std::int64_t>(answer.total_ns)},
            {"gaps", answer.gaps},       {"spans", std::move(rows)}};
}

}  // namespace coroscope::rules
