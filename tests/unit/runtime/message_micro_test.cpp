// Calls, broadcasts and tokens fit a Micro stack of 256 bytes, in code that is optimised, be it for debugging (-Og).
#include <ostream>

#include "instrumentation/wire/pool.h"
#include "message_micro_body.h"
#include "runtime/switch/sanitizer.h"
#include "sync_fixture.h"

namespace cprime::test {
namespace {

struct Level {
    const char* name;
    MessageMicroBodies (*bodies)();
};
void PrintTo(const Level& level, std::ostream* out) {
    *out << level.name;
}

class MicroMessages : public testing::TestWithParam<Level> {
protected:
    // Waits until the coroutine is parked; bytes of its slot that are in use then.
    static void expect_to_fit(const JoinHandle<void>& handle, const char* call) {
        std::uint32_t index = 0;
        while (detail::detail(index).identity != handle.id())
            ++index;
        const wire::CoroutineRecord& parked = detail::record(index);
        while (parked.state != wire::CoroutineState::kParked)
            static_cast<void>(cprime::yield());
        EXPECT_EQ(parked.pool, static_cast<std::uint8_t>(wire::SizeClass::kMicro)) << call;
        const std::uint64_t used_bytes = detail::g_runtime->pools.bounds(parked.pool, parked.slot).high -
                                         parked.rsp;
        RecordProperty(call, static_cast<int>(used_bytes));
        if (!detail::kSanitizer) {
            EXPECT_LE(used_bytes, 256U - 16U) << call;
        }
    }
};
INSTANTIATE_TEST_SUITE_P(levels, MicroMessages,
                         testing::Values(Level{"Og", &message_micro_bodies_Og},
                                         Level{"O1", &message_micro_bodies_O1},
                                         Level{"O2", &message_micro_bodies_O2},
                                         Level{"O3", &message_micro_bodies_O3}),
                         [](const auto& level) { return level.param.name; });

TEST_P(MicroMessages, calling_fits) {
    Runtime runtime({.workers = 1});
    const MessageMicroBodies bodies = GetParam().bodies();
    std::atomic<long> sum{0};
    runtime.run([&] {
        auto [caller, server] = call_channel<int, int>("numbers");
        auto serving = bodies.serve(server);
        auto unanswered = call_channel<int, int>("unanswered");
        auto waiting = bodies.call(unanswered.caller, 1, sum);
        expect_to_fit(waiting, "call");
        waiting.cancel();
        EXPECT_TRUE(waiting.join());
        auto calling = bodies.call(caller, 100, sum);
        EXPECT_TRUE(calling.join());
        caller.reset();
        EXPECT_TRUE(serving.join());
    });
    EXPECT_EQ(sum, 100 * 101 / 2);
}

TEST_P(MicroMessages, publishing_and_reading_fit) {
    Runtime runtime({.workers = 1});
    const MessageMicroBodies bodies = GetParam().bodies();
    std::atomic<long> sum{0};
    runtime.run([&] {
        Broadcast<int> numbers("numbers", 2);
        Subscriber<int> inbox = numbers.subscribe();
        auto publishing = bodies.publish(numbers, 100);
        expect_to_fit(publishing, "publish");
        auto reading = bodies.read(inbox, sum);
        EXPECT_TRUE(publishing.join());
        expect_to_fit(reading, "read");
        numbers.close();
        EXPECT_TRUE(reading.join());
    });
    EXPECT_EQ(sum, 100 * 99 / 2);
}

TEST_P(MicroMessages, waiting_for_a_token_fits) {
    Runtime runtime({.workers = 1});
    const MessageMicroBodies bodies = GetParam().bodies();
    std::atomic<long> sum{0};
    runtime.run([&] {
        const CancelSource stop("stop");
        const CancelToken token = stop.token();
        auto watching = bodies.watch(token, sum);
        expect_to_fit(watching, "watch");
        stop.cancel();
        EXPECT_TRUE(watching.join());
    });
    EXPECT_EQ(sum, 1);
}

}  // namespace
}  // namespace cprime::test
