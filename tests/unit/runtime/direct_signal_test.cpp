// Signals that plain functions handle: without a Runtime, and with one that has no signal thread.
#include <cprime/cprime.h>
#include <cprime/direct_signal.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "runtime/entry/runtime_state.h"
#include "runtime/signals/signal_records.h"

namespace cprime::test {
namespace {

std::atomic<int> g_value{0};
std::atomic<pid_t> g_sender{0};
std::atomic<int> g_asked{0};

void note(const SignalInfo& info) {
    errno = EIO;  // a handler may; whom it interrupted must not see it
    g_value = info.value;
    g_sender = info.sender;
}

// What a debug handler says to somebody who types `input`.
std::string answers_to(const std::string& input, const DebugOptions& options) {
    int in[2], out[2];
    EXPECT_EQ(pipe(in) | pipe(out), 0);
    EXPECT_EQ(write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    close(in[1]);
    DebugOptions piped = options;
    piped.input = in[0];
    piped.output = out[1];
    direct_signals().debug(SIGUSR2, piped);
    ::raise(SIGUSR2);
    direct_signals().reset(SIGUSR2);
    close(out[1]);
    close(in[0]);
    std::string text(4096, 0);
    const ssize_t bytes = read(out[0], text.data(), text.size());
    close(out[0]);
    text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return text;
}

TEST(DirectSignals, run_a_plain_function_where_they_arrive) {
    const std::uint64_t before = direct_signals().arrived(SIGUSR1);
    direct_signals().handle(SIGUSR1, &note);
    errno = 0;
    ASSERT_EQ(sigqueue(getpid(), SIGUSR1, {.sival_int = 7}), 0);
    EXPECT_EQ(errno, 0);
    EXPECT_EQ(g_value, 7);
    EXPECT_EQ(g_sender, getpid());
    EXPECT_EQ(direct_signals().arrived(SIGUSR1), before + 1);
    direct_signals().ignore(SIGUSR1);
    ::raise(SIGUSR1);
    EXPECT_EQ(direct_signals().arrived(SIGUSR1), before + 2);
    direct_signals().reset(SIGUSR1);
    struct sigaction now {};
    sigaction(SIGUSR1, nullptr, &now);
    EXPECT_EQ(now.sa_handler, SIG_DFL);
}

TEST(DirectSignals, set_flags_that_loops_look_at) {
    {
        SignalFlag stop(SIGINT), reload(SIGHUP);
        int rounds = 0, reloads = 0;
        while (!stop) {
            if (++rounds == 2) ::raise(SIGHUP);
            if (reload.take()) ++reloads;
            if (rounds == 5) ::raise(SIGINT);
        }
        EXPECT_EQ(rounds, 5);
        EXPECT_EQ(reloads, 1);
        EXPECT_FALSE(reload);
        EXPECT_TRUE(stop.take());
        EXPECT_FALSE(stop);
    }
    struct sigaction now {};
    sigaction(SIGINT, nullptr, &now);
    EXPECT_EQ(now.sa_handler, SIG_DFL);
}

TEST(DirectSignals, ask_what_to_do) {
    static const DebugCommand commands[] = {
        {"poke", "pokes", [](const char* arguments) { g_asked += std::atoi(arguments); }}};
    DebugOptions options;
    options.commands = commands;
    options.commands_count = 1;
    const std::string text = answers_to("help\npoke 41\npoke 1\nnonsense\nstat\n\ncontinue\npoke 1000\n",
                                        options);
    EXPECT_EQ(g_asked, 42);
    EXPECT_NE(text.find("poke  pokes\n"), std::string::npos) << text;
    EXPECT_NE(text.find("unknown command: nonsense"), std::string::npos) << text;
    EXPECT_NE(text.find("no runtime\nsignal "), std::string::npos) << text;
    EXPECT_NE(answers_to("", {}).find("stopped by signal 12"), std::string::npos);  // nobody there: it goes on
    std::string long_line(1000, 'x');
    long_line.append("\ncontinue");
    EXPECT_NE(answers_to(long_line, {}).find("unknown command: xxx"), std::string::npos);
}

TEST(DirectSignals, are_counted_beside_a_runtime_without_a_signal_thread) {
    direct_signals().handle(SIGUSR1, &note);
    {
        Runtime runtime({.workers = 1, .signal_thread = false});
        runtime.run([] {
            kill(getpid(), SIGUSR1);
            while (signals().count(SIGUSR1).finished != 1)
                static_cast<void>(cprime::yield());
        });
        EXPECT_EQ(signals().count(SIGUSR1).arrived, 1U);
        EXPECT_EQ(detail::g_signal_records.of(SIGUSR1).route.load(), coroscope::wire::SignalRoute::kDirect);
        EXPECT_NE(answers_to("stat\ncontinue\n", {}).find(" coroutines alive, "), std::string::npos);
        direct_signals().reset(SIGUSR1);
        EXPECT_EQ(detail::g_signal_records.of(SIGUSR1).route.load(), coroscope::wire::SignalRoute::kSystem);
    }
    direct_signals().handle(SIGUSR1, &note);
    ::raise(SIGUSR1);  // nobody to tell any more
    direct_signals().reset(SIGUSR1);
}

TEST(DirectSignals, are_suspended_while_a_runtime_takes_them) {
    direct_signals().handle(SIGUSR1, &note);
    g_value = 0;
    {
        Runtime runtime({.workers = 1});
        runtime.run([] {
            sigqueue(getpid(), SIGUSR1, {.sival_int = 5});
            while (signals().delivered(SIGUSR1) != 1)
                static_cast<void>(cprime::yield());
        });
        EXPECT_EQ(g_value, 0);
    }
    sigqueue(getpid(), SIGUSR1, {.sival_int = 6});
    EXPECT_EQ(g_value, 6);
    direct_signals().reset(SIGUSR1);
}

TEST(DirectSignalsDeathTest, what_cannot_be_handled_is_refused) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    for (const int number : {SIGKILL, SIGSEGV, 0, 100})
        EXPECT_DEATH(direct_signals().handle(number, &note), "cannot be handled by a plain function")
            << number;
    EXPECT_DEATH(
        {
            const SignalFlag one(SIGUSR1);
            const SignalFlag two(SIGUSR1);
        },
        "it has a SignalFlag already");
    EXPECT_DEATH(
        {
            Runtime runtime({.workers = 1});
            direct_signals().handle(SIGUSR1, &note);
        },
        "SIGUSR1 cannot be handled by a plain function: the Runtime has a signal thread");
}

TEST(DirectSignalsDeathTest, exit_ends_the_process) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT(answers_to("exit\n", {}), testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace cprime::test
