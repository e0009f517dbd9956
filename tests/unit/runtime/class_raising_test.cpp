// Classes that are larger than documented say so, once.
#include <gtest/gtest.h>

#include <cprime/runtime.h>

#include <cstdlib>
#include <string>

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

}  // namespace
}  // namespace cprime
