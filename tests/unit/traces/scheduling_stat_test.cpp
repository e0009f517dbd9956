// Workers and selects in stat: queues, steals and timers by worker; which arms of a select fire and which starve; who woke whom.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "traces/analysis.h"
#include "traces/awaited.h"

namespace coroscope::traces {
namespace {

// Knows one address: main.cpp:42.
class Names final : public Session {
public:
    SessionInfo info() const override { return {}; }
    std::shared_ptr<const Moment> moment() const override { return nullptr; }
    void set_time(std::optional<TimeNs>) override {}
    std::optional<TimeNs> time() const override { return std::nullopt; }
    const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs) override {
        return pcs.front() == 0x401000 ? &frames_ : nullptr;
    }
    const std::vector<inspect::Instruction>* code(std::uint64_t, std::string*) override { return nullptr; }
    void on_change(std::function<void()>) override {}
    base::Result<std::shared_ptr<const Moment>> wait_moment() override { return moment(); }
    std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>&) override { return frames_; }

private:
    std::vector<inspect::Frame> frames_ = {{0x401000, "serve", "main.cpp", 42, "", false}};
};

inspect::StateImage program() {
    inspect::StateImage state;
    state.clock.multiplier = 1ULL << 32;  // one tick = one nanosecond
    state.clock.shift = 32;
    state.start_ticks = 1000;
    state.channels.resize(2);
    for (std::uint32_t i = 0; i < 2; ++i) {
        state.channels[i].index = i;
        state.channels[i].identity = 7 + i;
    }
    state.coroutines.resize(2);
    for (std::uint32_t i = 0; i < 2; ++i) {
        state.coroutines[i].index = i;
        state.coroutines[i].identity = 100 + i;
    }
    state.coroutines[0].state = wire::CoroutineState::kParked;
    state.coroutines[0].reason = wire::WaitReason::kSelect;
    state.coroutines[0].rip = 0x401000;
    state.coroutines[1].state = wire::CoroutineState::kRunning;
    state.select_arms = {{0, 0, 0, true}, {0, 1, 1, false}};
    inspect::SelectImage select;
    select.address = 0x401000;
    select.arms = 4;
    select.receives = 0b0101;
    select.other_arm = 4;
    select.timed_out = 3;
    select.parked = 50;
    select.fired = {40, 10, 0, 0};
    select.passed_over = {10, 20, 0, 0};
    state.selects.push_back(select);
    state.index();
    return state;
}

TEST(SelectStat, a_select_says_where_it_stands_what_its_arms_do_and_who_waits) {
    Names names;
    const std::vector<SelectStat> rows = select_stats(names, program());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].site, "main.cpp:42");
    EXPECT_EQ(rows[0].waiting, 1U);
    ASSERT_EQ(rows[0].arms.size(), 4U);
    EXPECT_EQ(rows[0].arms[0].does, "receive");
    EXPECT_EQ(rows[0].arms[0].channel, "channel:#7");
    EXPECT_EQ(rows[0].arms[0].luck, ArmLuck::kFires);
    EXPECT_EQ(rows[0].arms[1].does, "send");
    EXPECT_EQ(rows[0].arms[1].channel, "channel:#8");
    EXPECT_EQ(rows[0].arms[2].luck, ArmLuck::kNeverReady) << "others fired 50 times meanwhile";
    EXPECT_EQ(rows[0].arms[2].channel, "");
    EXPECT_EQ(rows[0].arms[3].does, "timeout");
    EXPECT_EQ(rows[0].arms[3].fired, 3U);
}

// All arms are always ready, and one is drawn by chance: asked after each of the first thousands of draws, none of them ever starves.
TEST(SelectStat, where_chance_draws_nobody_starves_however_many_arms_there_are) {
    Names names;
    for (const std::uint32_t arms : {2U, 8U, 32U}) {
        inspect::StateImage state = program();
        inspect::SelectImage& select = state.selects[0];
        select.arms = arms;
        select.other_arm = 0;
        select.fired = {};
        select.passed_over = {};
        std::mt19937 chance(arms);
        for (int draw = 0; draw < 4000; ++draw) {
            const auto drawn = static_cast<std::uint32_t>(chance() % arms);
            for (std::uint32_t arm = 0; arm < select.fired.size(); ++arm)
                ++(arm == drawn ? select.fired : select.passed_over)[arm];
            for (const SelectArmStat& arm : select_stats(names, state)[0].arms)
                ASSERT_NE(arm.luck, ArmLuck::kStarves) << arms << " arms, draw " << draw;
        }
    }
}

