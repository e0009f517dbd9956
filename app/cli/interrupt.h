// Waiting for Ctrl-C while something is held.
//
// Thread: the main thread, before others are started: they inherit the mask. Tested by tests/e2e/ctl_test.py.
#pragma once

#include <signal.h>

#include "instrumentation/base/file_descriptor.h"

namespace coroscope::app {

// SIGINT, SIGTERM and SIGHUP from now on, and SIGPIPE, which must not leave anything half done.
class Interrupt {
public:
    Interrupt();
    // True when one has come.
    bool wait(int timeout_ms) const;

private:
    base::FileDescriptor fd_;
};

}  // namespace coroscope::app
