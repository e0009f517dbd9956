// The one place from which lock-free parts of the runtime take their atomics, fences and futexes.
//
// In the library these are std::atomic and its fences under another name and cost nothing. In a model test
// (CPRIME_MODEL_ATOMICS names a header) the same names come from the checker (tests/model/checker/model_atomics.h), which makes
// each operation a step that it may put anywhere and lets a load answer with every value that the C++ memory model
// allows: so the source that ships is the source that is tried.
//
//   sync::atomic<T>                 std::atomic<T>
//   sync::plain<T>                  T: data without atomics that several threads use one after the other; a model test
//                                   reports two uses that nothing orders
//   sync::fence(order)              std::atomic_thread_fence
//   sync::light_fence, heavy_fence  an asymmetric pair, see below
//   sync::shake                     may waste some time, where chaos is on (chaos.h); else it is not called
//   sync::pause, yield_thread       in loops that wait for another thread's store; every such loop needs one of them
//   sync::futex_wait, futex_wake    in futex.h
//   (wire/shared.h says the same of the records that viewers read)
//   sync::kModelled                 this is a model test: containers begin small there, so that it ends
//
// Thread: any. Blocks: never, but for heavy_fence (a system call of microseconds).
#pragma once

#ifdef CPRIME_MODEL_ATOMICS
#include CPRIME_MODEL_ATOMICS
#else
#include <immintrin.h>
#include <sched.h>

#include <atomic>

namespace cprime::detail::sync {

inline constexpr bool kModelled = false;

template <typename T>
using atomic = std::atomic<T>;

template <typename T>
using plain = T;

[[gnu::always_inline]] inline void fence(std::memory_order order) noexcept {
    std::atomic_thread_fence(order);
}

// Of two threads that each store and then load what the other stores, at least one sees the other's store, if a fence
// stands between its store and its load: light_fence() in the thread that passes often, heavy_fence() in the one that
// passes seldom. Where the kernel has membarrier(2), the heavy one interrupts every running thread of the process, and
// the light one is only an order to the compiler; elsewhere both are full fences. Two light ones order nothing.
//
// True once membarrier is registered, during static initialisation, and while chaos does not want to be asked. Before that, false: the full fence,
// which is right beside either form of the heavy one. Writers: that initialisation, chaos; readers: everybody, relaxed: both forms are
// right at any time.
extern constinit std::atomic<bool> g_light_fence_is_free;

// Where the light fence is not free: the full one; or, for chaos, the light one and then a delay, so that what stands between the store and the
// load has time to happen.
void light_fence_slowly() noexcept;
// Whether chaos wants to be asked. Any thread.
void shake_light_fence(bool yes) noexcept;

[[gnu::always_inline]] inline void light_fence() noexcept {
    if (g_light_fence_is_free.load(std::memory_order_relaxed)) [[likely]] {
        std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
        light_fence_slowly();
    }
}
// The same for code that may call nothing: some of it runs on a coroutine's stack (channels/short_ways.cpp).
[[gnu::always_inline]] inline void light_fence_in_place() noexcept {
    if (g_light_fence_is_free.load(std::memory_order_relaxed)) [[likely]] {
        std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
}
// The same where g_light_fence_is_free was found to be true before.
[[gnu::always_inline]] inline void free_light_fence() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}
void heavy_fence() noexcept;

void shake() noexcept;

[[gnu::always_inline]] inline void pause() noexcept {
    _mm_pause();
}
// Gives the processor to another thread: for waits in which the one waited for may have been preempted.
inline void yield_thread() noexcept {
    sched_yield();
}

}  // namespace cprime::detail::sync
#endif
