// Classes that are larger than documented say so, once.
#include <gtest/gtest.h>

#include <cprime/cprime.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/switch/sanitizer.h"
#include "unoptimised_body.h"

namespace cprime {
namespace {

// Whatever function() says on stderr. Its own process: sentences come once in each.
class Raising : public testing::Test {
protected:
    void SetUp() override {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
        setenv("LD_BIND_NOW", "1", 1);  // lazy binding has a sentence of its own
        unsetenv("CPRIME_QUIET");
    }
};

[[noreturn]] void hint_twice_and_wish_once() {
    std::uint8_t hinted = 0, wished = 0;
    run({.workers = 1}, [&] {
        test::pool_of_hint_for_micro();
        hinted = test::pool_of_hint_for_micro();
        wished = test::pool_of_wish_for_micro();
    });
    std::_Exit(wished * 10 + hinted);
}

constexpr int kHinted = detail::kSanitizer ? detail::kPoolMicro : detail::kPoolSmall;

TEST_F(Raising, a_hint_in_unoptimised_code_gets_the_next_class_and_a_wish_stays) {
    const char*
        said = detail::kSanitizer
                   ? "^cprime: built with .San: micro, small and medium stacks have 16384, 32768 and 65536 "
                     "bytes here [^\n]*\n$"
                   : "^cprime: tests/unit/runtime/unoptimised_body.cpp:[0-9]+ was compiled without "
                     "optimisation: [^\n]*\n$";
    EXPECT_EXIT(hint_twice_and_wish_once(), testing::ExitedWithCode(kHinted), said);
}

TEST_F(Raising, is_silent_if_asked) {
    setenv("CPRIME_QUIET", "1", 1);
    EXPECT_EXIT(hint_twice_and_wish_once(), testing::ExitedWithCode(kHinted), "^$");
    unsetenv("CPRIME_QUIET");
}

#if defined(__SANITIZE_THREAD__)

// Spawns until it is refused, tells how many, lets all of them end, and spawns again.
[[noreturn]] void spawn_too_many() {
    int alive = 0, later = 0;
    run({.workers = 1}, [&] {
        Channel<int> gate("gate");
        std::vector<JoinHandle<void>> handles;
        const auto wait_at_the_gate = [&gate] { static_cast<void>(gate.receive()); };
        try {
            while (alive < 3000) {
                handles.push_back(spawn("one of many", wait_at_the_gate));
                ++alive;
            }
        } catch (const std::bad_alloc&) {
        }
        gate.close();
        for (auto& handle : handles)
            handle.join();
        spawn("later", [&later] { ++later; }).join();
    });
    std::_Exit(alive == 1999 && later == 1 ? 0 : 1);  // the first coroutine is one of the 2,000
}

TEST_F(Raising, under_tsan_more_than_it_bears_are_refused_in_a_sentence) {
    setenv("CPRIME_QUIET", "1", 1);  // that of the classes, not this one
    EXPECT_EXIT(spawn_too_many(), testing::ExitedWithCode(0),
                "^cprime: built with TSan, 2000 coroutines are the most that may live at once [^\n]*\n$");
    unsetenv("CPRIME_QUIET");
}

#endif

}  // namespace
}  // namespace cprime
