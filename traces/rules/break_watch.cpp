// See break_watch.h.
#include "traces/rules/break_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace coroscope::rules {
namespace {

Span span_of(std::uint64_t ticks, const inspect::StateImage& state) {
    if (ticks == wire::kNotMeasured) return {};
    const double ticks_per_ns = state.clock.ticks_per_ns();
    return {Span::Known::kExactly, ticks_per_ns > 0 ? static_cast<double>(ticks) / ticks_per_ns : 0};
}

template <typename Image>
std::string named(const std::vector<Image>& images, std::uint32_t index, const char* kind, const Names& names) {
    const auto found = std::find_if(images.begin(), images.end(),
                                    [&](const Image& one) { return one.index == index; });
    if (found == images.end()) return {};
    std::string_view name;
    if (names.text(found->name, &name) && !name.empty()) return fmt::format("{}:{}", kind, name);
    return fmt::format("{}:#{}", kind, found->identity);
}

// "channel:jobs", as EventRow::object.
std::string object_text(const wire::RuleHit& hit, const inspect::StateImage& state, const Names& names) {
    const auto reason = static_cast<wire::WaitReason>(wire::high8(hit.argument));
    const bool suspends = hit.type == wire::EventType::kSuspend;
    if (wire::category_of(hit.type) == wire::kCategoryChannel ||
        (suspends && (reason == wire::WaitReason::kChannelSend || reason == wire::WaitReason::kChannelReceive)))
        return named(state.channels, hit.object, "channel", names);
    if (wire::category_of(hit.type) == wire::kCategoryLock || (suspends && wire::waits_for_waitable(reason)))
        return named(state.waitables, hit.object, "lock", names);
    return {};
}

std::string detail_text(const wire::RuleHit& hit, const Names& names) {
    const std::uint8_t code = wire::high8(hit.argument);
    std::string_view name;
    switch (hit.type) {
        case wire::EventType::kSuspend:
            return std::string(word_of(WordSet::kWaits, code));
        case wire::EventType::kWake:
            return std::string(word_of(WordSet::kCauses, code));
        case wire::EventType::kExit:
            return std::string(word_of(WordSet::kStatuses, code));
        case wire::EventType::kZoneBegin:
        case wire::EventType::kZoneEnd:
        case wire::EventType::kCounter:
            return names.text(hit.object, &name) ? std::string(name) : std::string();
        default:
            return {};
    }
}

void add_span(std::string& text, const char* name, const Span& span) {
    if (span.known == Span::Known::kExactly) text += fmt::format(", {} {:.1f} us", name, span.ns * 1e-3);
}
void add_span(nlohmann::json& row, const char* name, const Span& span) {
    if (span.known == Span::Known::kExactly) row[name] = span.ns;
}

}  // namespace

base::Result<std::unique_ptr<BreakWatch>> BreakWatch::start(traces::Control& control,
                                                            std::shared_ptr<const Rule> rule,
                                                            const BreakOptions& options) {
    std::unique_ptr<BreakWatch> watch(new BreakWatch(control, std::move(rule), options));
    if (auto status = watch->learn(); !status) return status.error();
    if (auto status = watch->arm(); !status) return status.error();
    watch->options_.goes_on = true;
    return watch;
}

base::Status BreakWatch::learn() {
    auto state = control_.state();
    if (!state) return state.error();
    state_ = std::move(*state);
    names_ = Names(state_.strings, state_.sites, state_.pools);
    return base::ok_status();
}

base::Status BreakWatch::arm() {
    BreakOptions options = options_;
    options.count += untrue_;
    auto program = compile_break(*rule_, state_, names_, options);
    if (!program) return program.error();
    auto number = control_.arm_rule(*program);
    return number ? base::ok_status() : base::Status(number.error());
}

base::Result<std::vector<BreakHit>> BreakWatch::next(int timeout_ms) {
    inspect::Target::RuleHits told;
    std::vector<BreakHit> hits;
    const bool open = control_.take_rule_hits(timeout_ms, told);
    lost_ = told.lost;
    for (const wire::RuleHit& hit : told.hits) {
        if (auto status = take(hit, hits); !status) return status.error();
    }
    if (!open && hits.empty())
        return base::error(base::ErrorCode::kGone, fmt::format("process {} has ended", control_.pid()));
    return hits;
}

