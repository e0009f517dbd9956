// Joining: results, order, several at once, and cancellation of the one who waits.
#include <memory>
#include <string>
#include <thread>

#include "workers_fixture.h"

namespace cprime {
namespace {

class Join : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Join);

TEST_P(Join, hands_the_result_over_even_after_the_coroutine_is_gone) {
    run([] {
        auto slow = spawn("slow", [] {
            for (int i = 0; i < 10; ++i)
                yield();
            return std::string("slow");
        });
        auto quick = spawn("quick", [] { return std::make_unique<int>(5); });
        for (int i = 0; i < 100; ++i)
            yield();
        EXPECT_EQ(**quick.join(), 5);
        EXPECT_EQ(*slow.join(), "slow");
        EXPECT_FALSE(slow.joinable());
    });
}

TEST_P(Join, a_cancelled_joiner_is_told_and_keeps_its_handle) {
    run([] {
        auto target = spawn("target", [] { sleep_for(std::chrono::hours(1)); });
        Status told = Status::ok;
        bool still = false;
        auto joiner = spawn("joiner", [&, handle = std::move(target)]() mutable {
            told = handle.join().status();
            still = handle.joinable();
            handle.cancel();
        });
        for (int i = 0; i < 20; ++i)
            yield();
        EXPECT_TRUE(joiner.cancel());
        joiner.join();
        EXPECT_EQ(told, Status::cancelled);
        EXPECT_TRUE(still);
    });
}

TEST_P(Join, chains_of_joiners_unwind) {
    run([] {
        JoinHandle<int> last = spawn("0", [] { return 0; });
        for (int i = 1; i <= 200; ++i) {
            last = spawn("next", [previous = std::move(last)]() mutable { return *previous.join() + 1; });
        }
        EXPECT_EQ(*last.join(), 200);
    });
}

TEST_P(Join, a_stale_handle_never_joins_the_next_owner_of_the_record) {
    run([] {
        for (int i = 0; i < 300; ++i) {
            auto first = spawn("first", [] {});
            while (detail::g_runtime->scheduler.alive() > 1)
                yield();
            auto second = spawn("second",
                                [] { sleep_for(std::chrono::hours(1)); });  // most likely the same record
            EXPECT_FALSE(first.cancel());
            first.join();
            EXPECT_TRUE(second.cancel());
            second.join();
        }
    });
}

TEST_P(Join, a_function_that_ends_by_cancelled_has_no_value) {
    run([] {
        auto handle = spawn("cancelled", []() -> int {
            while (true) {
                yield();
                check_cancelled();
            }
        });
        handle.cancel();
        const auto result = handle.join();
        EXPECT_FALSE(result);
        EXPECT_EQ(result.status(), Status::closed);
    });
}

TEST_P(Join, dropping_the_handle_lets_the_coroutine_run_on) {
    bool ran = false;
    run([&ran] {
        auto handle = spawn("dropped", [&ran] {
            for (int i = 0; i < 5; ++i)
                yield();
            ran = true;
            return std::string(100, 'x');
        });
        handle.detach();
        EXPECT_FALSE(handle.joinable());
    });
    EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace cprime
