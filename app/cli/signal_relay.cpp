#include "app/cli/signal_relay.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "instrumentation/base/check.h"

namespace coroscope::app {
namespace {

sigset_t relayed_signals(bool with_dumps) {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&set, number);
    if (with_dumps) sigaddset(&set, SIGUSR1);
    return set;
}

}  // namespace

SignalRelay::SignalRelay(const Asked& asked) : asked_(asked) {
    const sigset_t relayed = relayed_signals(asked.dumps != nullptr);
    CHECK(pthread_sigmask(SIG_BLOCK, &relayed, nullptr) == 0);
    signals_.reset(signalfd(-1, &relayed, SFD_CLOEXEC | SFD_NONBLOCK));
    quit_.reset(eventfd(0, EFD_CLOEXEC));
    CHECK(signals_.valid() && quit_.valid());
    thread_ = std::thread([this] { run(); });
}

SignalRelay::~SignalRelay() {
    const std::uint64_t one = 1;
    CHECK(write(quit_.get(), &one, sizeof one) == sizeof one);
    thread_.join();
}

void SignalRelay::forward_to(pid_t pid) {
    base::FileDescriptor program(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!program) return;  // it has ended: nobody to forward to
    const std::lock_guard guard(lock_);
    programs_.push_back(std::move(program));
}

void SignalRelay::run() {
    for (;;) {
        pollfd waiting[2] = {{signals_.get(), POLLIN, 0}, {quit_.get(), POLLIN, 0}};
        if (poll(waiting, 2, -1) < 0) continue;  // EINTR
        signalfd_siginfo info{};
        while (read(signals_.get(), &info, sizeof info) == sizeof info)
            relay(static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL);
        if (waiting[1].revents != 0) return;
    }
}

bool SignalRelay::any_runs() const {
    for (const base::FileDescriptor& program : programs_) {
        pollfd ended{program.get(), POLLIN, 0};
        if (poll(&ended, 1, 0) == 0) return true;
    }
    return false;
}

void SignalRelay::relay(int number, bool from_terminal) {
    if (number == SIGUSR1) {
        // A count with nothing behind it. [record.dumps]
        asked_.dumps->fetch_add(1, std::memory_order_relaxed);
        return;
    }
    // Written here, read by the recording loop and by who writes the trace: flags with nothing behind them, so relaxed would do. [record.stop]
    if (asked_.signalled != nullptr) asked_.signalled->store(true);
    const std::lock_guard guard(lock_);
    if (!any_runs()) {
        asked_.stop->store(true);
        return;
    }
    if (from_terminal) return;
    for (const base::FileDescriptor& program : programs_)
        syscall(SYS_pidfd_send_signal, program.get(), number, nullptr, 0);
}

}  // namespace coroscope::app
