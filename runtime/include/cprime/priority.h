// Priority: who runs first, of those that are ready on a worker.
#pragma once

#include <cstdint>

namespace cprime {

// Who is passed over long enough runs in between, so that nobody waits for ever; signal coroutines come before all of these.
enum class priority : std::uint8_t { high = 1, normal = 2, low = 3 };

}  // namespace cprime