bool BreakWatch::knows(const wire::RuleHit& hit) const {
    std::string_view text;
    return hit.identity == 0 || ((hit.name == wire::kNone || names_.text(hit.name, &text)) &&
                                 (hit.site == wire::kNone || names_.site(hit.site, &text)));
}

base::Status BreakWatch::take(const wire::RuleHit& hit, std::vector<BreakHit>& hits) {
    Truth truth = judge(*rule_, hit, state_, names_);
    // A name that is newer than our last look: the program is told what it was.
    const bool news = !knows(hit) || (hit.doubt != 0 && truth == Truth::kUnknown);
    if (news) {
        if (auto status = learn(); !status) return status;
        truth = judge(*rule_, hit, state_, names_);
    }
    const bool pauses = (hit.flags & wire::kHitPauses) != 0;
    const bool holds = truth == Truth::kTrue;
    if (!holds) ++untrue_;
    const std::uint64_t number = hit.number > untrue_ ? hit.number - untrue_ : 0;
    const bool acts = holds && number >= options_.count;
    if (acts && (pauses || options_.action == wire::RuleAction::kTell)) {
        hits.push_back(describe(hit));
        hits.back().number = number;
    }
    if (acts && pauses) return base::ok_status();
    // It goes on, if it stands for nothing.
    if ((news && hit.doubt != 0) || pauses) {
        if (auto status = arm(); !status) return status;
    }
    if (pauses) {
        if (auto resumed = control_.resume({}); !resumed) return resumed.error();
    }
    return base::ok_status();
}

BreakHit BreakWatch::describe(const wire::RuleHit& hit) const {
    BreakHit row;
    row.paused = (hit.flags & wire::kHitPauses) != 0;
    row.late = (hit.flags & wire::kHitLate) != 0;
    row.type = hit.type;
    row.ticks = hit.ticks;
    const double ticks_per_ns = state_.clock.ticks_per_ns();
    if (ticks_per_ns > 0)
        row.time_ns = static_cast<double>(static_cast<std::int64_t>(hit.ticks - state_.start_ticks)) /
                      ticks_per_ns;
    row.worker = hit.worker;
    row.id = hit.identity;
    std::string_view text;
    if (hit.identity != 0 && names_.coroutine(hit.name, hit.site, &text)) row.name = text;
    if (hit.identity != 0 && names_.site(hit.site, &text)) row.site = text;
    row.object = object_text(hit, state_, names_);
    row.detail = detail_text(hit, names_);
    row.blocked = span_of(hit.blocked_ticks, state_);
    row.ready = span_of(hit.ready_ticks, state_);
    row.run = span_of(hit.run_ticks, state_);
    return row;
}

std::string to_text(const BreakHit& hit) {
    std::string text = fmt::format("at {:.3f} ms", hit.time_ns * 1e-6);
    if (hit.worker != wire::kNone) text += fmt::format(", on worker {}", hit.worker);
    text += fmt::format(": {}", wire::event_name(hit.type));
    if (!hit.detail.empty()) text += fmt::format(" ({})", hit.detail);
    if (hit.id != 0) text += fmt::format(" of {}{}", hit.id, hit.name.empty() ? "" : " \"" + hit.name + "\"");
    if (!hit.object.empty()) text += " on " + hit.object;
    if (!hit.site.empty()) text += ", spawned at " + hit.site;
    add_span(text, "blocked", hit.blocked);
    add_span(text, "ready", hit.ready);
    add_span(text, "run", hit.run);
    return text;
}

nlohmann::json to_json(const BreakHit& hit) {
    nlohmann::json row{{"number", hit.number}, {"event", wire::event_name(hit.type)},
                       {"t_ns", hit.time_ns},  {"ticks", hit.ticks},
                       {"id", hit.id},         {"name", hit.name},
                       {"site", hit.site},     {"object", hit.object},
                       {"detail", hit.detail}, {"paused", hit.paused},
                       {"late", hit.late}};
    if (hit.worker != wire::kNone) row["worker"] = hit.worker;
    add_span(row, "blocked_ns", hit.blocked);
    add_span(row, "ready_ns", hit.ready);
    add_span(row, "run_ns", hit.run);
    return row;
}

}  // namespace coroscope::rules
