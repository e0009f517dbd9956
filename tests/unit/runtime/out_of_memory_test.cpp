// OutOfMemory: raised at a spawn without a stack and by operator new, answered once at a time, and recovered from.
#include <cprime/channel.h>
#include <cprime/idle.h>
#include <cprime/out_of_memory.h>
#include <cprime/pools.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;

class OutOfMemoryTest : public testing::TestWithParam<unsigned> {};
INSTANTIATE_WITH_WORKERS(OutOfMemoryTest);

TEST_P(OutOfMemoryTest, is_raised_by_a_spawn_without_a_stack_and_its_handler_reaps_who_is_idle) {
    Runtime runtime(
        {.workers = GetParam(), .pools = {.medium = {.slots_max = 20, .when_full = WhenFull::error}}});
    runtime.run([] {
        std::atomic<int> answered{0};
        std::string_view pool;
        signals().handle<OutOfMemory>([&](const OutOfMemory& out) {
            EXPECT_EQ(out.source, OutOfMemory::Source::stacks);
            pool = out.pool;
            reap_idle(0s);
            trim();
            answered.fetch_add(1);
        });
        auto [sender, receiver] = make_channel<int>("nobody sends");
        int made = 0;
        for (int i = 0; i < 50; ++i) {
            while (true) {
                try {
                    spawn_detached({.name = "idles", .size_class = size_class::medium},
                                   [in = receiver] { static_cast<void>(in.receive()); });
                    ++made;
                    break;
                } catch (const std::bad_alloc&) {
                    yield();
                }
            }
        }
        EXPECT_EQ(made, 50);
        while (answered.load() < 2)
            yield();  // 20 stacks for 50 take two reapings; the second may not have come to its end yet
        EXPECT_EQ(pool, "medium");
        receiver.reset();
        sender.reset();
        shutdown();
        const SignalCounts counts = signals().count<OutOfMemory>();
        EXPECT_EQ(counts.arrived, counts.delivered + counts.coalesced);
        EXPECT_EQ(counts.lost, 0U);
    });
}

TEST_P(OutOfMemoryTest, without_a_handler_a_spawn_fails_as_ever) {
    Runtime runtime(
        {.workers = GetParam(), .pools = {.medium = {.slots_max = 1, .when_full = WhenFull::error}}});
    runtime.run([] {
        auto first = spawn({.size_class = size_class::medium}, [] { static_cast<void>(suspend()); });
        EXPECT_THROW(spawn_detached({.size_class = size_class::medium}, [] {}), std::bad_alloc);
        EXPECT_EQ(signals().count<OutOfMemory>().arrived, 0U);
        first.cancel();
        first.join();
    });
}

// More than any machine has: refused without touching anything.
constexpr std::size_t kTooMuch = std::size_t{1} << 46;

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // these end the program at such a request

TEST_P(OutOfMemoryTest, an_allocation_that_stays_in_vain_throws_after_the_handler_was_asked) {
    Runtime runtime({.workers = GetParam()});
    const std::new_handler before = std::get_new_handler();
    runtime.run([] {
        std::atomic<int> answered{0};
        signals().handle<OutOfMemory>([&](const OutOfMemory& out) {
            EXPECT_EQ(out.source, OutOfMemory::Source::allocator);
            EXPECT_THROW(static_cast<void>(::operator new(kTooMuch)), std::bad_alloc)
                << "in the handler itself nothing waits";
            answered.fetch_add(1);
        });
        answer_failed_allocations();
        EXPECT_THROW(static_cast<void>(::operator new(kTooMuch)), std::bad_alloc);
        EXPECT_GE(answered.load(), 1);
    });
    static_cast<void>(before);
}

TEST_P(OutOfMemoryTest, on_other_threads_an_allocation_throws_at_once_and_the_old_handler_comes_back) {
    const std::new_handler before = std::get_new_handler();
    {
        Runtime runtime({.workers = GetParam()});
        signals().handle<OutOfMemory>([] { ADD_FAILURE(); });
        answer_failed_allocations();
        EXPECT_NE(std::get_new_handler(), before);
        EXPECT_THROW(static_cast<void>(::operator new(kTooMuch)), std::bad_alloc);
    }
    EXPECT_EQ(std::get_new_handler(), before);
}

#endif

}  // namespace
}  // namespace cprime
