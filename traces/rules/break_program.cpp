// See break_program.h.
#include "traces/rules/break_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "instrumentation/wire/strings.h"
#include "traces/rules/evaluator.h"
#include "traces/rules/lexer.h"
#include "traces/rules/state_view.h"

namespace coroscope::rules {
namespace {

using wire::EventType;
using wire::RuleField;
using wire::RuleInstruction;
using wire::RuleOp;

// What the program calls each field. Those that are not here it cannot know.
constexpr std::pair<FieldId, RuleField> kFieldsThere[] = {
    {FieldId::kEventType, RuleField::kEventType},
    {FieldId::kEventTime, RuleField::kEventTime},
    {FieldId::kEventWorker, RuleField::kEventWorker},
    {FieldId::kEventId, RuleField::kEventId},
    {FieldId::kEventName, RuleField::kEventName},
    {FieldId::kEventSite, RuleField::kEventSite},
    {FieldId::kEventFunction, RuleField::kEventSite},
    {FieldId::kEventClass, RuleField::kEventClass},
    {FieldId::kEventWait, RuleField::kEventWait},
    {FieldId::kEventCause, RuleField::kEventCause},
    {FieldId::kEventStatus, RuleField::kEventStatus},
    {FieldId::kEventHighWater, RuleField::kEventHighWater},
    {FieldId::kEventBlocked, RuleField::kEventBlocked},
    {FieldId::kEventReady, RuleField::kEventReady},
    {FieldId::kEventRun, RuleField::kEventRun},
    {FieldId::kEventCount, RuleField::kEventCount},
    {FieldId::kCoroutineId, RuleField::kCoroutineId},
    {FieldId::kCoroutineName, RuleField::kCoroutineName},
    {FieldId::kCoroutineSite, RuleField::kCoroutineSite},
    {FieldId::kCoroutineFunction, RuleField::kCoroutineSite},
    {FieldId::kCoroutineClass, RuleField::kCoroutineClass},
    {FieldId::kCoroutineState, RuleField::kCoroutineState},
    {FieldId::kCoroutineWait, RuleField::kCoroutineWait},
    {FieldId::kCoroutineWorker, RuleField::kCoroutineWorker},
    {FieldId::kCoroutineSpawner, RuleField::kCoroutineSpawner},
    {FieldId::kCoroutineHighWater, RuleField::kCoroutineHighWater},
    {FieldId::kCoroutineCancelled, RuleField::kCoroutineCancelled},
    {FieldId::kChannelId, RuleField::kChannelId},
    {FieldId::kChannelName, RuleField::kChannelName},
    {FieldId::kChannelLen, RuleField::kChannelLength},
    {FieldId::kChannelCap, RuleField::kChannelCapacity},
    {FieldId::kChannelSenders, RuleField::kChannelSenders},
    {FieldId::kChannelReceivers, RuleField::kChannelReceivers},
    {FieldId::kChannelSent, RuleField::kChannelSent},
    {FieldId::kChannelReceived, RuleField::kChannelReceived},
    {FieldId::kChannelClosed, RuleField::kChannelClosed},
    {FieldId::kPoolClass, RuleField::kPoolClass},
    {FieldId::kPoolPurpose, RuleField::kPoolPurpose},
    {FieldId::kPoolSlots, RuleField::kPoolSlots},
    {FieldId::kPoolUsed, RuleField::kPoolUsed},
    {FieldId::kPoolFree, RuleField::kPoolFree},
    {FieldId::kPoolSlotBytes, RuleField::kPoolSlotBytes},
    {FieldId::kWorkerIndex, RuleField::kWorkerIndex},
    {FieldId::kWorkerState, RuleField::kWorkerState},
    {FieldId::kWorkerReady, RuleField::kWorkerReady},
    {FieldId::kWorkerSpawned, RuleField::kWorkerSpawned},
    {FieldId::kWorkerSwitches, RuleField::kWorkerSwitches},
    {FieldId::kLockId, RuleField::kLockId},
    {FieldId::kLockName, RuleField::kLockName},
    {FieldId::kLockKind, RuleField::kLockKind},
    {FieldId::kLockOwner, RuleField::kLockOwner},
    {FieldId::kLockValue, RuleField::kLockValue},
    {FieldId::kLockLimit, RuleField::kLockLimit},
    {FieldId::kLockWaiting, RuleField::kLockWaiting},
};

RuleField field_there(FieldId id) {
    for (const auto& [here, there] : kFieldsThere) {
        if (here == id) return there;
    }
    return RuleField::kNothing;
}

bool is_text(const Term& term) {
    return term.form == Term::Form::kTextEquals || term.form == Term::Form::kTextMatches;
}
bool is_of_sites(FieldId id) {
    return id == FieldId::kEventSite || id == FieldId::kEventFunction || id == FieldId::kCoroutineSite ||
           id == FieldId::kCoroutineFunction;
}
bool is_of_functions(FieldId id) {
    return id == FieldId::kEventFunction || id == FieldId::kCoroutineFunction;
}

// Events that can change what a rule about state reads of this kind.
void add_types_of(Kind kind, std::bitset<kWordsMax>& types) {
    const auto add = [&](std::initializer_list<EventType> some) {
        for (const EventType type : some)
            types.set(static_cast<std::size_t>(type));
    };
    switch (kind) {
        case Kind::kCoroutine:
            return add({EventType::kSpawn, EventType::kResume, EventType::kSuspend, EventType::kWake,
                        EventType::kCancel, EventType::kMigrate, EventType::kPause, EventType::kUnpause});
        case Kind::kChannel:
            return add({EventType::kChannelCreate, EventType::kChannelSend, EventType::kChannelReceive,
                        EventType::kChannelBlock, EventType::kChannelClose, EventType::kSelectArm,
                        EventType::kSuspend, EventType::kWake});
        case Kind::kPool:
            return add({EventType::kPoolAllocate, EventType::kPoolFree, EventType::kPoolGrow});
        case Kind::kWorker:
            return add({EventType::kSpawn, EventType::kResume, EventType::kSuspend, EventType::kExit,
                        EventType::kWorkerPark, EventType::kWorkerUnpark, EventType::kSteal,
                        EventType::kInject});
        case Kind::kLock:
            return add({EventType::kLockAcquire, EventType::kLockRelease, EventType::kNotify,
                        EventType::kWaitableCreate, EventType::kSuspend, EventType::kWake});
        case Kind::kEvent:
            break;
    }
}

class Compiler {
public:
    Compiler(const Rule& rule, const inspect::StateImage& state, const Names& names)
        : rule_(rule), state_(state), names_(names) {}

