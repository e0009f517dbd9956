// Looks at a program that never ran, built by hand: what the tests of lints ask about.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "traces/analyses/lints.h"

namespace coroscope::analyses {

using wire::CoroutineState;
using wire::WaitReason;

inline constexpr std::int64_t kSecondNs = 1'000'000'000;

// A program at one look; identities are 100 + index. Ticks are nanoseconds. Two workers, a pool of each of Small and Medium.
class Look {
public:
    Look() {
        moment.t = 10 * kSecondNs;
        moment.state.clock.multiplier = 1;
        moment.state.workers.resize(2);
        for (std::uint32_t i = 0; i < 2; ++i) {
            moment.state.workers[i].index = i;
            moment.state.workers[i].state = wire::WorkerState::kScheduling;
        }
        for (const auto& [size_class, bytes] :
             {std::pair{wire::SizeClass::kSmall, 2048U}, std::pair{wire::SizeClass::kMedium, 16384U}}) {
            inspect::PoolImage pool;
            pool.size_class = size_class;
            pool.slot_bytes = bytes;
            pool.stride_bytes = bytes;
            moment.state.pools.push_back(pool);
        }
        for (const char* file : {"/src/main.cpp", "/src/pool.cpp"}) {
            inspect::SiteImage site;
            site.index = static_cast<std::uint32_t>(moment.state.sites.size());
            site.file = string(file);
            site.line = 12;
            moment.state.sites.push_back(site);
        }
    }
    std::uint32_t coroutine(CoroutineState state = CoroutineState::kReady) {
        inspect::CoroutineImage image;
        image.index = static_cast<std::uint32_t>(moment.state.coroutines.size());
        image.identity = 100 + image.index;
        image.state = state;
        image.sequence = 8;
        image.site = 0;
        moment.state.coroutines.push_back(image);
        return image.index;
    }
    std::uint32_t channel(std::uint32_t capacity = 0) {
        inspect::ChannelImage image;
        image.index = static_cast<std::uint32_t>(moment.state.channels.size());
        image.identity = 1 + image.index;
        image.capacity = capacity;
        moment.state.channels.push_back(image);
        return image.index;
    }
    std::uint32_t mutex(std::uint64_t owner) {
        inspect::WaitableImage image;
        image.index = static_cast<std::uint32_t>(moment.state.waitables.size());
        image.identity = 1 + image.index;
        image.kind = wire::WaitableKind::kMutex;
        image.owner = owner;
        moment.state.waitables.push_back(image);
        return image.index;
    }
    void hold(std::uint64_t identity, std::uint32_t channel, std::uint32_t rights) {
        moment.state.handles.push_back({channel, rights, identity});
        auto& image = moment.state.channels[channel];
        if ((rights & wire::kHandleSend) != 0) ++image.sender_handles;
        if ((rights & wire::kHandleReceive) != 0) ++image.receiver_handles;
    }
    void parks(std::uint32_t coroutine, WaitReason reason, std::uint32_t object) {
        auto& image = at(coroutine);
        image.state = CoroutineState::kParked;
        image.reason = reason;
        image.wait_object = object;
        if (reason == WaitReason::kChannelReceive) ++moment.state.channels[object].receivers_waiting;
        if (reason == WaitReason::kChannelSend) ++moment.state.channels[object].senders_waiting;
        if (wire::waits_for_waitable(reason)) ++moment.state.waitables[object].waiting;
    }
    void runs(std::uint32_t coroutine, std::uint32_t worker) {
        at(coroutine).state = CoroutineState::kRunning;
        at(coroutine).sequence |= 1;
        at(coroutine).worker = static_cast<std::uint8_t>(worker);
        moment.state.workers[worker].state = wire::WorkerState::kRunning;
        moment.state.workers[worker].current = coroutine;
    }
    std::uint32_t string(const std::string& text) {
        const auto at = static_cast<std::uint32_t>(moment.state.strings.size());
        // As in the segment: the length in two bytes, then the letters.
        moment.state.strings += static_cast<char>(text.size());
        moment.state.strings += '\0';
        moment.state.strings += text;
        return at;
    }
    // The same program so much later: nothing has moved.
    Look later(std::int64_t ns = 2 * kSecondNs) const {
        Look other = *this;
        other.moment.t += ns;
        return other;
    }
    inspect::CoroutineImage& at(std::uint32_t coroutine) { return moment.state.coroutines[coroutine]; }
    static std::uint64_t id(std::uint32_t coroutine) { return 100 + coroutine; }

    traces::Moment moment;
};

struct Extra {
    Look* before = nullptr;
    bool one_instant = false;
    const traces::SizeRows* sizes = nullptr;
    traces::Stat stat = {};
};

inline LintReport lints_of(Look& now, const Extra& extra = {}) {
    now.moment.state.index();
    if (extra.before != nullptr) extra.before->moment.state.index();
    const traces::Waits waits = traces::compute_waits(now.moment);
    return compute_lints({now.moment, extra.stat, waits,
                          extra.before == nullptr ? nullptr : &extra.before->moment, extra.one_instant,
                          extra.sizes});
}

// Ids of the rules that found something.
inline std::vector<std::string> rules_of(const LintReport& report) {
    std::vector<std::string> ids;
    for (const Lint& lint : report.lints)
        ids.emplace_back(lint.says().id);
    return ids;
}

}  // namespace coroscope::analyses
