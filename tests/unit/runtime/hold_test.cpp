// What viewers keep from running: everything, or chosen coroutines; steps; and that all goes on as if nothing had been, afterwards.
#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/hold.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

using coroscope::wire::CoroutineName;
using coroscope::wire::CoroutineState;
using coroscope::wire::ReplyStatus;
using coroscope::wire::WaitReason;
using coroscope::wire::WorkerState;
using std::chrono::milliseconds;

// The viewer's side, played by a thread of the test.
class Holding : public testing::TestWithParam<unsigned> {
protected:
    void SetUp() override { runtime_ = std::make_unique<Runtime>(RuntimeOptions{.workers = GetParam()}); }
    void TearDown() override {
        let_go();
        runtime_.reset();
    }

    static void pause() { ASSERT_EQ(detail::Hold::hold(&detail::g_hold, true, {}), ReplyStatus::kOk); }
    static void choose(const std::vector<CoroutineName>& names) {
        ASSERT_EQ(detail::Hold::hold(&detail::g_hold, false, names), ReplyStatus::kOk);
    }
    static void let_go() { choose({}); }

    template <typename Condition>
    static void wait_until(const Condition& condition) {
        while (!condition())
            std::this_thread::yield();
    }
    void wait_until_held() const {
        wait_until([&] {
            for (unsigned i = 0; i < GetParam(); ++i) {
                const auto* record = detail::g_runtime->workers[i].record;
                if (record->state.load(std::memory_order_acquire) != WorkerState::kHeld) return false;
            }
            return true;
        });
    }
    // Begins a step and waits for its end; the identity of whom it ran, 0: nobody.
    static std::uint64_t step(const CoroutineName& name = {}) {
        std::uint32_t number = 0;
        EXPECT_EQ(detail::Hold::step(&detail::g_hold, name, &number), ReplyStatus::kOk);
        const auto& header = detail::g_runtime->segment->header();
        wait_until([&] { return header.steps_done.load(std::memory_order_acquire) >= number; });
        return header.step_coroutine.load(std::memory_order_relaxed);
    }
    static ReplyStatus refused(const CoroutineName& name) {
        std::uint32_t detail = 0;
        return detail::Hold::step(&detail::g_hold, name, &detail);
    }
    static CoroutineState state_of(const CoroutineName& name) {
        return detail::record(name.index).state.load(std::memory_order_acquire);
    }
    // Of every coroutine that lives, but for the first one.
    static std::vector<CoroutineName> living(std::uint64_t first_identity) {
        std::vector<CoroutineName> names;
        for (std::uint32_t i = 0; i < 1024; ++i) {
            const CoroutineState state = state_of({i, 0, 0});
            const std::uint64_t identity = detail::detail(i).identity.load(std::memory_order_acquire);
            if (state != CoroutineState::kFree && state != CoroutineState::kExited && identity > first_identity)
                names.push_back({i, 0, identity});
        }
        return names;
    }

    std::unique_ptr<Runtime> runtime_;
};

// Coroutines that count their rounds and yield between them, until told to end.
class Counters {
public:
    static constexpr int kCount = 6;
    explicit Counters(Runtime& runtime) : thread_([this, &runtime] {
        runtime.run([this] {
            Nursery nursery;
            for (int i = 0; i < kCount; ++i) {
                static_cast<void>(nursery.spawn("counter", [this, i] {
                    names_[static_cast<std::size_t>(i)] = this_id();
                    started_.fetch_add(1);
                    while (!ends_.load(std::memory_order_relaxed)) {
                        rounds_[static_cast<std::size_t>(i)].fetch_add(1, std::memory_order_relaxed);
                        static_cast<void>(yield());
                    }
                }));
            }
        });
    }) {
        while (started_.load() != kCount)
            std::this_thread::yield();
    }
    ~Counters() {
        ends_.store(true);
        detail::Hold::hold(&detail::g_hold, false, {});
        thread_.join();
    }
    std::array<std::uint64_t, kCount> rounds() const {
        std::array<std::uint64_t, kCount> read{};
        for (std::size_t i = 0; i < kCount; ++i)
            read[i] = rounds_[i].load(std::memory_order_relaxed);
        return read;
    }
    std::uint64_t sum() const {
        std::uint64_t all = 0;
        for (const std::uint64_t one : rounds())
            all += one;
        return all;
    }
    std::uint64_t identity(std::size_t i) const { return names_[i]; }

private:
    std::array<std::atomic<std::uint64_t>, kCount> rounds_{};
    std::array<std::uint64_t, kCount> names_{};
    std::atomic<int> started_{0};
    std::atomic<bool> ends_{false};
    std::thread thread_;
};

