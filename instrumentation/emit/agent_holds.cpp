// What viewers hold: pause, resume and step. The runtime does it (AgentOptions::Control); here it is known for whom.
#include <algorithm>
#include <cstring>
#include <optional>

#include "instrumentation/emit/agent_implementation.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::emit {
namespace {

using wire::CoroutineName;
using wire::ReplyStatus;

bool same(const CoroutineName& a, const CoroutineName& b) {
    return a.index == b.index && a.identity == b.identity;
}

void add(std::vector<CoroutineName>& to, const std::vector<CoroutineName>& names) {
    for (const CoroutineName& name : names) {
        if (std::none_of(to.begin(), to.end(), [&](const auto& other) { return same(name, other); }))
            to.push_back(name);
    }
}

void take_away(std::vector<CoroutineName>& from, const std::vector<CoroutineName>& names) {
    std::erase_if(from, [&](const CoroutineName& one) {
        return std::any_of(names.begin(), names.end(), [&](const auto& name) { return same(one, name); });
    });
}

struct Holding {
    wire::Pause head{};
    std::vector<CoroutineName> names;
};
// Nothing when it is not such a message.
std::optional<Holding> parse_holding(const Message& message) {
    Holding holding;
    if (message.body.size() < sizeof holding.head) return std::nullopt;
    std::memcpy(&holding.head, message.body.data(), sizeof holding.head);
    const std::size_t rest = message.body.size() - sizeof holding.head;
    if (holding.head.count > wire::kPausedCoroutinesMax || (holding.head.flags & ~wire::kPauseKeep) != 0 ||
        rest != holding.head.count * sizeof(CoroutineName))
        return std::nullopt;
    holding.names.resize(holding.head.count);
    if (rest != 0) std::memcpy(holding.names.data(), message.body.data() + sizeof holding.head, rest);
    return holding;
}

}  // namespace

// Tells the runtime what all viewers together hold.
ReplyStatus Agent::Implementation::apply_holds() {
    if (options_.control.hold == nullptr) return ReplyStatus::kNotSupported;
    bool everything = paused_by_nobody_ || keeps_everything_;
    std::vector<CoroutineName> names = keeps_;
    for (const auto& viewer : viewers_) {
        everything = everything || viewer->pauses_everything;
        add(names, viewer->pauses);
    }
    return options_.control.hold(options_.control.context, everything, names);
}

bool Agent::Implementation::handle_pause(Connection& viewer, const Message& message) {
    const std::optional<Holding> asked = parse_holding(message);
    if (!asked) return false;
    const bool keep = (asked->head.flags & wire::kPauseKeep) != 0;
    std::vector<CoroutineName>& names = keep ? keeps_ : viewer.pauses;
    bool& everything = keep ? keeps_everything_ : viewer.pauses_everything;
    const std::vector<CoroutineName> names_before = names;
    const bool everything_before = everything;
    add(names, asked->names);
    if (asked->head.count == 0) everything = true;
    const bool fits = names.size() <= wire::kPausedCoroutinesMax;
    const ReplyStatus status = fits ? apply_holds() : ReplyStatus::kTooMany;
    if (status != ReplyStatus::kOk) {
        names = names_before;
        everything = everything_before;
    }
    return viewer.reply(status);
}

bool Agent::Implementation::handle_resume(Connection& viewer, const Message& message) {
    const std::optional<Holding> asked = parse_holding(message);
    if (!asked || asked->head.flags != 0) return false;
    const auto let_go = [&](bool& everything, std::vector<CoroutineName>& names) {
        if (asked->head.count == 0) {
            everything = false;
            names.clear();
        } else {
            take_away(names, asked->names);
        }
    };
    let_go(keeps_everything_, keeps_);
    for (const auto& other : viewers_)
        let_go(other->pauses_everything, other->pauses);
    if (asked->head.count == 0) paused_by_nobody_ = false;
    return viewer.reply(apply_holds());
}

bool Agent::Implementation::handle_step(Connection& viewer, const Message& message) {
    wire::Step step{};
    if (message.body.size() != sizeof step) return false;
    std::memcpy(&step, message.body.data(), sizeof step);
    if (options_.control.step == nullptr) return viewer.reply(ReplyStatus::kNotSupported);
    std::uint32_t detail = 0;
    const ReplyStatus status = options_.control.step(options_.control.context, step.coroutine, &detail);
    return viewer.reply(status, detail);
}

}  // namespace coroscope::emit
