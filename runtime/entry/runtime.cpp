// Runtime: made in the order in which the parts need each other, taken apart in numbered steps.
#include "cprime/runtime.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/by_hand/hand_stacks.h"
#include "runtime/channels/channels.h"
#include "runtime/entry/eager_binding.h"
#include "runtime/entry/environment.h"
#include "runtime/entry/pool_options.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/entry/worker_threads.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/sleepers.h"
#include "runtime/scheduler/suspended.h"
#include "runtime/signals/signals.h"
#include "runtime/stacks/class_raising.h"
#include "runtime/stacks/overflow.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"
#include "runtime/sync/sync.h"

namespace cprime {
namespace detail {

RuntimeState* g_runtime = nullptr;

namespace {

using wire::SectionKind;

std::uint64_t first_identity = 1;  // of the next runtime: identities are never reused within a process

template <typename T>
T take_or_die(coroscope::base::Result<T> result, int exit_code = 1) {
    if (!result) fatal(result.error().message, exit_code);
    return std::move(*result);
}

std::uint32_t segment_flags(bool size_table) {
    std::uint32_t flags = wire::kFlagPtracerAllowed;
    if (emit::kProbesCompiled) flags |= wire::kFlagProbesCompiled;
    if (binding_is_eager()) flags |= wire::kFlagEagerBinding;
    if (size_table) flags |= wire::kFlagSizeTableUsed;
    if (kSanitizer) flags |= wire::kFlagSanitizer;
    return flags;
}

void make_segments(RuntimeState& state, const Environment& environment, bool size_table) {
    emit::StateOptions options;
    options.shared = environment.state_plane;
    options.flags = segment_flags(size_table);
    state.segment = take_or_die(emit::StateSegment::create(options));
    wire::SegmentHeader& header = state.segment->header();
    state.rings = take_or_die(emit::RingSegment::create(header.segment_nonce, environment.state_plane));
    header.park_address = reinterpret_cast<std::uint64_t>(&cprime_park);
    header.park_end_address = reinterpret_cast<std::uint64_t>(&cprime_park_end);
    header.trampoline_address = reinterpret_cast<std::uint64_t>(&cprime_trampoline);
    header.saved_frame_layout = wire::kSavedFrameLayout;
    header.workers_count.store(state.workers_count, std::memory_order_relaxed);
    header.next_identity.store(first_identity, std::memory_order_relaxed);
}

void make_tables(RuntimeState& state, SizeTable table) {
    emit::StateSegment& segment = *state.segment;
    if (!segment.ensure_records(SectionKind::kWorkers, state.workers_count) ||
        !segment.ensure_records(SectionKind::kWorkerQueues, state.workers_count) ||
        !segment.ensure_records(SectionKind::kHistograms, state.workers_count)) {
        fatal("there is no memory for the worker records", 1);
    }
    state.workers = std::make_unique<Worker[]>(state.workers_count);
    auto* records = segment.records<wire::WorkerRecord>(SectionKind::kWorkers);
    auto* histograms = segment.records<wire::HistogramRecord>(SectionKind::kHistograms);
    for (std::uint32_t i = 0; i < state.workers_count; ++i) {
        Worker& worker = state.workers[i];
        worker.index = i;
        worker.several_workers = state.workers_count > 1;
        worker.random = 0x9e3779b97f4a7c15ULL * (i + 1);
        worker.attention = worker.several_workers || state.profile_always ? 1 : 0;
        worker.profile_always = state.profile_always;
        worker.record = &records[i];
        worker.shown_queues = segment.records<wire::WorkerQueuesRecord>(SectionKind::kWorkerQueues) + i;
        worker.histogram = &histograms[i];
        worker.record->current.store(wire::kNone, std::memory_order_relaxed);
        worker.record->ring.store(wire::kNone, std::memory_order_relaxed);
        worker.record->histogram_switch = i;
        worker.histogram->kind = wire::HistogramKind::kSwitchTicks;
        worker.histogram->worker = i;
    }
    g_tables.records = segment.records<wire::CoroutineRecord>(SectionKind::kCoroutines);
    for (std::uint32_t i = 0; i < state.workers_count; ++i)
        state.workers[i].records = g_tables.records;
    g_tables.details = segment.records<wire::CoroutineDetail>(SectionKind::kCoroutineDetails);
    state.records.start(segment);
    take_or_die(state.pools.start(segment, state.workers.get(), state.workers_count));
    state.local_pools.start(segment, state.pools);
    take_or_die(state.sites.start(segment, std::move(table)));
    take_or_die(state.segments.start(segment));
    state.scheduler.start(state.workers.get(), state.workers_count);
    g_worker_bias.start(state.workers_count == 1);
    // The largest power of two of ticks that is at most 16 us.
    constexpr std::int64_t kGranuleNs = 16'000;
    const auto granule_ticks = static_cast<std::uint64_t>(segment.header().clock.duration_ticks(kGranuleNs));
    state.timers.start(state.workers.get(), state.workers_count,
                       static_cast<std::uint32_t>(std::bit_width(granule_ticks)) - 1);
}

void print_context(char* buffer, unsigned long bytes) {
    const Worker* worker = cprime_current_worker;
    if (worker == nullptr || g_runtime == nullptr) return;
    if (worker->current_index == wire::kNone) {
        std::snprintf(buffer, bytes, "worker %u", worker->index);
        return;
    }
    std::snprintf(buffer, bytes, "coroutine %llu on worker %u",
                  static_cast<unsigned long long>(
                      detail(worker->current_index).identity.load(std::memory_order_relaxed)),
                  worker->index);
}

const char* why_alive(std::uint32_t index, wire::CoroutineState state) {
    if (state == wire::CoroutineState::kRunning) return "it runs and makes no call that waits";
    if (record(index).reason.load(std::memory_order_relaxed) == wire::WaitReason::kBlockingCall)
        return "it waits for a blocking call to return";
    return "it goes on after being cancelled";
}

// One line a coroutine that has not ended: who, and what it waits for.
void name_the_living(unsigned grace_ms) {
    std::uint32_t named = 0;
    const std::uint32_t count = g_runtime->segment->header()
                                    .sections[static_cast<std::uint32_t>(SectionKind::kCoroutineDetails)]
                                    .records_used.load(std::memory_order_acquire);
    for (std::uint32_t index = 0; index < count; ++index) {
        const wire::CoroutineState state = record(index).state.load(std::memory_order_acquire);
        if (state == wire::CoroutineState::kFree || state == wire::CoroutineState::kExited) continue;
        if (++named > 16) continue;
        const wire::CoroutineDetail& about = detail(index);
        const std::uint32_t site = about.site.load(std::memory_order_relaxed);
        const std::uint32_t own = about.name.load(std::memory_order_relaxed);
        const std::uint32_t name = own != wire::kNone || site == wire::kNone
                                       ? own
                                       : g_runtime->sites.record(site).name;
        std::fprintf(stderr,
                     "cprime: shutdown: coroutine %llu \"%s\" spawned at %s has not ended after %u ms (%s)\n",
                     static_cast<unsigned long long>(about.identity.load(std::memory_order_relaxed)),
                     std::string(g_runtime->segment->string(name)).c_str(),
                     g_runtime->sites.text(site).c_str(), grace_ms, why_alive(index, state));
    }
    if (named > 16) std::fprintf(stderr, "cprime: shutdown: and %u more\n", named - 16);
}

}  // namespace

void fatal(const std::string& sentence, int exit_code) {
    std::fprintf(stderr, "cprime: %s\n", sentence.c_str());
    std::exit(exit_code);
}

RuntimeState& runtime(const char* call) {
    if (emit::forked_child()) {
        std::fprintf(stderr,
                     "cprime: %s was called in a forked child of a program with a Runtime; a child may only "
                     "exec or exit\n",
                     call);
        std::abort();
    }
    if (g_runtime == nullptr) {
        std::fprintf(stderr,
                     "cprime: %s was called while there is no cprime::Runtime; make one first, or enter "
                     "through cprime::run\n",
                     call);
        std::abort();
    }
    return *g_runtime;
}

void cancel_everybody(Worker* worker) {
    g_runtime->shutting_down.store(true, std::memory_order_seq_cst);
    g_runtime->scheduler.wake_waiters();
    const std::uint32_t count = g_runtime->segment->header()
                                    .sections[static_cast<std::uint32_t>(SectionKind::kCoroutineDetails)]
                                    .records_used.load(std::memory_order_acquire);
    std::vector<std::pair<std::uint32_t, std::uint64_t>> marked;
    for (std::uint32_t index = 0; index < count; ++index) {
        const wire::CoroutineState state = record(index).state.load(std::memory_order_acquire);
        if (state == wire::CoroutineState::kFree || state == wire::CoroutineState::kExited) continue;
        const std::uint64_t identity = detail(index).identity.load(std::memory_order_acquire);
        if (mark_cancelled(worker, index, identity) == Marked::now) marked.emplace_back(index, identity);
    }
    if (marked.empty()) return;
    sync::heavy_fence();  // [park.cancel]
    for (const auto& [index, identity] : marked)
        rouse_cancelled(worker, index, identity);
}

ResumePoint shut_down(Worker* worker, std::uint32_t, void*) noexcept {
    if (worker == nullptr) runtime("shutdown");
    cancel_everybody(worker);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace detail

using detail::RuntimeState;

Runtime::Runtime(const RuntimeOptions& options)
    : options_(options), state_(std::make_unique<RuntimeState>()) {
    if (detail::g_runtime != nullptr)
        detail::fatal("a second cprime::Runtime was made while one exists; one at a time", 1);
    const detail::Environment environment = detail::read_environment(options.workers,
                                                                     options.blocking_threads);
    detail::SizeTable table;
    if (!environment.size_table_path.empty()) {
        table = detail::take_or_die(detail::SizeTable::load(environment.size_table_path), 2);
        std::fprintf(stderr, "cprime: stack sizes of %zu spawn sites come from %s\n", table.size(),
                     environment.size_table_path.c_str());
    }
    RuntimeState& state = *state_;
    state.workers_count = environment.workers_count;
    state.profile_always = environment.profile;
    detail::g_runtime = &state;
    detail::make_segments(state, environment, !environment.size_table_path.empty());
    detail::make_tables(state, std::move(table));
    detail::say_classes_of_this_build(environment.quiet);
    detail::set_unlink_hook(detail::wire::WaitReason::kSleep, &detail::unlink_sleeper);
    detail::set_unlink_hook(detail::wire::WaitReason::kJoin, &detail::unlink_joiner);
    detail::set_unlink_hook(detail::wire::WaitReason::kSuspended, &detail::unlink_suspended);
    detail::set_unlink_hook(detail::wire::WaitReason::kSlot, &detail::unlink_spawner);
    detail::set_unlink_hook(detail::wire::WaitReason::kBlockingCall, &detail::unlink_blocking);
    state.blocking.start(state.segment->header(), environment.blocking_threads,
                         options.blocking_idle_ms * 1'000'000ULL);
    detail::start_pools(state, options.pools);
    detail::start_channels(*state.segment);
    detail::start_waitables(*state.segment);
    if (!detail::start_signals()) detail::fatal("there is no thread to be had for signals", 1);
    coroscope::base::check_context() = &detail::print_context;
    detail::install_fault_handlers();
    for (std::uint32_t i = 0; i < state.workers_count; ++i) {
        state.workers[i].queue.set_newest_first(options.newest_first);
        if (options.newest_first) state.workers[i].attention = 1;
    }
    detail::start_workers(state);
    state.segment->header().lifecycle.store(static_cast<std::uint32_t>(detail::wire::Lifecycle::kRunning),
                                            std::memory_order_release);
    if (environment.state_plane) {
        auto agent = detail::emit::Agent::start({.state = state.segment.get(),
                                                 .rings = state.rings.get(),
                                                 .changed = &detail::FirstViewer::changed,
                                                 .context = &state.first_viewer});
        if (agent) {
            state.agent = std::move(*agent);
            if (environment.wait_for_viewer_ms != 0 &&
                detail::FirstViewer::expected(environment.viewer_socket)) {
                state.first_viewer.wait_ms(environment.wait_for_viewer_ms);
            }
        } else {
            std::fprintf(stderr, "cprime: nobody can attach: %s\n", agent.error().message.c_str());
        }
    }
}

Runtime::~Runtime() {
    RuntimeState& state = *state_;
    if (detail::emit::forked_child()) {
        static_cast<void>(state_.release());  // the parent's: nothing of it may be touched here
        return;
    }
    // 1. Nothing new comes in from signals.
    detail::stop_signals();
    // 2. Whoever is left is asked to end, and waited for.
    if (state.scheduler.alive() != 0) {
        detail::cancel_everybody(nullptr);
        wait();
    }
    // 3. Threads that are no workers do not wait for channels and locks any more.
    detail::cancel_channel_threads();
    detail::cancel_waitable_threads();
    // 4. Viewers take their last look while everything still stands.
    state.pools.sample_high_water();
    if (state.agent != nullptr) {
        state.agent->announce_end();
    } else {
        detail::emit::mark_ending(*state.segment);
    }
    // 5. The workers' threads end, then those of the side pool, which nobody can call any more.
    state.scheduler.stop();
    detail::join_workers(state);
    state.blocking.stop();
    // 6. What they used goes, in reverse order.
    detail::check_no_hand_stacks_left();
    detail::stop_waitables();
    detail::stop_channels();
    detail::remove_fault_handlers();
    coroscope::base::check_context() = nullptr;
    state.segment->header().lifecycle.store(static_cast<std::uint32_t>(detail::wire::Lifecycle::kEnded),
                                            std::memory_order_release);
    state.agent.reset();
    detail::first_identity = state.segment->header().next_identity.load(std::memory_order_relaxed);
    detail::g_runtime = nullptr;
    detail::g_tables = {};
}

void Runtime::wait() {
    RuntimeState& state = *state_;
    if (state.scheduler.wait_finished(0, &state.shutting_down)) return;
    // Somebody may have begun a spawn just before the shutdown and published the child just after it: everybody who is alive is
    // asked anew until nobody is.
    constexpr std::uint64_t kAskAgainMs = 50;
    bool named = false;
    for (std::uint64_t waited_ms = 0;; waited_ms += kAskAgainMs) {
        detail::cancel_everybody(nullptr);
        if (state.scheduler.wait_finished(kAskAgainMs * 1'000'000, nullptr)) return;
        if (!named && waited_ms + kAskAgainMs >= options_.shutdown_grace_ms) {
            detail::name_the_living(options_.shutdown_grace_ms);
            named = true;
        }
    }
}

unsigned Runtime::workers() const noexcept {
    return state_->workers_count;
}

std::uint64_t Runtime::stack_bytes_peak() const noexcept {
    state_->pools.sample_high_water();
    return state_->segment->header().stack_bytes_peak.load(std::memory_order_relaxed);
}

}  // namespace cprime
