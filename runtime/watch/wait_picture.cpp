// Nodes and arrows, the greatest stuck set by a work list, rings by breadth.
#include "runtime/watch/wait_picture.h"

#include <algorithm>

#include "runtime/channels/arms.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/faults.h"
#include "runtime/sync/waitable_tables.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;

std::uint32_t records_used(wire::SectionKind kind) {
    return g_runtime->segment->header().sections[static_cast<std::uint32_t>(kind)].records_used.load(kAcquire);
}

}  // namespace

void WaitPicture::Arrows::sort(std::vector<Arrow>& arrows, std::uint32_t nodes) {
    first.assign(nodes + 1, 0);
    to.resize(arrows.size());
    for (const Arrow& arrow : arrows)
        ++first[arrow.first + 1];
    for (std::uint32_t node = 0; node < nodes; ++node)
        first[node + 1] += first[node];
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (const Arrow& arrow : arrows)
        to[next[arrow.first]++] = arrow.second;
}

bool WaitPicture::take(bool (*give_up)(void*), void* context) {
    constexpr std::uint32_t kBetweenLooks = 4096;
    coroutines_ = records_used(wire::SectionKind::kCoroutineDetails);
    channels_ = g_channels.channels_count();
    waitables_ = g_waitables.count();
    nodes_ = coroutines_ + 2 * channels_ + waitables_;
    marks_.assign(nodes_, 0);
    for (std::uint32_t index = 0; index < coroutines_; ++index) {
        if (index % kBetweenLooks == 0 && give_up(context)) return false;
        const wire::CoroutineState state = record(index).state.load(kAcquire);
        if (state == wire::CoroutineState::kFree || state == wire::CoroutineState::kExited) continue;
        if (state != wire::CoroutineState::kParked) return false;
        marks_[index] |= kNode;
        by_identity_.emplace_back(detail(index).identity.load(kRelaxed), index);
    }
    alive_ = static_cast<std::uint32_t>(by_identity_.size());
    for (std::uint32_t i = 0; i < alive_; ++i) {
        if (i % kBetweenLooks == 0 && give_up(context)) return false;
        if (!add_coroutine(by_identity_[i].second)) return false;
    }
    std::sort(by_identity_.begin(), by_identity_.end());
    add_owners();
    add_handles();
    if (give_up(context)) return false;
    wakers_.sort(arrows_, nodes_);
    for (Arrow& arrow : arrows_)
        std::swap(arrow.first, arrow.second);
    waiters_.sort(arrows_, nodes_);
    return true;
}

void WaitPicture::wait_at_side(std::uint32_t index, std::uint32_t channel, bool receives) {
    if (channel >= channels_) return;
    marks_[side(channel, receives)] |= kNode;
    arrows_.emplace_back(index, side(channel, receives));
}

void WaitPicture::add_select(std::uint32_t index, std::uint32_t first_arm) {
    for (std::uint32_t arm = first_arm; arm != wire::kNone; arm = g_arms.record(arm).next_arm.load(kRelaxed)) {
        const wire::SelectArmRecord& about = g_arms.record(arm);
        wait_at_side(index, about.channel.load(kRelaxed), about.receives.load(kRelaxed) != 0);
    }
}

// False: it will be woken by something that the picture does not show, or has been.
bool WaitPicture::add_coroutine(std::uint32_t index) {
    const wire::CoroutineRecord& waiting = record(index);
    if ((waiting.flags.load(kRelaxed) & wire::kCoroutineTimedWait) != 0) return false;
    const wire::WaitReason reason = waiting.reason.load(kRelaxed);
    const std::uint32_t object = waiting.wait_object.load(kRelaxed);
    if (wire::waits_for_waitable(reason)) {
        if (object >= waitables_) return false;
        marks_[waitable(object)] |= kNode;
        arrows_.emplace_back(index, waitable(object));
        return true;
    }
    switch (reason) {
        case wire::WaitReason::kJoin:
            if (object >= coroutines_ || (marks_[object] & kNode) == 0) return false;
            arrows_.emplace_back(index, object);
            return true;
        case wire::WaitReason::kChannelSend:
        case wire::WaitReason::kChannelReceive:
            wait_at_side(index, object, reason == wire::WaitReason::kChannelReceive);
            return object < channels_;
        case wire::WaitReason::kSelect:
            add_select(index, object);
            return true;
        case wire::WaitReason::kSuspended:
        case wire::WaitReason::kSlot:
            marks_[index] |= kAnyone;
            return true;
        case wire::WaitReason::kNothing:
        case wire::WaitReason::kYield:
        case wire::WaitReason::kSleep:
        case wire::WaitReason::kBlockingCall:
            return false;
        default:
            marks_[index] |= kActs;
            anybody_acts_ = true;
            return true;
    }
}

std::uint32_t WaitPicture::index_of(std::uint64_t identity) const {
    const auto found = std::lower_bound(by_identity_.begin(), by_identity_.end(),
                                        std::pair<std::uint64_t, std::uint32_t>(identity, 0));
    return found != by_identity_.end() && found->first == identity ? found->second : wire::kNone;
}

// Only what somebody holds is held back by somebody we know; readers of a shared mutex are not known by name.
void WaitPicture::add_owners() {
    for (std::uint32_t index = 0; index < waitables_; ++index) {
        const std::uint32_t node = waitable(index);
        if ((marks_[node] & kNode) == 0) continue;
        const std::uint64_t owner = g_waitables.record(index).owner.load(kRelaxed);
        const std::uint32_t holder = owner == 0 || wire::owner_is_thread(owner) ? wire::kNone
                                                                                : index_of(owner);
        if (g_faults.was_abandoned(owner)) continue;  // nobody will ever unlock it
        if (holder == wire::kNone) {
            marks_[node] |= kAnyone;
        } else {
            arrows_.emplace_back(node, holder);
        }
    }
}

