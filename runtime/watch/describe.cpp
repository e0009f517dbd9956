// The words.
#include "runtime/watch/describe.h"

#include <cstdio>
#include <string_view>

#include "runtime/channels/arms.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/stacks/frame_names.h"
#include "runtime/sync/misuse.h"
#include "runtime/sync/waitable_tables.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::string quoted(std::string_view name) {
    return name.empty() ? std::string() : " \"" + std::string(name) + "\"";
}

std::string select_text(std::uint32_t first_arm) {
    constexpr int kArmsMost = 4;
    std::string text = "waits in a select";
    int arms = 0;
    for (std::uint32_t arm = first_arm; arm != wire::kNone; arm = g_arms.record(arm).next_arm.load(kRelaxed)) {
        if (++arms > kArmsMost) return text + ", ...";
        const wire::SelectArmRecord& about = g_arms.record(arm);
        text += arms == 1 ? " to " : ", to ";
        text += about.receives.load(kRelaxed) != 0 ? "receive from " : "send to ";
        text += channel_text(about.channel.load(kRelaxed));
    }
    return text;
}

const char* verb_of(wire::WaitReason reason) {
    switch (reason) {
        case wire::WaitReason::kMutex:
        case wire::WaitReason::kSharedMutex:
            return "waits to lock ";
        case wire::WaitReason::kSemaphore:
            return "waits for a permit of ";
        default:
            return "waits for ";
    }
}

}  // namespace

std::string name_of_coroutine(std::uint32_t index) {
    const wire::CoroutineDetail& about = detail(index);
    const std::uint32_t site = about.site.load(std::memory_order_acquire);  // [coroutine.site]
    const std::uint32_t own = about.name.load(std::memory_order_acquire);
    const std::uint32_t name = own != wire::kNone || site == wire::kNone ? own
                                                                         : g_runtime->sites.record(site).name;
    return std::string(g_runtime->segment->string(name));
}

std::string coroutine_text(std::uint32_t index) {
    return "coroutine " + std::to_string(detail(index).identity.load(kRelaxed)) +
           quoted(name_of_coroutine(index));
}

std::string coroutine_and_site_text(std::uint32_t index) {
    return coroutine_text(index) + " spawned at " +
           g_runtime->sites.text(detail(index).site.load(std::memory_order_acquire));  // [coroutine.site]
}

std::string channel_text(std::uint32_t index) {
    const wire::ChannelRecord& channel = g_channels.channel(index);
    const std::string_view name = g_runtime->segment->string(channel.name);
    std::string text = "channel" +
                       (name.empty() ? " " + std::to_string(channel.identity.load(kRelaxed)) : quoted(name));
    if (channel.site != wire::kNone) text += " (" + g_runtime->sites.text(channel.site) + ")";
    return text;
}

std::string wait_text(std::uint32_t index) {
    const wire::CoroutineRecord& waiting = record(index);
    const wire::WaitReason reason = waiting.reason.load(kRelaxed);
    const std::uint32_t object = waiting.wait_object.load(kRelaxed);
    if (wire::waits_for_waitable(reason)) return verb_of(reason) + text_of(g_waitables.record(object));
    switch (reason) {
        case wire::WaitReason::kJoin:
            return "joins " + coroutine_text(object);
        case wire::WaitReason::kChannelSend:
            return "waits to send to " + channel_text(object);
        case wire::WaitReason::kChannelReceive:
            return "waits to receive from " + channel_text(object);
        case wire::WaitReason::kSelect:
            return select_text(object);
        case wire::WaitReason::kSuspended:
            return "has suspended itself and waits to be resumed";
        case wire::WaitReason::kSlot:
            return "waits for a stack, to spawn somebody on it";
        default:
            return "waits";
    }
}

std::string place_text(std::uint64_t rip) {
    FrameName found;
    find_frame_name(rip, &found);
    if (found.module == nullptr) return {};
    const std::string_view module(found.module);
    char offset[32];
    std::snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(found.offset));
    return std::string(module.substr(module.rfind('/') + 1)) + offset;
}

}  // namespace cprime::detail
