// See forwarder.h.
#include "runtime/signals/forwarder.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "instrumentation/wire/limits.h"

namespace cprime::detail {
namespace {

using coroscope::wire::kSignalsMax;

constexpr auto kRelaxed = std::memory_order_relaxed;

// Where to. Writers: the signal thread before any handler is installed (release), and stop. Readers: signal handlers on any thread, relaxed,
// since they only name a thread that exists; forwards_to(), acquire.
std::atomic<pid_t> g_process{0};
std::atomic<pid_t> g_thread{0};
std::atomic<int> g_wake{-1};

// By number. Writers: the forwarder, before the signal is queued; reader: the signal thread, which takes them. Relaxed: the kernel's queue is
// between the two.
std::array<std::atomic<std::uint32_t>, kSignalsMax> g_forwarded{};
std::array<std::atomic<std::uint32_t>, kSignalsMax> g_lost{};

}  // namespace

void forward(int number, siginfo_t* info, void* context) {
    const int error_before = errno;
    if (getpid() != g_process.load(kRelaxed)) {
        // A forked child: there is no runtime here. What the signal does to any process, as soon as this handler returns.
        signal(number, SIG_DFL);
        ::raise(number);
        return;
    }
    const pid_t thread = g_thread.load(kRelaxed);
    siginfo_t forwarded = *info;
    forwarded.si_code = kForwardedCode;  // sender and value stay
    // The signal thread itself, to which the signal was released for a while (Signals::reset()).
    if (syscall(SYS_gettid) == thread) sigaddset(&static_cast<ucontext_t*>(context)->uc_sigmask, number);
    const bool is_standard = number < __SIGRTMIN;
    if (is_standard) g_forwarded[static_cast<std::size_t>(number)].fetch_add(1, kRelaxed);
    if (thread == 0 || syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, number, &forwarded) != 0) {
        // Of standard signals only when there is no thread any more, and nobody who takes the count.
        if (is_standard) g_forwarded[static_cast<std::size_t>(number)].fetch_sub(1, kRelaxed);
        g_lost[static_cast<std::size_t>(number)].fetch_add(1, std::memory_order_release);
        const std::uint64_t one = 1;
        if (write(g_wake.load(kRelaxed), &one, sizeof one) < 0) {
            // It is counted all the same, and said with what comes next.
        }
    }
    errno = error_before;
}

void forward_to(pid_t thread, int wake) {
    if (thread != 0) g_process.store(getpid(), kRelaxed);
    g_wake.store(wake, kRelaxed);
    for (std::size_t number = 0; number < kSignalsMax; ++number) {
        g_forwarded[number].store(0, kRelaxed);
        g_lost[number].store(0, kRelaxed);
    }
    g_thread.store(thread, std::memory_order_release);
}

pid_t forwards_to() {
    return g_thread.load(std::memory_order_acquire);
}

std::uint32_t take_forwarded(int number) {
    return g_forwarded[static_cast<std::size_t>(number)].exchange(0, kRelaxed);
}
std::uint32_t take_lost(int number) {
    std::atomic<std::uint32_t>& lost = g_lost[static_cast<std::size_t>(number)];
    return lost.load(kRelaxed) != 0 ? lost.exchange(0, std::memory_order_acquire) : 0;
}

}  // namespace cprime::detail
