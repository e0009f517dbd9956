// Cancellation tokens: trees, waits, selects, coroutines under a source, and who comes too late.
#include <cprime/cancel_token.h>
#include <cprime/select.h>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, cancelling_asks_everybody_under_it_to_end_and_nobody_else) {
    run([] {
        CancelSource stop("stop"), other("other");
        std::vector<JoinHandle<Status>> under;
        for (int i = 0; i < 100; ++i)
            under.push_back(spawn({.name = "under", .cancel = stop}, [] { return sleep_for(1h).status(); }));
        auto spared = spawn({.name = "spared", .cancel = other}, [] { return cprime::suspend().status(); });
        for (int i = 0; i < 10; ++i)
            static_cast<void>(yield());
        EXPECT_FALSE(stop.cancelled());
        stop.cancel();
        stop.cancel();
        EXPECT_TRUE(stop.token().cancelled());
        for (auto& one : under)
            EXPECT_EQ(*one.join(), Status::cancelled);
        EXPECT_FALSE(other.cancelled());
        while (!spared.resume())
            static_cast<void>(yield());
        EXPECT_EQ(*spared.join(), Status::ok);
    });
}

TEST_P(Synchronised, what_is_spawned_or_made_under_it_later_is_cancelled_from_its_start) {
    run([] {
        CancelSource stop;
        CancelSource before(stop.token());
        stop.cancel();
        CancelSource after(stop.token());
        EXPECT_TRUE(before.cancelled());
        EXPECT_TRUE(after.cancelled());
        EXPECT_TRUE(after.token().wait());
        for (const CancelSource& source : {stop, before, after}) {
            auto late = spawn({.cancel = source}, [] { return cancel_requested() && !sleep_for(1h); });
            EXPECT_TRUE(*late.join());
        }
        auto by_token = spawn({.cancel = after.token()}, [] { return cancel_requested(); });
        EXPECT_TRUE(*by_token.join());
        auto by_none = spawn({.cancel = CancelToken()}, [] { return cancel_requested(); });
        EXPECT_FALSE(*by_none.join());
    });
}

TEST_P(Synchronised, a_child_is_cancelled_with_its_parent_and_leaves_it_alone) {
    run([] {
        CancelSource root("root");
        CancelSource left(root.token(), "left"), right(root.token(), "right");
        CancelSource leaf(left.token(), "leaf");
        left.cancel();
        EXPECT_TRUE(leaf.cancelled());
        EXPECT_FALSE(root.cancelled());
        EXPECT_FALSE(right.cancelled());
        { const CancelSource gone(right.token()); }
        const CancelToken of_nobody = CancelSource(right.token()).token();
        root.cancel();
        EXPECT_TRUE(right.cancelled());
        EXPECT_TRUE(of_nobody.cancelled()) << "a token keeps its place in the tree";
    });
}

TEST_P(Synchronised, waits_and_selects_end_when_it_is_cancelled) {
    run([] {
        CancelSource stop("stop");
        Channel<int> never("never");
        auto waiting = spawn("wait", [token = stop.token()] { return token.wait().status(); });
        auto selecting = spawn("select", [token = stop.token(), never] {
            int item = 0;
            const auto fired = select(on_receive(never, item), on_cancelled(token));
            return fired.arm == 1 && fired.status == Status::closed;
        });
        EXPECT_EQ(stop.token().wait_for(1ms).status(), Status::timed_out);
        auto asked = spawn("asked", [token = stop.token()] { return token.wait().status(); });
        asked.cancel();
        EXPECT_EQ(*asked.join(), Status::cancelled);
        stop.cancel();
        EXPECT_EQ(*waiting.join(), Status::ok);
        EXPECT_TRUE(*selecting.join());
        EXPECT_TRUE(stop.token().wait_for(1h));
    });
}

TEST_P(Synchronised, cancelling_while_coroutines_begin_and_end_is_safe) {
    run([] {
        for (int round = 0; round < kRounds / 50; ++round) {
            CancelSource stop("stop");
            CancelSource child(stop.token());
            std::atomic<int> ended{0};
            std::vector<JoinHandle<void>> all;
            for (int i = 0; i < 20; ++i) {
                all.push_back(spawn({.cancel = i % 2 == 0 ? stop : child}, [i, &ended] {
                    for (int n = 0; n < i; ++n)
                        static_cast<void>(yield());
                    if (i % 3 == 0) static_cast<void>(sleep_for(1h));
                    ++ended;
                }));
                if (i == round % 20) stop.cancel();
            }
            for (auto& one : all)
                EXPECT_TRUE(one.join());
            EXPECT_EQ(ended, 20);
        }
    });
}

TEST_P(Synchronised, threads_cancel_and_wait) {
    Runtime runtime({.workers = GetParam()});
    CancelSource stop("stop"), back("back");
    std::thread thread([&, token = back.token()] {
        stop.cancel();
        EXPECT_TRUE(token.wait());
    });
    runtime.run([&] {
        EXPECT_TRUE(stop.token().wait());
        back.cancel();
    });
    thread.join();
}

TEST(CancelSourceOfTheRuntimeBefore, can_still_be_cancelled_and_goes) {
    std::optional<CancelSource> stop;
    std::optional<CancelToken> token;
    {
        Runtime runtime({.workers = 1});
        stop.emplace("stop");
        token.emplace(stop->token());
    }
    stop->cancel();
    EXPECT_TRUE(token->cancelled());
}

}  // namespace
}  // namespace cprime::test
