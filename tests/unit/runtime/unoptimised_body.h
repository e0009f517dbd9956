// Spawns from code that is compiled without optimisation (unoptimised_body.cpp).
#pragma once

#include <cstdint>

namespace cprime::test {

// Spawns a coroutine that hints at, or wishes for, Micro, and waits for it. Answers the pool it ran in.
std::uint8_t pool_of_hint_for_micro();
std::uint8_t pool_of_wish_for_micro();

}  // namespace cprime::test
