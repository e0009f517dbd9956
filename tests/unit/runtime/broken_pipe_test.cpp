// SIGPIPE, which the kernel sends to the very thread that writes: a worker, mostly, which blocks every other signal.
#include <cprime/cprime.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <vector>

namespace cprime::test {
namespace {

template <typename Condition>
void yield_until(Condition condition) {
    while (!condition())
        static_cast<void>(cprime::yield());
}

// The writing end of a pipe that nobody reads any more.
class BrokenPipe {
public:
    BrokenPipe() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(pipe(ends), 0);
        close(ends[0]);
        to_ = ends[1];
    }
    ~BrokenPipe() { close(to_); }
    BrokenPipe(const BrokenPipe&) = delete;
    BrokenPipe& operator=(const BrokenPipe&) = delete;

    // Whether that is an error of write() and nothing else.
    bool refuses() const { return ::write(to_, "x", 1) == -1 && errno == EPIPE; }

private:
    int to_;
};

class BrokenPipes : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Workers, BrokenPipes, testing::Values(1U, 4U));

TEST_P(BrokenPipes, of_coroutines_come_to_the_handler) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        const BrokenPipe pipe;
        EXPECT_TRUE(pipe.refuses()) << "ignored, as long as nobody handles it";
        std::atomic<int> handled{0};
        signals().handle(SIGPIPE, [&](const SignalInfo& info) {
            EXPECT_EQ(info.sender, getpid());
            ++handled;
        });
        for (int i = 1; i <= 20; ++i) {
            EXPECT_TRUE(pipe.refuses());
            yield_until([&] { return signals().count(SIGPIPE).finished == static_cast<unsigned>(i); });
        }
        EXPECT_EQ(handled.load(), 20);
        EXPECT_EQ(signals().count(SIGPIPE).arrived, 20U);
    });
}

TEST_P(BrokenPipes, of_many_at_once_are_all_counted) {
    static constexpr unsigned kEach = 50, kWriters = 20;
    Runtime runtime({.workers = GetParam(), .signals = SignalHandlers().handle(SIGPIPE, [] {})});
    runtime.run([] {
        const BrokenPipe pipe;
        std::vector<JoinHandle<void>> writers;
        for (unsigned i = 0; i < kWriters; ++i) {
            writers.push_back(spawn("writer", [&pipe] {
                for (unsigned times = 0; times < kEach; ++times) {
                    EXPECT_TRUE(pipe.refuses());
                    static_cast<void>(yield());
                }
            }));
        }
        for (auto& writer : writers)
            writer.join();
        yield_until([] {
            const SignalCounts counts = signals().count(SIGPIPE);
            return counts.arrived == kEach * kWriters && counts.finished + counts.coalesced == counts.arrived;
        });
        EXPECT_EQ(signals().count(SIGPIPE).lost, 0U);
    });
}

TEST_P(BrokenPipes, of_blocking_calls_and_from_outside_come_too) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        signals().handle(SIGPIPE, [] {});
        const BrokenPipe pipe;
        EXPECT_TRUE(*blocking([&pipe] { return pipe.refuses(); }));
        yield_until([] { return signals().count(SIGPIPE).finished == 1; });
        ASSERT_EQ(kill(getpid(), SIGPIPE), 0);
        yield_until([] { return signals().count(SIGPIPE).finished == 2; });
    });
}

TEST_P(BrokenPipes, are_ignored_again_after_a_reset) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        signals().handle(SIGPIPE, [] { ADD_FAILURE() << "it was reset"; }).reset(SIGPIPE);
        const BrokenPipe pipe;
        EXPECT_TRUE(pipe.refuses());
        EXPECT_EQ(signals().count(SIGPIPE).arrived, 0U);
    });
}

// Its default would end the process.
TEST_P(BrokenPipes, end_nobody_while_the_last_coroutines_end) {
    struct sigaction now {};
    sigaction(SIGPIPE, nullptr, &now);
    ASSERT_EQ(now.sa_handler, SIG_DFL);
    const BrokenPipe pipe;
    int refused = 0;
    {
        Runtime runtime({.workers = GetParam(), .signals = SignalHandlers().handle(SIGPIPE, [] {})});
        runtime.run([&] { at_shutdown(1, [&] { refused += pipe.refuses() ? 1 : 0; }); });
    }
    EXPECT_EQ(refused, 1);
    sigaction(SIGPIPE, nullptr, &now);
    EXPECT_EQ(now.sa_handler, SIG_DFL) << "as it was before";
}

TEST_P(BrokenPipes, without_the_signal_thread_end_no_process_either) {
    Runtime runtime({.workers = GetParam(), .signal_thread = false});
    runtime.run([] {
        const BrokenPipe pipe;
        EXPECT_TRUE(pipe.refuses());
    });
}

}  // namespace
}  // namespace cprime::test
