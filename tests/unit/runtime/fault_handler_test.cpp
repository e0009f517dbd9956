// Handlers that fault: of signals, of the program's own, of faults. Each is abandoned as any coroutine is, and what became of its signal adds up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cprime/cprime.h>

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <tuple>

#include "runtime/entry/runtime_state.h"
#include "runtime/signals/app_signals.h"
#include "runtime/signals/signal_records.h"

#ifdef __SANITIZE_ADDRESS__
// What frames that a fault has ended own is not freed: the signals and handlers that they held are leaks, as cprime/fault.h says.
extern "C" int __lsan_is_turned_off() {
    return 1;
}
#endif

namespace cprime {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

[[gnu::noinline, gnu::no_sanitize("address", "thread", "undefined")]] void write_to(volatile int* where) {
    *where = 1;
}
[[gnu::noinline]] void fault() {
    write_to(nullptr);
}

template <typename Condition>
void yield_until(Condition condition) {
    while (!condition())
        static_cast<void>(yield());
}

// What a function says on stderr.
template <typename F>
std::string said(F&& function) {
    testing::internal::CaptureStderr();
    function();
    return testing::internal::GetCapturedStderr();
}

struct Tick {
    int number = 0;
};

void expect_counts(const SignalCounts& counts, unsigned delivered, unsigned failed) {
    EXPECT_EQ(counts.arrived, delivered);
    EXPECT_EQ(counts.delivered, delivered);
    EXPECT_EQ(counts.finished, delivered);
    EXPECT_EQ(counts.failed, failed);
    EXPECT_EQ(counts.lost + counts.coalesced, 0U);
}

class FaultInHandler : public testing::TestWithParam<std::tuple<unsigned, std::optional<std::uint64_t>>> {
protected:
    static RuntimeOptions options() {
        const auto [workers, chaos] = GetParam();
        return {.workers = workers,
                .chaos = chaos,
                .stall_report_ms = 0,
                .faults = {.policy = FaultPolicy::abandon}};
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, FaultInHandler,
                         testing::Combine(testing::Values(1U, 4U),
                                          testing::Values(std::optional<std::uint64_t>(),
                                                          std::optional<std::uint64_t>(1),
                                                          std::optional<std::uint64_t>(7))));

TEST_P(FaultInHandler, of_a_signal_of_the_system_is_counted_as_failed_and_the_others_go_on) {
    static constexpr int kSignals = 60;
    const std::string text = said([] {
        run(options(), [] {
            std::atomic<int> whole{0};
            const auto handler = [&whole](const SignalInfo& info) {
                if (info.value % 3 == 0) fault();
                static_cast<void>(yield());
                if (info.value % 3 == 1) fault();
                ++whole;
            };
            signals()
                .handle(SIGRTMIN, handler, SignalComplexity::complex)
                .handle(SIGRTMIN + 1, handler, SignalComplexity::micro);
            for (int i = 0; i < kSignals; ++i) {
                ASSERT_EQ(sigqueue(getpid(), SIGRTMIN, {.sival_int = i}), 0);
                ASSERT_EQ(sigqueue(getpid(), SIGRTMIN + 1, {.sival_int = i}), 0);
            }
            yield_until([] {
                return signals().count(SIGRTMIN).finished == kSignals &&
                       signals().count(SIGRTMIN + 1).finished == kSignals;
            });
            EXPECT_EQ(whole.load(), 2 * kSignals / 3);
            expect_counts(signals().count(SIGRTMIN), kSignals, kSignals * 2 / 3);
            expect_counts(signals().count(SIGRTMIN + 1), kSignals, kSignals * 2 / 3);
            yield_until([] { return fault_counts().abandoned == 4U * kSignals / 3; });
            EXPECT_EQ(fault_counts().slots_quarantined, 4U * kSignals / 3);
        });
    });
    EXPECT_THAT(text, ContainsRegex("cprime: SIGSEGV in coroutine [0-9]+ \"SIGRTMIN(\\+1)?\" spawned at "
                                    ".*fault_handler_test.cpp"));
}

TEST_P(FaultInHandler, of_the_programs_own_signal_is_counted_as_failed_once) {
    static constexpr int kSignals = 50;
    static_cast<void>(said([] {
        run(options(), [] {
            std::atomic<int> deferred{0};
            signals().handle<Tick>([&](const Tick& tick) {
                const auto later = defer([&] { ++deferred; });
                static_cast<void>(yield());
                if (tick.number % 2 == 0) fault();
            });
            for (int i = 0; i < kSignals; ++i)
                EXPECT_TRUE(notify(Tick{i}));
            yield_until([&] { return signals().count<Tick>().finished == kSignals && deferred == kSignals; });
            expect_counts(signals().count<Tick>(), kSignals, kSignals / 2);
            const std::uint32_t record = detail::g_app_signals.record_of(typeid(Tick));
            EXPECT_GT(detail::g_signal_records.at(record).latency_ticks.load(), 0U);
            EXPECT_EQ(detail::g_signal_records.latency().samples.load(), kSignals);
        });
    }));
}

TEST_P(FaultInHandler, of_a_recovery_is_counted_as_failed) {
    static_cast<void>(said([] {
        run(options(), [] {
            auto faulty = spawn("recovers", [] {
                catch_signals<Tick>([] { raise(Tick{1}); }).recover([](const Tick&) { fault(); });
            });
            EXPECT_THROW(faulty.join(), Fault);
            expect_counts(signals().count<Tick>(), 1, 1);
        });
    }));
}

TEST_P(FaultInHandler, of_faults_is_abandoned_and_not_called_for_that) {
    std::atomic<int> called{0};
    static_cast<void>(said([&] {
        run(options(), [&] {
            on_fault(FaultPolicy::abandon, [&](const FaultInfo&) {
                ++called;
                fault();
            });
            EXPECT_THROW(spawn("faulty", [] { fault(); }).join(), Fault);
            yield_until([] { return fault_counts().abandoned == 2; });
        });
    }));
    EXPECT_EQ(called.load(), 1);
}

// Some handlers of SIGRTMIN, one of Tick: all stacks that handlers may have.
class FaultWithFullPools : public FaultInHandler {
protected:
    template <typename F>
    static void fill(unsigned others_most, F then) {
        RuntimeOptions full = options();
        full.pools = {.signal_slots_max = 1, .emergency_slots = others_most};
        std::atomic<bool> others_may_end{false}, may_fault{false};
        std::atomic<unsigned> others{0};
        full.signals.handle(SIGRTMIN, [&] {
            ++others;
            yield_until([&] { return others_may_end.load(); });
        });
        run(full, [&] {
            for (unsigned i = 0; i < others_most; ++i)
                ASSERT_EQ(sigqueue(getpid(), SIGRTMIN, {}), 0);
            yield_until([&] { return others == others_most; });
            signals().handle<Tick>([&](const Tick& tick) {
                if (tick.number > 0) return;
                const auto later = defer([&tick] {
                    if (tick.number < 0) fault();
                });
                yield_until([&] { return may_fault.load(); });
                fault();
            });
            then([&] {
                others_may_end = true;
                yield_until([] {
                    return detail::g_runtime->pools.used(detail::kPoolSignal) +
                               detail::g_runtime->pools.used(detail::kPoolEmergency) ==
                           1;
                });
                may_fault = true;
            });
            EXPECT_EQ(signals().count(SIGRTMIN).finished, others_most);
        });
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, FaultWithFullPools,
                         testing::Combine(testing::Values(1U, 4U),
                                          testing::Values(std::optional<std::uint64_t>(),
                                                          std::optional<std::uint64_t>(3))));

TEST_P(FaultWithFullPools, goes_on_with_the_signals_that_waited_for_its_stack) {
    static_cast<void>(said([] {
        fill(2, [](auto let_it_fault) {
            for (int i = 0; i < 20; ++i)
                EXPECT_TRUE(notify(Tick{i}));
            EXPECT_EQ(signals().count<Tick>().delivered, 1U);
            let_it_fault();
            yield_until([] { return signals().count<Tick>().finished == 20; });
            expect_counts(signals().count<Tick>(), 20, 1);
            EXPECT_TRUE(notify(Tick{20}));
            yield_until([] { return signals().count<Tick>().finished == 21; });
        });
    }));
}

TEST_P(FaultWithFullPools, and_again_while_it_ends_hands_them_over_anew) {
    static_cast<void>(said([] {
        fill(30, [](auto let_it_fault) {  // a stack for each, however late others give theirs back
            EXPECT_TRUE(notify(Tick{-1}));
            for (int i = 1; i < 20; ++i)
                EXPECT_TRUE(notify(Tick{i}));
            EXPECT_EQ(signals().count<Tick>().delivered, 1U);
            let_it_fault();
            yield_until([] { return signals().count<Tick>().finished == 20; });
            expect_counts(signals().count<Tick>(), 20, 1);
        });
    }));
}

TEST_P(FaultWithFullPools, and_again_without_a_stack_for_that_loses_those_that_waited_and_says_so) {
    const std::string text = said([] {
        fill(2, [](auto let_it_fault) {
            EXPECT_TRUE(notify(Tick{-1}));
            for (int i = 1; i < 20; ++i)
                EXPECT_TRUE(notify(Tick{i}));
            let_it_fault();
            yield_until([] { return signals().count<Tick>().lost == 19; });
            const SignalCounts counts = signals().count<Tick>();
            EXPECT_EQ(counts.arrived, 20U);
            EXPECT_EQ(counts.delivered, 1U);
            EXPECT_EQ(counts.finished, 1U);
            EXPECT_EQ(counts.failed, 1U);
        });
    });
    EXPECT_THAT(
        text,
        HasSubstr("signal cprime::Tick is lost (1 so far): there is no stack for a coroutine to handle it"));
}

}  // namespace
}  // namespace cprime
