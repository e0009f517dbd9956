// See rule_program.h. parse_rules() is the one gate through which a program comes into a target.
#include "instrumentation/wire/rule_program.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/pool.h"

namespace coroscope::wire {
namespace {

template <typename T>
bool take(std::span<const std::byte>& from, std::vector<T>& to, std::uint32_t count) {
    if (from.size() / sizeof(T) < count) return false;
    to.resize(count);
    if (count != 0) std::memcpy(to.data(), from.data(), count * sizeof(T));
    from = from.subspan(count * sizeof(T));
    return true;
}

template <typename T>
void put(std::vector<std::byte>& to, const T* from, std::size_t count) {
    const auto* bytes = reinterpret_cast<const std::byte*>(from);
    to.insert(to.end(), bytes, bytes + count * sizeof(T));
}

bool inside(std::uint64_t first, std::uint64_t count, std::uint64_t all) {
    return first <= all && count <= all - first;
}

std::uint32_t index_limit(RuleKind kind) {
    switch (kind) {
        case RuleKind::kCoroutine:
            return kCoroutinesMax;
        case RuleKind::kChannel:
            return kChannelsMax;
        case RuleKind::kPool:
            return kPoolsMax;
        case RuleKind::kWorker:
            return kWorkersMax;
        case RuleKind::kLock:
            return kWaitablesMax;
        case RuleKind::kEvent:
            break;
    }
    return 0;
}

bool good(const RuleReference& reference) {
    return static_cast<std::uint8_t>(reference.kind) < kRuleKindsCount &&
           reference.index < index_limit(reference.kind);
}

bool good(const RuleNames& names, const std::vector<std::uint32_t>& words) {
    if (names.sites_known > kSitesMax || names.unnamed > 1) return false;
    if (!inside(names.sites_first, (names.sites_known + 31) / 32, words.size()) ||
        !inside(names.strings_first, names.strings_count, words.size()))
        return false;
    for (std::uint32_t i = 0; i < names.strings_count; ++i) {
        const std::uint32_t string = words[names.strings_first + i];
        if (string >= names.strings_known || (i != 0 && string <= words[names.strings_first + i - 1]))
            return false;
    }
    return true;
}

// A field and its object are there, and are of this form.
bool good(const RuleProgram& program, RuleField field, std::uint8_t object, RuleForm form) {
    if (field == RuleField::kNothing || static_cast<std::uint8_t>(field) >= kRuleFieldsCount) return false;
    if (rule_form(field) != form) return false;
    if (object == kRuleSubject) return true;
    return object < program.references.size() && program.references[object].kind == rule_kind(field);
}

bool good_term(const RuleProgram& program, const RuleInstruction& one) {
    switch (one.op) {
        case RuleOp::kWord:
            return good(program, one.left, one.left_object, RuleForm::kWord);
        case RuleOp::kName:
            return good(program, one.left, one.left_object, RuleForm::kName) &&
                   one.names < program.names.size();
        case RuleOp::kCompare:
            return static_cast<std::uint8_t>(one.compare) < kRuleComparesCount &&
                   std::isfinite(one.constant) &&
                   good(program, one.left, one.left_object, RuleForm::kNumber) &&
                   (one.right == RuleField::kNothing ||
                    good(program, one.right, one.right_object, RuleForm::kNumber));
        default:
            return false;
    }
}

// Every step finds what it takes, and one value is left.
bool good_order(const RuleProgram& program) {
    std::uint32_t depth = 0;
    std::uint64_t terms = 0;
    for (const RuleInstruction& one : program.instructions) {
        switch (one.op) {
            case RuleOp::kNot:
                if (depth < 1) return false;
                break;
            case RuleOp::kAnd:
            case RuleOp::kOr:
                if (depth < 2) return false;
                --depth;
                break;
            default:
                if (!good_term(program, one) || one.term >= kRuleTermsMax || (terms >> one.term & 1) != 0 ||
                    ++depth > kRuleStackMax)
                    return false;
                terms |= std::uint64_t{1} << one.term;
                break;
        }
    }
    return depth == 1;
}

bool good_types(const RuleProgram& program) {
    for (std::uint32_t type = 0; type < kEventTypesMax; ++type) {
        if (program.looks_at(static_cast<EventType>(type)) && category_of(static_cast<EventType>(type)) == 0)
            return false;
    }
    return program.head.types[0] != 0 || program.head.types[1] != 0;
}

}  // namespace

RuleKind rule_kind(RuleField field) {
    if (field < RuleField::kCoroutineId) return RuleKind::kEvent;
    if (field < RuleField::kChannelId) return RuleKind::kCoroutine;
    if (field < RuleField::kPoolClass) return RuleKind::kChannel;
    if (field < RuleField::kWorkerIndex) return RuleKind::kPool;
    return field < RuleField::kLockId ? RuleKind::kWorker : RuleKind::kLock;
}

RuleForm rule_form(RuleField field) {
    switch (field) {
        case RuleField::kEventType:
        case RuleField::kEventClass:
        case RuleField::kEventWait:
        case RuleField::kEventCause:
        case RuleField::kEventStatus:
        case RuleField::kCoroutineClass:
        case RuleField::kCoroutineState:
        case RuleField::kCoroutineWait:
        case RuleField::kPoolClass:
        case RuleField::kPoolPurpose:
        case RuleField::kWorkerState:
        case RuleField::kLockKind:
            return RuleForm::kWord;
        case RuleField::kEventName:
        case RuleField::kEventSite:
        case RuleField::kCoroutineName:
        case RuleField::kCoroutineSite:
        case RuleField::kChannelName:
        case RuleField::kLockName:
            return RuleForm::kName;
        default:
            return RuleForm::kNumber;
    }
}

std::uint32_t category_of(EventType type) {
    switch (type) {
        case EventType::kSpawn:
        case EventType::kResume:
        case EventType::kSuspend:
        case EventType::kWake:
        case EventType::kExit:
        case EventType::kCancel:
        case EventType::kMigrate:
        case EventType::kPause:
        case EventType::kUnpause:
        case EventType::kStep:
            return kCategoryCoroutine;
        case EventType::kChannelCreate:
        case EventType::kChannelSend:
        case EventType::kChannelReceive:
        case EventType::kChannelBlock:
        case EventType::kChannelClose:
        case EventType::kChannelDestroy:
        case EventType::kSelectArm:
        case EventType::kSelectFire:
            return kCategoryChannel;
        case EventType::kPoolAllocate:
        case EventType::kPoolFree:
        case EventType::kPoolGrow:
        case EventType::kPoolTrim:
            return kCategoryPool;
        case EventType::kSignal:
        case EventType::kSignalDropped:
        case EventType::kSignalHandled:
        case EventType::kFault:
        case EventType::kRaise:
        case EventType::kRecover:
            return kCategorySignal;
        case EventType::kTimerSet:
        case EventType::kTimerFire:
            return kCategoryTimer;
        case EventType::kWorkerPark:
        case EventType::kWorkerUnpark:
        case EventType::kSteal:
        case EventType::kInject:
        case EventType::kBlockingBegin:
        case EventType::kBlockingEnd:
            return kCategoryWorker;
        case EventType::kLockAcquire:
        case EventType::kLockRelease:
        case EventType::kNotify:
        case EventType::kWaitableCreate:
        case EventType::kWaitableDestroy:
            return kCategoryLock;
        case EventType::kZoneBegin:
        case EventType::kZoneEnd:
        case EventType::kMessage:
        case EventType::kCounter:
        case EventType::kNote:
            return kCategoryUser;
        default:
            return 0;
    }
}

bool RuleProgram::asks_for(RuleField field) const {
    return std::any_of(instructions.begin(), instructions.end(), [&](const RuleInstruction& one) {
        return one.op >= RuleOp::kWord &&
               (one.left == field || (one.op == RuleOp::kCompare && one.right == field));
    });
}

bool RuleProgram::needs_stamps() const {
    return asks_for(RuleField::kEventBlocked) || asks_for(RuleField::kEventReady) ||
           asks_for(RuleField::kEventRun);
}

std::uint32_t RuleProgram::categories() const {
    std::uint32_t all = needs_stamps() ? std::uint32_t{kCategoryCoroutine} : 0;
    for (std::uint32_t type = 0; type < kEventTypesMax; ++type) {
        if (looks_at(static_cast<EventType>(type))) all |= category_of(static_cast<EventType>(type));
    }
    return all;
}

std::vector<std::byte> RuleProgram::bytes() const {
    Rules begin = head;
    begin.instructions = static_cast<std::uint32_t>(instructions.size());
    begin.references = static_cast<std::uint32_t>(references.size());
    begin.names = static_cast<std::uint32_t>(names.size());
    begin.words = static_cast<std::uint32_t>(words.size());
    std::vector<std::byte> message;
    put(message, &begin, 1);
    put(message, instructions.data(), instructions.size());
    put(message, references.data(), references.size());
    put(message, names.data(), names.size());
    put(message, words.data(), words.size());
    return message;
}

std::optional<RuleProgram> parse_rules(std::span<const std::byte> body) {
    RuleProgram program;
    if (body.size() < sizeof program.head) return std::nullopt;
    std::memcpy(&program.head, body.data(), sizeof program.head);
    body = body.subspan(sizeof program.head);
    const Rules& head = program.head;
    if (head.instructions > kRuleInstructionsMax || head.references > kRuleReferencesMax ||
        head.names > kRuleNamesMax || head.words > kRuleWordsMax)
        return std::nullopt;
    if (!take(body, program.instructions, head.instructions) ||
        !take(body, program.references, head.references) || !take(body, program.names, head.names) ||
        !take(body, program.words, head.words) || !body.empty())
        return std::nullopt;
    if (head.instructions == 0)  // takes the rule away
        return head.references == 0 && head.names == 0 && head.words == 0 ? std::optional(std::move(program))
                                                                          : std::nullopt;
    if (head.action > RuleAction::kTell || (head.flags & ~(kRuleOfState | kRuleGoesOn)) != 0 ||
        head.count == 0)
        return std::nullopt;
    for (const RuleReference& reference : program.references)
        if (!good(reference)) return std::nullopt;
    for (const RuleNames& names : program.names)
        if (!good(names, program.words)) return std::nullopt;
    if (!good_order(program) || !good_types(program)) return std::nullopt;
    return program;
}

}  // namespace coroscope::wire
