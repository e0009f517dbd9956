// Making, resuming and ending coroutines by hand.
#include "cprime/detail/by_hand.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <utility>

#include "runtime/by_hand/hand_stacks.h"
#include "runtime/by_hand/whereabouts.h"
#include "runtime/signals/nests.h"
#include "runtime/stacks/overflow.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"
#include "runtime/switch/valgrind.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace cprime::detail {
namespace {

constexpr std::uint8_t kWishMedium = 3, kWishLarge = 4;  // cprime::size_class
// What a body needs at least below its closure; else it gets the Large class.
constexpr std::uint64_t kRoomBelowClosure = std::uint64_t{8} << 10;

// This thread's exception state; __cxa_get_globals() is a call through two tables.
thread_local constinit EhGlobals* eh_globals __attribute__((tls_model("initial-exec"))) = nullptr;

[[noreturn]] void die(const ByHand& hand, const char* sentence) {
    std::fprintf(stderr, "cprime: Coroutine \"%.*s\" %s\n", static_cast<int>(hand.name.size()),
                 hand.name.data(), sentence);
    end_program();
}

// Only from functions that are not inlined and make no switch, so that the address of the thread's own is never kept over one.
void swap_exception_state(ByHand& hand) {
    EhGlobals* globals = eh_globals;
    if (__builtin_expect(globals == nullptr, 0)) {
        globals = eh_globals = reinterpret_cast<EhGlobals*>(abi::__cxa_get_globals());
    }
    std::swap(globals->caught_exceptions, hand.caught_exceptions);
    std::swap(globals->uncaught_exceptions, hand.uncaught_exceptions);
}

std::uint64_t closure_address(std::uint64_t below, const BodyType& type) {
    const std::uint64_t alignment = std::max<std::uint64_t>(type.alignment, 16);
    return (below - type.bytes) & ~(alignment - 1);
}

// False when the closure leaves too little of this stack.
bool fits(const HandStack& stack, const BodyType& type) {
    return stack.high - stack.low > sizeof(ByHand) + type.bytes + type.alignment + kRoomBelowClosure;
}

HandStack stack_of(const ByHand& hand) {
    return {hand.low, hand.high, hand.mapped_bytes, hand.slot, hand.pool};
}

}  // namespace

ByHand* by_hand_make(const BodyType& type, std::uint8_t size_class, std::string_view name) noexcept {
    bool large = size_class == kWishLarge;
    HandStack stack = take_hand_stack(large);
    if (stack.low != 0 && !large && !fits(stack, type)) {
        give_hand_stack(stack);
        large = true;
        stack = take_hand_stack(large);
    }
    if (stack.low == 0) return nullptr;
    if (!fits(stack, type)) {
        give_hand_stack(stack);
        return nullptr;
    }
    auto* hand = ::new (reinterpret_cast<void*>((stack.high - sizeof(ByHand)) & ~std::uint64_t{63})) ByHand;
    hand->valgrind_stack = valgrind_add({stack.low, stack.high});
    hand->name = name;
    hand->low = stack.low;
    hand->high = stack.high;
    hand->mapped_bytes = stack.mapped_bytes;
    hand->slot = stack.slot;
    hand->pool = stack.pool;
    hand->size_class = large ? kWishLarge : kWishMedium;
    hand->destroy = type.destroy;
    const std::uint64_t closure = closure_address(reinterpret_cast<std::uint64_t>(hand), type);
    hand->closure = reinterpret_cast<void*>(closure);
    hand->rsp = make_first_bare_frame(closure, type.entry, hand);
#if defined(__SANITIZE_THREAD__)
    hand->tag = __tsan_create_fiber(0);
#endif
    return hand;
}

void by_hand_free(ByHand& hand) noexcept {
    const HandStack stack = stack_of(hand);
#if defined(__SANITIZE_THREAD__)
    __tsan_destroy_fiber(hand.tag);
#endif
    valgrind_remove(hand.valgrind_stack);
    hand.~ByHand();
    give_hand_stack(stack);
}

void by_hand_end(ByHand& hand) noexcept {
    if (hand.state == HandState::kRunning) {
        die(hand,
            "was destroyed while it runs; only who is not on its stack may destroy it, after resume has "
            "returned");
    }
    if (hand.state == HandState::kFresh) {
        hand.destroy(hand.closure);
    } else {
        hand.ending = true;
        by_hand_resume(hand);
        if (hand.state != HandState::kComplete || hand.swallowed)
            die(hand,
                "swallowed cprime::Unwind while it was destroyed; a catch (...) around yield must throw it "
                "again");
        if (hand.failure) {
            die(hand,
                "threw another exception while it was destroyed; let cprime::Unwind pass, and keep "
                "destructors "
                "from throwing");
        }
    }
    by_hand_free(hand);
}

