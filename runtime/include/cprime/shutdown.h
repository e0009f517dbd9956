// at_shutdown: what a program wants to finish before its coroutines are asked to end, in numbered steps.
//
//   cprime::at_shutdown(10, [&] { listener.close(); });                  // no new work
//   cprime::at_shutdown(20, [&] { requests.drain(); }, 5s);              // what has begun is finished, for five seconds
//   cprime::at_shutdown(30, [&] { store.flush(); });
//
// How a Runtime ends:
//   1  shutdown() is called, or SIGINT or SIGTERM arrives, or the Runtime is destroyed. The functions of the lowest number run, each as a coroutine,
//      all of that number at once; everybody else goes on as before. One that takes longer than its grace is named on stderr and cancelled; one
//      that goes on for as long again is left behind. Then comes the next number.
//   2  Every coroutine is cancelled, and every one that is spawned from then on: calls that wait answer so, functions return, destructors run.
//   3  Whoever has not ended after RuntimeOptions::shutdown_grace_ms is named on stderr. run() and wait() return when nobody is left.
//   4  The Runtime is destroyed: threads that wait in its calls are woken with `cancelled`, viewers take their last look, the workers' threads end,
//      then those of blocking(), memory and descriptors go.
//
// Thread: any while a Runtime lives; a coroutine wants a Medium stack. Tested in tests/unit/runtime/shutdown_test.cpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "cprime/detail/park.h"
#include "cprime/place.h"
#include "cprime/runtime.h"

namespace cprime {
namespace detail {

// A registered function, on the heap; owned by the runtime from add_shutdown_step() on.
struct ShutdownStep {
    void (*run)(ShutdownStep* self) = nullptr;
    void (*destroy)(ShutdownStep* self) = nullptr;
    std::int64_t grace_ms = 0;
    Place place;
    unsigned number = 0;
    ShutdownStep* next = nullptr;  // the runtime's
};
template <typename F>
struct ShutdownStepOf : ShutdownStep {
    F function;
    template <typename G>
    explicit ShutdownStepOf(G&& given) : function(std::forward<G>(given)) {
        run = [](ShutdownStep* self) { static_cast<ShutdownStepOf*>(self)->function(); };
        destroy = [](ShutdownStep* self) { delete static_cast<ShutdownStepOf*>(self); };
    }
};

struct AddStepRequest {
    ShutdownStep* step = nullptr;
    bool added = false;
};
ResumePoint add_shutdown_step(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

}  // namespace detail

// Registers function() for the step of that number. False when the shutdown has passed that number: then it is destroyed at once and never
// runs. What it throws is one sentence on stderr. It is destroyed after it ran, and at the latest with the Runtime. Throws std::bad_alloc, and
// what copying or moving the function throws. Does not wait.
template <std::invocable F>
bool at_shutdown(unsigned number, F&& function, std::chrono::milliseconds grace = std::chrono::seconds(2),
                 Place place = CPRIME_HERE) {
    auto* const step = new detail::ShutdownStepOf<std::decay_t<F>>(std::forward<F>(function));
    step->number = number;
    step->grace_ms = grace.count() > 0 ? grace.count() : 0;
    step->place = place;
    detail::AddStepRequest request{step, false};
    detail::park<&detail::add_shutdown_step>(&request);
    if (!request.added) step->destroy(step);
    return request.added;
}

}  // namespace cprime
