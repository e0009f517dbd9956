// Raising OutOfMemory without memory, and what operator new does meanwhile.
#include "runtime/signals/out_of_memory.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "cprime/out_of_memory.h"
#include "cprime/this_coroutine.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/signals/app_signals.h"
#include "runtime/signals/nests.h"
#include "runtime/signals/raising.h"

namespace cprime::detail {
namespace {

using Clock = std::chrono::steady_clock;
using Held = HeldAs<OutOfMemory>;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint32_t kInVainMax = 2;
constexpr auto kAgainAtOnce = std::chrono::milliseconds(
    1);  // an allocation that fails so soon after its last answer is that one again

struct Answers {
    std::mutex lock;  // guards spare
    std::shared_ptr<Held> spare;
    // Writers: registration and the end of the Runtime. Readers: whoever gets no stack; a hint, what it announces stands under the lock.
    std::atomic<bool> handled{false};
    // One is being answered. Writers: who raises (exchange), the handler's end. [memory.answered] release and acquire: who raises the next one
    // finds what the end of the last one made ready.
    std::atomic<bool> answering{false};
    // Handlers that ended. Writer: those, release; readers: allocations that wait, acquire: they see what was freed [memory.answered].
    std::atomic<std::uint32_t> count{0};

    std::new_handler handler_before = nullptr;  // writer: answer_failed_allocations() and the Runtime's end
    bool handler_replaced = false;
    std::atomic<unsigned> patience_ms{0};
};
Answers g_answers;

// Allocations that were answered lately, by coroutine: whether one that fails now is the same one again.
struct Attempt {
    std::uint64_t coroutine = 0;
    const void* frame = nullptr;
    Clock::time_point answered_at;
    std::uint32_t in_vain = 0;
};
std::mutex g_attempts_lock;
std::array<Attempt, 64> g_attempts;

bool is_new_try(std::uint64_t coroutine, const void* frame) {
    const std::lock_guard hold(g_attempts_lock);
    Attempt& attempt = g_attempts[coroutine % g_attempts.size()];
    const bool same = attempt.coroutine == coroutine && attempt.frame == frame &&
                      Clock::now() - attempt.answered_at < kAgainAtOnce;
    if (!same) attempt = {coroutine, frame, {}, 0};
    return attempt.in_vain++ < kInVainMax;
}
void note_answer(std::uint64_t coroutine, const void* frame) {
    const std::lock_guard hold(g_attempts_lock);
    Attempt& attempt = g_attempts[coroutine % g_attempts.size()];
    if (attempt.coroutine == coroutine && attempt.frame == frame) attempt.answered_at = Clock::now();
}

void raise_out_of_memory(const OutOfMemory& what) noexcept {
    if (!g_answers.handled.load(kRelaxed)) return;
    std::shared_ptr<Held> signal;
    const bool busy = g_answers.answering.exchange(true, std::memory_order_acq_rel);  // [memory.answered]
    if (!busy) {
        const std::lock_guard hold(g_answers.lock);
        signal = std::move(g_answers.spare);
    }
    if (signal == nullptr) {
        g_app_signals.coalesce(typeid(OutOfMemory));
        if (!busy) g_answers.answering.store(false, std::memory_order_release);
        return;
    }
    signal->signal = what;
    if (!g_app_signals.notify(signal)) {
        const std::lock_guard hold(g_answers.lock);
        g_answers.spare = std::move(signal);
        g_answers.answering.store(false, std::memory_order_release);  // [memory.answered]
    }
}

void make_spare() {
    auto spare = std::make_shared<Held>(OutOfMemory{}, Place(__FILE__, "operator new, spawn", __LINE__, 0));
    const std::lock_guard hold(g_answers.lock);
    g_answers.spare = std::move(spare);
}

// The end of a handler, however it ended.
struct Answered {
    ~Answered() {
        try {
            make_spare();
            map_nests();
        } catch (
            const std::bad_alloc&) {  // then the next ones are counted as coalesced with this one, until another handler is registered
        }
        g_answers.answering.store(false, std::memory_order_release);  // [memory.answered]
        g_answers.count.fetch_add(1, std::memory_order_release);      // [memory.answered]
    }
};

ResumePoint raise_from_allocation(Worker* worker, std::uint32_t, void*) noexcept {
    raise_out_of_memory({OutOfMemory::Source::allocator, {}});
    return keep_running(*worker);
}

// On its own stack, or in a call into the runtime, where nothing may wait and locks may be held?
bool on_own_stack(const Worker& worker, const void* frame) {
    const auto at = reinterpret_cast<std::uint64_t>(frame);
    return worker.current_index == wire::kNone || (at >= worker.stack_low && at < worker.stack_high);
}

// A coroutine's allocation has failed. Returns: it is tried again.
[[gnu::noinline]] void allocation_failed() {
    const void* const frame = __builtin_frame_address(0);
    const Worker* worker = cprime_current_worker;
    if (worker == nullptr || on_own_stack(*worker, frame) || handles_signal() ||
        !g_answers.handled.load(kRelaxed) || g_app_signals.busy_here())
        throw std::bad_alloc();
    const std::uint64_t coroutine = this_id();
    if (!is_new_try(coroutine, frame)) throw std::bad_alloc();
    const std::uint32_t before = g_answers.count.load(std::memory_order_acquire);
    park<&raise_from_allocation>(nullptr);
    const auto until = Clock::now() + std::chrono::milliseconds(g_answers.patience_ms.load(kRelaxed));
    constexpr int kYields = 100;
    for (int i = 0; g_answers.count.load(std::memory_order_acquire) == before; ++i) {  // [memory.answered]
        if (Clock::now() >= until) throw std::bad_alloc();
        if (i < kYields || !sleep_for(std::chrono::milliseconds(1))) static_cast<void>(cprime::yield());
    }
    note_answer(coroutine, frame);
}

}  // namespace

void raise_out_of_stacks(std::uint8_t pool) noexcept {
    static constexpr std::string_view kNames[] = {"micro", "small", "medium", "large"};
    const auto size_class = static_cast<std::size_t>(g_runtime->pools.size_class(pool));
    raise_out_of_memory({OutOfMemory::Source::stacks,
                         size_class < std::size(kNames) ? kNames[size_class] : std::string_view()});
}

HeldHandler prepare_out_of_memory(HeldHandler handler) {
    make_spare();
    map_nests();
    g_answers.handled.store(true, kRelaxed);
    return [handler = std::move(handler)](const std::shared_ptr<HeldSignal>& signal) {
        const Answered answered;
        handler(signal);
    };
}

void forget_out_of_memory() {
    g_answers.handled.store(false, kRelaxed);
    g_answers.answering.store(false, kRelaxed);
    if (std::exchange(g_answers.handler_replaced, false)) std::set_new_handler(g_answers.handler_before);
    const std::lock_guard hold(g_answers.lock);
    g_answers.spare = nullptr;
}

}  // namespace cprime::detail

namespace cprime {

std::string_view OutOfMemory::message() const noexcept {
    if (source == Source::allocator) return "the allocator has no memory";
    return "there is no stack for another coroutine";
}

void answer_failed_allocations(unsigned patience_ms) {
    detail::runtime("answer_failed_allocations");
    const std::lock_guard hold(detail::g_answers.lock);
    detail::g_answers.patience_ms.store(patience_ms, std::memory_order_relaxed);
    if (std::exchange(detail::g_answers.handler_replaced, true)) return;
    detail::g_answers.handler_before = std::set_new_handler(&detail::allocation_failed);
}

}  // namespace cprime
