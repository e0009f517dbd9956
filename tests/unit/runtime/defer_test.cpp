// Defers: at the end of a scope, at unwinding, at cancellation, and where a coroutine is abandoned with its frames standing.
#include <cprime/catch_signals.h>
#include <cprime/coroutine.h>
#include <cprime/defer.h>

#include <atomic>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>

#include "runtime/by_hand/whereabouts.h"
#include "runtime/signals/nests.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

struct Alarm {};

class Defers : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Defers);

TEST_P(Defers, run_last_in_first_out_at_the_end_of_their_scope) {
    run([] {
        std::string order;
        {
            const auto first = defer([&] { order += '1'; });
            const auto second = defer([&] { order += '2'; });
            yield();
            order += 'b';
        }
        EXPECT_EQ(order, "b21");
    });
}

TEST_P(Defers, run_once_when_run_early_and_never_when_dismissed) {
    run([] {
        int early = 0, never = 0, last = 0;
        {
            const auto outer = defer([&] { ++last; });
            auto first = defer([&] { ++early; });
            auto second = defer([&] { ++never; });
            first.run_now();  // from the midst of the list
            second.dismiss();
            first.run_now();
            EXPECT_EQ(early, 1);
        }
        EXPECT_EQ(early, 1);
        EXPECT_EQ(never, 0);
        EXPECT_EQ(last, 1);
    });
}

TEST_P(Defers, run_when_an_exception_a_signal_or_a_cancellation_ends_the_scope) {
    run([] {
        std::atomic<int> ran{0};
        EXPECT_THROW(
            {
                const auto last = defer([&] { ++ran; });
                throw std::runtime_error("out");
            },
            std::runtime_error);
        catch_signals<Alarm>([&] {
            const auto last = defer([&] { ++ran; });
            raise(Alarm{});
        }).recover([](const Alarm&) {});
        auto sleeper = spawn("sleeper", [&] {
            const auto last = defer([&] { ++ran; });
            static_cast<void>(suspend());
        });
        yield();
        sleeper.cancel();
        sleeper.join();
        EXPECT_EQ(ran.load(), 3);
    });
}

TEST_P(Defers, that_throw_say_so_and_the_next_one_runs) {
    testing::internal::CaptureStderr();
    run([] {
        bool ran = false;
        {
            const auto first = defer([&] { ran = true; });
            const auto second = defer([] { throw std::runtime_error("no"); });
        }
        EXPECT_TRUE(ran);
    });
    EXPECT_NE(testing::internal::GetCapturedStderr().find("what was deferred threw: no\n"), std::string::npos);
}

std::uint32_t running_index() {
    return detail::cprime_current_worker->current_index;
}

// As whoever abandons a coroutine does. It comes back here, so its scopes must find their list again.
detail::RanDefers run_as_if_abandoned() {
    detail::Nest* const list = detail::running_nests();
    const detail::RanDefers ran = detail::run_defers(running_index());
    EXPECT_EQ(detail::running_nests(), nullptr);
    EXPECT_EQ(detail::run_defers(running_index()).ran, 0U) << "nobody runs twice";
    detail::running_nests() = list;
    return ran;
}

TEST_P(Defers, of_an_abandoned_coroutine_run_newest_first_with_scopes_between_them) {
    testing::internal::CaptureStderr();
    run([] {
        std::string order;
        const auto first = defer([&] { order += '1'; });
        catch_signals<Alarm>([&] {
            const auto second = defer([&] { order += '2'; });
            const auto bad = defer([] { throw 7; });
            const auto third = defer([&] { order += '3'; });
            const detail::RanDefers ran = run_as_if_abandoned();
            EXPECT_EQ(order, "321");
            EXPECT_EQ(ran.ran, 4U);
            EXPECT_EQ(ran.failed, 1U);
            EXPECT_TRUE(ran.whole);
        }).recover([](const Alarm&) {});
    });
    EXPECT_NE(testing::internal::GetCapturedStderr().find("no std::exception"), std::string::npos);
}

TEST_P(Defers, of_a_coroutine_by_hand_and_of_who_resumes_it_run_in_that_order) {
    run([] {
        std::string order;
        const auto outer = defer([&] { order += 'o'; });
        Coroutine<int, int> inner([&](auto& self, int) -> int {
            const auto first = defer([&] { order += '1'; });
            self.yield(0);
            const auto second = defer([&] { order += '2'; });
            detail::Nest* const resumers = detail::by_hand_of(running_index())->nests;
            const detail::RanDefers ran = run_as_if_abandoned();
            detail::by_hand_of(running_index())->nests = resumers;
            EXPECT_EQ(ran.ran, 3U);
            EXPECT_EQ(order, "21o");
            return 1;
        });
        {
            const auto between = defer([&] { order += 'b'; });
            static_cast<void>(inner.resume(1));
        }
        EXPECT_EQ(order, "b") << "what the body put up is not its resumer's";
        order.clear();
        EXPECT_EQ(*inner.resume(2), 1);
        EXPECT_EQ(order, "21o21");
    });
}

TEST_P(Defers, behind_a_damaged_one_do_not_run_and_that_is_said) {
    testing::internal::CaptureStderr();
    run([] {
        std::string order;
        const auto first = defer([&] { order += '1'; });
        const auto second = defer([&] { order += '2'; });
        const auto third = defer([&] { order += '3'; });
        detail::Nest* const hurt = detail::running_nests()->outer;
        detail::Nest* const outer_of_it = hurt->outer;
        hurt->outer = reinterpret_cast<detail::Nest*>(0x10);  // where nothing is
        const detail::RanDefers ran = run_as_if_abandoned();
        EXPECT_FALSE(ran.whole);
        EXPECT_EQ(ran.ran, 1U);
        EXPECT_EQ(order, "3");
        hurt->outer = outer_of_it;
    });
    EXPECT_NE(testing::internal::GetCapturedStderr().find("deferred is damaged at 0x"), std::string::npos);
}

using DefersDeathTest = Defers;
INSTANTIATE_TEST_SUITE_P(Workers, DefersDeathTest, testing::Values(1U), testing::PrintToStringParamName());

TEST_P(DefersDeathTest, that_end_in_another_coroutine_are_a_sentence) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_DEATH(run([] {
                     using Moved = Defer<void (*)()>;
                     alignas(Moved) static std::byte memory[sizeof(Moved)];
                     spawn("makes", [] { ::new (memory) Moved([] {}); }).join();
                     reinterpret_cast<Moved*>(memory)->~Moved();
                 }),
                 "ended in another coroutine than the one that made it");
}

}  // namespace
}  // namespace cprime
