// See signal_name.h.
#include "instrumentation/base/signal_name.h"

#include <string.h>

#include <csignal>

namespace coroscope::base {

std::string signal_name(int number) {
    if (number >= SIGRTMIN && number <= SIGRTMAX) {
        const int offset = number - SIGRTMIN;
        return offset == 0 ? std::string("SIGRTMIN") : "SIGRTMIN+" + std::to_string(offset);
    }
    const char* abbreviation = sigabbrev_np(number);
    return abbreviation != nullptr ? std::string("SIG") + abbreviation : "signal " + std::to_string(number);
}

}  // namespace coroscope::base
