// Who waits for whom, on states built by hand: what is a deadlock, what is only suspected, and what is neither.
#include <gtest/gtest.h>

#include "traces/analysis.h"

namespace coroscope::traces {
namespace {

using wire::CoroutineState;
using wire::WaitReason;

// A few coroutines and channels; identities are 100 + index.
class Program {
public:
    std::uint32_t coroutine(CoroutineState state = CoroutineState::kReady) {
        inspect::CoroutineImage image;
        image.index = static_cast<std::uint32_t>(moment_.state.coroutines.size());
        image.identity = 100 + image.index;
        image.state = state;
        moment_.state.coroutines.push_back(image);
        return image.index;
    }
    std::uint32_t channel(std::uint32_t capacity = 0) {
        inspect::ChannelImage image;
        image.index = static_cast<std::uint32_t>(moment_.state.channels.size());
        image.identity = 1 + image.index;
        image.capacity = capacity;
        moment_.state.channels.push_back(image);
        return image.index;
    }
    void holds_sender(std::uint64_t identity, std::uint32_t channel) {
        hold(identity, channel, wire::kHandleSend);
    }
    void holds_receiver(std::uint64_t identity, std::uint32_t channel) {
        hold(identity, channel, wire::kHandleReceive);
    }
    void hold(std::uint64_t identity, std::uint32_t channel, std::uint32_t rights) {
        moment_.state.handles.push_back({channel, rights, identity});
        auto& image = moment_.state.channels[channel];
        if ((rights & wire::kHandleSend) != 0) ++image.sender_handles;
        if ((rights & wire::kHandleReceive) != 0) ++image.receiver_handles;
    }
    std::uint32_t waitable(wire::WaitableKind kind, std::uint64_t owner = 0) {
        inspect::WaitableImage image;
        image.index = static_cast<std::uint32_t>(moment_.state.waitables.size());
        image.identity = 1 + image.index;
        image.kind = kind;
        image.owner = owner;
        moment_.state.waitables.push_back(image);
        return image.index;
    }
    std::uint32_t mutex(std::uint64_t owner = 0) { return waitable(wire::WaitableKind::kMutex, owner); }
    inspect::WaitableImage& waitable_at(std::uint32_t waitable) { return moment_.state.waitables[waitable]; }
    void parks(std::uint32_t coroutine, WaitReason reason, std::uint32_t object) {
        auto& image = moment_.state.coroutines[coroutine];
        image.state = CoroutineState::kParked;
        image.reason = reason;
        image.wait_object = object;
        if (reason == WaitReason::kChannelReceive) ++moment_.state.channels[object].receivers_waiting;
        if (reason == WaitReason::kChannelSend) ++moment_.state.channels[object].senders_waiting;
        if (wire::waits_for_waitable(reason)) ++moment_.state.waitables[object].waiting;
    }
    // Parks it in a select: an arm each, receiving (true) or sending.
    void selects(std::uint32_t coroutine, const std::vector<std::pair<std::uint32_t, bool>>& arms) {
        parks(coroutine, WaitReason::kSelect, 0);
        std::uint8_t position = 0;
        for (const auto& [channel, receives] : arms) {
            moment_.state.select_arms.push_back({coroutine, channel, position++, receives});
            auto& image = moment_.state.channels[channel];
            ++(receives ? image.receivers_waiting : image.senders_waiting);
        }
    }
    void forget_arms() { moment_.state.select_arms.clear(); }
    inspect::CoroutineImage& at(std::uint32_t coroutine) { return moment_.state.coroutines[coroutine]; }
    inspect::ChannelImage& channel_at(std::uint32_t channel) { return moment_.state.channels[channel]; }
    Waits waits() {
        moment_.state.index();
        return compute_waits(moment_);
    }
    void moved_meanwhile(std::uint32_t coroutine) { moment_.moved.push_back(coroutine); }
    static std::uint64_t id(std::uint32_t coroutine) { return 100 + coroutine; }

private:
    Moment moment_;
};

// left receives from a (right sends), right receives from b (left sends).
struct Crossed : Program {
    std::uint32_t left = coroutine(), right = coroutine();
    std::uint32_t a = channel(), b = channel();
    Crossed() {
        holds_receiver(id(left), a);
        holds_sender(id(right), a);
        holds_receiver(id(right), b);
        holds_sender(id(left), b);
        parks(left, WaitReason::kChannelReceive, a);
        parks(right, WaitReason::kChannelReceive, b);
    }
};

TEST(Waits, two_that_wait_for_each_other_are_a_deadlock) {
    Crossed program;
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
    EXPECT_EQ(waits.cycles[0].ids, (std::vector<std::string>{"100", "channel:#1", "101", "channel:#2"}));
    EXPECT_NE(waits.cycles[0].sentence.find("which only coroutine (101) can send to"), std::string::npos)
        << waits.cycles[0].sentence;
}

TEST(Waits, a_third_that_runs_and_can_send_makes_it_no_cycle) {
    Crossed program;
    program.holds_sender(Program::id(program.coroutine(CoroutineState::kRunning)), program.a);
    EXPECT_TRUE(program.waits().cycles.empty());
}

TEST(Waits, a_third_that_sleeps_and_can_send_makes_it_no_cycle) {
    Crossed program;
    const std::uint32_t sleeper = program.coroutine();
    program.holds_sender(Program::id(sleeper), program.b);
    program.parks(sleeper, WaitReason::kSleep, wire::kNone);
    EXPECT_TRUE(program.waits().cycles.empty());
}

TEST(Waits, a_wait_with_a_deadline_makes_it_no_cycle) {
    Crossed program;
    program.at(program.left).deadline_ticks = 12345;
    EXPECT_TRUE(program.waits().cycles.empty());
}

TEST(Waits, a_ring_that_was_never_there_all_at_once_is_no_cycle) {
    Crossed program;
    program.moved_meanwhile(program.right);
    EXPECT_TRUE(program.waits().cycles.empty());
}

TEST(Waits, a_sender_outside_makes_it_suspected) {
    Crossed program;
    program.holds_sender(wire::kHolderOutside, program.a);
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_FALSE(waits.cycles[0].certain);
}

TEST(Waits, two_handles_of_one_holder_change_nothing) {
    Crossed program;
    program.holds_sender(Program::id(program.right), program.a);
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
}

TEST(Waits, a_handle_that_the_image_missed_makes_it_suspected) {
    Crossed program;
    ++program.channel_at(program.a).sender_handles;
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_FALSE(waits.cycles[0].certain);
}

TEST(Waits, waiting_for_an_item_that_only_oneself_could_send_is_a_deadlock) {
    Program program;
    const std::uint32_t me = program.coroutine();
    const std::uint32_t channel = program.channel(4);
    program.hold(Program::id(me), channel, wire::kHandleSend | wire::kHandleReceive);
    program.parks(me, WaitReason::kChannelReceive, channel);
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
}

TEST(Waits, an_item_in_the_buffer_makes_it_no_cycle) {
    Program program;
    const std::uint32_t me = program.coroutine();
    const std::uint32_t channel = program.channel(4);
    program.hold(Program::id(me), channel, wire::kHandleSend | wire::kHandleReceive);
    program.parks(me, WaitReason::kChannelReceive, channel);
    program.channel_at(channel).length = 1;
    EXPECT_TRUE(program.waits().cycles.empty());
}

TEST(Waits, workers_fed_from_outside_are_at_rest_not_suspected) {
    Program program;
    const std::uint32_t jobs = program.channel(16);
    program.hold(wire::kHolderOutside, jobs, wire::kHandleSend | wire::kHandleReceive);
    for (int i = 0; i < 3; ++i) {
        const std::uint32_t worker = program.coroutine();
        program.hold(Program::id(worker), jobs, wire::kHandleSend | wire::kHandleReceive);
        program.parks(worker, WaitReason::kChannelReceive, jobs);
    }
    const Waits waits = program.waits();
    EXPECT_TRUE(waits.cycles.empty());
    EXPECT_EQ(waits.edges.size(), 3U);
}

TEST(Waits, whoever_joins_a_deadlocked_one_is_an_orphan_and_not_in_the_cycle) {
    Crossed program;
    const std::uint32_t main = program.coroutine();
    program.parks(main, WaitReason::kJoin, program.left);
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_EQ(waits.orphans, std::vector<std::string>{"102"});
    ASSERT_EQ(waits.edges.size(), 3U);
    EXPECT_EQ(waits.edges[2].to, "100");
    EXPECT_EQ(waits.edges[2].kind, "join");
}

TEST(Waits, a_holder_that_ended_leaves_its_receiver_an_orphan) {
    Program program;
    const std::uint32_t me = program.coroutine();
    const std::uint32_t channel = program.channel();
    program.holds_receiver(Program::id(me), channel);
    program.holds_sender(4711, channel);
    program.parks(me, WaitReason::kChannelReceive, channel);
    const Waits waits = program.waits();
    EXPECT_TRUE(waits.cycles.empty());
    EXPECT_EQ(waits.orphans, std::vector<std::string>{"100"});
}

TEST(Waits, a_ring_of_joins_and_channels_is_found_whole) {
    Program program;
    const std::uint32_t first = program.coroutine(), second = program.coroutine(), third = program.coroutine();
    const std::uint32_t channel = program.channel(1);
    program.holds_sender(Program::id(third), channel);
    program.holds_receiver(Program::id(first), channel);
    program.parks(first, WaitReason::kChannelReceive, channel);
    program.parks(second, WaitReason::kJoin, first);
    program.parks(third, WaitReason::kJoin, second);
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
    EXPECT_EQ(waits.cycles[0].ids.size(), 4U);
}

// Each of five holds the fork on the left and waits for the one on the right.
struct Philosophers : Program {
    static constexpr std::uint32_t kSeats = 5;
    Philosophers() {
        for (std::uint32_t seat = 0; seat < kSeats; ++seat)
            mutex(id(coroutine()));
        for (std::uint32_t seat = 0; seat < kSeats; ++seat)
            parks(seat, WaitReason::kMutex, (seat + 1) % kSeats);
    }
};

TEST(Waits, philosophers_with_a_fork_each_are_a_certain_deadlock) {
    const Waits waits = Philosophers().waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
    EXPECT_EQ(waits.cycles[0].ids.size(), 10U);
    EXPECT_NE(waits.cycles[0].sentence.find("coroutine (100) waits for mutex:#2, which coroutine (101) "
                                            "holds; coroutine (101) waits for mutex:#3"),
              std::string::npos)
        << waits.cycles[0].sentence;
    EXPECT_EQ(waits.edges[0].to, "mutex:#2");
    EXPECT_EQ(waits.edges[0].kind, "lock");
    EXPECT_EQ(waits.could_wake[1].from, "101");
    EXPECT_EQ(waits.could_wake[1].to, "mutex:#2");
}

TEST(Waits, a_philosopher_with_a_time_limit_or_one_that_eats_makes_it_no_cycle) {
    Philosophers limited;
    limited.at(3).deadline_ticks = 12345;
    EXPECT_TRUE(limited.waits().cycles.empty());
    Philosophers eating;
    eating.at(3).state = CoroutineState::kRunning;
    EXPECT_TRUE(eating.waits().cycles.empty());
}

TEST(Waits, a_mutex_that_changed_while_the_image_was_read_makes_it_no_cycle) {
    Philosophers program;
    program.waitable_at(2).consistency = inspect::Consistency::kTorn;
    EXPECT_TRUE(program.waits().cycles.empty());
}

TEST(Waits, a_ring_over_a_mutex_and_a_channel_is_found_whole) {
    Program program;
    const std::uint32_t holder = program.coroutine(), sender = program.coroutine();
    const std::uint32_t mutex = program.mutex(Program::id(holder)), channel = program.channel();
    program.holds_receiver(Program::id(holder), channel);
    program.holds_sender(Program::id(sender), channel);
    program.parks(holder, WaitReason::kChannelReceive, channel);
    program.parks(sender, WaitReason::kMutex, mutex);
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
    EXPECT_EQ(waits.cycles[0].ids.size(), 4U);
}

TEST(Waits, a_mutex_whose_holder_ended_leaves_its_waiters_orphans_and_one_held_by_a_thread_does_not) {
    Program program;
    const std::uint32_t first = program.coroutine(), second = program.coroutine();
    program.parks(first, WaitReason::kMutex, program.mutex(4711));
    program.parks(second, WaitReason::kMutex, program.mutex(wire::kOwnerThread | 4711U));
    const Waits waits = program.waits();
    EXPECT_TRUE(waits.cycles.empty());
    EXPECT_EQ(waits.orphans, std::vector<std::string>{"100"});
}

TEST(Waits, who_waits_for_permits_or_a_condition_can_be_released_by_anybody) {
    Program program;
    program.parks(program.coroutine(), WaitReason::kSemaphore,
                  program.waitable(wire::WaitableKind::kSemaphore));
    program.parks(program.coroutine(), WaitReason::kCondition,
                  program.waitable(wire::WaitableKind::kCondition));
    const Waits waits = program.waits();
    EXPECT_TRUE(waits.cycles.empty());
    EXPECT_TRUE(waits.orphans.empty());
    EXPECT_EQ(waits.edges[0].kind, "acquire");
    EXPECT_EQ(waits.edges[0].to, "semaphore:#1");
    EXPECT_EQ(waits.edges[1].kind, "pass");
}

// north selects on a and b, which only south can send to; south receives from c, which only north can send to.
struct CrossedBySelect : Program {
    std::uint32_t north = coroutine(), south = coroutine();
    std::uint32_t a = channel(), b = channel(), c = channel();
    CrossedBySelect() {
        for (const std::uint32_t one : {a, b}) {
            holds_receiver(id(north), one);
            holds_sender(id(south), one);
        }
        holds_sender(id(north), c);
        holds_receiver(id(south), c);
        selects(north, {{a, true}, {b, true}});
        parks(south, WaitReason::kChannelReceive, c);
    }
};

TEST(Waits, a_select_of_which_every_arm_is_stuck_is_part_of_the_deadlock) {
    const Waits waits = CrossedBySelect().waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
    EXPECT_TRUE(waits.cycles[0].by_select);
    EXPECT_NE(waits.cycles[0].sentence.find(
                  "coroutine (100) waits in a select to receive from channel:#1, which only "
                  "coroutine (101) can send to, or to receive from channel:#2"),
              std::string::npos)
        << waits.cycles[0].sentence;
}

TEST(Waits, one_arm_that_can_fire_makes_a_select_no_cycle) {
    CrossedBySelect held_by_another;
    held_by_another.holds_sender(Program::id(held_by_another.coroutine(CoroutineState::kRunning)),
                                 held_by_another.b);
    EXPECT_TRUE(held_by_another.waits().cycles.empty());
    CrossedBySelect closed;
    closed.channel_at(closed.a).closed = true;
    EXPECT_TRUE(closed.waits().cycles.empty());
    CrossedBySelect limited;
    limited.at(limited.north).deadline_ticks = 12345;
    EXPECT_TRUE(limited.waits().cycles.empty());
}

TEST(Waits, a_select_whose_arms_are_not_known_makes_no_cycle) {
    CrossedBySelect program;
    program.forget_arms();
    const Waits waits = program.waits();
    EXPECT_TRUE(waits.cycles.empty());
    EXPECT_TRUE(waits.orphans.empty());
    EXPECT_EQ(waits.edges[0].to, "select");
}

TEST(Waits, a_select_has_an_edge_an_arm_and_whoever_could_fire_one_could_wake_it) {
    const Waits waits = CrossedBySelect().waits();
    ASSERT_EQ(waits.edges.size(), 3U);
    EXPECT_EQ(waits.edges[0].to, "channel:#1");
    EXPECT_EQ(waits.edges[0].kind, "select-receive");
    EXPECT_EQ(waits.edges[1].to, "channel:#2");
    EXPECT_EQ(waits.could_wake.size(), 3U);
}

TEST(Waits, a_select_that_only_ended_coroutines_could_have_fired_is_an_orphan) {
    Program program;
    const std::uint32_t me = program.coroutine(), other = program.coroutine();
    for (const std::uint32_t waiting : {me, other}) {
        const std::uint32_t first = program.channel(), second = program.channel();
        program.holds_sender(4711, first);
        program.holds_receiver(waiting == me ? 4712 : wire::kHolderOutside, second);
        program.selects(waiting, {{first, true}, {second, false}});
    }
    EXPECT_EQ(program.waits().orphans, std::vector<std::string>{"100"})
        << "a thread outside could fire the other one";
}

// Each fork is a channel of one item, and both its neighbours can put it back: who waits for it could, too.
TEST(Waits, philosophers_over_channels_are_one_ring_and_not_each_its_own) {
    Program program;
    constexpr std::uint32_t kSeats = 5;
    for (std::uint32_t seat = 0; seat < kSeats; ++seat) {
        program.coroutine();
        program.channel(1);
    }
    for (std::uint32_t seat = 0; seat < kSeats; ++seat) {
        for (const std::uint32_t fork : {seat, (seat + 1) % kSeats})
            program.hold(Program::id(seat), fork, wire::kHandleSend | wire::kHandleReceive);
        program.parks(seat, WaitReason::kChannelReceive, (seat + 1) % kSeats);
    }
    const Waits waits = program.waits();
    ASSERT_EQ(waits.cycles.size(), 1U);
    EXPECT_TRUE(waits.cycles[0].certain);
    EXPECT_EQ(waits.cycles[0].ids.size(), 10U);
    EXPECT_NE(waits.cycles[0].sentence.find(
                  "which only coroutine (101) can send to, besides itself; coroutine (101)"),
              std::string::npos)
        << waits.cycles[0].sentence;
}

TEST(Waits, could_wake_names_the_holders_and_the_joined) {
    Crossed program;
    const Waits waits = program.waits();
    ASSERT_EQ(waits.could_wake.size(), 2U);
    EXPECT_EQ(waits.could_wake[0].from, "101");
    EXPECT_EQ(waits.could_wake[0].to, "channel:#1");
}

TEST(Waits, a_chain_of_a_hundred_thousand_does_not_overflow_our_own_stack) {
    Program program;
    std::uint32_t before = program.coroutine(CoroutineState::kRunning);
    for (int i = 0; i < 100'000; ++i) {
        const std::uint32_t next = program.coroutine();
        program.parks(next, WaitReason::kJoin, before);
        before = next;
    }
    const Waits waits = program.waits();
    EXPECT_TRUE(waits.cycles.empty());
    EXPECT_TRUE(waits.orphans.empty());
    EXPECT_EQ(waits.edges.size(), 100'000U);
}

}  // namespace
}  // namespace coroscope::traces