CoroutineName find(const std::vector<CoroutineName>& names, std::uint64_t identity) {
    for (const CoroutineName& name : names)
        if (name.identity == identity) return name;
    return {};
}

TEST_P(Holding, a_paused_program_runs_nobody_and_goes_on_afterwards) {
    Counters counters(*runtime_);
    pause();
    wait_until_held();
    const auto before = counters.rounds();
    for (const CoroutineName& name : living(0)) {
        EXPECT_NE(state_of(name), CoroutineState::kRunning);
        EXPECT_EQ(detail::record(name.index).sequence.load() & 1, 0U);
    }
    std::this_thread::sleep_for(milliseconds(20));
    EXPECT_EQ(counters.rounds(), before);
    let_go();
    wait_until([&] {
        const auto now = counters.rounds();
        for (std::size_t i = 0; i < now.size(); ++i)
            if (now[i] <= before[i]) return false;
        return true;
    });
}

TEST_P(Holding, a_step_runs_one_coroutine_to_its_next_scheduling_point) {
    Counters counters(*runtime_);
    pause();
    wait_until_held();
    for (int i = 0; i < 100; ++i) {
        const auto before = counters.rounds();
        const std::uint64_t ran = step();
        wait_until_held();
        const auto after = counters.rounds();
        ASSERT_NE(ran, 0U);
        for (std::size_t c = 0; c < after.size(); ++c) {
            // Between two yields each counts one round; the one that was asked first may have been about to count.
            if (counters.identity(c) != ran) {
                EXPECT_EQ(after[c], before[c]) << "another one ran, in step " << i;
            } else {
                EXPECT_LE(after[c] - before[c], 1U);
            }
        }
    }
}

TEST_P(Holding, a_step_can_name_the_coroutine) {
    Counters counters(*runtime_);
    pause();
    wait_until_held();
    for (std::size_t i = 0; i < 60; ++i) {
        const std::size_t wanted = i * 7 % Counters::kCount;
        const CoroutineName name = find(living(0), counters.identity(wanted));
        ASSERT_NE(name.identity, 0U);
        const auto before = counters.rounds();
        EXPECT_EQ(step(name), name.identity);
        wait_until_held();
        const auto after = counters.rounds();
        for (std::size_t c = 0; c < after.size(); ++c) {
            if (c == wanted) continue;
            EXPECT_EQ(after[c], before[c]);
        }
    }
}

TEST_P(Holding, a_chosen_coroutine_is_set_aside_while_others_run) {
    Counters counters(*runtime_);
    const CoroutineName name = find(living(0), counters.identity(2));
    choose({name});
    wait_until([&] { return state_of(name) == CoroutineState::kPaused; });
    EXPECT_EQ(detail::record(name.index).reason.load(), WaitReason::kPause);
    const auto before = counters.rounds();
    wait_until([&] { return counters.rounds()[0] > before[0] + 100 && counters.rounds()[5] > before[5] + 100; });
    EXPECT_EQ(counters.rounds()[2], before[2]);
    // One step: it runs to its next yield, and is kept again.
    std::uint32_t number = 7;
    ASSERT_EQ(detail::Hold::step(&detail::g_hold, name, &number), ReplyStatus::kOk);
    EXPECT_EQ(number, 0U);
    wait_until([&] { return counters.rounds()[2] == before[2] + 1; });
    wait_until([&] { return state_of(name) == CoroutineState::kPaused; });
    EXPECT_EQ(counters.rounds()[2], before[2] + 1);
    let_go();
    wait_until([&] { return counters.rounds()[2] > before[2] + 10; });
}

TEST_P(Holding, what_is_chosen_stays_aside_when_everything_is_paused_and_let_go) {
    Counters counters(*runtime_);
    const CoroutineName name = find(living(0), counters.identity(1));
    choose({name});
    wait_until([&] { return state_of(name) == CoroutineState::kPaused; });
    ASSERT_EQ(detail::Hold::hold(&detail::g_hold, true, {{name}}), ReplyStatus::kOk);
    wait_until_held();
    EXPECT_EQ(step(name), name.identity);
    wait_until_held();
    choose({name});
    const auto before = counters.rounds();
    wait_until([&] { return counters.rounds()[0] > before[0] + 50; });
    EXPECT_LE(counters.rounds()[1], before[1] + 1);
    wait_until([&] { return state_of(name) == CoroutineState::kPaused; });
}

