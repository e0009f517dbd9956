// spawn_after: after a time, a coroutine, a message; and what is cancelled before it begins.
#include <cprime/spawn_after.h>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, a_function_begins_after_its_time) {
    run([] {
        const auto begun = std::chrono::steady_clock::now();
        auto later = spawn_after(5ms, {.name = "later"}, [] { return std::chrono::steady_clock::now(); });
        EXPECT_EQ(later.name(), "later");
        EXPECT_GE(*later.join() - begun, 5ms);
    });
}

TEST_P(Synchronised, one_that_is_cancelled_before_it_begins_does_not_run) {
    run([] {
        std::atomic<bool> ran{false};
        auto with = spawn_after(1h, [&] { return ran = true; });
        auto without = spawn_after(1h, [&] { ran = true; });
        with.cancel();
        without.cancel();
        EXPECT_EQ(with.join().status(), Status::closed);
        EXPECT_TRUE(without.join());
        EXPECT_FALSE(ran);
    });
}

TEST_P(Synchronised, a_function_begins_after_another_coroutine_with_what_that_returned) {
    run([] {
        auto first = spawn("first", [] {
            static_cast<void>(sleep_for(1ms));
            return 20;
        });
        auto second = spawn_after(std::move(first), [](Result<int> joined) { return *joined + 1; });
        auto third = spawn_after(std::move(second), {.name = "third"},
                                 [](Result<int> joined) { return *joined * 2; });
        EXPECT_EQ(*third.join(), 42);
    });
}

TEST_P(Synchronised, what_the_first_one_throws_is_thrown_by_the_second) {
    run([] {
        auto first = spawn("first", []() -> int { throw std::runtime_error("broken"); });
        auto second = spawn_after(std::move(first), [](Result<int>) { return 1; });
        EXPECT_THROW(static_cast<void>(second.join()), std::runtime_error);
    });
}

TEST_P(Synchronised, a_function_begins_after_a_message_which_is_its_own) {
    run([] {
        auto [out, in] = make_channel<std::unique_ptr<int>>("messages");
        auto after = spawn_after(in, [](std::unique_ptr<int> message) { return *message; });
        EXPECT_TRUE(out.send(std::make_unique<int>(3)));
        EXPECT_EQ(*after.join(), 3);
        auto never = spawn_after(in, [](std::unique_ptr<int> message) { return *message; });
        out.reset();
        EXPECT_EQ(never.join().status(), Status::closed);
    });
}

}  // namespace
}  // namespace cprime::test
