// Schedulable and Resumable: what a scheduler, and a container of many kinds, must be able to ask of a coroutine, whatever it is made of.
//
//   Schedulable   id, priority, state, stack use: enough to choose who runs
//   Resumable     resume point, last activity, resume(): enough to run it, to show where it stands, and to see that it is forgotten
//
// CPrime's own satisfy both: Coroutine<void, Out> (resumed by hand), AnyCoroutine, and CoroutineView, the view of a scheduled one. So does any class
// with these members: a C++20 coroutine's handle in a wrapper, a state machine that was written by hand. hand_scheduler.h runs them, mixed,
// in one container; tests/unit/runtime/hand_scheduler_test.cpp has both kinds of foreigners.
//
//   struct Countdown {                                                       // a state machine
//       std::uint64_t id() const { return number; }
//       cprime::priority priority() const { return cprime::priority::low; }
//       cprime::coroutine_state state() const { return left == 0 ? cprime::coroutine_state::complete : cprime::coroutine_state::resumable; }
//       std::size_t stack_used() const { return 0; }
//       std::uint64_t resume_point() const { return left; }
//       std::chrono::steady_clock::time_point last_activity() const { return stepped; }
//       void resume() { --left; stepped = std::chrono::steady_clock::now(); }
//       ...
//   };
//
// Members that may be there besides, and are used where they are
//   std::string_view name() const                  for people
//   std::size_t stack_size() const                 bytes; stack_used() of how many
//   steady_clock::time_point deadline() const      until when it is to be done; max() = none
//   void note_activity(steady_clock::time_point)   it was resumed: for kinds whose resume() is too quick to read a clock
//   void refresh()                                 looks anew: for kinds that are views of something
//
// Thread: as the kind says. Tested in tests/unit/runtime/hand_scheduler_test.cpp and coroutine_view_test.cpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "cprime/priority.h"

namespace cprime {

enum class coroutine_state : std::uint8_t {
    resumable,  // stands at a place from which resume() goes on
    running,    // runs, or a scheduler is about to run it
    waiting,    // for something else than resume(): a channel, a lock, a timer ...
    complete,   // has ended
};

template <typename T>
concept Schedulable = requires(const T& it) {
    {
        it.id()
        } -> std::convertible_to<std::uint64_t>;  // what people know it by; need not be unique among kinds
    { it.priority() } -> std::same_as<priority>;
    { it.state() } -> std::same_as<coroutine_state>;
    { it.stack_used() } -> std::convertible_to<std::size_t>;  // bytes, where it stands; 0 = has no stack
};

template <typename T>
concept Resumable = requires(T& it, const T& seen) {
    it.resume();  // runs it until it gives way or ends. What it returns is dropped, what escapes it is thrown by it
    { seen.state() } -> std::same_as<coroutine_state>;
    // Where it goes on: an address in its code, or the number of a step. 0 = nowhere.
    { seen.resume_point() } -> std::convertible_to<std::uint64_t>;
    // When it ran last, as far as is known; the epoch = not known.
    { seen.last_activity() } -> std::convertible_to<std::chrono::steady_clock::time_point>;
};

}  // namespace cprime