TEST_P(Holding, a_step_of_a_program_in_which_nobody_is_ready_ends) {
    std::atomic<bool> waits{false};
    std::thread program([&] {
        runtime_->run([&] {
            auto [sender, receiver] = make_channel<int>("never", 1);
            auto waiting = spawn("waits", [&receiver] { EXPECT_EQ(receiver.receive().status(), Status::cancelled); });
            waits.store(true);
            static_cast<void>(sleep_for(milliseconds(300)));
            waiting.cancel();
            waiting.join();
        });
    });
    wait_until([&] { return waits.load(); });
    pause();
    wait_until_held();
    const auto names = living(0);
    while (step() != 0) {  // whoever was ready still
        wait_until_held();
    }
    for (const CoroutineName& name : names)
        EXPECT_EQ(refused(name), ReplyStatus::kNotReady);
    let_go();
    program.join();
}

TEST_P(Holding, what_cannot_be_stepped_is_refused) {
    Counters counters(*runtime_);
    const CoroutineName name = find(living(0), counters.identity(0));
    EXPECT_EQ(refused({}), ReplyStatus::kNotHeld);
    const ReplyStatus of_a_running_program = refused(name);
    EXPECT_TRUE(of_a_running_program == ReplyStatus::kNotHeld || of_a_running_program == ReplyStatus::kRuns);
    pause();
    wait_until_held();
    EXPECT_EQ(refused({name.index, 0, name.identity + 1000}), ReplyStatus::kNoSuchCoroutine);
    EXPECT_EQ(refused({0xfffffff0U, 0, 1}), ReplyStatus::kNoSuchCoroutine);
}

TEST_P(Holding, time_that_passes_in_a_pause_wakes_sleepers_only_afterwards) {
    std::atomic<bool> woke{false};
    std::atomic<bool> sleeps{false};
    std::thread program([&] {
        runtime_->run([&] {
            sleeps.store(true);
            static_cast<void>(sleep_for(milliseconds(30)));
            woke.store(true);
        });
    });
    wait_until([&] { return sleeps.load(); });
    pause();
    wait_until_held();
    std::this_thread::sleep_for(milliseconds(60));
    const bool woke_in_pause = woke.load();
    let_go();
    program.join();
    EXPECT_FALSE(woke_in_pause);
    EXPECT_TRUE(woke.load());
}

TEST_P(Holding, a_coroutine_that_is_kept_can_be_cancelled_and_learns_of_it_later) {
    std::atomic<bool> may_go{false};
    std::atomic<std::uint64_t> identity{0};
    std::atomic<bool> cancelled{false};
    std::thread program([&] {
        runtime_->run([&] {
            auto kept = spawn("kept", [&] {
                identity.store(this_id());
                while (!cancel_requested())
                    static_cast<void>(yield());
                cancelled.store(true);
            });
            while (!may_go.load())
                static_cast<void>(yield());
            kept.cancel();
            kept.join();
        });
    });
    wait_until([&] { return identity.load() != 0; });
    const CoroutineName name = find(living(0), identity.load());
    choose({name});
    wait_until([&] { return state_of(name) == CoroutineState::kPaused; });
    may_go.store(true);
    std::this_thread::sleep_for(milliseconds(5));
    EXPECT_FALSE(cancelled.load());
    let_go();
    program.join();
    EXPECT_TRUE(cancelled.load());
}

TEST_P(Holding, a_mark_of_somebody_who_has_ended_holds_nobody_else) {
    runtime_->run([] { spawn("gone", [] {}).join(); });
    const CoroutineName gone{1, 0, 2};
    choose({gone});
    std::atomic<int> ran{0};
    runtime_->run([&] {
        for (int i = 0; i < 20; ++i)
            spawn("next", [&] { ran.fetch_add(1); }).join();
    });
    EXPECT_EQ(ran.load(), 20);
}

TEST_P(Holding, a_runtime_ends_although_its_workers_are_held) {
    runtime_->run([] {});
    pause();
    wait_until_held();
    runtime_.reset();
    runtime_ = std::make_unique<Runtime>(RuntimeOptions{.workers = GetParam()});
    EXPECT_FALSE(detail::g_hold.on());
    bool ran = false;
    runtime_->run([&] { ran = true; });
    EXPECT_TRUE(ran);
}

INSTANTIATE_TEST_SUITE_P(Workers, Holding, testing::Values(1U, 2U, 4U), testing::PrintToStringParamName());

}  // namespace
}  // namespace cprime
