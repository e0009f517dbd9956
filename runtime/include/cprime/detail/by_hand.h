// What Coroutine<In, Out> and the runtime tell each other. Not part of the public interface.
//
// A coroutine resumed by hand is one block of memory:
//
//   high  | ByHand                            |
//         | closure: the body and its captures|
//         | first frame, then the body's own  |
//   low   | guard page below                  |
//
// A round trip is two bare switches. Between them the exception state of the C++ runtime is changed, too: it belongs to the
// coroutine. Both switches are inlined into user code, since the `ret` of a function around them would miss in the return predictor.
//
// Thread: whoever resumes, one at a time. Nothing here needs a Runtime.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>

#include "cprime/detail/park.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CPRIME_ANNOTATE_BY_HAND 1
#endif

namespace cprime::detail {

enum class HandState : std::uint8_t {
    kFresh,      // never resumed: its closure stands, no frame of it does
    kSuspended,  // at a yield
    kRunning,    // somebody's resume has not returned
    kComplete,   // its function has ended; nothing of it runs again
};

struct Nest;

struct ByHand {
    // --- a resume's and a yield's
    void* rsp = nullptr;          // of the coroutine while it does not run
    void* resumer_rsp = nullptr;  // of who resumed it while it runs
    void* in = nullptr;           // what resume() brings: In*, in the resumer's frame
    void* out = nullptr;          // what yield() or the end brings: Out*, in the coroutine's frame
    // Exception state (Itanium ABI, 2.2.2): the coroutine's while it does not run, the resumer's while it runs.
    void* caught_exceptions = nullptr;
    unsigned int uncaught_exceptions = 0;
    HandState state = HandState::kFresh;
    bool ending = false;     // being destroyed: the next yield that goes on throws Unwind
    bool swallowed = false;  // ... but the body returned all the same
    // While it runs, and a scheduled coroutine resumed it: where that one's whereabouts are noted (null: a thread did), and what stood
    // there, the one by hand that the resumer itself runs on.
    std::atomic<ByHand*>* noted = nullptr;
    ByHand* outer = nullptr;
    std::uint64_t resumer_limit = 0;  // while it runs: the resumer's stack limit; this stack has none
    Nest* nests = nullptr;  // its list (detail/nest.h) while it does not run, its resumer's while it runs
    // --- the rest
    std::exception_ptr failure;                // what escaped the body
    void* closure = nullptr;                   // uninitialised memory after by_hand_make()
    void (*destroy)(void* closure) = nullptr;  // ~F()
    std::string_view name;
    std::uint64_t low = 0, high = 0;    // its stack, this block included
    std::uint64_t mapped_bytes = 0;     // its own mapping, guard included; 0 = a slot of the Runtime's pools
    std::uint32_t slot = kNoCoroutine;  // in `pool`
    std::uint8_t pool = 0;
    std::uint8_t size_class = 0;        // cprime::size_class
    std::uint8_t priority = 2;          // cprime::priority
    std::int64_t last_activity_ns = 0;  // steady_clock's, as its resumer noted; 0 = not noted
    unsigned valgrind_stack = 0;        // valgrind's name of it
    // --- sanitizers': fiber or fake stack of the coroutine and of its resumer, and the resumer's stack
    void* tag = nullptr;
    void* resumer_tag = nullptr;
    const void* resumer_low = nullptr;
    std::size_t resumer_bytes = 0;
};

// What the runtime must know of a body; one constant object a type.
struct BodyType {
    void (*entry)(void* hand);  // runs the body; calls by_hand_finish() and does not return
    void (*destroy)(void* closure);
    std::size_t bytes;
    std::size_t alignment;
};

// A stack with its block, ready to be resumed for the first time once the closure stands. Null when there is no memory.
// `size_class`: cprime::size_class.
ByHand* by_hand_make(const BodyType& type, std::uint8_t size_class, std::string_view name) noexcept;
// Gives the stack back. Fresh without its closure, or complete.
void by_hand_free(ByHand& hand) noexcept;
// Ends it whatever its state: unwinds its frames, or destroys the closure that never ran; then gives the stack back.
void by_hand_end(ByHand& hand) noexcept;

// Before and after the switch, on the resumer's stack: exception state, stack limit, and whose stack the scheduled coroutine stands on.
// enter ends the program with a sentence when the coroutine runs already.
void by_hand_enter(ByHand& hand) noexcept;
void by_hand_leave(ByHand& hand) noexcept;
// First and last thing on the coroutine's own stack.
void by_hand_start(ByHand& hand) noexcept;
[[noreturn]] void by_hand_finish(ByHand& hand) noexcept;
// The switches with the annotations that sanitizers want; the same as the bare ones in ordinary builds.
void by_hand_switch_in(ByHand& hand) noexcept;
void by_hand_switch_out(ByHand& hand) noexcept;

// Address at which a coroutine that does not run, and has not ended, goes on.
std::uint64_t by_hand_resume_point(const ByHand& hand) noexcept;

extern "C" void cprime_switch(void** save_rsp, void* to_rsp) noexcept;

// Runs the coroutine until it yields or ends.
[[gnu::always_inline]] inline void by_hand_resume(ByHand& hand) noexcept {
    by_hand_enter(hand);
#ifdef CPRIME_ANNOTATE_BY_HAND
    by_hand_switch_in(hand);
#else
    cprime_switch(&hand.resumer_rsp, hand.rsp);
#endif
    by_hand_leave(hand);
}

// Runs the resumer until it resumes again.
[[gnu::always_inline]] inline void by_hand_yield(ByHand& hand) noexcept {
#ifdef CPRIME_ANNOTATE_BY_HAND
    by_hand_switch_out(hand);
#else
    cprime_switch(&hand.rsp, hand.resumer_rsp);
#endif
}

}  // namespace cprime::detail
