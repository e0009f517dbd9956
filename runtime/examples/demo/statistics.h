// Signals as coroutines: SIGUSR1 prints statistics, SIGINT and SIGTERM end the demo in order.
#pragma once

#include <cprime/cprime.h>

namespace demo {

class Statistics {
public:
    Statistics();

    // Sends itself SIGUSR1 and waits until the statistics have been printed.
    void print_by_signal();

private:
    struct Printed {};
    // Room for one: the handler must not wait for somebody who may not be waiting.
    cprime::ChannelEnds<Printed> printed_ = cprime::make_channel<Printed>("printed", 1);
};

}  // namespace demo
