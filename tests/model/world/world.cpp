// What the world gives to the runtime's source instead of schedulers, timers and switches.
#include "world.h"

#include <new>

#include "instrumentation/base/check.h"
#include "runtime/channels/access.h"
#include "runtime/channels/arms.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/channels/channels.h"
#include "runtime/channels/select_counts.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/switching.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {
namespace {

World* world = nullptr;                // of the present execution
constinit WorkerBias several_workers;  // as it begins: no bias

model::Fiber& fiber(std::uint32_t coroutine) {
    static std::array<model::Fiber, World::kMost> fibers;  // their stacks outlive executions
    return fibers[coroutine];
}

// The runtime's variables begin each execution as a process begins.
template <typename T>
void begin_anew(T& variable) {
    new (&variable) T();
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------------------------
// The world

World& World::make(model::Program& program) {
    fiber(0);  // before memory comes from the execution
    auto& made = program.make<World>();
    made.program_ = &program;
    program.finally([&made] {
        for (std::uint32_t i = 0; i < made.coroutines_count_; ++i)
            model::check(made.coroutines_[i].ended, "a lost wake-up: a coroutine waits for ever");
    });
    return made;
}

World::World() {
    world = this;
    begin_anew(g_channels);
    begin_anew(g_arms);
    begin_anew(g_selects);
    g_runtime = &runtime_;
    runtime_.segment = &segment_;
    g_tables = {records_.data(), details_.data()};
    for (std::uint32_t i = 0; i < kMost; ++i) {
        Worker& worker = workers_[i];
        worker.index = i;
        worker.record = &worker_records_[i];
        worker.eh_globals = &eh_globals_[i];
        worker.parks_until_depth = 1'000'000;
        worker.current = &worker.home;
    }
    start_channels(segment_);
}

World::~World() {
    world = nullptr;
    g_runtime = nullptr;
}

World& World::present() {
    return *world;
}

World::Coroutine& World::make_coroutine(std::function<void()> body, wire::CoroutineState state,
                                        std::uint32_t sequence) {
    const std::uint32_t index = coroutines_count_++;
    Coroutine& made = coroutines_[index];
    made.index = index;
    made.fiber = &fiber(index);
    made.body = std::move(body);
    made.fiber->start(coroutine_main, &made);
    wire::CoroutineRecord& record = records_[index];
    record.sequence.store(sequence, std::memory_order_relaxed);
    record.state.store(state, std::memory_order_relaxed);
    // Not of normal priority: so it goes through Scheduler::inject.
    record.flags.store(wire::kCoroutineSpecial, std::memory_order_relaxed);
    record.next.store(wire::kNone, std::memory_order_relaxed);
    record.previous.store(wire::kNone, std::memory_order_relaxed);
    record.wait_object.store(wire::kNone, std::memory_order_relaxed);
    record.rip.store(index, std::memory_order_relaxed);  // each coroutine's selects are counted apart
    ChannelRequest arm{};
    ChannelRequest* const two_arms[] = {&arm, &arm};
    SelectRequest select{};
    select.arms = two_arms;
    select.count = 2;
    g_selects.find(index, select);
    details_[index].identity.store(identity(index), std::memory_order_relaxed);
    return made;
}

void World::add_thread(std::function<void()> body) {
    program_->thread(std::move(body));
    ++threads_count_;
}

std::uint32_t World::coroutine(std::function<void()> body) {
    const std::uint32_t index = make_coroutine(std::move(body), wire::CoroutineState::kRunning, 1).index;
    Worker& worker = workers_[workers_count_++];
    worker.current = &records_[index];
    worker.current_index = index;
    add_thread([this, &worker] { run(worker, worker.current); });
    return index;
}

std::uint32_t World::coroutine_behind(std::function<void()> body) {
    Coroutine& made = make_coroutine(std::move(body), wire::CoroutineState::kReady, 2);
    made.queued = true;
    ready_[threads_count_][ready_count_[threads_count_]++] = made.index;
    return made.index;
}

void World::worker(std::function<void(Worker&)> body) {
    Worker& worker = workers_[workers_count_++];
    add_thread([this, &worker, body = std::move(body)] {
        body(worker);
        run(worker, pick_next(worker));
    });
}

void World::thread(std::function<void()> body) {
    Worker& worker = workers_[workers_count_++];  // which is told of those whom the thread wakes
    add_thread([this, &worker, body = std::move(body)] {
        body();
        run(worker, pick_next(worker));
    });
}

HandleId World::channel(std::uint32_t capacity) {
    constexpr ItemType type{.bytes = sizeof(std::uint64_t), .trivially_copyable = true, .destroy = nullptr};
    return make_channel_handle({}, capacity, type, Place{});
}

void World::coroutine_main(void* pointer) {
    Coroutine& self = *static_cast<Coroutine*>(pointer);
    self.body();
    self.ended = true;
    self.fiber->suspend();
}

void World::run(Worker& worker, ResumePoint next) {
    const auto self = static_cast<std::size_t>(model::this_thread());
    while (next != &worker.home) {
        Coroutine& coroutine = coroutines_[worker.current_index];
        coroutine.frame = 1;
        running_[self] = &coroutine;
        coroutine.fiber->resume();
        running_[self] = nullptr;
        coroutine.frame = 1;
        if (coroutine.ended) {
            end(coroutine);
            next = pick_next(worker);
        } else {
            next = coroutine.function(&worker, coroutine.index, coroutine.argument);
        }
    }
}

// As exit does (runtime/scheduler/spawn.cpp), as far as cancellers can see.
void World::end(Coroutine& coroutine) {
    const std::lock_guard<SpinLock> hold(runtime_.joiners.locks[coroutine.index]);
    wire::CoroutineRecord& record = records_[coroutine.index];
    record.sequence.store(record.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    record.state.store(wire::CoroutineState::kFree, std::memory_order_release);
}

void World::enter_runtime(ParkFunction function, void* argument) {
    Coroutine* const coroutine = running_[static_cast<std::size_t>(model::this_thread())];
    if (coroutine == nullptr) {
        function(nullptr, kNoCoroutine, argument);
        return;
    }
    coroutine->function = function;
    coroutine->argument = argument;
    coroutine->fiber->suspend();
}

void World::make_runnable(std::uint32_t index) {
    const auto self = static_cast<std::size_t>(model::this_thread());
    Coroutine& woken = coroutines_[index];
    model::check(!woken.queued, "a coroutine is made ready twice");
    model::check(!woken.ended, "a coroutine is made ready that has ended");
    woken.queued = true;
    ready_[self][ready_count_[self]++] = index;
}

ResumePoint World::pick(Worker& worker) {
    const auto self = static_cast<std::size_t>(model::this_thread());
    if (ready_count_[self] == 0) return &worker.home;
    const std::uint32_t index = ready_[self][0];
    --ready_count_[self];
    for (std::uint32_t i = 0; i < ready_count_[self]; ++i)
        ready_[self][i] = ready_[self][i + 1];
    coroutines_[index].queued = false;
    return take_up(worker, index);
}

void World::arm_timer(std::uint32_t coroutine, std::uint32_t sequence) {
    const std::lock_guard<SpinLock> hold(timers_lock_);
    deadlines_[coroutine] = {true, sequence};
}

void World::cancel_timer(std::uint32_t coroutine) {
    const std::lock_guard<SpinLock> hold(timers_lock_);
    deadlines_[coroutine].armed = false;
}

void World::fire_timers(Worker& worker) {
    std::array<Deadline, kMost> due;
    {
        const std::lock_guard<SpinLock> hold(timers_lock_);
        due = deadlines_;
        for (Deadline& deadline : deadlines_)
            deadline.armed = false;
    }
    const auto self = static_cast<std::size_t>(model::this_thread());
    fires_[self] = true;
    for (std::uint32_t i = 0; i < kMost; ++i)
        if (due[i].armed) unlink_parked(&worker, i, due[i].sequence, wire::WakeCause::kTimer);
    fires_[self] = false;
}

bool World::time_has_passed() const {
    return fires_[static_cast<std::size_t>(model::this_thread())];
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// What the runtime's source calls

RuntimeState* g_runtime = nullptr;

WorkerBias& worker_bias() noexcept {
    return several_workers;
}
bool on_worker() noexcept {
    return true;
}
RuntimeState& runtime(const char*) {
    return *g_runtime;
}

ResumePoint pick_next(Worker& worker) {
    return World::present().pick(worker);
}
void Scheduler::inject(std::uint32_t index) {
    World::present().make_runnable(index);
}

void timer_arm(Worker&, std::uint32_t index, std::uint32_t sequence, std::uint64_t) {
    World::present().arm_timer(index, sequence);
}
void timer_cancel(std::uint32_t index) {
    World::present().cancel_timer(index);
}
// It is 0 for everybody, and later for whoever fires timers.
std::int64_t monotonic_ns() {
    return World::present().time_has_passed() ? 1'000'000 : 0;
}
std::int64_t real_monotonic_ns() {
    return monotonic_ns();
}
constinit std::atomic<std::uint64_t> g_virtual_ticks{0};
// The checker leaves nothing to chance.
constinit Chaos g_chaos;
std::int64_t Chaos::shortened(Worker&, std::int64_t duration_ns) const {
    return duration_ns;
}
// All calls go the long way.
HandleId copy_handle_shortly(HandleId, std::uint32_t) noexcept {
    return 0;
}
std::uint64_t deadline_after_ns(std::int64_t duration_ns) {
    return static_cast<std::uint64_t>(duration_ns) + 1;
}

extern "C" {
std::atomic<std::uint32_t> cprime_urgent{0};
thread_local constinit Worker* cprime_current_worker = nullptr;

void cprime_park(ParkFunction function, void* argument) noexcept {
    World::present().enter_runtime(function, argument);
}
}

// Nobody here has a slice that ends, is watched, or runs for the first time.
ResumePoint make_way(Worker& worker) {
    return worker.current;
}
void note_depth(Worker&, std::uint32_t) {}
void note_high_water_at_park(std::uint32_t) {}
void note_measured_switch(Worker&) {}
void tell_suspend(Worker&, std::uint32_t, std::uint32_t, wire::WaitReason, std::uint32_t, std::uint64_t) {}
void tell_resume(Worker&, std::uint32_t, std::uint32_t) {}
void resume_first_time(Worker&, wire::CoroutineRecord&) {}
extern "C" ResumePoint cprime_yield_coroutine(Worker* worker, std::uint32_t, void*) noexcept {
    return worker->current;
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Calls

namespace {

template <Side kSide, Waits kWaits>
Status call(HandleId channel, std::uint64_t& item) {
    TimedChannelRequest request{{{channel}, &item, 0}, 1};
    park<&channel_call<kSide, Items::bytes, kWaits>>(&request);
    return request.status;
}

template <Waits kWaits>
Got receive_by(HandleId channel) {
    Got got;
    got.status = call<Side::receive, kWaits>(channel, got.item);
    return got;
}

}  // namespace

Status send(HandleId channel, std::uint64_t item) {
    return call<Side::send, Waits::forever>(channel, item);
}
Status try_send(HandleId channel, std::uint64_t item) {
    return call<Side::send, Waits::never>(channel, item);
}
Status send_in_time(HandleId channel, std::uint64_t item) {
    return call<Side::send, Waits::until>(channel, item);
}
Got receive(HandleId channel) {
    return receive_by<Waits::forever>(channel);
}
Got try_receive(HandleId channel) {
    return receive_by<Waits::never>(channel);
}
Got receive_in_time(HandleId channel) {
    return receive_by<Waits::until>(channel);
}

Selected select(std::array<Arm, 2>& arms, std::int64_t timeout_ns) {
    std::array<ChannelRequest, 2> requests;
    std::array<ChannelRequest*, 2> pointers;
    SelectRequest request{};
    for (std::size_t i = 0; i < arms.size(); ++i) {
        requests[i] = {{arms[i].channel}, &arms[i].item, 0};
        pointers[i] = &requests[i];
        if (arms[i].receives) request.receives |= 1U << i;
    }
    request.arms = pointers.data();
    request.timeout_ns = timeout_ns;
    request.count = static_cast<std::uint8_t>(arms.size());
    park<&channel_select>(&request);
    return {request.status, request.fired};
}

}  // namespace cprime::detail
