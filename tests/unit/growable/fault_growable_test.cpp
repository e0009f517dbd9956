// A fault on a chain of stack segments is survived as any other: the whole chain is put in quarantine, and everybody else keeps growing.
#include "faulty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <vector>

#include "runtime/entry/runtime_state.h"

namespace cprime::test {

[[gnu::noinline]] void write_far_below(volatile int* where) {
    volatile char frame[9000] = {};
    frame[0] = 1;
    *where = frame[0];
}

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

int signal_of(FaultKind kind) {
    return kind == FaultKind::divide ? SIGFPE : kind == FaultKind::abort ? SIGABRT : SIGSEGV;
}

std::uint64_t slots_in_use() {
    std::uint64_t used = 0;
    for (std::uint8_t pool = 0; pool < detail::kPoolsCount; ++pool)
        used += detail::g_runtime->pools.used(pool);
    return used;
}

class FaultInGrowableCode : public testing::TestWithParam<FaultKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, FaultInGrowableCode,
                         testing::Values(FaultKind::write, FaultKind::divide, FaultKind::call,
                                         FaultKind::in_ordinary_code, FaultKind::abort));

TEST_P(FaultInGrowableCode, is_survived_on_any_segment) {
    testing::internal::CaptureStderr();
    Runtime runtime({.workers = 2, .faults = {.policy = FaultPolicy::abandon}});
    runtime.run([] {
        auto gate = make_channel<int>("gate");
        std::vector<JoinHandle<int>> others;
        for (int i = 0; i < 50; ++i)
            others.push_back(spawn_deep(gate.receiver, i % 10));
        std::uint64_t abandoned = 0, slots_before = 0;
        int deferred = 0;
        for (const int depth : {0, 1, 3, 10, 40}) {
            auto faulty = spawn_faulty(GetParam(), depth, deferred);
            try {
                static_cast<void>(faulty.join());
                ADD_FAILURE() << "it did not fault";
            } catch (const Fault& caught) {
                EXPECT_EQ(caught.info().number, signal_of(GetParam()));
                EXPECT_EQ(caught.info().name, "faulty");
            }
            EXPECT_EQ(fault_counts().abandoned, ++abandoned);
            EXPECT_EQ(deferred, static_cast<int>(abandoned));
            const std::uint64_t slots = fault_counts().slots_quarantined;
            if (depth == 0) {
                EXPECT_GT(slots, slots_before);
            } else {
                EXPECT_GT(slots, slots_before + 1) << "the segments, too, at depth " << depth;
            }
            slots_before = slots;
        }
        gate.sender.close();
        for (int i = 0; i < 50; ++i)
            EXPECT_EQ(*others[static_cast<std::size_t>(i)].join(), i % 10 + 1);
        // What is grown into now are other segments than those in quarantine.
        auto second = make_channel<int>("second");
        std::vector<JoinHandle<int>> more;
        for (int i = 0; i < 50; ++i)
            more.push_back(spawn_deep(second.receiver, 20));
        second.sender.close();
        for (auto& each : more)
            EXPECT_EQ(*each.join(), 21);
        // That of this coroutine is the one more; the others' last go as they end, which may be after they were joined.
        while (slots_in_use() != fault_counts().slots_quarantined + 1)
            static_cast<void>(yield());
    });
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_THAT(text, AllOf(HasSubstr("it is abandoned: its stack is kept"),
                            Not(HasSubstr("backtrace ended")), Not(HasSubstr("cannot be survived"))));
}

}  // namespace
}  // namespace cprime::test
