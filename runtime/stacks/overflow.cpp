// The handlers of faults: a guard that is lifted, an overflow that is reported, or somebody else's fault.
#include "runtime/stacks/overflow.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/probes.h"
#include "runtime/learning/unheld_rows.h"
#include "runtime/signals/faults.h"
#include "runtime/stacks/backtrace.h"
#include "runtime/stacks/overflow_report.h"
#include "runtime/stacks/say.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {
namespace {

constexpr std::size_t kAlternateStackBytes = 64U << 10;
struct sigaction old_actions[coroscope::wire::kSignalsMax];  // by number, of kFaultNumbers
// Writer: start and end of the runtime; readers: end_program(), relaxed: whoever makes a mistake with a runtime has seen it start.
std::atomic<bool> installed{false};

void hand_on(int number, siginfo_t* info, void* context) {
    const struct sigaction& old = old_actions[number];
    if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != nullptr) {
        old.sa_sigaction(number, info, context);
        return;
    }
    if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
        old.sa_handler(number);
        return;
    }
    const bool was_sent = info->si_code <= 0;
    if (old.sa_handler == SIG_IGN && was_sent) return;
    // The default action: the faulting instruction runs again and ends the process with this signal. What was sent is sent again; so is a
    // breakpoint, which has been passed. Blocked until the handler returns.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(number, &standard, nullptr);
    // With what it said of its sender: a core tells that.
    if ((was_sent || number == SIGTRAP) && syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, info) != 0)
        syscall(SYS_tgkill, getpid(), gettid(), number);
}

// Whether a fault at `address` means that the running coroutine has run out of stack: it hit the guard of its own slot, or some
// other guard of its pool while its stack pointer has left the slot (a frame may step over a canary, and over whole slots).
bool is_overflow(const Worker& worker, std::uint64_t address, const ucontext_t* context) {
    const StackPlace running = g_runtime->segments.place(worker.current_index, running_stack_limit());
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
    if (!g_runtime->pools.find_address(address, &pool, &slot) || pool != running.pool) return false;
    const wire::StackBounds bounds = g_runtime->pools.bounds(pool, running.slot);
    const auto rsp = static_cast<std::uint64_t>(context->uc_mcontext.gregs[REG_RSP]);
    return slot == running.slot || rsp < bounds.low || rsp >= bounds.high;
}

// A frame of the running coroutine wants more than its slot, and the slot has a reserve: lifts the guard, so that the instruction
// that faulted just works when it is run again. The event goes into the worker's own ring, which it does not write just now: a
// coroutine's code runs outside the runtime. Async-signal-safe.
bool grow_in_place(const Worker& worker, std::uint64_t address, const ucontext_t* context) {
    const std::uint64_t begin = coroscope::base::read_tsc();
    const std::uint32_t index = worker.current_index;
    Pools& pools = g_runtime->pools;
    const StackPlace running = g_runtime->segments.place(index, running_stack_limit());
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
    if (!pools.find_address(address, &pool, &slot) || pool != running.pool || slot != running.slot)
        return false;
    const wire::StackBounds window = pools.window(pool, slot);
    const auto rsp = static_cast<std::uint64_t>(context->uc_mcontext.gregs[REG_RSP]);
    if (address < window.low || rsp < window.low || rsp >= window.high) return false;
    const int error_before = errno;  // that of the code which goes on after this
    const bool lifted = pools.grow(pool, slot, address);
    errno = error_before;
    if (!lifted) return false;
    const std::uint32_t site = detail(index).site.load(std::memory_order_relaxed);
    record(index).flags.fetch_or(wire::kCoroutineGrown, std::memory_order_relaxed);
    g_runtime->sites.grew(site, pool == kPoolWide && pools.deep(pool, slot));
    const std::uint64_t wanted_bytes = window.high - std::min(address, rsp);
    g_runtime->sites.note_high_water(site, static_cast<std::uint32_t>(wanted_bytes));
    g_runtime->learned.grew(site, wire::MigrationForm::kInPlace);
    note_unheld_growth(index, wanted_bytes);
    if (emit::listening(wire::kCategoryCoroutine)) {
        const auto medium = static_cast<std::uint8_t>(wire::SizeClass::kMedium);
        emit::probe::migrate(worker.ring, 0, index, medium, medium, wire::MigrationForm::kInPlace,
                             static_cast<std::uint64_t>(context->uc_mcontext.gregs[REG_RIP]),
                             static_cast<std::uint32_t>(wanted_bytes),
                             static_cast<std::uint32_t>(coroscope::base::read_tsc() - begin));
    }
    return true;
}

