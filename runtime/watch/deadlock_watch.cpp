// The looks, who else there is, and the report.
#include "runtime/watch/deadlock_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <new>
#include <string_view>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/tsc.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/signals.h"
#include "runtime/sync/waitable_tables.h"
#include "runtime/watch/describe.h"
#include "runtime/watch/wait_picture.h"

namespace cprime::detail {

constinit DeadlockWatch g_deadlocks;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Threads of this process, as the kernel counts them; 0 when it does not say.
std::uint32_t count_threads() {
    const coroscope::base::FileDescriptor file(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
    if (!file) return 0;
    char text[1024];
    const ssize_t bytes = read(file.get(), text, sizeof text);
    if (bytes <= 0) return 0;
    // "pid (name) state ppid ...": the name may hold anything, so the fields are counted from its end. The number of threads is the 20th.
    std::string_view rest(text, static_cast<std::size_t>(bytes));
    const std::size_t name_end = rest.rfind(')');
    if (name_end == std::string_view::npos) return 0;
    rest.remove_prefix(name_end + 1);
    for (int field = 2; field < 20; ++field) {
        const std::size_t space = rest.find(' ');
        if (space == std::string_view::npos) return 0;
        rest.remove_prefix(space + 1);
    }
    std::uint32_t threads = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), threads);
    return threads;
}

// Whether there may be anybody but coroutines who could wake one: threads that go their own ways, handlers of signals.
bool anybody_outside() {
    if (signals_are_handled()) return true;
    const RuntimeState& state = *g_runtime;
    const std::uint32_t threads = count_threads();
    if (threads == 0) return true;
    constexpr std::uint32_t kSignalThread = 1;
    const std::uint32_t ours = state.workers_count + kSignalThread + (state.agent != nullptr ? 1 : 0) +
                               state.segment->header().blocking_threads.load(kRelaxed);
    std::uint32_t waiting = state.scheduler.threads_that_wait() + state.joiners.threads_count.load(kRelaxed) +
                            g_channels.threads_waiting();
    for (std::uint32_t i = 0; i < g_waitables.count(); ++i)
        waiting += g_waitables.record(i).threads_waiting.load(kRelaxed);
    return threads > ours + waiting;
}

bool is_woken(void* worker) {
    return IdleWorkers::is_woken(static_cast<Worker*>(worker)->sleeper);
}

constexpr std::size_t kRingsMost = 4;
constexpr std::size_t kMembersMost = 16;  // of a ring, in the report
constexpr std::size_t kOthersMost = 12;

std::vector<std::uint32_t> members_of(const std::vector<std::vector<std::uint32_t>>& rings) {
    std::vector<std::uint32_t> members;
    for (const auto& ring : rings)
        members.insert(members.end(), ring.begin(), ring.end());
    return members;
}

// Why `waiting` waits for `next`, where what it waits for does not say so already.
std::string holder_text(std::uint32_t waiting, std::uint32_t next) {
    const wire::WaitReason reason = record(waiting).reason.load(kRelaxed);
    const std::string who = "coroutine " + std::to_string(detail(next).identity.load(kRelaxed));
    if (wire::waits_for_waitable(reason)) return ", which " + who + " holds";
    switch (reason) {
        case wire::WaitReason::kChannelReceive:
            return ", to which " + who + " could send";
        case wire::WaitReason::kChannelSend:
            return ", from which " + who + " could receive";
        case wire::WaitReason::kSelect:
            return ", where " + who + " could come to meet it";
        default:
            return "";
    }
}

std::string line_of(std::uint32_t index, const std::string& why) {
    const std::string place = place_text(record(index).rip.load(kRelaxed));
    return coroutine_and_site_text(index) + " " + wait_text(index) + why +
           (place.empty() ? "" : ", at " + place) + "\n";
}

std::string ring_text(const std::vector<std::uint32_t>& ring) {
    std::string text;
    for (std::size_t i = 0; i < std::min(ring.size(), kMembersMost); ++i)
        text += "cprime:   " + line_of(ring[i], holder_text(ring[i], ring[(i + 1) % ring.size()]));
    if (ring.size() > kMembersMost)
        text += "cprime:   and so on, over " + std::to_string(ring.size() - kMembersMost) +
                " more, back to the first\n";
    return text;
}

}  // namespace

