// Rules and masks, asked of a target's agent (wire/handshake.h); its refusals as sentences.
#include <algorithm>
#include <utility>

#include "instrumentation/inspect/target_impl.h"

namespace coroscope::inspect {
namespace {

using base::ErrorCode;
using wire::ReplyStatus;

base::Error refusal(const std::string& process, const wire::Reply& reply) {
    switch (reply.status) {
        case ReplyStatus::kRuleArmed:
            return base::error(ErrorCode::kRefused, process + " has a rule armed already, by process " +
                                                        std::to_string(reply.detail) +
                                                        ": there is one at a time, end that one first");
        case ReplyStatus::kNoMemory:
            return base::error(ErrorCode::kRefused,
                               process +
                                   " has no address space or descriptor left for a rule: raise "
                                   "its `ulimit -v` or `ulimit -n`");
        case ReplyStatus::kMalformed:
            return base::error(ErrorCode::kInternal, process + " took the rule for a malformed one");
        default:
            return base::error(
                ErrorCode::kRefused,
                process + " knows no rules and no masks: rebuild it with a newer CPrime runtime");
    }
}

}  // namespace

base::Result<std::uint32_t> Target::arm_rule(const wire::RuleProgram& program) {
    const std::vector<std::byte> body = program.bytes();
    auto message = impl_->agent.request(wire::MessageType::kRules, body.data(), body.size(), -1,
                                        wire::MessageType::kReply, impl_->options.timeout_ms);
    if (!message) return message.error();
    const auto* reply = message->as<wire::Reply>();
    if (reply == nullptr || reply->status != ReplyStatus::kOk)
        return refusal(impl_->name(), reply != nullptr ? *reply : wire::Reply{});
    return reply->detail;
}

bool Target::take_rule_hits(int timeout_ms, RuleHits& to) {
    AgentConnection::Hits taken;
    const bool open = impl_->agent.take_hits(timeout_ms, taken);
    to.hits = std::move(taken.hits);
    to.lost = taken.lost;
    return open;
}

base::Result<std::uint32_t> Target::withhold(std::uint32_t withheld, std::uint32_t changed) {
    // Its agent hangs up on what it does not know.
    if (impl_->state.header().version_minor < 3)
        return refusal(impl_->name(), {ReplyStatus::kNotSupported, 0});
    const wire::Mask body{withheld, changed};
    auto message = impl_->agent.request(wire::MessageType::kMask, &body, sizeof body, -1,
                                        wire::MessageType::kReply, impl_->options.timeout_ms);
    if (!message) return message.error();
    const auto* reply = message->as<wire::Reply>();
    if (reply == nullptr || reply->status != ReplyStatus::kOk)
        return refusal(impl_->name(), reply != nullptr ? *reply : wire::Reply{});
    return reply->detail;
}

std::uint32_t Target::withheld() const {
    return impl_->rings.header().withheld.load(std::memory_order_relaxed);
}

}  // namespace coroscope::inspect
