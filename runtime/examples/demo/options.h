// What the demo was asked to do.
#pragma once

#include <cstdint>
#include <string>

namespace demo {

struct Options {
    unsigned seconds = 5;
    std::uint64_t seed = 1;
    unsigned swarm = 100'000;  // coroutines
    unsigned workers = 0;      // 0: as the runtime decides
    bool hints = false;        // the swarm wishes for Micro stacks
    bool deadlock = false;
    bool near_miss = false;
    bool kill_self = false;  // kill -9 itself right after it has printed its totals
    std::string edges_path;  // "": what waits for what is not written down
};

// Reads the command line; an error is one sentence on stderr and the end with exit code 2.
Options parse_options(int count, char** arguments);

}  // namespace demo
