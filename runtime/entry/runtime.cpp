// Runtime: made in the order in which the parts need each other, taken apart in numbered steps.
#include "cprime/runtime.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/by_hand/hand_stacks.h"
#include "runtime/channels/channels.h"
#include "runtime/entry/eager_binding.h"
#include "runtime/entry/environment.h"
#include "runtime/entry/pool_options.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/entry/shutdown_steps.h"
#include "runtime/entry/worker_threads.h"
#include "runtime/learning/learning.h"
#include "runtime/learning/table_file.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/hold.h"
#include "runtime/scheduler/late_calls.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/sleepers.h"
#include "runtime/scheduler/suspended.h"
#include "runtime/signals/app_signals.h"
#include "runtime/signals/faults.h"
#include "runtime/signals/signals.h"
#include "runtime/signals/waiting_threads.h"
#include "runtime/stacks/class_raising.h"
#include "runtime/stacks/overflow.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"
#include "runtime/sync/sync.h"
#include "runtime/watch/deadlock_watch.h"
#include "runtime/watch/describe.h"
#include "runtime/watch/stall_watch.h"
#include "runtime/watch/watch_options.h"

// Only a program that cprime_use_sizes() was called for has one.
extern "C" [[gnu::weak]] const cprime::BuiltInSizes cprime_built_in_sizes;

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

void say_chaos(const Environment& environment) {
    if (!environment.chaos_seed || environment.quiet) return;
    std::fprintf(stderr,
                 environment.deterministic
                     ? "cprime: deterministic, seed %llu: one worker, order drawn by the seed, virtual time\n"
                     : "cprime: chaos, seed %llu: order and timing are drawn by the seed\n",
                 static_cast<unsigned long long>(*environment.chaos_seed));
}

void make_tables(RuntimeState& state, const Environment& environment, SizeTable table,
                 const WatchOptions& watch) {
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
        worker.attention = (worker.several_workers ? kOthers : 0) |
                           (state.profile_always || !sync::g_light_fence_is_free ? kLongWays : 0);
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
    if (!state.learned.start(!state.learn_file.empty()))
        fatal("there is no memory for what is learned of stacks", 1);
    take_or_die(state.segments.start(segment));
    state.scheduler.start(state.workers.get(), state.workers_count);
    g_worker_bias.start(state.workers_count == 1);
    g_chaos.begin(environment.chaos_seed, environment.deterministic);
    // The largest power of two of ticks that is at most 16 us. Virtual ticks are nanoseconds.
    constexpr std::int64_t kGranuleNs = 16'000;
    const auto granule_ticks = static_cast<std::uint64_t>(
        time_is_virtual() ? kGranuleNs : segment.header().clock.duration_ticks(kGranuleNs));
    state.timers.start(state.workers.get(), state.workers_count,
                       static_cast<std::uint32_t>(std::bit_width(granule_ticks)) - 1);
    g_deadlocks.start(watch.on_deadlock,
                      static_cast<std::uint64_t>(segment.header().clock.duration_ticks(1'000'000)));
    g_stalls.start(state.workers.get(), state.workers_count, watch.stall_ms);
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

// In which order coroutines run, where the program says.
void set_order(RuntimeState& state, const RuntimeOptions& options) {
    const bool newest_first = options.newest_first || options.child_first;
    std::uint8_t spawns_are = options.child_first ? kAllChildFirst : 0;
    if (options.policy != nullptr) {
        state.scheduler.set_policy(options.policy);
        spawns_are |= kAllToPolicy;
    }
    state.spawns_are.store(spawns_are, std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < state.workers_count; ++i) {
        state.workers[i].queue.set_newest_first(newest_first);
        if (newest_first || options.policy != nullptr) state.workers[i].attention |= kOwnOrder;
    }
}

const char* why_alive(std::uint32_t index, wire::CoroutineState state) {
    if (state == wire::CoroutineState::kRunning) return "it runs and makes no call that waits";
    if (state == wire::CoroutineState::kPaused) return "a viewer keeps it from running: coroscope ctl --pid PID resume";
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
        std::fprintf(stderr, "cprime: shutdown: %s has not ended after %u ms (%s)\n",
                     coroutine_and_site_text(index).c_str(), grace_ms, why_alive(index, state));
    }
    if (named > 16) std::fprintf(stderr, "cprime: shutdown: and %u more\n", named - 16);
}

