// Rules that viewers arm, and categories that they withhold. The program judges its events by the rule (armed_rule.h); here it is known whose
// the rule is, its hits are sent there, and what it paused is that viewer's pause.
//
// A hit that pauses has held everything before it came here. If its viewer is still there the hold becomes that viewer's; if not, it is taken
// back. Either way what is held is said anew.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "instrumentation/emit/agent_implementation.h"

namespace coroscope::emit {
namespace {

using wire::MessageType;
using wire::ReplyStatus;

}  // namespace

bool Agent::Implementation::handle_rules(Connection& viewer, const Message& message) {
    std::optional<wire::RuleProgram> program = wire::parse_rules(message.body);
    if (!program) return viewer.reply(ReplyStatus::kMalformed);
    if (rule_owner_ != nullptr && rule_owner_ != &viewer)
        return viewer.reply(ReplyStatus::kRuleArmed, rule_owner_->pid());
    if (program->instructions.empty()) {
        disarm();
        apply_holds();  // a hit on its way has nobody any more
        return viewer.reply(ReplyStatus::kOk);
    }
    const ReplyStatus status = arm(viewer, std::move(*program));
    return viewer.reply(status, status == ReplyStatus::kOk ? rule_number_ : 0);
}

ReplyStatus Agent::Implementation::arm(Connection& viewer, wire::RuleProgram program) {
    if (program.head.action == wire::RuleAction::kPause && options_.control.hold == nullptr)
        return ReplyStatus::kNotSupported;
    if (hits_ == nullptr) {
        auto hits = options_.rings->rule_hits();
        if (!hits) return ReplyStatus::kNoMemory;
        hits_ = *hits;
    }
    const bool goes_on = (program.head.flags & wire::kRuleGoesOn) != 0 && rule_owner_ == &viewer;
    std::shared_ptr<RuleProgress> progress = goes_on ? rule_progress_ : std::make_shared<RuleProgress>();
    if (program.needs_stamps() && progress->stamps == nullptr) {
        if (goes_on) return ReplyStatus::kMalformed;  // another rule
        auto stamps = RuleStamps::create(options_.state->records_max(wire::SectionKind::kCoroutines));
        if (!stamps) return ReplyStatus::kNoMemory;
        progress->stamps = std::move(*stamps);
    }
    if (!goes_on) rule_first_number_ = rule_number_ + 1;
    rule_owner_ = &viewer;
    rule_progress_ = std::move(progress);
    rule_progress_->fired.store(false, std::memory_order_relaxed);
    options_.rings->arm(std::make_unique<ArmedRule>(
        std::move(program), ++rule_number_, rule_progress_,
        ArmedRule::Surroundings{options_.state, hits_, options_.control.hold_now, options_.control.context}));
    return ReplyStatus::kOk;
}

void Agent::Implementation::disarm() {
    if (rule_owner_ == nullptr) return;
    rule_owner_ = nullptr;
    rule_progress_.reset();
    options_.rings->arm(nullptr);
}

void Agent::Implementation::tell_hits() {
    taken_hits_.clear();
    hits_->take(taken_hits_);
    const std::uint64_t lost = hits_->lost();
    bool held = std::exchange(hits_lost_seen_, lost) != lost;
    for (const wire::RuleHit& hit : taken_hits_)
        held = held || (hit.flags & wire::kHitPauses) != 0;
    std::erase_if(taken_hits_, [this](const wire::RuleHit& hit) {
        return rule_owner_ == nullptr || hit.rule < rule_first_number_;
    });
    const bool pauses = std::any_of(taken_hits_.begin(), taken_hits_.end(), [](const wire::RuleHit& hit) {
        return (hit.flags & wire::kHitPauses) != 0;
    });
    if (pauses) rule_owner_->pauses_everything = true;
    if (held) apply_holds();
    for (std::size_t at = 0; at < taken_hits_.size(); at += wire::kRuleHitsPerNotice) {
        const std::size_t count = std::min<std::size_t>(taken_hits_.size() - at, wire::kRuleHitsPerNotice);
        const wire::Notice notice{wire::NoticeKind::kRuleHits, static_cast<std::uint32_t>(count)};
        const wire::RuleHitsHead head{lost + hits_unsent_};
        std::vector<std::byte> body(sizeof notice + sizeof head + count * sizeof(wire::RuleHit));
        std::memcpy(body.data(), &notice, sizeof notice);
        std::memcpy(body.data() + sizeof notice, &head, sizeof head);
        std::memcpy(body.data() + sizeof notice + sizeof head, taken_hits_.data() + at,
                    count * sizeof(wire::RuleHit));
        // A viewer that does not read is not let go for that: it may be about to. One that has left is found by poll().
        if (!rule_owner_->send(MessageType::kNotice, body.data(), body.size())) hits_unsent_ += count;
    }
}

bool Agent::Implementation::handle_mask(Connection& viewer, const Message& message) {
    wire::Mask mask{};
    if (message.body.size() != sizeof mask) return false;
    std::memcpy(&mask, message.body.data(), sizeof mask);
    if (((mask.withheld | mask.changed) & ~wire::kEventCategories) != 0)
        return viewer.reply(ReplyStatus::kMalformed);
    withheld_ = (withheld_ & ~mask.changed) | (mask.withheld & mask.changed);
    apply_wishes();
    return viewer.reply(ReplyStatus::kOk, withheld_);
}

}  // namespace coroscope::emit
