// A million real-time signals, sent as fast as the kernel takes them: each is handled once, and what the kernel refused is known exactly.
//
//   CPRIME_STRESS_SIGNALS=N   how many instead
#include <cprime/cprime.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSignals = 20'000;
#else
constexpr int kSignals = 1'000'000;
#endif

int signals_to_send() {
    const char* asked = std::getenv("CPRIME_STRESS_SIGNALS");
    return asked != nullptr ? std::atoi(asked) : kSignals;
}

TEST(SignalStress, a_million_real_time_signals_are_handled_once_each) {
    const int many = signals_to_send();
    ASSERT_GT(many, 0);
    const auto times = std::make_unique<std::atomic<std::uint8_t>[]>(static_cast<std::size_t>(many));
    std::uint64_t accepted = 0, refused = 0;
    cprime::Runtime runtime({.workers = 2});
    std::thread sender;
    const auto begin = std::chrono::steady_clock::now();
    runtime.run([&] {
        cprime::signals().handle(
            SIGRTMIN, [&](const cprime::SignalInfo& info) { ++times[static_cast<std::size_t>(info.value)]; },
            cprime::SignalComplexity::micro);
        sender = std::thread([&] {
            while (accepted < static_cast<std::uint64_t>(many)) {
                if (sigqueue(getpid(), SIGRTMIN, {.sival_int = static_cast<int>(accepted)}) == 0) {
                    ++accepted;
                } else {
                    ASSERT_EQ(errno, EAGAIN);
                    ++refused;
                    sched_yield();
                }
            }
        });
        while (cprime::signals().count(SIGRTMIN).finished != static_cast<std::uint64_t>(many))
            static_cast<void>(cprime::yield());
    });
    sender.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const cprime::SignalCounts counts = cprime::signals().count(SIGRTMIN);
    std::printf("%d signals in %.2f s, %.2f us each; %llu more were refused by the kernel\n", many, seconds,
                seconds / many * 1e6, static_cast<unsigned long long>(refused));
    EXPECT_EQ(counts.arrived, accepted);
    EXPECT_EQ(counts.delivered, accepted);
    EXPECT_EQ(counts.finished, accepted);
    EXPECT_EQ(counts.failed + counts.lost + counts.coalesced, 0U);
    for (int i = 0; i < many; ++i)
        ASSERT_EQ(times[static_cast<std::size_t>(i)], 1) << i;
}

}  // namespace
