// Sweeps, and the thread that makes them by itself.
#include "runtime/scheduler/reaper.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <system_error>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/futex.h"
#include "runtime/scheduler/looks.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::uint32_t records_count() {
    return g_runtime->segment->header()
        .sections[static_cast<std::uint32_t>(wire::SectionKind::kCoroutineDetails)]
        .records_used.load(std::memory_order_acquire);
}

// Waits for something that may never come.
bool may_wait_for_ever(wire::WaitReason reason, std::uint8_t flags) {
    switch (reason) {
        case wire::WaitReason::kNothing:
        case wire::WaitReason::kYield:
        case wire::WaitReason::kSleep:
        case wire::WaitReason::kJoin:
        case wire::WaitReason::kBlockingCall:
        case wire::WaitReason::kPause:
            return false;
        default:
            return (flags & wire::kCoroutineTimedWait) == 0;
    }
}

}  // namespace

Reaper::Entry& Reaper::note(std::uint32_t index, std::uint64_t identity, std::uint32_t sequence,
                            std::int64_t now_ns) {
    if (entries_ == nullptr)
        entries_ = std::make_unique<ZeroPages>(sizeof(Entry) * std::size_t{wire::kCoroutinesMax});
    Entry& entry = entries_->at<Entry>(index);
    if (entry.identity != identity) {
        entry = {identity, now_ns, sequence, false};
    } else if (entry.sequence != sequence) {
        entry.sequence = sequence;
        entry.since_ns = now_ns;
    }
    return entry;
}

bool Reaper::look(std::uint32_t index, std::int64_t now_ns, std::int64_t limit_ns, Found& found) {
    const wire::CoroutineRecord& its = record(index);
    const wire::CoroutineState state = its.state.load(std::memory_order_acquire);
    if (state == wire::CoroutineState::kFree || state == wire::CoroutineState::kExited) return false;
    const std::uint64_t identity = detail(index).identity.load(std::memory_order_acquire);
    const std::uint32_t sequence = its.sequence.load(std::memory_order_acquire);
    const Entry& entry = note(index, identity, sequence, now_ns);
    if (state != wire::CoroutineState::kParked || (sequence & 1) != 0 || entry.stays_idle) return false;
    if (now_ns - entry.since_ns < limit_ns) return false;
    const bool idle = may_wait_for_ever(its.reason.load(kRelaxed), its.flags.load(kRelaxed));
    // [coroutine.sequence] All of this was of one moment, or it is not idle.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (!idle || its.sequence.load(kRelaxed) != sequence) return false;
    found = {index, identity, now_ns - entry.since_ns};
    return true;
}

std::uint32_t Reaper::collect(std::uint32_t& from, std::int64_t now_ns, std::int64_t limit_ns, Found* out,
                              std::uint32_t most) {
    const std::lock_guard hold(lock_);
    const std::uint32_t end = records_count();
    std::uint32_t count = 0;
    for (; from < end && count < most; ++from) {
        if (look(from, now_ns, limit_ns, out[count])) ++count;
    }
    return count;
}

void Reaper::sweep(Worker* worker, IdleRequest& request) {
    constexpr std::uint32_t kBatch = 256;
    std::array<Found, kBatch> batch;
    const std::int64_t now_ns = monotonic_ns();
    const std::int64_t limit_ns = std::max<std::int64_t>(request.limit_ns, 0);
    std::uint32_t from = 0;
    while (const std::uint32_t count = collect(from, now_ns, limit_ns, batch.data(), kBatch)) {
        if (request.cancel) {
            request.count += cancel(worker, batch.data(), count);
        } else if (!list(request, batch.data(), count)) {
            request.out_of_memory = true;
            return;
        }
    }
}

std::size_t Reaper::cancel(Worker* worker, Found* found, std::uint32_t count) {
    Found* const end = std::remove_if(found, found + count, [worker](const Found& one) {
        return mark_cancelled(worker, one.index, one.identity) != Marked::now;
    });
    sync::heavy_fence();  // [park.cancel]
    for (Found* one = found; one != end; ++one)
        rouse_cancelled(worker, one->index, one->identity);
    return static_cast<std::size_t>(end - found);
}

bool Reaper::list(IdleRequest& request, const Found* found, std::uint32_t count) {
    void* grown = std::realloc(request.found, (request.count + count) * sizeof(IdleCoroutine));
    if (grown == nullptr) return false;
    request.found = static_cast<IdleCoroutine*>(grown);
    for (std::uint32_t i = 0; i < count; ++i) {
        const Found& one = found[i];
        // It may have ended, and another one may have its place: then the texts are of that one, and the identity tells.
        const Origin origin = origin_of(one.index);
        ::new (request.found + request.count++)
            IdleCoroutine{one.identity,
                          origin.name,
                          origin.file,
                          origin.line,
                          one.index,
                          reason_text(record(one.index).reason.load(kRelaxed)),
                          std::chrono::nanoseconds(one.idle_ns)};
    }
    return true;
}

std::int64_t Reaper::since(std::uint32_t index, std::uint64_t identity, std::uint32_t sequence) {
    const std::int64_t now_ns = monotonic_ns();
    const std::lock_guard hold(lock_);
    return note(index, identity, sequence, now_ns).since_ns;
}

bool Reaper::set_stay_idle(std::uint32_t index, bool yes) {
    const std::int64_t now_ns = monotonic_ns();
    const std::lock_guard hold(lock_);
    Entry& entry = note(index, detail(index).identity.load(kRelaxed), record(index).sequence.load(kRelaxed),
                        now_ns);
    return std::exchange(entry.stays_idle, yes);
}

bool Reaper::start(std::int64_t limit_ns) {
    // The new thread inherits a mask that blocks everything; ours comes back afterwards.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
        thread_ = std::thread(&Reaper::watch, this, limit_ns);
    } catch (const std::system_error&) {
        started = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

void Reaper::stop() {
    if (!thread_.joinable()) return;
    stopping_.store(1, kRelaxed);
    futex_wake(stopping_, 1);
    thread_.join();
}

void Reaper::watch(std::int64_t limit_ns) {
    constexpr std::int64_t kSweeps = 4;  // in the time after which one is reaped
    constexpr std::int64_t kShortestNs = 1'000'000;
    pthread_setname_np(pthread_self(), "cprime-reap");
    const auto period_ns = static_cast<std::uint64_t>(std::max(limit_ns / kSweeps, kShortestNs));
    while (stopping_.load(kRelaxed) == 0) {
        IdleRequest request{limit_ns, true};
        sweep(nullptr, request);
        futex_wait(stopping_, 0, period_ns);
    }
}

ResumePoint sweep_idle(Worker* worker, std::uint32_t, void* argument) noexcept {
    if (worker == nullptr) runtime("idle_coroutines or reap_idle");
    g_runtime->reaper.sweep(worker, *static_cast<IdleRequest*>(argument));
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

ResumePoint set_stay_idle(Worker* worker, std::uint32_t index, void* argument) noexcept {
    if (worker == nullptr) return nullptr;
    auto& yes = *static_cast<bool*>(argument);
    yes = g_runtime->reaper.set_stay_idle(index, yes);
    return keep_running(*worker);
}

}  // namespace cprime::detail