    base::Result<wire::RuleProgram> run(const BreakOptions& options) {
        program_.head.action = options.action;
        program_.head.count = options.count;
        program_.head.flags = (rule_.about_events() ? 0 : std::uint32_t{wire::kRuleOfState}) |
                              (options.goes_on ? std::uint32_t{wire::kRuleGoesOn} : 0);
        if (auto status = add_references(); !status) return status.error();
        if (auto status = add_types(); !status) return status.error();
        texts_left_ = static_cast<std::uint32_t>(
            std::count_if(rule_.terms().begin(), rule_.terms().end(), is_text));
        if (auto status = add(rule_.root()); !status) return status.error();
        // What travels is what the program will look at.
        if (!wire::parse_rules(program_.bytes()))
            return mistake(rule_.text(), 0,
                           "this rule is too long or too deep for the program to hold: leave something out");
        return std::move(program_);
    }

private:
    base::Error wrong(const Term& term, const std::string& sentence) const {
        return mistake(rule_.text(), term.at, sentence);
    }

    base::Status add_references();
    base::Status add_types();
    base::Status add(std::uint16_t at);
    base::Status add_term(std::uint8_t number);
    base::Status add_text(RuleInstruction& one, const Term& term);
    base::Result<RuleField> there(const Term& term, const Operand& operand) const;
    void add_sites(wire::RuleNames& set, const Term& term);
    void add_strings(wire::RuleNames& set, const Term& term);

