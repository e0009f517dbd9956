// The fixture of the runtime's tests: every one runs with 1, 2, 4 and 8 workers, and what must be back at the end is checked.
#pragma once

#include <gtest/gtest.h>

#include <cprime/runtime.h>
#include <cprime/spawn.h>
#include <cprime/this_coroutine.h>

#include <cstdint>
#include <utility>

#include "runtime/entry/runtime_state.h"

namespace cprime {

// Instrumented programs get fewer coroutines: TSan has room for about 8000 of its fibers.
#if defined(__SANITIZE_THREAD__)
inline constexpr int kManyCoroutines = 1000;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr int kManyCoroutines = 5000;
#else
inline constexpr int kManyCoroutines = 100000;
#endif

class WithWorkers : public testing::TestWithParam<unsigned> {
protected:
    // Runs function() as the first coroutine; afterwards every slot and every coroutine is back.
    template <typename F>
    void run(F&& function) {
        Runtime runtime({.workers = GetParam()});
        runtime.run(std::forward<F>(function));
        for (std::uint8_t pool = 0; pool < detail::kPoolsCount; ++pool) {
            EXPECT_EQ(detail::g_runtime->pools.used(pool), 0U)
                << "slots of pool " << int{pool} << " are still in use";
        }
        EXPECT_EQ(detail::g_runtime->scheduler.alive(), 0U);
    }
};

#define INSTANTIATE_WITH_WORKERS(Fixture)                                       \
    INSTANTIATE_TEST_SUITE_P(Workers, Fixture, testing::Values(1U, 2U, 4U, 8U), \
                             testing::PrintToStringParamName())

}  // namespace cprime