TEST(SelectStat, an_arm_that_is_ready_and_hardly_ever_drawn_starves_and_one_without_chances_does_not) {
    Names names;
    inspect::StateImage state = program();
    state.selects[0].fired = {1000, 1, 0, 0};
    state.selects[0].passed_over = {0, 100, 1000, 0};
    std::vector<SelectStat> rows = select_stats(names, state);
    EXPECT_EQ(rows[0].arms[1].luck, ArmLuck::kStarves);
    EXPECT_EQ(rows[0].arms[2].luck, ArmLuck::kStarves);
    EXPECT_NE(to_text(rows).find("starves"), std::string::npos);
    state.selects[0].fired = {3, 0, 0, 0};
    state.selects[0].passed_over = {0, 2, 0, 0};
    rows = select_stats(names, state);
    EXPECT_EQ(rows[0].arms[1].luck, ArmLuck::kNotYet);
    EXPECT_EQ(rows[0].arms[2].luck, ArmLuck::kNotYet);
}

TEST(SelectStat, a_place_without_a_name_is_shown_by_its_address) {
    Names names;
    inspect::StateImage state = program();
    state.selects[0].address = 0x402000;
    const std::vector<SelectStat> rows = select_stats(names, state);
    EXPECT_EQ(rows[0].waiting, 0U);
    EXPECT_NE(to_text(rows).find("select at 0x402000"), std::string::npos) << to_text(rows);
    EXPECT_TRUE(to_json(rows)[0]["site"].is_null());
}

TEST(WorkerStat, who_took_from_whom_and_what_stands_in_each_queue) {
    inspect::StateImage state = program();
    state.workers.resize(3);
    for (std::uint32_t i = 0; i < 2; ++i) {
        state.workers[i].index = i;
        state.workers[i].state = wire::WorkerState::kRunning;
    }
    state.workers[0].current = 1;
    state.workers[0].ready_length = 12;
    state.workers[0].bound_length = 3;
    state.workers[0].timers_armed = 2;
    state.workers[0].timers_next_ticks = 1000 + 5'000'000;
    state.workers[1].steals = 9;
    state.workers[1].taken_from = {9, 0, 0};
    const std::vector<WorkerStat> rows = worker_stats(state, 1'000'000);
    ASSERT_EQ(rows.size(), 2U) << "the third one never was";
    EXPECT_EQ(rows[0].current, 101U);
    EXPECT_EQ(rows[0].taken_by_others, 9U);
    EXPECT_EQ(rows[0].timer_next_in_ns, 4'000'000);
    EXPECT_EQ(rows[1].current, 0U);
    EXPECT_EQ(rows[1].timer_next_in_ns, -1);
    EXPECT_EQ(taken_from_text(rows[1].worker), "9 from worker 0");
    const nlohmann::json json = to_json(rows);
    EXPECT_EQ(json[0]["bound"], 3);
    EXPECT_EQ(json[0]["taken_by_others"], 9);
    EXPECT_EQ(json[1]["stolen_from"]["0"], 9);
    EXPECT_TRUE(json[1]["timers"]["next_in_ns"].is_null());
}

TEST(WokenText, the_waker_is_named_where_it_is_known_and_nothing_is_said_where_nobody_saw_it) {
    inspect::StateImage state = program();
    inspect::CoroutineImage woken = state.coroutines[0];
    EXPECT_EQ(woken_text(state, woken), "");
    woken.woken_ticks = 1;
    EXPECT_EQ(woken_text(state, woken), "by a coroutine that is not known");
    woken.woken_by = 101;
    EXPECT_EQ(woken_text(state, woken), "by coroutine (101)");
    woken.woken_cause = wire::WakeCause::kClose;
    EXPECT_EQ(woken_text(state, woken), "by coroutine (101), which closed the channel");
    woken.woken_by = 4711;
    woken.woken_cause = wire::WakeCause::kCoroutine;
    EXPECT_EQ(woken_text(state, woken), "by 4711, which has ended");
    woken.woken_cause = wire::WakeCause::kTimer;
    EXPECT_EQ(woken_text(state, woken), "by its timer");
}

TEST(ArmsText, a_parked_select_says_what_each_arm_waits_for) {
    const inspect::StateImage state = program();
    EXPECT_EQ(arms_text(state, state.coroutines[0]), "receive from channel:#7, send to channel:#8");
    EXPECT_EQ(awaited_text(state, state.coroutines[0]), "select(channel:#7, channel:#8)");
    EXPECT_EQ(arms_text(state, state.coroutines[1]), "");
}

}  // namespace
}  // namespace coroscope::traces