    const Rule& rule_;
    const inspect::StateImage& state_;
    const Names& names_;
    wire::RuleProgram program_;
    std::uint32_t texts_left_ = 0;  // conditions on names that are still to get their share of words
};

base::Status Compiler::add_references() {
    const std::vector<PoolFacts> pools = pool_facts(state_);
    const std::vector<Objects> found = find_references(rule_, state_, pools);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const Objects& objects = found[i];
        wire::RuleReference reference{static_cast<wire::RuleKind>(rule_.references()[i].kind), {}, 0, 0};
        if (objects.coroutine != nullptr) {
            reference.index = objects.coroutine->index;
            reference.identity = objects.coroutine->identity;
        } else if (objects.channel != nullptr) {
            reference.index = objects.channel->index;
            reference.identity = objects.channel->identity;
        } else if (objects.lock != nullptr) {
            reference.index = objects.lock->index;
            reference.identity = objects.lock->identity;
        } else if (objects.worker != nullptr) {
            reference.index = objects.worker->index;
        } else if (objects.pool != nullptr) {
            reference.index = objects.pool->index;
        } else {
            std::size_t at = 0;
            for (const Term& term : rule_.terms())
                if (term.left.reference == i || term.right.reference == i) at = term.at;
            return mistake(
                rule_.text(), at,
                fmt::format("the program has no {} now: a rule that it holds itself can name what is there",
                            rule_.references()[i].text()));
        }
        program_.references.push_back(reference);
    }
    return base::ok_status();
}

base::Status Compiler::add_types() {
    std::bitset<kWordsMax> types;
    if (rule_.about_events()) {
        for (std::size_t type = 0; type < kWordsMax; ++type)
            types[type] = rule_.may_match(static_cast<EventType>(type));
    } else {
        for (const Term& term : rule_.terms()) {
            add_types_of(field_of(term.left.field).kind, types);
            if (term.right.field != FieldId::kNothing) add_types_of(field_of(term.right.field).kind, types);
        }
    }
    for (std::size_t type = 0; type < kWordsMax; ++type) {
        if (types[type] && wire::category_of(static_cast<EventType>(type)) != 0)
            program_.head.types[type / 64] |= std::uint64_t{1} << (type % 64);
    }
    if (program_.head.types[0] == 0 && program_.head.types[1] == 0)
        return mistake(rule_.text(), 0, "no event that a program emits can match this rule");
    return base::ok_status();
}

base::Status Compiler::add(std::uint16_t at) {
    const Node& node = rule_.nodes()[at];
    if (node.form == Node::Form::kTerm) return add_term(node.term);
    const RuleOp op = node.form == Node::Form::kNot   ? RuleOp::kNot
                      : node.form == Node::Form::kAnd ? RuleOp::kAnd
                                                      : RuleOp::kOr;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
        if (auto status = add(node.children[i]); !status) return status;
        if (i == 0 && op != RuleOp::kNot) continue;
        RuleInstruction one{};
        one.op = op;
        program_.instructions.push_back(one);
    }
    return base::ok_status();
}

base::Result<RuleField> Compiler::there(const Term& term, const Operand& operand) const {
    const RuleField field = field_there(operand.field);
    if (field != RuleField::kNothing) return field;
    const Field& about = field_of(operand.field);
    return wrong(
        term,
        fmt::format(
            "{}.{} changes with time alone, and the program looks at no clock for it: ask an event, such as "
            "wake and blocked_ns > 10ms",
            kind_name(about.kind), about.name));
}

base::Status Compiler::add_term(std::uint8_t number) {
    const Term& term = rule_.terms()[number];
    RuleInstruction one{};
    one.term = number;
    one.left_object = term.left.reference;
    one.right_object = term.right.reference;
    auto left = there(term, term.left);
    if (!left) return left.error();
    one.left = *left;
    switch (term.form) {
        case Term::Form::kWords:
            one.op = RuleOp::kWord;
            for (std::size_t code = 0; code < kWordsMax; ++code)
                one.codes[code / 64] |= std::uint64_t{term.words[code]} << (code % 64);
            break;
        case Term::Form::kFlag:
            one.op = RuleOp::kCompare;
            one.compare = term.negated ? wire::RuleCompare::kEqual : wire::RuleCompare::kNotEqual;
            break;
        case Term::Form::kNumbers:
            one.op = RuleOp::kCompare;
            one.compare = static_cast<wire::RuleCompare>(term.compare);
            one.constant = term.right.constant;
            if (term.right.field != FieldId::kNothing) {
                auto right = there(term, term.right);
                if (!right) return right.error();
                one.right = *right;
            }
            break;
        case Term::Form::kTextEquals:
        case Term::Form::kTextMatches:
            if (auto status = add_text(one, term); !status) return status;
            break;
    }
    program_.instructions.push_back(one);
    return base::ok_status();
}

