// See armed_rule.h.
#include "instrumentation/emit/armed_rule.h"

#include <algorithm>
#include <utility>

namespace coroscope::emit {
namespace {

using wire::EventType;
using wire::RuleField;
using wire::RuleInstruction;
using wire::RuleOp;
using wire::RuleTruth;

RuleTruth truth_of(bool value) {
    return value ? RuleTruth::kTrue : RuleTruth::kFalse;
}

bool compare(wire::RuleCompare how, double left, double right) {
    switch (how) {
        case wire::RuleCompare::kEqual:
            return left == right;
        case wire::RuleCompare::kNotEqual:
            return left != right;
        case wire::RuleCompare::kLess:
            return left < right;
        case wire::RuleCompare::kLessOrEqual:
            return left <= right;
        case wire::RuleCompare::kGreater:
            return left > right;
        case wire::RuleCompare::kGreaterOrEqual:
            return left >= right;
    }
    return false;
}

// Three values, as in traces/rules/rule.h: what `ends` says the matter, whatever the other is.
RuleTruth both(RuleTruth a, RuleTruth b, RuleTruth ends) {
    if (a == ends || b == ends) return ends;
    return a == RuleTruth::kUnknown ? a : b;
}

wire::RuleHit hit_of(const Happened& event, const RuleValues& values, const RuleSpans& spans,
                     std::uint32_t flags) {
    wire::RuleHit hit{};
    hit.flags = flags;
    hit.ticks = event.ticks;
    hit.type = event.type;
    hit.object = event.object;
    hit.argument = event.argument;
    hit.worker = event.worker;
    hit.coroutine = values.coroutine();
    hit.site = values.site();
    hit.name = values.name();
    hit.identity = values.identity();
    hit.blocked_ticks = spans.blocked;
    hit.ready_ticks = spans.ready;
    hit.run_ticks = spans.run;
    return hit;
}

bool of_outcome(const RuleInstruction& one) {
    return one.op == RuleOp::kCompare &&
           (one.left == RuleField::kEventBlocked || one.right == RuleField::kEventBlocked);
}

}  // namespace

ArmedRule::ArmedRule(wire::RuleProgram program, std::uint32_t number, std::shared_ptr<RuleProgress> progress,
                     const Surroundings& surroundings)
    : program_(std::move(program)),
      number_(number),
      categories_(program_.categories()),
      needs_outcome_(program_.needs_outcome()),
      progress_(std::move(progress)),
      around_(surroundings),
      plane_(*surroundings.state) {}

// `term` gives the value of one. Depth and number of steps were verified.
template <typename OfTerm>
RuleTruth ArmedRule::run(OfTerm&& term) const {
    RuleTruth stack[wire::kRuleStackMax];
    std::uint32_t depth = 0;
    for (const RuleInstruction& one : program_.instructions) {
        switch (one.op) {
            case RuleOp::kNot:
                if (stack[depth - 1] != RuleTruth::kUnknown)
                    stack[depth - 1] = truth_of(stack[depth - 1] == RuleTruth::kFalse);
                break;
            case RuleOp::kAnd:
            case RuleOp::kOr:
                --depth;
                stack[depth - 1] = both(stack[depth - 1], stack[depth],
                                        one.op == RuleOp::kAnd ? RuleTruth::kFalse : RuleTruth::kTrue);
                break;
            default:
                stack[depth++] = term(one);
                break;
        }
    }
    return stack[0];
}

// Whether the name is in the set; sets the doubt where the set does not know.
bool ArmedRule::holds_in_names(const RuleInstruction& one, const RuleValues& values, RuleBits& bits) const {
    RuleValues::Name name;
    if (!values.name(one.left, one.left_object, &name)) return false;
    const wire::RuleNames& set = program_.names[one.names];
    const std::uint64_t bit = std::uint64_t{1} << one.term;
    const auto decided = [&](bool inside, bool value) {
        (inside ? bits.known : bits.doubt) |= bit;
        return inside && value;
    };
    std::uint32_t site = name.of_site ? name.number : wire::kNone;
    if (!name.of_site) {
        if (name.number != wire::kNone) {
            const auto first = program_.words.begin() + set.strings_first;
            return decided(name.number < set.strings_known,
                           std::binary_search(first, first + set.strings_count, name.number));
        }
        if (!name.or_site) return decided(true, set.unnamed != 0);
        site = name.site;
    }
    if (site == wire::kNone) return false;
    return decided(
        site < set.sites_known,
        site < set.sites_known && (program_.words[set.sites_first + site / 32] >> (site % 32) & 1) != 0);
}

ArmedRule::Verdict ArmedRule::evaluate(const RuleValues& values) const {
    Verdict verdict;
    RuleBits& bits = verdict.bits;
    verdict.value = run([&](const RuleInstruction& one) {
        const std::uint64_t bit = std::uint64_t{1} << one.term;
        bool value = false;
        if (one.op == RuleOp::kName) {
            value = holds_in_names(one, values, bits);
        } else if (one.op == RuleOp::kWord) {
            const int code = values.code(one.left, one.left_object);
            if (code >= 0 && code < 128) bits.known |= bit;
            value = code >= 0 && code < 128 && (one.codes[code / 64] >> (code % 64) & 1) != 0;
        } else {
            const RuleValue left = values.number(one.left, one.left_object);
            const RuleValue right = one.right == RuleField::kNothing
                                        ? RuleValue{true, one.constant}
                                        : values.number(one.right, one.right_object);
            if (left.known && right.known) bits.known |= bit;
            value = left.known && right.known && compare(one.compare, left.value, right.value);
        }
        if (value) bits.truth |= bit;
        return (bits.known & bit) == 0 ? RuleTruth::kUnknown : truth_of(value);
    });
    return verdict;
}

// What was set aside, now that its wait is over.
ArmedRule::Verdict ArmedRule::resolve(const RuleBits& before, std::uint64_t blocked_ticks) const {
    Verdict verdict;
    verdict.bits = before;
    const double blocked = static_cast<double>(blocked_ticks) * plane_.ns_per_tick;
    verdict.value = run([&](const RuleInstruction& one) {
        const std::uint64_t bit = std::uint64_t{1} << one.term;
        // Between two lengths of time of which one is the outcome nothing was kept of the other.
        if (of_outcome(one) && one.right == RuleField::kNothing) {
            verdict.bits.known |= bit;
            if (compare(one.compare, blocked, one.constant)) verdict.bits.truth |= bit;
        }
        if ((verdict.bits.known & bit) == 0) return RuleTruth::kUnknown;
        return truth_of((verdict.bits.truth & bit) != 0);
    });
    return verdict;
}

void ArmedRule::tell(const Verdict& verdict, wire::RuleHit hit) {
    RuleProgress& progress = *progress_;
    const bool sure = verdict.value == RuleTruth::kTrue;
    const bool doubtful = verdict.value == RuleTruth::kUnknown && verdict.bits.doubt != 0;
    if ((program_.head.flags & wire::kRuleOfState) != 0 && !doubtful) {
        if (verdict.value == RuleTruth::kFalse && progress.held.load(std::memory_order_relaxed))
            progress.held.store(false, std::memory_order_relaxed);
        if (sure && (progress.held.load(std::memory_order_relaxed) ||
                     progress.held.exchange(true, std::memory_order_relaxed)))
            return;
    }
    if (!sure && !doubtful) return;
    hit.number = progress.hits.fetch_add(1, std::memory_order_relaxed) + 1;
    const bool acts = hit.number >= program_.head.count;
    if (!acts && !doubtful) return;
    const bool pauses = acts && program_.head.action == wire::RuleAction::kPause;
    if (pauses && progress.fired.exchange(true, std::memory_order_relaxed)) return;
    hit.rule = number_;
    hit.flags |= pauses ? std::uint32_t{wire::kHitPauses} : 0;
    hit.known = verdict.bits.known;
    hit.truth = verdict.bits.truth;
    hit.doubt = verdict.bits.doubt;
    // Before the hit: whoever takes it in finds the hold, and lets go of it if nobody wants it any more.
    if (pauses && around_.hold_now != nullptr) around_.hold_now(around_.context);
    const bool told = around_.hits->push(hit);
    // Else nobody would hear why the program stands: the next time, then.
    if (!told && pauses) progress.fired.store(false, std::memory_order_relaxed);
    around_.hits->ring();
}

// The wait is over that a SUSPEND began which was set aside.
void ArmedRule::settle(const Happened& event, std::uint32_t coroutine) {
    RuleStamps::Aside aside;
    const RuleSpans none;
    const std::uint32_t sequence = wire::low24(event.argument);
    if (!progress_->stamps->take_aside(coroutine, sequence, &aside) ||
        progress_->fired.load(std::memory_order_relaxed))
        return;
    const Happened before{.ticks = aside.ticks,
                          .type = EventType::kSuspend,
                          .object = aside.object,
                          .argument = aside.argument,
                          .current = coroutine,
                          .worker = aside.worker};
    const RuleValues values(plane_, program_, before, coroutine, none);
    const std::uint64_t blocked = event.ticks > aside.ticks ? event.ticks - aside.ticks : 0;
    tell(resolve(aside.bits, blocked), hit_of(before, values, {.blocked = blocked}, wire::kHitLate));
}

void ArmedRule::judge(const Happened& event) {
    RuleProgress& progress = *progress_;
    const bool looks = program_.looks_at(event.type);
    if (!looks && progress.stamps == nullptr) return;
    const std::uint32_t coroutine = coroutine_of(event);
    RuleSpans spans;
    if (progress.stamps != nullptr && coroutine != wire::kNone) {
        if (event.type == EventType::kWake && needs_outcome_) settle(event, coroutine);
        spans = progress.stamps->take(event, coroutine);
    }
    if (!looks || progress.fired.load(std::memory_order_relaxed)) return;
    const RuleValues values(plane_, program_, event, coroutine, spans);
    const Verdict verdict = evaluate(values);
    if (needs_outcome_ && verdict.value == RuleTruth::kUnknown && event.type == EventType::kSuspend &&
        coroutine != wire::kNone) {
        progress.stamps->set_aside(coroutine, {wire::low24(event.argument), event.object, event.argument,
                                               event.worker, event.ticks, verdict.bits});
        return;
    }
    if (verdict.value == RuleTruth::kFalse && (program_.head.flags & wire::kRuleOfState) == 0) return;
    tell(verdict, hit_of(event, values, spans, 0));
}

void ArmedRule::retire() {
    if (progress_->stamps != nullptr && progress_.use_count() == 1) progress_->stamps->forget();
}

}  // namespace coroscope::emit
