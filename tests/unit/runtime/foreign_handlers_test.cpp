// Handlers that others install in the way of the runtime are found and named.
#include <cprime/cprime.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>

#include "runtime/entry/runtime_state.h"
#include "runtime/signals/signal_records.h"

// What a library would do. Named by what the program exports.
extern "C" void foreign_library_handler(int /*number*/) {}

namespace cprime::test {
namespace {

using namespace std::chrono_literals;
namespace wire = coroscope::wire;

void install(int number, int flags) {
    struct sigaction action {};
    action.sa_handler = &foreign_library_handler;
    action.sa_flags = flags;
    sigaction(number, &action, nullptr);
}

std::uint8_t flags_of(int number) {
    return detail::g_signal_records.of(number).flags.load();
}
std::string handler_of(int number) {
    const std::uint32_t string = detail::g_signal_records.of(number).handler.load();
    return string == 0 ? "" : std::string(detail::g_runtime->segment->string(string - 1));
}

template <typename Condition>
void sleep_until(Condition condition) {
    while (!condition())
        static_cast<void>(sleep_for(20ms));
}

TEST(ForeignHandlers, without_an_alternate_stack_are_found_when_the_runtime_starts) {
    install(SIGWINCH, 0);
    install(SIGURG, SA_ONSTACK);
    {
        Runtime runtime({.workers = 1});
        runtime.run([] { sleep_until([] { return flags_of(SIGWINCH) != 0; }); });
        EXPECT_EQ(flags_of(SIGWINCH), wire::kSignalForeign | wire::kSignalNoAlternateStack);
        EXPECT_NE(handler_of(SIGWINCH).find("foreign_library_handler in "), std::string::npos)
            << handler_of(SIGWINCH);
        EXPECT_EQ(flags_of(SIGURG), wire::kSignalForeign);
        for (const int own : {SIGINT, SIGTERM, SIGUSR1, SIGSEGV, SIGBUS})
            EXPECT_EQ(flags_of(own), 0) << own;
    }
    for (const int number : {SIGWINCH, SIGURG})
        signal(number, SIG_DFL);
}

TEST(ForeignHandlers, of_a_signal_that_the_runtime_takes_are_found_while_it_runs) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        signals().handle(SIGUSR2, [] {});
        install(SIGUSR2, SA_ONSTACK);
        sleep_until([] { return flags_of(SIGUSR2) == wire::kSignalForeign; });
        EXPECT_NE(handler_of(SIGUSR2).find("foreign_library_handler"), std::string::npos);
    });
}

TEST(ForeignHandlersDeathTest, are_said_once) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT(
        {
            Runtime runtime({.workers = 1});
            runtime.run([] {
                install(SIGTERM, 0);
                sleep_until([] { return flags_of(SIGTERM) != 0; });
            });
            std::_Exit(0);
        },
        testing::ExitedWithCode(0),
        "SIGTERM has a handler that is not the runtime's: foreign_library_handler in .*, without SA_ONSTACK; "
        "let "
        "cprime::signals\\(\\) handle it");
}

}  // namespace
}  // namespace cprime::test
