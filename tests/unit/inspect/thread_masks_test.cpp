// Masks as the kernel tells them: of this very process, of made-up text, and of none.
#include "instrumentation/inspect/thread_masks.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <latch>
#include <thread>

namespace coroscope::inspect {
namespace {

constexpr std::uint64_t bit(int number) {
    return 1ULL << (number - 1);
}

TEST(ThreadMasks, of_this_process_are_as_it_set_them) {
    struct sigaction catches {}, before {};
    catches.sa_handler = [](int) {};
    ASSERT_EQ(sigaction(SIGUSR2, &catches, &before), 0);
    std::latch ready(1), done(1);
    std::thread other([&] {
        pthread_setname_np(pthread_self(), "blocks-usr1");
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        pthread_kill(pthread_self(), SIGUSR1);
        ready.count_down();
        done.wait();
        const timespec at_once{};
        sigtimedwait(&set, nullptr, &at_once);
    });
    ready.wait();
    const auto masks = read_signal_masks(static_cast<std::uint32_t>(getpid()));
    done.count_down();
    other.join();
    sigaction(SIGUSR2, &before, nullptr);
    ASSERT_TRUE(masks.ok()) << masks.error().message;
    EXPECT_NE(masks->caught & bit(SIGUSR2), 0U);
    const auto found = std::find_if(masks->threads.begin(), masks->threads.end(), [](const ThreadMask& t) { return t.name == "blocks-usr1"; });
    ASSERT_NE(found, masks->threads.end());
    EXPECT_NE(found->blocked & bit(SIGUSR1), 0U);
    EXPECT_NE(found->pending & bit(SIGUSR1), 0U);
    EXPECT_EQ(found->pending & bit(SIGUSR2), 0U);
}

TEST(ThreadMasks, a_text_that_is_cut_or_no_status_is_refused) {
    const std::string whole =
        "Name:\tdemo\nSigQ:\t0/1\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000000002\nSigBlk:\t8000000000000000\nSigIgn:\t0000000000001000\n"
        "SigCgt:\t0000000000000400\n";
    ThreadMask thread;
    SignalMasks masks;
    ASSERT_TRUE(parse_thread_status(whole, thread, masks));
    EXPECT_EQ(thread.name, "demo");
    EXPECT_EQ(thread.pending, 1U);
    EXPECT_EQ(thread.blocked, 1ULL << 63);
    EXPECT_EQ(masks.pending, 2U);
    EXPECT_EQ(masks.ignored, bit(SIGPIPE));
    EXPECT_EQ(masks.caught, bit(SIGSEGV));
    const std::size_t last = whole.find("SigCgt");
    for (std::size_t size = 0; size < last; ++size)
        EXPECT_FALSE(parse_thread_status(std::string_view(whole).substr(0, size), thread, masks)) << size;
    EXPECT_FALSE(parse_thread_status("Name:\tx\nSigBlk:\tnonsense\n", thread, masks));
}

TEST(ThreadMasks, of_a_process_that_is_gone_are_an_error_that_names_it) {
    const auto masks = read_signal_masks(0x7fffffff);
    ASSERT_FALSE(masks.ok());
    EXPECT_NE(masks.error().message.find("2147483647"), std::string::npos) << masks.error().message;
}

}  // namespace
}  // namespace coroscope::inspect