void WaitPicture::add_handles() {
    const std::uint32_t handles = records_used(wire::SectionKind::kHandles);
    for (std::uint32_t i = 0; i < handles; ++i) {
        const wire::HandleRecord& handle = g_channels.handle(i);
        const std::uint32_t channel = handle.channel.load(kAcquire);
        if (channel >= channels_) continue;  // kNone too
        const std::uint32_t rights = handle.rights.load(kRelaxed);
        const std::uint64_t identity = handle.holder.load(kRelaxed);
        const std::uint32_t holder = identity == wire::kHolderOutside ? wire::kNone : index_of(identity);
        for (const bool receives : {true, false}) {
            // Who waits to receive is released by handles that may send, and the other way round.
            if ((rights & (receives ? wire::kHandleSend : wire::kHandleReceive)) == 0) continue;
            const std::uint32_t node = side(channel, receives);
            if ((marks_[node] & kNode) == 0) continue;
            if (holder == wire::kNone) {
                marks_[node] |= kAnyone;
            } else {
                arrows_.emplace_back(node, holder);
            }
        }
    }
}

void WaitPicture::judge(bool closed_world) {
    // One who will be woken from outside may then give what anybody may give.
    const bool closed = closed_world && !anybody_acts_;
    std::vector<std::uint32_t> leaving;
    for (std::uint32_t node = 0; node < nodes_; ++node) {
        if ((marks_[node] & kNode) == 0) continue;
        const bool released = !closed && ((marks_[node] & kAnyone) != 0 || wakers_.of(node).empty());
        if ((marks_[node] & kActs) != 0 || released) {
            leaving.push_back(node);
        } else {
            marks_[node] |= kStuck;
        }
    }
    while (!leaving.empty()) {
        const std::uint32_t node = leaving.back();
        leaving.pop_back();
        for (const std::uint32_t waiting : waiters_.of(node)) {  // one waker is enough
            if ((marks_[waiting] & kStuck) == 0) continue;
            marks_[waiting] &= static_cast<std::uint8_t>(~kStuck);
            leaving.push_back(waiting);
        }
    }
    for (std::uint32_t index = 0; index < coroutines_; ++index) {
        if ((marks_[index] & kStuck) != 0) stuck_.push_back(index);
    }
}

// The shortest way from `start` back to it along stuck nodes; empty when there is none.
std::vector<std::uint32_t> WaitPicture::ring_through(std::uint32_t start) const {
    std::vector<std::uint32_t> came_from(nodes_, wire::kNone);
    std::vector<std::uint32_t> frontier{start};
    for (std::size_t i = 0; i < frontier.size(); ++i) {
        const std::uint32_t node = frontier[i];
        for (const std::uint32_t to : wakers_.of(node)) {
            if (to == start) {
                std::vector<std::uint32_t> ring;
                for (std::uint32_t back = node; back != start; back = came_from[back])
                    if (back < coroutines_) ring.push_back(back);
                ring.push_back(start);
                std::reverse(ring.begin(), ring.end());
                return ring;
            }
            if ((marks_[to] & kStuck) == 0 || came_from[to] != wire::kNone) continue;
            came_from[to] = node;
            frontier.push_back(to);
        }
    }
    return {};
}

std::vector<std::vector<std::uint32_t>> WaitPicture::rings(std::size_t most) const {
    std::vector<std::vector<std::uint32_t>> rings;
    // Depth first: an arrow to a node on the present path closes a ring.
    enum : std::uint8_t { kNew, kOnPath, kDone };
    std::vector<std::uint8_t> seen(nodes_, kNew);
    std::vector<bool> in_ring(coroutines_, false);
    std::vector<std::pair<std::uint32_t, std::size_t>> path;  // node, next arrow
    for (const std::uint32_t root : stuck_) {
        if (seen[root] != kNew) continue;
        seen[root] = kOnPath;
        path.emplace_back(root, 0);
        while (!path.empty() && rings.size() < most) {
            auto& [node, next] = path.back();
            const std::span<const std::uint32_t> arrows = wakers_.of(node);
            if (next == arrows.size()) {
                seen[node] = kDone;
                path.pop_back();
                continue;
            }
            const std::uint32_t from = node, to = arrows[next++];
            if ((marks_[to] & kStuck) == 0) continue;
            if (seen[to] == kNew) {
                seen[to] = kOnPath;
                path.emplace_back(to, 0);
            } else if (seen[to] == kOnPath) {
                // A side is no coroutine; one of the two ends of a closing arrow always is.
                std::vector<std::uint32_t> ring = ring_through(to < coroutines_ ? to : from);
                const auto told = [&](std::uint32_t member) { return static_cast<bool>(in_ring[member]); };
                if (ring.empty() || std::any_of(ring.begin(), ring.end(), told)) continue;
                for (const std::uint32_t member : ring)
                    in_ring[member] = true;
                rings.push_back(std::move(ring));
            }
        }
        if (rings.size() == most) break;
    }
    return rings;
}

std::uint64_t WaitPicture::fingerprint(std::span<const std::uint32_t> coroutines) const {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a over words
    for (const std::uint32_t index : coroutines) {
        for (const std::uint64_t word :
             {detail(index).identity.load(kRelaxed), std::uint64_t{record(index).sequence.load(kAcquire)}})
            hash = (hash ^ word) * 0x100000001b3ULL;
    }
    return hash;
}

}  // namespace cprime::detail
