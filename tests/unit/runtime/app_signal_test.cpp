// Application signals: by type, from anywhere, counted; and what happens when stacks for their handlers run out.
#include <cprime/app_signal.h>
#include <cprime/catch_signals.h>
#include <cprime/channel.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "instrumentation/wire/signal.h"
#include "runtime/signals/app_signals.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

struct NetworkDown {
    std::string host;
    std::string message() const { return host; }
};
struct Tick {
    int number = 0;
};

class AppSignals : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(AppSignals);

TEST_P(AppSignals, become_coroutines_that_may_do_anything) {
    run([] {
        auto [out, in] = make_channel<std::string>("hosts");
        signals().handle<NetworkDown>([out = out](const NetworkDown& down) {
            EXPECT_EQ(current_signal().as<NetworkDown>(), &down);
            yield();
            static_cast<void>(out.send(down.host));
        });
        EXPECT_TRUE(notify(NetworkDown{"db1"}));
        EXPECT_EQ(*in.receive(), "db1");
        while (signals().count<NetworkDown>().finished != 1)
            yield();
        signals().handle<NetworkDown>([] {});  // lets go of the channel
    });
}

TEST_P(AppSignals, run_on_the_signal_pool_before_others_and_are_named_after_their_type) {
    run([] {
        std::atomic<bool> handled{false};
        signals().handle<Tick>([&](const Tick&) {
            const std::uint32_t index = detail::cprime_current_worker->current_index;
            EXPECT_EQ(detail::record(index).pool, detail::kPoolSignal);
            EXPECT_EQ(detail::detail(index).priority.load(), coroscope::wire::Priority::kSignal);
            handled = true;
        });
        EXPECT_TRUE(notify(Tick{1}));
        while (!handled)
            yield();
        const std::uint32_t record = detail::g_app_signals.record_of(typeid(Tick));
        EXPECT_GE(record, coroscope::wire::kSignalsMax);
        const auto& shown = detail::g_signal_records.at(record);
        EXPECT_EQ(detail::g_runtime->segment->string(shown.name.load() - 1), "cprime::Tick");
        EXPECT_EQ(shown.route.load(), coroscope::wire::SignalRoute::kCoroutine);
        EXPECT_NE(shown.site.load(), 0U);
    });
}

TEST_P(AppSignals, from_threads_and_coroutines_at_once_are_all_counted) {
    static constexpr int kEach = 500;
    run([] {
        std::atomic<int> handled{0};
        signals().handle<Tick>([&](const Tick&) { handled.fetch_add(1); });
        std::atomic<bool> threads_over{false};
        std::thread other([&] {
            for (int i = 0; i < kEach; ++i)
                EXPECT_TRUE(notify(Tick{i}));
            threads_over = true;
        });
        for (int i = 0; i < kEach; ++i) {
            EXPECT_TRUE(notify(Tick{i}));
            yield();
        }
        while (!threads_over || signals().count<Tick>().finished != 2 * kEach)
            yield();
        other.join();
        EXPECT_EQ(handled.load(), 2 * kEach);
        const SignalCounts counts = signals().count<Tick>();
        EXPECT_EQ(counts.arrived, 2U * kEach);
        EXPECT_EQ(counts.delivered, 2U * kEach);
        EXPECT_EQ(counts.lost, 0U);
    });
}

TEST_P(AppSignals, wait_for_a_handler_that_ends_when_all_stacks_are_taken) {
    static constexpr int kAll = 200;
    Runtime runtime({.workers = GetParam(), .pools = {.signal_slots_max = 2, .emergency_slots = 1}});
    runtime.run([] {
        std::atomic<int> handled{0};
        std::atomic<bool> go{false};
        signals().handle<Tick>([&](const Tick&) {
            while (!go)
                yield();
            handled.fetch_add(1);
        });
        for (int i = 0; i < kAll; ++i)
            EXPECT_TRUE(notify(Tick{i}));
        go = true;
        while (signals().count<Tick>().finished != kAll)
            yield();
        EXPECT_EQ(handled.load(), kAll);
        EXPECT_EQ(signals().count<Tick>().lost, 0U);
        EXPECT_EQ(signals().count<Tick>().delivered, static_cast<unsigned>(kAll));
    });
}