base::Status Compiler::add_text(RuleInstruction& one, const Term& term) {
    if (term.left.reference != Operand::kSubject)
        return wrong(term, "the name of an object that is named does not change: leave this out");
    if (program_.names.size() == wire::kRuleNamesMax)
        return wrong(term,
                     fmt::format("a rule that the program holds itself has {} conditions on names at most",
                                 wire::kRuleNamesMax));
    one.op = RuleOp::kName;
    one.names = static_cast<std::uint8_t>(program_.names.size());
    wire::RuleNames set{};
    set.unnamed = text_matches(term, "") ? 1 : 0;
    if (term.left.field != FieldId::kChannelName && term.left.field != FieldId::kLockName)
        add_sites(set, term);
    if (!is_of_sites(term.left.field)) add_strings(set, term);
    --texts_left_;
    program_.names.push_back(set);
    return base::ok_status();
}

// Of sites: where they are, or their functions, or the names that they give. Those that find no room are in doubt.
void Compiler::add_sites(wire::RuleNames& set, const Term& term) {
    const auto room = (wire::kRuleWordsMax - static_cast<std::uint32_t>(program_.words.size())) /
                      (2 * texts_left_);
    set.sites_first = static_cast<std::uint32_t>(program_.words.size());
    set.sites_known = std::min(static_cast<std::uint32_t>(state_.sites.size()), room * 32);
    program_.words.resize(program_.words.size() + (set.sites_known + 31) / 32);
    for (std::uint32_t site = 0; site < set.sites_known; ++site) {
        std::string_view text;
        const bool known = is_of_functions(term.left.field) ? names_.function(site, &text)
                           : is_of_sites(term.left.field)   ? names_.site(site, &text)
                                                            : names_.coroutine(wire::kNone, site, &text);
        if (known && text_matches(term, text))
            program_.words[set.sites_first + site / 32] |= 1U << (site % 32);
    }
}

void Compiler::add_strings(wire::RuleNames& set, const Term& term) {
    const auto room = (wire::kRuleWordsMax - static_cast<std::uint32_t>(program_.words.size())) / texts_left_;
    set.strings_first = static_cast<std::uint32_t>(program_.words.size());
    const auto bytes = static_cast<std::uint32_t>(state_.strings.size());
    set.strings_known = bytes;
    for (std::uint32_t at = 0; at + wire::kStringHeaderBytes <= bytes;) {
        const std::uint32_t chunk_end = (at / wire::kStringChunkBytes + 1) * wire::kStringChunkBytes;
        std::string_view text;
        if (at + wire::kStringHeaderBytes > chunk_end || !names_.text(at, &text)) {
            at = chunk_end;  // none crosses it
            continue;
        }
        if (text_matches(term, text)) {
            if (set.strings_count == room) {
                set.strings_known = at;
                break;
            }
            program_.words.push_back(at);
            ++set.strings_count;
        }
        at += wire::kStringHeaderBytes + static_cast<std::uint32_t>(text.size());
    }
}

}  // namespace

base::Result<wire::RuleProgram> compile_break(const Rule& rule, const inspect::StateImage& state,
                                              const Names& names, const BreakOptions& options) {
    return Compiler(rule, state, names).run(options);
}

Truth judge(const Rule& rule, const wire::RuleHit& hit, const inspect::StateImage& state, const Names& names) {
    return value_of(rule, rule.root(), [&](std::uint8_t number) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        if ((hit.known & bit) != 0) return (hit.truth & bit) != 0 ? Truth::kTrue : Truth::kFalse;
        if ((hit.doubt & bit) == 0) return Truth::kUnknown;
        const Term& term = rule.terms()[number];
        std::string_view text;
        bool known = false;
        switch (term.left.field) {
            case FieldId::kChannelName: {
                const auto channel = std::find_if(state.channels.begin(), state.channels.end(),
                                                  [&](const auto& one) { return one.index == hit.object; });
                known = channel != state.channels.end() && names.text(channel->name, &text);
                break;
            }
            case FieldId::kLockName: {
                const auto lock = std::find_if(state.waitables.begin(), state.waitables.end(),
                                               [&](const auto& one) { return one.index == hit.object; });
                known = lock != state.waitables.end() && names.text(lock->name, &text);
                break;
            }
            default:
                known = is_of_functions(term.left.field) ? names.function(hit.site, &text)
                        : is_of_sites(term.left.field)   ? names.site(hit.site, &text)
                                                         : names.coroutine(hit.name, hit.site, &text);
                break;
        }
        if (!known) return Truth::kUnknown;
        return text_matches(term, text) ? Truth::kTrue : Truth::kFalse;
    });
}

}  // namespace coroscope::rules
