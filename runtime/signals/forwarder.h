// The forwarder: what the kernel calls where a signal that the signal thread waits for arrives at a thread that does not block it (made before the
// runtime, or by its own will). It sends the signal on to the signal thread. It does not block it there for the next time: what is sent to that very
// thread (pthread_kill) would then wait for ever.
//
// What it sends has an origin of its own (kForwardedCode), so that the signal thread can tell how many there were: of a standard signal the kernel
// keeps one, and the others are coalesced, which take_forwarded() counts. Where the kernel refuses to queue one more (RLIMIT_SIGPENDING), the signal
// is lost; take_lost() counts that, and the signal thread says it.
//
// Thread: forward() on any, as a signal handler: async-signal-safe, SA_ONSTACK, it touches neither ring nor scheduler. The others: the signal thread,
// and who starts and stops it. Tested in tests/unit/runtime/signal_test.cpp.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>

namespace cprime::detail {

inline constexpr int kForwardedCode = -0x4350;  // si_code; a process may give itself any

void forward(int number, siginfo_t* info, void* context);

// Where signals go from now on, and a descriptor (eventfd) that is written when one was lost; thread 0: nowhere.
void forward_to(pid_t thread, int wake);
// The thread that they go to; 0: none yet. Acquire: what it wrote before forward_to().
pid_t forwards_to();

// How many of this number were sent on, or lost, since the last call.
std::uint32_t take_forwarded(int number);
std::uint32_t take_lost(int number);

}  // namespace cprime::detail
