// Selects under every interleaving: the source of runtime/channels/select.cpp and arms.cpp as it ships. Of all that could end the wait of a
// select exactly one does, and the arms that lost stand in no list any more when the select returns. Bounds: loads see the newest values; two
// preemptions for two threads, and for three where a canceller is one of them and there is no buffer; else one.
#include <gtest/gtest.h>

#include <array>

#include "world.h"

namespace cprime::detail {
namespace {

constexpr std::uint64_t kItems = 4;  // items are 1 to 3

// What was sent and received; each item says who wrote it.
struct Goods {
    void write(std::uint64_t item) { written[item] = 1; }
    void took(std::uint64_t item) {
        model::check(item > 0 && item < kItems, "an item that nobody sent");
        model::check(written[item] == 1, "an item before what was written for it");
        model::check(++received[item] == 1, "a duplicate: an item was received twice");
    }

    std::array<model::Plain<int>, kItems> written;
    std::array<int, kItems> received{};
};

void explore(const model::Options& options, const std::function<void(model::Program&)>& setup) {
    const model::Result result = model::explore(options, setup);
    EXPECT_TRUE(result.passed()) << result.report();
}

void check_nobody_receives(HandleId channel) {
    model::check(channel_statistics(channel).receivers_waiting == 0, "an arm that lost is still linked");
}
void check_nobody_waits(HandleId channel) {
    const ChannelStatistics now = channel_statistics(channel);
    model::check(now.receivers_waiting == 0 && now.senders_waiting == 0, "an arm that lost is still linked");
}

// The only one who receives on either; its result.
Selected receive_from_either(Goods& goods, HandleId one, HandleId other) {
    std::array<Arm, 2> arms{{{one, true}, {other, true}}};
    const Selected selected = select(arms);
    check_nobody_receives(one);
    check_nobody_receives(other);
    if (selected.status == Status::ok) goods.took(arms[selected.fired].item);
    return selected;
}

// With three threads a buffer makes the same programs longer.
class SelectModel : public testing::TestWithParam<std::uint32_t> {
protected:
    static int preemptions() { return GetParam() == 0 ? 2 : 1; }
};

TEST_P(SelectModel, a_select_over_two_channels_gets_what_two_senders_send) {
    explore({.preemptions = 1, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId one = world.channel(GetParam()), other = world.channel(GetParam());
        world.coroutine([&goods, one, other] {
            for (int i = 0; i < 2; ++i)
                model::check(receive_from_either(goods, one, other).status == Status::ok, "no item");
        });
        world.coroutine([&goods, one] {
            goods.write(1);
            model::check(send(one, 1) == Status::ok, "not sent");
        });
        world.coroutine([&goods, other] {
            goods.write(2);
            model::check(send(other, 2) == Status::ok, "not sent");
        });
        program.finally(
            [&goods] { model::check(goods.received[1] == 1 && goods.received[2] == 1, "a lost item"); });
    });
}

TEST_P(SelectModel, an_item_that_a_select_did_not_choose_stays_where_it_is) {
    explore({.preemptions = 2, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId one = world.channel(GetParam()), other = world.channel(1);
        world.coroutine([&goods, one, other] {
            const Selected first = receive_from_either(goods, one, other);
            const Got left = receive(first.fired == 0 ? other : one);
            goods.took(left.item);
        });
        world.coroutine([&goods, one, other] {
            goods.write(1);
            goods.write(2);
            send(other, 2);
            send(one, 1);
        });
        program.finally(
            [&goods] { model::check(goods.received[1] == 1 && goods.received[2] == 1, "a lost item"); });
    });
}

TEST_P(SelectModel, of_a_sender_and_a_canceller_exactly_one_ends_the_wait_of_a_select) {
    explore({.preemptions = preemptions(), .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        auto& sent = program.make<int>(0);
        const HandleId one = world.channel(GetParam()), other = world.channel(GetParam());
        const std::uint32_t waiting = world.coroutine([&goods, one, other] {
            const Selected selected = receive_from_either(goods, one, other);
            model::check((selected.fired == kNoArmFired) == (selected.status == Status::cancelled),
                         "a cancelled select has done something");
        });
        world.coroutine([&goods, &sent, one] {
            goods.write(1);
            sent = send(one, 1) == Status::ok ? 1 : 0;
        });
        world.worker([=](Worker& worker) {
            request_cancel(&worker, waiting, World::identity(waiting));
            close_channel(one);  // for the sender, who may have nobody to wait for
        });
        program.finally([&goods, &sent, one] {
            const int left = static_cast<int>(channel_statistics(one).length);
            model::check(sent == goods.received[1] + left, "an item was lost or doubled");
        });
    });
}

TEST_P(SelectModel, of_a_sender_and_the_timer_exactly_one_ends_the_wait_of_a_select) {
    explore({.preemptions = 1, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        auto& sent = program.make<int>(0);
        const HandleId one = world.channel(GetParam()), other = world.channel(GetParam());
        world.coroutine([&goods, one, other] {
            std::array<Arm, 2> arms{{{one, true}, {other, true}}};
            const Selected selected = select(arms, 1);
            check_nobody_receives(one);
            check_nobody_receives(other);
            if (selected.status == Status::ok) goods.took(arms[selected.fired].item);
        });
        world.coroutine([&goods, &sent, one] {
            goods.write(1);
            sent = send(one, 1) == Status::ok ? 1 : 0;
        });
        world.worker([&world, one](Worker& worker) {
            world.fire_timers(worker);
            close_channel(one);
        });
        program.finally([&goods, &sent, one] {
            const int left = static_cast<int>(channel_statistics(one).length);
            model::check(sent == goods.received[1] + left, "an item was lost or doubled");
        });
    });
}

TEST_P(SelectModel, a_close_of_either_channel_ends_the_wait_of_a_select_once) {
    explore({.preemptions = 1, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId one = world.channel(GetParam()), other = world.channel(GetParam());
        world.coroutine([&goods, one, other] {
            const Selected selected = receive_from_either(goods, one, other);
            model::check(selected.status == Status::closed && selected.fired <= 1, "nothing but a close");
        });
        world.coroutine([one] { close_channel(one); });
        world.coroutine([other] { close_channel(other); });
    });
}

TEST(SelectModelOfTwo, selects_that_face_each_other_meet_in_one_item) {
    explore({.preemptions = 2, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        auto& fired = program.make<std::array<std::uint8_t, 2>>();
        const HandleId one = world.channel(0), other = world.channel(0);
        for (std::uint32_t i = 0; i < 2; ++i) {
            world.coroutine([&goods, &fired, i, one, other] {
                goods.write(i + 1);
                std::array<Arm, 2> arms{{{one, i == 1, i + 1}, {other, i == 0, i + 1}}};
                const Selected selected = select(arms);
                model::check(selected.status == Status::ok, "no exchange");
                fired[i] = selected.fired;
                if (arms[selected.fired].receives) goods.took(arms[selected.fired].item);
            });
        }
        program.finally([&goods, &fired, one, other] {
            model::check(fired[0] == fired[1], "they met on two channels");
            model::check(goods.received[1] + goods.received[2] == 1, "not exactly one item");
            check_nobody_waits(one);
            check_nobody_waits(other);
        });
    });
}

TEST(SelectModelOfTwo, selects_that_send_and_receive_on_the_same_channels_crosswise_all_end) {
    explore({.preemptions = 2, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId one = world.channel(0), other = world.channel(0);
        world.coroutine([&goods, one, other] {  // the channels in the other order
            static_cast<void>(receive_from_either(goods, other, one));
        });
        world.coroutine([&goods, one, other] {
            goods.write(1);
            std::array<Arm, 2> arms{{{one, false, 1}, {other, false, 1}}};
            model::check(select(arms).status == Status::ok, "not sent");
        });
        program.finally([&goods, one, other] {
            model::check(goods.received[1] == 1, "a lost item");
            check_nobody_waits(one);
            check_nobody_waits(other);
        });
    });
}

INSTANTIATE_TEST_SUITE_P(Capacity, SelectModel, testing::Values(0U, 1U), testing::PrintToStringParamName());

}  // namespace
}  // namespace cprime::detail
