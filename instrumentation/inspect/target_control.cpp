// Pause, resume and step, asked of a target's agent (wire/handshake.h); its refusals as sentences.
#include <cstring>

#include "instrumentation/inspect/target_impl.h"

namespace coroscope::inspect {
namespace {

using base::ErrorCode;
using wire::ReplyStatus;

std::string coroutine_text(const wire::CoroutineName& name) {
    return "coroutine " + std::to_string(name.identity);
}

base::Error refusal(const std::string& process, const wire::CoroutineName& name, const wire::Reply& reply) {
    const std::string who = coroutine_text(name);
    switch (reply.status) {
        case ReplyStatus::kStepUnderWay:
            return base::error(ErrorCode::kRefused, process + " has not finished the step before this one: " +
                                                        "its coroutine has not come to a scheduling point yet");
        case ReplyStatus::kNotHeld:
            return base::error(ErrorCode::kRefused,
                               (name.identity == 0 ? process + " is" : who + " of " + process + " is") +
                                   " not paused, so there is nothing to step: pause it first");
        case ReplyStatus::kNoSuchCoroutine:
            return base::error(ErrorCode::kRefused, process + " has no " + who + " (any more)");
        case ReplyStatus::kNotReady: {
            const auto reason = static_cast<wire::WaitReason>(reply.detail);
            return base::error(ErrorCode::kRefused,
                               who + " of " + process + " waits (" + reason_name(reason) +
                                   "), and a step would not wake it: step whoever it waits for");
        }
        case ReplyStatus::kRuns:
            return base::error(ErrorCode::kRefused,
                               who + " of " + process + " runs and has not come to a scheduling point yet");
        case ReplyStatus::kEnding:
            return base::error(ErrorCode::kGone, process + " is ending");
        case ReplyStatus::kTooMany:
            return base::error(ErrorCode::kUsage,
                               "at most " + std::to_string(wire::kPausedCoroutinesMax) +
                                   " coroutines can be chosen at once: pause everything instead");
        default:
            return base::error(ErrorCode::kRefused,
                               process +
                                   (name.identity != 0 && reply.status == ReplyStatus::kNotSupported
                                        ? " has a scheduling policy of its own, which alone names who runs next: "
                                          "step by scheduling decisions (without an ID)"
                                        : " cannot be taken hold of: rebuild it with a newer CPrime runtime"));
    }
}

}  // namespace

base::Result<wire::Reply> Target::Impl::ask_control(wire::MessageType type, const void* body, std::size_t bytes,
                                                    const wire::CoroutineName& about) {
    auto message = agent.request(type, body, bytes, -1, wire::MessageType::kReply, options.timeout_ms);
    if (!message) return message.error();
    const auto* reply = message->as<wire::Reply>();
    if (reply == nullptr)
        return base::error(ErrorCode::kCorrupt, name() + " answered with half a reply: rebuild the program");
    if (reply->status != ReplyStatus::kOk) return refusal(name(), about, *reply);
    return *reply;
}

base::Status Target::Impl::hold(wire::MessageType type, const std::vector<wire::CoroutineName>& who,
                                std::uint32_t flags) {
    if (who.size() > wire::kPausedCoroutinesMax)
        return refusal(name(), {}, {ReplyStatus::kTooMany, 0});
    const wire::Pause head{static_cast<std::uint32_t>(who.size()), flags};
    std::vector<std::uint8_t> body(sizeof head + who.size() * sizeof(wire::CoroutineName));
    std::memcpy(body.data(), &head, sizeof head);
    if (!who.empty()) std::memcpy(body.data() + sizeof head, who.data(), body.size() - sizeof head);
    auto reply = ask_control(type, body.data(), body.size(), {});
    return reply ? base::ok_status() : base::Status(reply.error());
}

base::Status Target::pause(const std::vector<wire::CoroutineName>& who, bool keep) {
    return impl_->hold(wire::MessageType::kPause, who, keep ? std::uint32_t{wire::kPauseKeep} : 0U);
}

base::Status Target::resume(const std::vector<wire::CoroutineName>& who) {
    return impl_->hold(wire::MessageType::kResume, who, 0);
}

base::Result<std::uint32_t> Target::step(const wire::CoroutineName& who) {
    const wire::Step body{who};
    auto reply = impl_->ask_control(wire::MessageType::kStep, &body, sizeof body, who);
    if (!reply) return reply.error();
    return reply->detail;
}

base::Result<StateImage> Target::held() const {
    return impl_->state.read_hold();
}

}  // namespace coroscope::inspect