void begin_to_learn(RuntimeState& state, const std::string& path) {
    auto file = prepare_learning(path);
    const auto table = file ? SizeTable::load(*file) : coroscope::base::Result<SizeTable>(file.error());
    if (!table) {
        std::fprintf(stderr, "cprime: this run learns nothing: %s\n", table.error().message.c_str());
        return;
    }
    state.learn_file = std::move(*file);
    state.wrong_file = wrong_file_of(state.learn_file);
}

// The operator's table; else what was learned before; else what is built into the program.
SizeTable size_table_of(const RuntimeState& state, const Environment& environment) {
    const bool named = !environment.size_table_path.empty();
    const std::string& path = named ? environment.size_table_path : state.learn_file;
    const bool is_built_in = &cprime_built_in_sizes != nullptr;
    SizeTable table;
    if (!path.empty()) table = take_or_die(SizeTable::load(path), 2);
    if (named || table.size() != 0) {
        std::fprintf(stderr, "cprime: stack sizes of %zu spawn sites come from %s%s%s%s\n", table.size(),
                     path.c_str(), is_built_in ? ", not from " : "",
                     is_built_in ? cprime_built_in_sizes.origin : "", is_built_in ? ", which is built in" : "");
        return table;
    }
    return is_built_in ? SizeTable::of(cprime_built_in_sizes) : SizeTable();
}

// Throws std::bad_alloc; what else there is not ends the process with a sentence.
void start(RuntimeState& state, const RuntimeOptions& options) {
    const Environment environment = read_environment(options);
    if (!environment.learn_path.empty()) begin_to_learn(state, environment.learn_path);
    SizeTable table = size_table_of(state, environment);
    state.workers_count = environment.workers_count;
    state.profile_always = environment.profile || !state.learn_file.empty();
    g_runtime = &state;
    make_segments(state, environment, !environment.size_table_path.empty() || table.size() != 0);
    make_tables(state, environment, std::move(table), read_watch_options(options));
    say_chaos(environment);
    say_classes_of_this_build(environment.quiet);
    set_unlink_hook(wire::WaitReason::kSleep, &unlink_sleeper);
    set_unlink_hook(wire::WaitReason::kJoin, &unlink_joiner);
    set_unlink_hook(wire::WaitReason::kSuspended, &unlink_suspended);
    set_unlink_hook(wire::WaitReason::kSlot, &unlink_spawner);
    set_unlink_hook(wire::WaitReason::kBlockingCall, &unlink_blocking);
    state.blocking.start(state.segment->header(), environment.blocking_threads,
                         options.blocking_idle_ms * 1'000'000ULL);
    start_pools(state, options.pools);
    start_channels(*state.segment);
    start_waitables(*state.segment);
    g_shutdown_steps.start();
    if (!start_signals(options)) {
        fatal(
            "there is no descriptor or no thread to be had for signals; raise those limits (ulimit -n, "
            "ulimit -u)",
            1);
    }
    coroscope::base::check_context() = &print_context;
    if (!g_faults.start(state.workers_count, options.faults)) fatal("there is no memory for the reports of faults", 1);
    install_fault_handlers();
    set_order(state, options);
    const bool viewer_expected = environment.state_plane && environment.wait_for_viewer_ms != 0 &&
                                 FirstViewer::expected(environment.viewer_socket);
    const bool paused = viewer_expected && environment.start_paused;
    g_hold.start(state.workers_count, paused);
    state.scheduler.publish();
    start_workers(state);
    if (g_chaos.on()) g_chaos.settle();
    g_late_calls.open();
    state.segment->header().lifecycle.store(static_cast<std::uint32_t>(wire::Lifecycle::kRunning),
                                            std::memory_order_release);
    if (options.reap_idle_after.count() > 0 &&
        !state.reaper.start(std::chrono::nanoseconds(options.reap_idle_after).count())) {
        fatal("there is no thread to be had for reaping idle coroutines", 1);
    }
    if (environment.state_plane) {
        auto agent = emit::Agent::start({.state = state.segment.get(),
                                         .rings = state.rings.get(),
                                         .changed = &FirstViewer::changed,
                                         .context = &state.first_viewer,
                                         .control = {&Hold::hold, &Hold::step, &g_hold, &Hold::hold_now},
                                         .paused_at_start = paused});
        if (agent) {
            state.agent = std::move(*agent);
            if (viewer_expected && !state.first_viewer.wait_ms(environment.wait_for_viewer_ms)) {
                state.agent->nobody_came();
            }
        } else {
            if (paused) Hold::hold(&g_hold, false, {});
            std::fprintf(stderr, "cprime: nobody can attach: %s\n", agent.error().message.c_str());
        }
    }
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
    g_runtime->spawns_are.fetch_or(kAllCancelled, std::memory_order_relaxed);
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

}  // namespace detail

