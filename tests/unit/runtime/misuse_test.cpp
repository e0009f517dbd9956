// What a program may not do with handles, and what it gets to hear; and what looks like a mistake and is answered.
#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include "workers_fixture.h"

namespace cprime {
namespace {

constexpr const char* kEmptyHandle =
    "^cprime: join was called on an empty handle \\(default-made, moved from, detached, or joined before\\); "
    "a coroutine is joined once\n$";

class HandleMisuse : public testing::TestWithParam<unsigned> {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    template <typename F>
    static void dies(F&& function, const std::string& saying) {
        const unsigned workers = GetParam();
        EXPECT_EXIT(
            {
                Runtime runtime({.workers = workers});
                runtime.run(std::forward<F>(function));
                _exit(0);
            },
            testing::KilledBySignal(SIGABRT), saying);
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, HandleMisuse, testing::Values(1U, 2U, 4U, 8U),
                         testing::PrintToStringParamName());

TEST_P(HandleMisuse, joining_twice_is_told) {
    dies(
        [] {
            auto handle = spawn("once", [] { return std::string("only once"); });
            handle.join();
            handle.join();
        },
        kEmptyHandle);
}

TEST_P(HandleMisuse, joining_by_a_handle_that_was_never_anybodys_is_told) {
    dies([] { JoinHandle<int>().join(); }, kEmptyHandle);
}

TEST_P(HandleMisuse, joining_what_was_detached_is_told) {
    dies(
        [] {
            auto handle = spawn("alone", [] {});
            handle.detach();
            handle.join();
        },
        kEmptyHandle);
}

TEST_P(HandleMisuse, joining_by_a_handle_that_was_moved_from_is_told) {
    dies(
        [] {
            auto handle = spawn("moves on", [] {});
            auto other = std::move(handle);
            other.join();
            handle.join();  // NOLINT: that is the mistake
        },
        kEmptyHandle);
}

TEST_P(HandleMisuse, a_thread_that_is_no_worker_hears_the_same) {
    EXPECT_EXIT(
        {
            const Runtime runtime({.workers = 1});
            auto handle = spawn("once", [] {});
            handle.join();
            handle.join();
        },
        testing::KilledBySignal(SIGABRT), kEmptyHandle);
}

TEST_P(HandleMisuse, joining_oneself_is_told_with_ones_name) {
    dies(
        [] {
            static JoinHandle<void> self;
            Event known("known");
            self = spawn("narcissus", [&known] {
                static_cast<void>(known.wait());
                self.join();
            });
            known.set();
            static_cast<void>(suspend());
        },
        "^cprime: coroutine [0-9]+ \"narcissus\" joins itself, so that it would wait for itself for ever; "
        "somebody else may join it, or "
        "nobody\n$");
}

TEST_P(HandleMisuse, joining_by_one_handle_from_two_coroutines_is_told) {
    if (GetParam() != 1) GTEST_SKIP() << "on several workers the two may collide before anybody can tell";
    dies(
        [] {
            auto handle = spawn("wanted", [] {
                static_cast<void>(yield());
                return std::string("by two");
            });
            spawn_detached("second", [&handle] { static_cast<void>(handle.join()); });
            static_cast<void>(handle.join());
            static_cast<void>(suspend());
        },
        "^cprime: coroutine [0-9]+ was joined by two at once through one handle; a coroutine is joined once, "
        "by one\n$");
}

class HandleAnswers : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(HandleAnswers);

TEST_P(HandleAnswers, empty_and_ended_handles_answer_what_is_asked_of_them) {
    run([] {
        JoinHandle<int> empty;
        EXPECT_FALSE(empty.joinable());
        EXPECT_FALSE(empty.cancel());
        EXPECT_FALSE(empty.resume());
        EXPECT_TRUE(empty.is_complete());
        EXPECT_EQ(empty.name(), "");
        empty.detach();
        auto ended = spawn("ended", [] { return 7; });
        while (!ended.is_complete())
            static_cast<void>(yield());
        EXPECT_FALSE(ended.cancel());
        EXPECT_FALSE(ended.resume());
        EXPECT_EQ(*ended.join(), 7) << "asking for its end after it came changes nothing";
        EXPECT_FALSE(ended.cancel());
    });
}

TEST_P(HandleAnswers, sending_on_a_closed_channel_is_a_result_and_the_item_stays) {
    run([] {
        auto [sender, receiver] = make_channel<std::string>("closed", 1);
        sender.close();
        sender.close();  // again is nothing
        EXPECT_EQ(sender.send("late").status(), Status::closed);
        EXPECT_EQ(sender.try_send("later").status(), Status::closed);
        EXPECT_EQ(receiver.receive().status(), Status::closed);
    });
}

}  // namespace
}  // namespace cprime