[[gnu::noinline]] void by_hand_enter(ByHand& hand) noexcept {
    if (__builtin_expect(hand.state > HandState::kSuspended, 0)) {
        die(hand,
            "was resumed while it runs: by its own body, by one that it resumed, or by a second thread; one "
            "resume at a time");
    }
    hand.state = HandState::kRunning;
    swap_exception_state(hand);
    std::swap(running_nests(), hand.nests);
    hand.resumer_limit = running_stack_limit();
    if (hand.resumer_limit != 0) set_running_stack_limit(0);
    const Worker* worker = cprime_current_worker;
    if (worker == nullptr) {
        hand.noted = nullptr;
        if (hand.mapped_bytes == 0) grow_by_hand(hand);  // nobody would answer a fault on this thread
        return;
    }
    std::atomic<ByHand*>& innermost = whereabouts(worker->current_index);
    hand.noted = &innermost;
    hand.outer = innermost.load(std::memory_order_relaxed);
    innermost.store(&hand, std::memory_order_relaxed);
}

[[gnu::noinline]] void by_hand_leave(ByHand& hand) noexcept {
    if (hand.state == HandState::kRunning) hand.state = HandState::kSuspended;
    swap_exception_state(hand);
    std::swap(running_nests(), hand.nests);
    if (hand.resumer_limit != 0) set_running_stack_limit(hand.resumer_limit);
    if (hand.noted != nullptr) hand.noted->store(hand.outer, std::memory_order_relaxed);
}

CPRIME_UNINSTRUMENTED std::uint64_t by_hand_resume_point(const ByHand& hand) noexcept {
    // A bare frame is a saved frame without its first word.
    constexpr std::uint64_t kReturn = offsetof(wire::SavedFrame, return_address) - sizeof(std::uint64_t);
    return *reinterpret_cast<const std::uint64_t*>(static_cast<const std::byte*>(hand.rsp) + kReturn);
}

void by_hand_finish(ByHand& hand) noexcept {
    hand.state = HandState::kComplete;
    by_hand_switch_out(hand);
    __builtin_unreachable();
}

#if defined(__SANITIZE_ADDRESS__)

CPRIME_UNINSTRUMENTED void by_hand_start(ByHand& hand) noexcept {
    __sanitizer_finish_switch_fiber(nullptr, &hand.resumer_low, &hand.resumer_bytes);
}
CPRIME_UNINSTRUMENTED void by_hand_switch_in(ByHand& hand) noexcept {
    __sanitizer_start_switch_fiber(&hand.resumer_tag, reinterpret_cast<void*>(hand.low), hand.high - hand.low);
    cprime_switch(&hand.resumer_rsp, hand.rsp);
    __sanitizer_finish_switch_fiber(hand.resumer_tag, nullptr, nullptr);
}
CPRIME_UNINSTRUMENTED void by_hand_switch_out(ByHand& hand) noexcept {
    // Without a place to save it to, the fake stack of a coroutine that ends is given back.
    __sanitizer_start_switch_fiber(hand.state == HandState::kComplete ? nullptr : &hand.tag, hand.resumer_low,
                                   hand.resumer_bytes);
    cprime_switch(&hand.rsp, hand.resumer_rsp);
    __sanitizer_finish_switch_fiber(hand.tag, &hand.resumer_low, &hand.resumer_bytes);
}

#elif defined(__SANITIZE_THREAD__)

void by_hand_start(ByHand&) noexcept {}
CPRIME_UNINSTRUMENTED void by_hand_switch_in(ByHand& hand) noexcept {
    hand.resumer_tag = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(hand.tag, 0);
    cprime_switch(&hand.resumer_rsp, hand.rsp);
}
CPRIME_UNINSTRUMENTED void by_hand_switch_out(ByHand& hand) noexcept {
    __tsan_switch_to_fiber(hand.resumer_tag, 0);
    cprime_switch(&hand.rsp, hand.resumer_rsp);
}

#else

void by_hand_start(ByHand&) noexcept {}
void by_hand_switch_in(ByHand& hand) noexcept {
    cprime_switch(&hand.resumer_rsp, hand.rsp);
}
void by_hand_switch_out(ByHand& hand) noexcept {
    cprime_switch(&hand.rsp, hand.resumer_rsp);
}

#endif

}  // namespace cprime::detail