using detail::RuntimeState;

Runtime::Runtime(const RuntimeOptions& options)
    : options_(options), state_(std::make_unique<RuntimeState>()) {
    if (detail::g_runtime != nullptr)
        detail::fatal("a second cprime::Runtime was made while one exists; one at a time", 1);
    try {
        detail::start(*state_, options);
    } catch (const std::bad_alloc&) {
        // Threads may run already: there is no way back.
        detail::fatal(
            "there is no memory for a Runtime; raise the limit of address space (ulimit -v), or use less "
            "elsewhere",
            1);
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
    // 2. The steps of at_shutdown() run, then whoever is left is asked to end; all are waited for.
    const auto begin = detail::g_shutdown_steps.begin();
    if (begin == detail::ShutdownSteps::Begin::run) detail::run_shutdown_steps();
    if (state.scheduler.alive() != 0) {
        if (begin == detail::ShutdownSteps::Begin::cancel) detail::cancel_everybody(nullptr);
        wait();
    }
    state.reaper.stop();
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
    // 5. Nothing is held any more, the workers' threads end, then those of the side pool, which nobody can call any more.
    detail::g_hold.end();
    state.scheduler.stop();
    detail::join_workers(state);
    detail::end_signals();
    detail::g_chaos.begin(std::nullopt, false);
    state.blocking.stop();
    detail::finish_learning(state);
    // 6. What they used goes, in reverse order, when nobody lets go of a handle any more.
    detail::g_shutdown_steps.stop();
    detail::g_late_calls.close();
    detail::stop_app_signals();
    // One that was abandoned keeps what it has made by hand.
    if (!detail::g_faults.anybody_abandoned()) detail::check_no_hand_stacks_left();
    detail::stop_waitables();
    detail::stop_channels();
    detail::remove_fault_handlers();
    detail::g_faults.stop();
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
    detail::WaitingThread thread;
    const auto follow = [&thread] { thread.follow(); };
    if (state.scheduler.wait_finished(0, &state.shutting_down, follow)) {
        if (detail::g_chaos.on()) detail::g_chaos.settle();
        return;
    }
    // Somebody may have begun a spawn just before the shutdown and published the child just after it: everybody who is alive is
    // asked anew until nobody is.
    constexpr std::uint64_t kAskAgainMs = 50;
    bool named = false;
    for (std::uint64_t waited_ms = 0;; waited_ms += kAskAgainMs) {
        detail::cancel_everybody(nullptr);
        if (state.scheduler.wait_finished(kAskAgainMs * 1'000'000, nullptr, follow)) return;
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
