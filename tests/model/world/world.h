// The world of a model: workers and coroutines for the source of parking, channels and selects, which is compiled as it ships.
//
//   model::Result result = model::explore({.preemptions = 3}, [](model::Program& program) {
//       World& world = World::make(program);
//       const HandleId numbers = world.channel(0);
//       world.coroutine([=] { model::check(send(numbers, 7) == Status::ok, "…"); });
//       world.coroutine([=] { model::check(receive(numbers).item == 7, "…"); });
//   });                                              // in the end: every coroutine has ended, else a wake-up was lost
//
// Each coroutine begins on a worker of its own, a thread of the model, and has a stack of its own. A call into the runtime (cprime_park) leaves
// that stack and runs the runtime's function on the worker's, as on a real one. Whoever makes a coroutine ready puts it into its own
// worker's queue, and runs it when its present one has parked or ended: so a coroutine goes on elsewhere while the worker that it left is
// still on its way out of the call, which is where a runtime that touches it too late is found. There are no deques and no sleeping workers
// here (they have models of their own), and one worker's queue orders nothing between threads.
//
// What stands in around/ replaces headers of the same path: the segment, the runtime's state, the check of stacks. Time: see Timers below.
//
// What it finds beside the checker's failures: a coroutine that waits for ever, one that is made ready twice, and one that goes on
// before its last worker is done with it ("frame" below).
//
// To add a model: coroscope_add_model(NAME_model WORLD) in tests/model/CMakeLists.txt.
// Thread: a program's setup makes it; the rest as marked.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "cprime/detail/channel_calls.h"
#include "fiber.h"
#include "model.h"
#include "model_atomics.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {

class World {
public:
    static constexpr std::uint32_t kMost = model::kThreadsMost;

    // Anew for each execution; checks in the end that every coroutine has ended.
    static World& make(model::Program& program);
    World();
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // A coroutine on a worker of its own; its index. Setup.
    std::uint32_t coroutine(std::function<void()> body);
    // One that is ready on the worker of the thread described last, and runs there when who runs before it has parked or ended. Setup.
    std::uint32_t coroutine_behind(std::function<void()> body);
    // A worker without a coroutine, which does this on its own stack, and then runs whom that made ready. Setup.
    void worker(std::function<void(Worker&)> body);
    // A thread that is no worker. Setup.
    void thread(std::function<void()> body);

    // A channel with that many places and one handle for both directions. Setup.
    HandleId channel(std::uint32_t capacity);
    // Identity of a coroutine, for request_cancel.
    static std::uint64_t identity(std::uint32_t coroutine) { return coroutine + 1; }
    wire::ChannelRecord& channel_record(std::uint32_t channel) { return g_channels.channel(channel); }
    bool has_ended(std::uint32_t coroutine) const { return coroutines_[coroutine].ended; }

    // Deadlines: whoever arms one stands in a list; nothing is due until somebody says so here: all that stand there at this moment are.
    void fire_timers(Worker& worker);

    // For the functions of the runtime that the world itself provides.
    static World& present();
    void enter_runtime(ParkFunction function, void* argument);
    void make_runnable(std::uint32_t coroutine);
    ResumePoint pick(Worker& worker);
    void arm_timer(std::uint32_t coroutine, std::uint32_t sequence);
    void cancel_timer(std::uint32_t coroutine);
    bool time_has_passed() const;

private:
    struct Coroutine {
        model::Fiber* fiber = nullptr;
        std::function<void()> body;
        std::uint32_t index = 0;
        ParkFunction function = nullptr;  // of the call that it is in
        void* argument = nullptr;
        bool queued = false;  // made ready, and not yet gone on
        bool ended = false;
        model::Plain<int> frame{
            0};  // written by a worker when it lets the coroutine go on, and when that has left its stack
    };
    struct Deadline {
        bool armed = false;
        std::uint32_t sequence = 0;
    };

    Coroutine& make_coroutine(std::function<void()> body, wire::CoroutineState state, std::uint32_t sequence);
    void add_thread(std::function<void()> body);
    void run(Worker& worker, ResumePoint next);
    void end(Coroutine& coroutine);
    static void coroutine_main(void* coroutine);

    model::Program* program_ = nullptr;
    RuntimeState runtime_;
    emit::StateSegment segment_;
    std::array<wire::CoroutineRecord, kMost> records_;
    std::array<wire::CoroutineDetail, kMost> details_;
    std::array<wire::WorkerRecord, kMost> worker_records_{};
    std::array<EhGlobals, kMost> eh_globals_{};
    std::array<Worker, kMost> workers_;
    std::array<Coroutine, kMost> coroutines_;
    std::uint32_t workers_count_ = 0;
    std::size_t threads_count_ = 0;
    std::uint32_t coroutines_count_ = 0;
    // By thread of the model; each touches its own.
    std::array<Coroutine*, kMost + 1> running_{};
    std::array<std::array<std::uint32_t, kMost>, kMost + 1> ready_{};
    std::array<std::uint32_t, kMost + 1> ready_count_{};
    std::array<bool, kMost + 1> fires_{};
    SpinLock timers_lock_;  // guards deadlines_
    std::array<Deadline, kMost> deadlines_;
};

// Calls of a coroutine, or of a thread that is no worker, as the public wrappers make them.
struct Got {
    Status status = Status::ok;
    std::uint64_t item = 0;
};
Status send(HandleId channel, std::uint64_t item);
Status try_send(HandleId channel, std::uint64_t item);
Got receive(HandleId channel);
Got try_receive(HandleId channel);
// With a deadline, which is reached when somebody fires the timers.
Status send_in_time(HandleId channel, std::uint64_t item);
Got receive_in_time(HandleId channel);

// One arm of a select.
struct Arm {
    HandleId channel = 0;
    bool receives = false;
    std::uint64_t item = 0;  // in: what is sent; out: what was received
};
struct Selected {
    Status status = Status::ok;
    std::uint8_t fired = kNoArmFired;
};
Selected select(std::array<Arm, 2>& arms, std::int64_t timeout_ns = kWaitForEver);

}  // namespace cprime::detail
