// Lints on states built by hand: for each rule one that has it, and one that nearly has it.
#include "traces/analyses/lints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lint_looks.h"

namespace coroscope::analyses {
namespace {

using Ids = std::vector<std::string>;

// left receives from a (right sends), right receives from b (left sends).
struct Crossed : Look {
    std::uint32_t left = coroutine(), right = coroutine(), a = channel(), b = channel();
    Crossed() {
        hold(id(left), a, wire::kHandleReceive);
        hold(id(right), a, wire::kHandleSend);
        hold(id(right), b, wire::kHandleReceive);
        hold(id(left), b, wire::kHandleSend);
        parks(left, WaitReason::kChannelReceive, a);
        parks(right, WaitReason::kChannelReceive, b);
    }
};

TEST(Lints, a_program_without_anything_has_nothing_and_says_how_much_was_looked_at) {
    Look look;
    look.coroutine();
    const LintReport report = lints_of(look);
    EXPECT_TRUE(report.lints.empty());
    EXPECT_EQ(report.coroutines, 1U);
    EXPECT_NE(std::find(report.blind.begin(), report.blind.end(), "never-yields"), report.blind.end());
    EXPECT_EQ(nothing_found_text(report), "nothing found: 7 rules looked at 1 coroutine");
}

TEST(Lints, a_ring_of_two_is_a_deadlock_with_both_and_their_channels_as_evidence) {
    Crossed look;
    const LintReport report = lints_of(look);
    ASSERT_EQ(rules_of(report), Ids{"deadlock"});
    EXPECT_EQ(report.lints[0].count, 2U);
    ASSERT_EQ(report.lints[0].evidence.size(), 4U);
    EXPECT_EQ(report.lints[0].evidence[0].id, 100U);
    EXPECT_EQ(report.lints[0].evidence[1].text, "channel:#1");
    EXPECT_EQ(report.lints[0].about, "channel, main.cpp:12");
}

TEST(Lints, a_ring_that_a_third_can_break_is_none) {
    Crossed look;
    look.hold(Look::id(look.coroutine(CoroutineState::kRunning)), look.a, wire::kHandleSend);
    EXPECT_EQ(rules_of(lints_of(look)), Ids{});
}

TEST(Lints, who_stands_behind_a_ring_is_an_orphan_and_who_stands_behind_a_sleeper_is_not) {
    Crossed look;
    const std::uint32_t behind = look.coroutine();
    look.parks(behind, WaitReason::kJoin, look.left);
    LintReport report = lints_of(look);
    ASSERT_EQ(rules_of(report), (Ids{"deadlock", "orphan-wait"}));
    EXPECT_EQ(report.lints[1].evidence[0].id, Look::id(behind));

    Look other;
    const std::uint32_t sleeper = other.coroutine(), waits = other.coroutine();
    other.parks(sleeper, WaitReason::kSleep, wire::kNone);
    other.parks(waits, WaitReason::kJoin, sleeper);
    EXPECT_EQ(rules_of(lints_of(other)), Ids{});
}

TEST(Lints, those_who_wait_for_themselves_are_leaked_and_counted_by_site) {
    Look look;
    for (int i = 0; i < 3; ++i) {
        const std::uint32_t who = look.coroutine(), channel = look.channel();
        look.hold(Look::id(who), channel, wire::kHandleSend | wire::kHandleReceive);
        look.parks(who, WaitReason::kChannelReceive, channel);
    }
    const LintReport report = lints_of(look);
    ASSERT_EQ(rules_of(report), Ids{"leaked-coroutine"});
    EXPECT_EQ(report.lints[0].count, 3U);
    EXPECT_NE(report.lints[0].sentence.find("3 coroutines spawned at main.cpp:12"), std::string::npos)
        << report.lints[0].sentence;
}

TEST(Lints, who_waits_for_what_a_thread_outside_may_send_is_not_leaked) {
    Look look;
    const std::uint32_t who = look.coroutine(), channel = look.channel();
    look.hold(Look::id(who), channel, wire::kHandleSend | wire::kHandleReceive);
    look.hold(wire::kHolderOutside, channel, wire::kHandleSend);
    look.parks(who, WaitReason::kChannelReceive, channel);
    EXPECT_EQ(rules_of(lints_of(look)), Ids{});
}

struct Abandoned : Look {
    std::uint32_t lock = mutex(77), waiter = coroutine();  // 77 is nobody
    Abandoned() { parks(waiter, WaitReason::kMutex, lock); }
};

TEST(Lints, a_lock_of_one_who_has_ended_is_told_when_two_looks_agree_or_the_program_stands_still) {
    Abandoned before;
    Look now = before.later();
    ASSERT_EQ(rules_of(lints_of(now, {.before = &before})), Ids{"lock-of-the-ended"});
    EXPECT_EQ(rules_of(lints_of(now, {.one_instant = true})), Ids{"lock-of-the-ended"});
    EXPECT_EQ(rules_of(lints_of(now)), Ids{});     // its holder may have begun while the look went on
    now.moment.state.waitables[0].operations = 5;  // it changed hands meanwhile
    EXPECT_EQ(rules_of(lints_of(now, {.before = &before})), Ids{});
}

TEST(Lints, a_lock_of_the_ended_is_not_told_where_events_were_lost) {
    Abandoned look;
    look.moment.events_lost = 1;
    EXPECT_EQ(rules_of(lints_of(look, {.one_instant = true})), Ids{});
}

TEST(Lints, who_keeps_a_worker_from_others_never_yields) {
    Look before;
    const std::uint32_t hog = before.coroutine(), other = before.coroutine();
    before.runs(hog, 0);
    Look now = before.later();
    const LintReport report = lints_of(now, {.before = &before});
    ASSERT_EQ(rules_of(report), Ids{"never-yields"});
    EXPECT_NE(report.lints[0].sentence.find("has kept worker 0 for 2.0 s"), std::string::npos)
        << report.lints[0].sentence;
    EXPECT_EQ(report.lints[0].evidence.back().id, Look::id(other));
}

TEST(Lints, who_runs_long_with_nobody_in_line_or_with_others_who_come_and_go_is_fine) {
    Look before;
    const std::uint32_t hog = before.coroutine();
    before.runs(hog, 0);
    Look alone = before.later();
    EXPECT_EQ(rules_of(lints_of(alone, {.before = &before})), Ids{});
    const std::uint32_t other = before.coroutine();
    Look moving = before.later();
    moving.at(other).sequence += 3;  // it ran in between
    EXPECT_EQ(rules_of(lints_of(moving, {.before = &before})), Ids{});
    Look paused = before.later();
    paused.moment.state.pause.everything = true;
    EXPECT_EQ(rules_of(lints_of(paused, {.before = &before})), Ids{});
    Look bound = before.later();
    bound.at(other).flags = wire::kCoroutineSpecial;
    bound.at(other).worker = 1;  // in line for the other worker
    EXPECT_EQ(rules_of(lints_of(bound, {.before = &before})), Ids{});
    Look soon = before.later(50'000'000);
    EXPECT_EQ(rules_of(lints_of(soon, {.before = &before})), Ids{});
}

struct Held : Look {
    std::uint32_t owner = coroutine(), waiter = coroutine(), lock = mutex(id(owner));
    Held() {
        parks(owner, WaitReason::kSleep, wire::kNone);
        at(owner).deadline_ticks = 1;
        parks(waiter, WaitReason::kMutex, lock);
    }
};

TEST(Lints, a_lock_held_while_its_holder_sleeps_is_told) {
    Held before;
    Look now = before.later();
    const LintReport report = lints_of(now, {.before = &before});
    ASSERT_EQ(rules_of(report), Ids{"lock-held-while-parked"});
    EXPECT_NE(report.lints[0].sentence.find("parked for 2.0 s (asleep), while 1 coroutine waits"),
              std::string::npos)
        << report.lints[0].sentence;
}

TEST(Lints, a_lock_that_goes_from_one_sleeper_to_the_next_is_fine) {
    Held before;
    Look now = before.later();
    now.at(before.owner).sequence += 2;  // it slept twice
    EXPECT_EQ(rules_of(lints_of(now, {.before = &before})), Ids{});
    Look again = before.later();
    again.at(before.waiter).sequence += 2;  // another wait than before
    EXPECT_EQ(rules_of(lints_of(again, {.before = &before})), Ids{});
}

TEST(Lints, times_that_are_known_need_no_second_look) {
    Held look;
    const LintReport blind = lints_of(look);
    EXPECT_EQ(rules_of(blind), Ids{});
    EXPECT_NE(std::find(blind.blind.begin(), blind.blind.end(), "lock-held-while-parked"), blind.blind.end());
    look.at(look.owner).since_ticks = look.at(look.waiter).since_ticks = 9 * kSecondNs;
    const LintReport report = lints_of(look);
    ASSERT_EQ(rules_of(report), Ids{"lock-held-while-parked"});
    EXPECT_NE(report.lints[0].sentence.find("parked for 1.0 s"), std::string::npos)
        << report.lints[0].sentence;
    EXPECT_EQ(std::find(report.blind.begin(), report.blind.end(), "lock-held-while-parked"),
              report.blind.end());
}

struct Full : Look {
    std::uint32_t sender = coroutine(), receiver = coroutine(), pipe = channel(4);
    Full() {
        hold(id(sender), pipe, wire::kHandleSend);
        hold(id(receiver), pipe, wire::kHandleReceive);
        moment.state.channels[pipe].length = 4;
        parks(sender, WaitReason::kChannelSend, pipe);
        parks(receiver, WaitReason::kSleep, wire::kNone);
    }
};

TEST(Lints, a_channel_that_stays_full_is_told_with_who_could_receive) {
    Full before;
    Look now = before.later();
    const LintReport report = lints_of(now, {.before = &before});
    ASSERT_EQ(rules_of(report), Ids{"channel-full"});
    EXPECT_EQ(report.lints[0].evidence.back().id, Look::id(before.receiver));
    EXPECT_NE(report.lints[0].sentence.find("its 4 places are full"), std::string::npos)
        << report.lints[0].sentence;
}

TEST(Lints, a_channel_that_moves_or_waits_for_items_is_fine) {
    Full before;
    Look moved = before.later();
    moved.at(before.sender).sequence += 2;  // it sent one, and waits again
    EXPECT_EQ(rules_of(lints_of(moved, {.before = &before})), Ids{});
    Look soon = before.later(900'000'000);
    EXPECT_EQ(rules_of(lints_of(soon, {.before = &before})), Ids{});
    Look empty;  // receivers that wait for items are how a server rests
    const std::uint32_t server = empty.coroutine(), client = empty.coroutine(), calls = empty.channel(4);
    empty.hold(Look::id(server), calls, wire::kHandleReceive);
    empty.hold(Look::id(client), calls, wire::kHandleSend);
    empty.parks(server, WaitReason::kChannelReceive, calls);
    empty.parks(client, WaitReason::kSleep, wire::kNone);
    Look still = empty.later();
    EXPECT_EQ(rules_of(lints_of(still, {.before = &empty})), Ids{});
}

TEST(Lints, an_arm_that_starves_is_told_and_one_that_was_never_ready_is_not) {
    Look look;
    Extra extra;
    traces::SelectStat select;
    select.site = "/src/pick.cpp:7";
    select.arms.resize(2);
    select.arms[0].luck = traces::ArmLuck::kFires;
    select.arms[1].luck = traces::ArmLuck::kNeverReady;
    extra.stat.selects = {select};
    EXPECT_EQ(rules_of(lints_of(look, extra)), Ids{});
    extra.stat.selects[0].arms[1].luck = traces::ArmLuck::kStarves;
    extra.stat.selects[0].arms[1].passed_over = 500;
    const LintReport report = lints_of(look, extra);
    ASSERT_EQ(rules_of(report), Ids{"starved-select-arm"});
    EXPECT_EQ(report.lints[0].key(), "starved-select-arm pick.cpp:7 arm 1");
}

TEST(Lints, a_worker_that_sleeps_beside_a_line_of_bound_coroutines_is_idle) {
    Look before;
    before.moment.state.workers[1].state = wire::WorkerState::kParked;
    before.moment.state.workers[1].parks = 9;
    before.moment.state.workers[0].bound_length = 6;
    Look now = before.later();
    const LintReport report = lints_of(now, {.before = &before});
    ASSERT_EQ(rules_of(report), Ids{"idle-worker"});
    EXPECT_EQ(report.lints[0].evidence[1].id, 1U);
    Look woke = before.later();
    woke.moment.state.workers[1].parks = 10;  // it looked around in between
    EXPECT_EQ(rules_of(lints_of(woke, {.before = &before})), Ids{});
    Look burst = before.later();
    burst.moment.state.workers[0].bound_length = 1;
    EXPECT_EQ(rules_of(lints_of(burst, {.before = &before})), Ids{});
}

TEST(Lints, a_stack_near_its_end_is_told_with_the_class_that_would_do) {
    Look look;
    const std::uint32_t deep = look.coroutine();
    look.at(deep).pool = 0;
    look.at(deep).high_water_bytes = 1800;  // 88 % of 2,048, and with the margin no room is left
    const LintReport report = lints_of(look);
    ASSERT_EQ(rules_of(report), Ids{"stack-nearly-full"});
    EXPECT_NE(report.lints[0].sentence.find("small"), std::string::npos);
    EXPECT_NE(report.lints[0].sentence.find("advised: medium"), std::string::npos) << report.lints[0].sentence;
}

TEST(Lints, a_stack_with_its_margin_one_that_is_proven_and_one_that_grew_are_fine) {
    Look look;
    const std::uint32_t deep = look.coroutine();
    look.at(deep).high_water_bytes = 1600;  // 78 %
    EXPECT_EQ(rules_of(lints_of(look)), Ids{});
    look.at(deep).high_water_bytes = 1800;
    look.moment.state.sites[0].evidence = wire::ClassEvidence::kProven;
    EXPECT_EQ(rules_of(lints_of(look)), Ids{});
    look.moment.state.sites[0].evidence = wire::ClassEvidence::kWish;
    look.at(deep).flags = wire::kCoroutineSegments;
    EXPECT_EQ(rules_of(lints_of(look)), Ids{});
}

TEST(Lints, spawns_that_wait_for_a_slot_for_long_are_told) {
    Look before;
    const std::uint32_t spawner = before.coroutine();
    before.parks(spawner, WaitReason::kSlot, static_cast<std::uint32_t>(wire::SizeClass::kMedium));
    Look now = before.later();
    const LintReport report = lints_of(now, {.before = &before});
    ASSERT_EQ(rules_of(report), Ids{"pool-full"});
    EXPECT_EQ(report.lints[0].about, "medium");
    Look moved = before.later();
    moved.at(spawner).sequence += 2;  // it got one, and waits for the next
    EXPECT_EQ(rules_of(lints_of(moved, {.before = &before})), Ids{});
}

TEST(Lints, stacks_that_grow_again_and_again_are_told_and_those_of_many_that_grow_once_are_not) {
    Look before;
    before.coroutine();
    Look now = before.later();
    inspect::SiteMigrationsImage grown;
    grown.site = 0;
    grown.segments = 640;
    now.moment.state.migrations = {grown};
    EXPECT_EQ(rules_of(lints_of(now, {.before = &before})), Ids{"growth-thrash"});
    now.moment.state.workers[0].spawned = 600;  // some 600 that each grew once
    EXPECT_EQ(rules_of(lints_of(now, {.before = &before})), Ids{});
}

traces::SizeRows rows_with(std::uint64_t samples, std::uint64_t bytes) {
    traces::SizeRows rows;
    Look look;
    look.moment.state.index();
    rows.add_alive(look.moment.state);
    traces::SizeRow row;
    row.class_used = wire::SizeClass::kMedium;
    row.coroutines = row.peak_coroutines = samples;
    for (std::uint64_t i = 0; i < samples; ++i)
        row.add_sample(bytes);
    rows.build({}).measured[{"/src/pool.cpp:12", "spawn_all"}] = row;
    return rows;
}

TEST(Lints, stacks_that_are_four_times_too_large_are_told_of_a_recorded_run) {
    Look look;
    const traces::SizeRows rows = rows_with(50, 500);
    const LintReport report = lints_of(look, {.sizes = &rows});
    ASSERT_EQ(rules_of(report), Ids{"stack-oversized"});
    EXPECT_NE(report.lints[0].sentence.find("50 stacks of pool.cpp:12 (medium) never used more than 500 B"),
              std::string::npos)
        << report.lints[0].sentence;
}

TEST(Lints, few_samples_or_a_quarter_that_was_used_argue_for_nothing) {
    Look look;
    const traces::SizeRows few = rows_with(19, 500), quarter = rows_with(50, 4200);
    EXPECT_EQ(rules_of(lints_of(look, {.sizes = &few})), Ids{});
    EXPECT_EQ(rules_of(lints_of(look, {.sizes = &quarter})), Ids{});
}

// A signal handler that runs, on slots of the pool that its kind of coroutine comes from.
struct Handling : Look {
    std::uint32_t handler = coroutine();
    explicit Handling(wire::PoolPurpose purpose) {
        const auto pool = static_cast<std::uint8_t>(moment.state.pools.size());
        moment.state.pools.emplace_back().purpose = purpose;
        moment.state.coroutines[handler].pool = pool;
        runs(handler, 0);
    }
};

TEST(Lints, a_handler_that_keeps_its_worker_is_told_and_an_ordinary_coroutine_alone_is_not) {
    Handling before(wire::PoolPurpose::kSignal);
    Look now = before.later();
    const LintReport report = lints_of(now, {.before = &before});
    ASSERT_EQ(rules_of(report), Ids{"signal-handler-blocks"});
    EXPECT_NE(report.lints[0].sentence.find("has kept worker 0 for 2.0 s without a wait"), std::string::npos) << report.lints[0].sentence;
    Handling ordinary(wire::PoolPurpose::kOrdinary);
    Look later = ordinary.later();
    EXPECT_EQ(rules_of(lints_of(later, {.before = &ordinary})), Ids{});
}

TEST(Lints, signals_that_were_lost_and_foreign_handlers_on_coroutines_stacks_are_told) {
    Look look;
    look.moment.state.signals.push_back({.index = 10, .arrived = 9, .delivered = 6, .lost = 3});
    look.moment.state.signals.push_back({.index = 27, .flags = wire::kSignalForeign | wire::kSignalNoAlternateStack});
    look.moment.state.signals.push_back({.index = 12, .flags = wire::kSignalForeign, .arrived = 9, .delivered = 6});  // as it should be
    traces::Stat stat;
    stat.signal_rows = traces::signal_stats(look.moment.state);
    const LintReport report = lints_of(look, {.stat = stat});
    ASSERT_EQ(rules_of(report), (Ids{"signal-lost", "handler-without-stack"}));
    EXPECT_EQ(report.lints[0].count, 3U);
    EXPECT_EQ(report.lints[0].about, "SIGUSR1");
    EXPECT_NE(report.lints[1].sentence.find("SIGPROF is handled by code of unknown origin"), std::string::npos) << report.lints[1].sentence;
}

TEST(Lints, what_is_muted_goes_by_rule_or_by_finding_and_is_counted) {
    Crossed look;
    look.parks(look.coroutine(), WaitReason::kJoin, look.left);
    LintReport all = lints_of(look), other = all, none = all;
    EXPECT_EQ(take_muted(all, {"deadlock"}), 1U);
    EXPECT_EQ(rules_of(all), Ids{"orphan-wait"});
    EXPECT_EQ(take_muted(other, {other.lints[1].key()}), 1U);
    EXPECT_EQ(rules_of(other), Ids{"deadlock"});
    EXPECT_EQ(take_muted(none, {"never-yields", "deadlock elsewhere"}), 0U);
}

TEST(Lints, json_names_rule_severity_sentence_advice_and_evidence) {
    Crossed look;
    const nlohmann::json json = to_json(lints_of(look), 3);
    const nlohmann::json& lint = json["lints"][0];
    EXPECT_EQ(lint["rule"], "deadlock");
    EXPECT_EQ(lint["severity"], "error");
    EXPECT_EQ(lint["evidence"][0]["kind"], "coroutine");
    EXPECT_EQ(lint["evidence"][0]["id"], 100);
    EXPECT_TRUE(lint["evidence"][1]["id"].is_null());
    EXPECT_FALSE(lint["advice"].get<std::string>().empty());
    EXPECT_EQ(json["muted"], 3);
}

}  // namespace
}  // namespace coroscope::analyses
