// Names of the system's signals. Thread: any.
#pragma once

#include <string>

namespace coroscope::base {

// "SIGUSR1", "SIGRTMIN+3", "signal 99" for what is none.
std::string signal_name(int number);

}  // namespace coroscope::base
