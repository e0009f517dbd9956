// The environment variables of the runtime, read once; documented in cprime/runtime.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cprime/runtime.h"

namespace cprime::detail {

struct Environment {
    std::uint32_t workers_count = 1;
    bool profile = false;
    bool quiet = false;  // say nothing of classes that are raised
    bool state_plane = true;
    std::uint32_t blocking_threads = 64;  // at most, in the side pool
    std::uint32_t wait_for_viewer_ms = 0;
    bool start_paused = false;  // with a viewer that is waited for: nothing runs until it lets go
    std::string viewer_socket;  // abstract name on which a launcher listens while it looks for us; "" = not asked
    std::string size_table_path;              // "" = none
    std::string learn_path;                   // "" = none
    std::optional<std::uint64_t> chaos_seed;  // of chaos, or of the deterministic mode; none = neither
    bool deterministic = false;
};

// What the program says comes first. A value that cannot be used ends the process: a sentence, code 2.
Environment read_environment(const RuntimeOptions& options);

}  // namespace cprime::detail
