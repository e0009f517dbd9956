// The annotations. What belongs to a coroutine (TSan's fiber, ASan's fake stack) stands in an array of its own, by index, so that
// ordinary builds pay nothing for it.
#include "runtime/switch/sanitizer.h"

#ifdef CPRIME_FIBER_ANNOTATIONS

#include <sys/mman.h>

#include <atomic>
#include <cstdio>

#include "runtime/by_hand/whereabouts.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/fault_ending.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace cprime::detail {
namespace {

void** tags() {
    static void** array = [] {
        void* memory = mmap(nullptr, sizeof(void*) * wire::kCoroutinesMax, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(memory != MAP_FAILED);
        return static_cast<void**>(memory);
    }();
    return array;
}
void** const all_tags = tags();

}  // namespace

#if defined(__SANITIZE_THREAD__)

namespace {

constexpr std::int32_t kFibersMax = 2000;
std::atomic<std::int32_t> fibers{
    0};  // alive; counted by whoever spawns or ends one; relaxed, nothing hangs on it
std::atomic<bool> refusal_said{false};

}  // namespace

bool sanitizer_admits() {
    if (fibers.load(std::memory_order_relaxed) < kFibersMax) return true;
    if (!refusal_said.exchange(true, std::memory_order_relaxed)) {
        std::fprintf(stderr,
                     "cprime: built with TSan, %d coroutines are the most that may live at once (it dies at "
                     "8128 fibers): "
                     "further spawns throw std::bad_alloc; let fewer live, or build without TSan\n",
                     kFibersMax);
    }
    return false;
}
void sanitizer_start(Worker& worker) {
    worker.tsan_fiber = __tsan_get_current_fiber();
}
void sanitizer_create(std::uint32_t coroutine, const coroscope::wire::StackBounds&) {
    fibers.fetch_add(1, std::memory_order_relaxed);
    all_tags[coroutine] = __tsan_create_fiber(0);
}
void sanitizer_destroy(std::uint32_t coroutine) {
    __tsan_destroy_fiber(all_tags[coroutine]);
    fibers.fetch_sub(1, std::memory_order_relaxed);
}

extern "C" {
CPRIME_UNINSTRUMENTED void cprime_sanitizer_leave_coroutine(Worker* worker, ParkFunction) {
    __tsan_switch_to_fiber(worker->tsan_fiber, 0);
}
CPRIME_UNINSTRUMENTED void cprime_sanitizer_on_worker(Worker*) {}
CPRIME_UNINSTRUMENTED void cprime_sanitizer_leave_worker(Worker* worker, coroscope::wire::CoroutineRecord*) {
    if (worker->current_index == wire::kNone) return;
    const ByHand* hand = by_hand_of(worker->current_index);  // it may have parked on the stack of one by hand
    __tsan_switch_to_fiber(hand != nullptr ? hand->tag : all_tags[worker->current_index], 0);
}
CPRIME_UNINSTRUMENTED void cprime_sanitizer_on_coroutine(Worker*) {}
}

#else

bool sanitizer_admits() {
    return true;
}
void sanitizer_start(Worker&) {}
void sanitizer_create(std::uint32_t coroutine, const coroscope::wire::StackBounds& bounds) {
    all_tags[coroutine] = nullptr;
    // What an earlier coroutine's frames left poisoned is nobody's now.
    __asan_unpoison_memory_region(reinterpret_cast<void*>(bounds.low), bounds.high - bounds.low);
}
void sanitizer_destroy(std::uint32_t) {}

extern "C" {
CPRIME_UNINSTRUMENTED void cprime_sanitizer_leave_coroutine(Worker* worker, ParkFunction function) {
    // Without a place to save it to, the fake stack of a coroutine that ends is given back.
    const bool ends = function == &cprime_exit_coroutine || function == &end_faulted;
    void** save = ends ? nullptr : &all_tags[worker->current_index];
    __sanitizer_start_switch_fiber(save, reinterpret_cast<void*>(worker->stack_low),
                                   worker->stack_high - worker->stack_low);
}
CPRIME_UNINSTRUMENTED void cprime_sanitizer_on_worker(Worker* worker) {
    __sanitizer_finish_switch_fiber(worker->asan_fake_stack, nullptr, nullptr);
}
CPRIME_UNINSTRUMENTED void cprime_sanitizer_leave_worker(Worker* worker,
                                                         coroscope::wire::CoroutineRecord* record) {
    if (worker->current_index == wire::kNone) return;        // home: the same stack
    const ByHand* hand = by_hand_of(worker->current_index);  // it may have parked on the stack of one by hand
    const wire::StackBounds bounds = hand != nullptr ? wire::StackBounds{hand->low, hand->high}
                                                     : g_runtime->pools.bounds(record->pool, record->slot);
    __sanitizer_start_switch_fiber(&worker->asan_fake_stack, reinterpret_cast<void*>(bounds.low),
                                   bounds.high - bounds.low);
}
CPRIME_UNINSTRUMENTED void cprime_sanitizer_on_coroutine(Worker* worker) {
    if (worker->current_index == wire::kNone) return;
    __sanitizer_finish_switch_fiber(all_tags[worker->current_index], nullptr, nullptr);
}
}

#endif

}  // namespace cprime::detail

#endif
