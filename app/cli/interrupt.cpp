// See interrupt.h.
#include "app/cli/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>

namespace coroscope::app {

Interrupt::Interrupt() {
    sigset_t mask;
    sigemptyset(&mask);
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&mask, number);
    sigprocmask(SIG_BLOCK, &mask, nullptr);
    fd_.reset(signalfd(-1, &mask, SFD_CLOEXEC));
    signal(SIGPIPE, SIG_IGN);
}

bool Interrupt::wait(int timeout_ms) const {
    pollfd waiting{fd_.get(), POLLIN, 0};
    return poll(&waiting, 1, timeout_ms) > 0;
}

}  // namespace coroscope::app
