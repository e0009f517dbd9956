// What SIGINT, SIGTERM and SIGHUP mean to `coroscope record`: the recorded program gets them and the recording goes on to its
// end, or, where the program is not ours or has ended, the recording stops. Either way the trace is finished properly.
//
// The signals are blocked for the whole process and taken by a thread of its own from a signalfd. What the terminal sends goes
// to the whole foreground group (SI_KERNEL), so the program has it already and it is not sent twice. With a flight recorder SIGUSR1 is taken as
// well: it asks for a dump and concerns the recorder alone.
//
// Thread: make it on the main thread before any other thread is started, so that all inherit the blocked mask; the members may
// be called from any thread. Blocks: never. Tested in tests/unit/app/signal_relay_test.cpp.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "instrumentation/base/file_descriptor.h"

namespace coroscope::app {

class SignalRelay {
public:
    struct Asked {
        std::atomic<bool>* stop = nullptr;             // becomes true at the first signal while no program runs to forward to
        std::atomic<std::uint32_t>* dumps = nullptr;   // grows with each SIGUSR1; nullptr leaves that signal alone
        std::atomic<bool>* signalled = nullptr;        // becomes true at the first of the others, forwarded or not; may be null
    };
    explicit SignalRelay(std::atomic<bool>* stop) : SignalRelay(Asked{.stop = stop}) {}
    explicit SignalRelay(const Asked& asked);
    // Ends the thread. The signals stay blocked until the process ends: whoever asks again while the last sentence is told must not kill the
    // recorder before its exit status says how the recording went.
    ~SignalRelay();

    SignalRelay(const SignalRelay&) = delete;
    SignalRelay& operator=(const SignalRelay&) = delete;

    // From now on signals go to this process (by a descriptor: never to another one that got its number), and to those named before.
    void forward_to(pid_t pid);

private:
    void run();
    void relay(int number, bool from_terminal);
    bool any_runs() const;  // with lock_ held

    const Asked asked_;
    base::FileDescriptor signals_, quit_;
    std::mutex lock_;  // guards programs_
    std::vector<base::FileDescriptor> programs_;
    std::thread thread_;
};

}  // namespace coroscope::app
