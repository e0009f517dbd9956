// See directory.h.
#include "traces/analyses/directory.h"

#include <algorithm>

#include <fmt/format.h>

namespace coroscope::analyses {

using wire::EventType;
using wire::WaitReason;

Directory::Directory(const inspect::StateImage& begin, const inspect::StateImage& end) : end_(&end) {
    for (const inspect::ChannelImage& channel : begin.channels)
        channels_[channel.index] = {channel.identity, channel.name, wire::WaitableKind::kFree};
    for (const inspect::WaitableImage& waitable : begin.waitables)
        waitables_[waitable.index] = {waitable.identity, waitable.name, waitable.kind};
}

void Directory::take(const wire::DecodedEvent& event) {
    if (event.type == EventType::kChannelCreate) {
        channels_[event.object] = {event.ext48[0], static_cast<std::uint32_t>(event.ext64[0]),
                                   wire::WaitableKind::kFree};
    } else if (event.type == EventType::kWaitableCreate) {
        waitables_[event.object] = {event.ext48[0], static_cast<std::uint32_t>(event.ext64[0]),
                                    static_cast<wire::WaitableKind>(event.argument & 0xff)};
    }
}

Awaited Directory::channel(std::uint32_t index) const {
    Awaited awaited;
    awaited.kind = Awaited::Kind::kChannel;
    awaited.index = index;
    if (const auto found = channels_.find(index); found != channels_.end()) {
        awaited.identity = found->second.identity;
        awaited.name = found->second.name;
    }
    return awaited;
}

Awaited Directory::awaited(WaitReason reason, std::uint32_t object) const {
    Awaited awaited;
    if (reason == WaitReason::kNothing || reason == WaitReason::kYield) return awaited;
    if (reason == WaitReason::kChannelSend || reason == WaitReason::kChannelReceive) {
        awaited = channel(object);
    } else if (reason == WaitReason::kJoin) {
        awaited.kind = Awaited::Kind::kCoroutine;
    } else if (wire::waits_for_waitable(reason)) {
        awaited.kind = Awaited::Kind::kWaitable;
        if (const auto found = waitables_.find(object); found != waitables_.end()) {
            awaited.identity = found->second.identity;
            awaited.name = found->second.name;
            awaited.waitable = found->second.kind;
        }
    } else {
        awaited.kind = Awaited::Kind::kOther;
    }
    awaited.index = object;
    awaited.reason = reason;
    return awaited;
}

std::string Directory::text(const Awaited& awaited) const {
    const auto named = [&](const char* kind) {
        const std::string_view name = end_->text(awaited.name);
        if (!name.empty()) return fmt::format("{}:{}", kind, name);
        return awaited.identity != 0 ? fmt::format("{}:#{}", kind, awaited.identity)
                                     : fmt::format("{}:?", kind);
    };
    switch (awaited.kind) {
        case Awaited::Kind::kNothing:
            return "";
        case Awaited::Kind::kChannel:
            return named("channel");
        case Awaited::Kind::kWaitable:
            return named(inspect::waitable_kind_name(awaited.waitable));
        case Awaited::Kind::kCoroutine:
            return awaited.identity != 0 ? fmt::format("coroutine:{}", awaited.identity) : "coroutine:?";
        case Awaited::Kind::kOther:
            if (awaited.reason == WaitReason::kSleep) return "timer";
            if (awaited.reason == WaitReason::kSignal) return fmt::format("signal:{}", awaited.index);
            return inspect::reason_name(awaited.reason);
    }
    return "";
}

std::string Directory::site(std::uint32_t site) const {
    return end_->site_text(site);
}

std::string Directory::site_name(std::uint32_t site) const {
    return site < end_->sites.size() ? std::string(end_->text(end_->sites[site].name)) : "";
}

std::string Directory::string(std::uint32_t string) const {
    const std::string_view text = end_->text(string);
    return text.empty() ? "?" : std::string(text);
}

std::string Directory::signal(std::uint32_t index) const {
    inspect::SignalImage unknown;
    unknown.index = index;
    const auto known = std::find_if(end_->signals.begin(), end_->signals.end(), [&](const inspect::SignalImage& s) { return s.index == index; });
    return end_->signal_text(known == end_->signals.end() ? unknown : *known);
}

std::string Directory::name(const Life& life) const {
    if (const std::string_view own = end_->text(life.name); !own.empty()) return std::string(own);
    std::string name = site_name(life.site);
    return name.empty() ? "coroutine" : name;
}

}  // namespace coroscope::analyses
