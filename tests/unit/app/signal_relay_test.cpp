// Signals reach the recorded program; without one they stop the recording.
#include "app/cli/signal_relay.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

namespace coroscope::app {
namespace {

// True once the flag is set; gives up after ten seconds.
bool becomes_true(const std::atomic<bool>& flag) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!flag.load() && std::chrono::steady_clock::now() < end)
        std::this_thread::yield();
    return flag.load();
}

// A child that waits for a signal with its default action.
pid_t waiting_child() {
    const pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        alarm(20);  // never left behind
        for (;;)
            pause();
    }
    return pid;
}

TEST(SignalRelay, without_a_program_a_signal_stops_the_recording) {
    std::atomic<bool> stop{false};
    SignalRelay relay(&stop);
    ASSERT_EQ(kill(getpid(), SIGTERM), 0);
    EXPECT_TRUE(becomes_true(stop));
}

TEST(SignalRelay, with_a_program_the_signal_is_the_programs) {
    std::atomic<bool> stop{false};
    SignalRelay relay(&stop);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        const pid_t pid = waiting_child();
        ASSERT_GT(pid, 0);
        relay.forward_to(pid);
        ASSERT_EQ(kill(getpid(), number), 0);
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        EXPECT_TRUE(WIFSIGNALED(status));
        EXPECT_EQ(WTERMSIG(status), number);
    }
    EXPECT_FALSE(stop.load());
}

TEST(SignalRelay, once_the_program_has_ended_a_signal_stops_the_recording) {
    std::atomic<bool> stop{false}, signalled{false};
    SignalRelay relay({.stop = &stop, .dumps = nullptr, .signalled = &signalled});
    const pid_t pid = waiting_child();
    ASSERT_GT(pid, 0);
    relay.forward_to(pid);
    ASSERT_EQ(kill(getpid(), SIGTERM), 0);
    EXPECT_TRUE(becomes_true(signalled));
    siginfo_t ended{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);  // it ends, and nobody has taken note
    EXPECT_FALSE(stop.load());
    ASSERT_EQ(kill(getpid(), SIGTERM), 0);
    EXPECT_TRUE(becomes_true(stop));
    ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
}

// As at the end of `coroscope record`: whoever asks once more must not take its exit status away.
TEST(SignalRelay, a_signal_after_its_end_does_not_kill_before_the_exit_status_is_told) {
    const pid_t pid = fork();
    if (pid == 0) {
        {
            std::atomic<bool> stop{false};
            SignalRelay relay(&stop);
        }
        for (const int number : {SIGTERM, SIGINT, SIGHUP})
            kill(getpid(), number);
        _exit(3);
    }
    ASSERT_GT(pid, 0);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 3);
}

}  // namespace
}  // namespace coroscope::app