// On the alternate stack. Touches only memory that is never unmapped while the runtime lives.
void on_fault(int number, siginfo_t* info, void* context_of) {
    auto* context = static_cast<ucontext_t*>(context_of);
    const bool of_memory = (number == SIGSEGV || number == SIGBUS) && info->si_code > 0;
    if (of_memory) backtrace_faulted();
    const auto address = reinterpret_cast<std::uint64_t>(info->si_addr);
    if (of_memory && emit::forked_child() && g_runtime != nullptr &&
        g_runtime->segment->contains(info->si_addr)) {
        say("cprime: a forked child used the runtime of its parent; a child may only exec or exit\n");
        _exit(134);
    }
    Worker* worker = cprime_current_worker;
    if (g_runtime == nullptr || worker == nullptr || worker->current_index == wire::kNone ||
        emit::forked_child()) {
        hand_on(number, info, context);
        return;
    }
    if (of_memory &&
        (grow_in_place(*worker, address, context) || grow_by_hand_at(worker->current_index, address)))
        return;
    const bool by_hand = of_memory && say_by_hand_overflow(worker->current_index, address);
    if (!by_hand && g_faults.answer(*worker, number, *info, *context,
                                    of_memory && is_overflow(*worker, address, context))) {
        g_faults.rewrite(*worker, *context);
        return;
    }
    hand_on(number, info, context);
}

}  // namespace

void check_stack_place(const Worker& worker, std::uint32_t index, std::uint64_t rsp) {
    if (on_by_hand_stack(index, rsp)) return;
    const bool has_segments = (record(index).flags.load(std::memory_order_relaxed) &
                               wire::kCoroutineSegments) != 0;
    const char* sign = has_segments ? g_runtime->segments.check(index, rsp)
                                    : "its stack pointer has left the slot";
    if (sign != nullptr) report_overflow(worker, index, sign);
}

void report_damaged_canary(const Worker& worker, std::uint32_t index) {
    report_overflow(worker, index, "a canary at the end of its slot or of the one below was overwritten");
}

void report_overflow(const Worker& worker, std::uint32_t index, const char* sign) {
    const wire::CoroutineRecord& self = record(index);
    say_overflow(index, worker.index,
                 {.sign = sign,
                  .lowest = self.rsp.load(std::memory_order_relaxed),
                  .rip = self.rip.load(std::memory_order_relaxed),
                  .faulted = false});
    std::abort();
}

void install_fault_handlers() {
    struct sigaction action {};
    action.sa_sigaction = &on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (const int number : kFaultNumbers)
        sigaction(number, &action, &old_actions[number]);
    installed.store(true, std::memory_order_relaxed);
}

void remove_fault_handlers() {
    for (const int number : kFaultNumbers)
        sigaction(number, &old_actions[number], nullptr);
    installed.store(false, std::memory_order_relaxed);
}

void end_program() noexcept {
    if (installed.load(std::memory_order_relaxed)) sigaction(SIGABRT, &old_actions[SIGABRT], nullptr);
    std::abort();
}

AlternateStack::AlternateStack() {
    void* memory = mmap(nullptr, kAlternateStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    stack_t stack{};
    stack.ss_sp = memory;
    stack.ss_size = kAlternateStackBytes;
    if (sigaltstack(&stack, nullptr) == 0) memory_ = memory;
}

AlternateStack::~AlternateStack() {
    if (memory_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    munmap(memory_, kAlternateStackBytes);
}

}  // namespace cprime::detail