TEST_P(AppSignals, that_nobody_handles_are_counted_as_lost_and_said_when_their_number_grows_tenfold) {
    testing::internal::CaptureStderr();
    run([] {
        for (int i = 0; i < 50; ++i)
            EXPECT_FALSE(notify(Tick{i}));
        EXPECT_EQ(signals().count<Tick>().lost, 50U);
        EXPECT_EQ(signals().count<Tick>().arrived, 50U);
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("signal cprime::Tick is lost (1 so far): nobody handles it"), std::string::npos)
        << said;
    EXPECT_NE(said.find("signal cprime::Tick is lost (10 so far)"), std::string::npos) << said;
    EXPECT_EQ(said.find(" is lost", said.find("(10 so far)")), std::string::npos) << said;
}

TEST_P(AppSignals, without_a_handler_of_their_own_go_to_the_one_for_all) {
    run([] {
        std::atomic<int> unhandled{0}, own{0};
        signals().on_unhandled(
            [&](const AnySignal& signal) { unhandled += signal.as<Tick>() != nullptr ? 1 : 100; });
        signals().handle<NetworkDown>([&] { ++own; });
        EXPECT_TRUE(notify(Tick{1}));
        EXPECT_TRUE(notify(NetworkDown{"a"}));
        while (unhandled + own < 2)
            yield();
        EXPECT_EQ(unhandled.load(), 1);
        EXPECT_EQ(own.load(), 1);
    });
}

TEST_P(AppSignals, raised_where_nobody_recovers_or_joins_are_handled_the_same_way) {
    run([] {
        std::atomic<int> handled{0};
        signals().handle<Tick>([&](const Tick& tick) { handled += tick.number; });
        spawn_detached("raises", [] { raise(Tick{40}); });
        auto dropped = spawn("dropped later", [] { raise(Tick{2}); });
        while (!dropped.is_complete())
            yield();
        dropped.detach();
        while (handled != 42)
            yield();
        EXPECT_EQ(signals().count<Tick>().arrived, 2U);
    });
}

TEST_P(AppSignals, a_handler_that_fails_is_counted_and_what_it_raises_reaches_no_other_handler) {
    testing::internal::CaptureStderr();
    run([] {
        signals().handle<Tick>([](const Tick& tick) {
            if (tick.number == 1) raise(NetworkDown{"in handler"});
            throw std::runtime_error("also");
        });
        signals().handle<NetworkDown>([] { ADD_FAILURE() << "handed on from a handler"; });
        EXPECT_TRUE(notify(Tick{1}));
        EXPECT_TRUE(notify(Tick{2}));
        while (signals().count<Tick>().failed != 2 || signals().count<NetworkDown>().lost != 1)
            yield();
        EXPECT_EQ(signals().count<Tick>().finished, 2U);
        EXPECT_EQ(signals().count<Tick>().delivered, 2U);
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("NetworkDown: in handler"), std::string::npos) << said;
    EXPECT_NE(said.find("because of cprime::Tick"), std::string::npos) << said;
    EXPECT_NE(said.find("also"), std::string::npos) << said;
}

TEST_P(AppSignals, a_handler_may_be_replaced_while_it_runs) {
    run([] {
        std::atomic<int> old_ones{0}, new_ones{0};
        signals().handle<Tick>([&, kept = std::make_shared<int>(7)](const Tick&) {
            signals().handle<Tick>([&](const Tick&) { ++new_ones; });
            yield();
            EXPECT_EQ(*kept, 7);
            ++old_ones;
        });
        EXPECT_TRUE(notify(Tick{1}));
        while (old_ones == 0)
            yield();
        EXPECT_TRUE(notify(Tick{2}));
        while (new_ones == 0)
            yield();
    });
}

}  // namespace
}  // namespace cprime