void DeadlockWatch::start(OnDeadlock what, std::uint64_t ticks_per_ms) {
    what_ = what;
    ticks_per_ms_ = ticks_per_ms;
    seen_ = told_ = 0;
    not_before_.store(0, kRelaxed);
    looks_.store(0, kRelaxed);
}

std::uint64_t DeadlockWatch::first_look(std::uint64_t now) const {
    if (what_ == OnDeadlock::nothing) return kNever;
    return std::max(now + kFirstLookMs * ticks_per_ms_, not_before_.load(kRelaxed));
}

// Where it is not, somebody will go to sleep last anew.
bool DeadlockWatch::at_rest() const {
    const RuntimeState& state = *g_runtime;
    const auto& header = state.segment->header();
    return state.scheduler.everybody_sleeps() && timers_next() == kNoDeadline &&
           header.blocking_busy.load(kRelaxed) == 0 && header.blocking_queued.load(kRelaxed) == 0 &&
           !state.shutting_down.load(kRelaxed);
}

// True: the picture shows rest.
bool DeadlockWatch::judge(WaitPicture& picture, Worker& worker) const {
    if (!picture.take(&is_woken, &worker)) return false;
    picture.judge(!anybody_outside());
    return at_rest();
}

std::uint64_t DeadlockWatch::look(Worker& worker, std::uint64_t now, std::uint64_t still_since) {
    if (!at_rest()) return kNever;
    if (busy_.test_and_set(std::memory_order_acquire)) return now + kFirstLookMs * ticks_per_ms_;
    std::uint64_t next = now + std::clamp(now - still_since, kFirstLookMs * ticks_per_ms_,
                                          kLongestPauseMs * ticks_per_ms_);
    try {
        WaitPicture picture;
        if (!judge(picture, worker)) {
            next = kNever;
        } else if (picture.stuck().empty()) {
            seen_ = 0;
        } else {
            // The same ring does not become news by who else comes to wait behind it.
            const std::vector<std::uint32_t> ringed = members_of(picture.rings(kRingsMost));
            const std::uint64_t found = picture.fingerprint(ringed.empty() ? picture.stuck() : ringed);
            if (found == seen_ && found != told_) {
                told_ = found;
                report(picture);
            } else if (found != seen_) {
                next = now + kFirstLookMs * ticks_per_ms_;
            }
            seen_ = found;
        }
    } catch (const std::bad_alloc&) {
        seen_ = 0;
    }
    looks_.fetch_add(1, std::memory_order_release);
    busy_.clear(std::memory_order_release);
    const std::uint64_t after = coroscope::base::read_tsc();
    const std::uint64_t not_before = after + (after - now) * kShare;
    not_before_.store(not_before, kRelaxed);
    return std::max(next, not_before);
}

void DeadlockWatch::report(const WaitPicture& picture) {
    const auto rings = picture.rings(kRingsMost);
    const std::vector<std::uint32_t> members = members_of(rings);
    const bool all = picture.stuck().size() == picture.alive();
    const std::string number = std::to_string(picture.stuck().size());
    const bool one = picture.stuck().size() == 1;
    std::string text = "cprime: deadlock: " + number + (all ? "" : " of " + std::to_string(picture.alive())) +
                       (one ? " coroutine waits" : " coroutines wait");
    if (rings.empty()) {
        text += " for what nobody is left to do\n";
    } else {
        text += one ? " for itself, and nothing is left that could wake it\n"
                    : " for each other, and nothing is left that could wake them\n";
    }
    for (const auto& ring : rings)
        text += ring_text(ring);
    std::size_t others = 0;
    for (const std::uint32_t index : picture.stuck()) {
        if (std::find(members.begin(), members.end(), index) != members.end()) continue;
        if (++others > kOthersMost) continue;
        text += (rings.empty() ? "cprime:   " : "cprime:   behind: ") + line_of(index, "");
    }
    if (others > kOthersMost) text += "cprime:   and " + std::to_string(others - kOthersMost) + " more\n";
    std::fputs(text.c_str(), stderr);
    if (what_ != OnDeadlock::exit) return;
    std::fflush(nullptr);
    if (g_runtime->agent != nullptr) g_runtime->agent->announce_end();
    _exit(kDeadlockExitCode);
}

}  // namespace cprime::detail
