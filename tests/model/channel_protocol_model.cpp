// Channels under every interleaving: the source of runtime/channels as it ships (operations, wait lists, hand-over, close, the end of a channel),
// at capacities 0 to 2, with two or three who send, receive, close, cancel or give up. Bounds: two of them are tried with up to three
// preemptions and every value that a load may see; three with two preemptions, at capacities 0 and 1, and newest values.
//
// channel_model.cpp holds what channels do against a sequential definition; here it is how they do it between workers.
#include <gtest/gtest.h>

#include <array>

#include "runtime/channels/access.h"
#include "world.h"

namespace cprime::detail {
namespace {

constexpr std::uint64_t kItems = 5;  // items are 1 to 4

// Who has sent and got what. Each item says who wrote it, so that a receiver that does not see what came before the send is found.
struct Goods {
    Status send(HandleId channel, std::uint64_t item) {
        written[item] = 1;
        const Status status = detail::send(channel, item);
        if (status == Status::ok) ++sent[item];
        return status;
    }
    Got took(const Got& got) {
        if (got.status != Status::ok) return got;
        model::check(got.item > 0 && got.item < kItems, "an item that nobody sent");
        model::check(written[got.item] == 1, "an item before what was written for it");
        model::check(++received[got.item] == 1, "a duplicate: an item was received twice");
        return got;
    }
    Got receive(HandleId channel) { return took(detail::receive(channel)); }

    // `left`: items that the channel still holds.
    void finish(std::uint64_t left = 0) const {
        std::uint64_t missing = 0;
        for (std::uint64_t item = 1; item < kItems; ++item) {
            model::check(received[item] <= sent[item], "an item was received whose send did not succeed");
            missing += static_cast<std::uint64_t>(sent[item] - received[item]);
        }
        model::check(missing == left, "a lost item: sent, neither received nor in the channel");
    }

    std::array<model::Plain<int>, kItems> written;
    std::array<int, kItems> sent{}, received{};
};

void explore(const model::Options& options, const std::function<void(model::Program&)>& setup) {
    const model::Result result = model::explore(options, setup);
    EXPECT_TRUE(result.passed()) << result.report();
}

std::uint64_t length(HandleId channel) {
    return channel_statistics(channel).length;
}

void give_back(HandleId handle) {
    park<&channel_release>(reinterpret_cast<void*>(handle));
}

class ChannelProtocolModel : public testing::TestWithParam<std::uint32_t> {};
class ChannelProtocolModelOfThree : public testing::TestWithParam<std::uint32_t> {};

TEST_P(ChannelProtocolModel, a_sender_and_a_receiver_always_meet) {
    explore({.preemptions = 3}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId channel = world.channel(GetParam());
        world.coroutine([&goods, channel] { goods.send(channel, 1); });
        world.coroutine([&goods, channel] {
            model::check(goods.receive(channel).item == 1, "another item than the one sent");
        });
        program.finally([&goods] { goods.finish(); });
    });
}

// Where the lock of what it waits for is not the one that the canceller takes, the two meet by [park.cancel] alone.
TEST_P(ChannelProtocolModel, a_receiver_that_is_cancelled_while_it_parks_goes_on) {
    explore({.preemptions = 3}, [](model::Program& program) {
        World& world = World::make(program);
        const HandleId channel = world.channel(GetParam());
        const std::uint32_t receiver = world.coroutine([channel] {
            model::check(detail::receive(channel).status == Status::cancelled, "it received something");
        });
        world.worker([=](Worker& worker) { request_cancel(&worker, receiver, World::identity(receiver)); });
    });
}

TEST_P(ChannelProtocolModel, two_items_of_one_sender_arrive_in_order) {
    explore({.preemptions = 2}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId channel = world.channel(GetParam());
        world.coroutine([&goods, channel] {
            goods.send(channel, 1);
            goods.send(channel, 2);
        });
        world.coroutine([&goods, channel] {
            model::check(goods.receive(channel).item == 1, "the second item came first");
            model::check(goods.receive(channel).item == 2, "the first item came twice");
        });
        program.finally([&goods] { goods.finish(); });
    });
}

TEST_P(ChannelProtocolModelOfThree, two_senders_and_a_receiver_lose_and_double_nothing) {
    explore({.preemptions = 2, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId channel = world.channel(GetParam());
        world.coroutine([&goods, channel] { goods.send(channel, 1); });
        world.coroutine([&goods, channel] { goods.send(channel, 2); });
        world.coroutine([&goods, channel] {
            goods.receive(channel);
            goods.receive(channel);
        });
        program.finally([&goods] { goods.finish(); });
    });
}

TEST_P(ChannelProtocolModel, who_has_waited_longest_is_served_first) {
    explore({.preemptions = 2}, [](model::Program& program) {
        World& world = World::make(program);
        const HandleId channel = world.channel(GetParam());
        world.coroutine([channel] {
            model::check(detail::receive(channel).item == 1, "somebody who came later was served before");
        });
        world.coroutine_behind([channel] {
            model::check(detail::receive(channel).item == 2, "somebody who came later was served before");
        });
        world.coroutine([channel] {
            detail::send(channel, 1);
            detail::send(channel, 2);
        });
    });
}

TEST_P(ChannelProtocolModelOfThree, a_close_wakes_who_waits_and_nobody_sends_after_it) {
    explore({.preemptions = 2, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId channel = world.channel(GetParam());
        world.coroutine([&goods, channel] { goods.send(channel, 1); });
        world.coroutine([&goods, channel] {
            while (goods.receive(channel).status == Status::ok) {
            }
            model::check(detail::receive(channel).status == Status::closed,
                         "a closed and drained channel is closed");
        });
        world.coroutine([channel] {
            close_channel(channel);
            model::check(try_send(channel, 3) == Status::closed, "who has closed a channel could send");
        });
        program.finally([&goods] { goods.finish(); });
    });
}

TEST_P(ChannelProtocolModelOfThree, a_receiver_that_is_cancelled_has_the_item_or_leaves_it) {
    explore({.preemptions = 2, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId channel = world.channel(GetParam());
        const std::uint32_t receiver = world.coroutine([&goods, channel] { goods.receive(channel); });
        world.coroutine([&goods, channel] { goods.send(channel, 1); });
        world.worker([=](Worker& worker) {
            request_cancel(&worker, receiver, World::identity(receiver));
            close_channel(channel);  // for the sender, who may have nobody to wait for
        });
        program.finally([&goods, channel] { goods.finish(length(channel)); });
    });
}

TEST_P(ChannelProtocolModelOfThree, a_sender_whose_time_is_over_has_sent_or_has_not) {
    explore({.preemptions = 2, .stale_reads = 0}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId channel = world.channel(GetParam());
        world.coroutine([&goods, channel] {
            if (GetParam() != 0) goods.send(channel, 2);  // the place is taken
            goods.written[1] = 1;
            if (send_in_time(channel, 1) == Status::ok) ++goods.sent[1];
        });
        world.coroutine([&goods, channel] { goods.took(try_receive(channel)); });
        world.worker([&world, channel](Worker& worker) {
            world.fire_timers(worker);
            close_channel(channel);  // for who came later
        });
        program.finally([&goods, channel] { goods.finish(length(channel)); });
    });
}

TEST_P(ChannelProtocolModel, a_thread_that_is_no_worker_gets_what_a_coroutine_sends) {
    explore({.preemptions = 3}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId channel = world.channel(GetParam());
        world.coroutine([&goods, channel] { goods.send(channel, 1); });
        world.thread([&goods, channel] {
            model::check(goods.receive(channel).item == 1, "another item than the one sent");
        });
        program.finally([&goods] { goods.finish(); });
    });
}

TEST_P(ChannelProtocolModel, the_last_handle_of_a_side_closes_and_the_last_of_all_takes_the_channel_away) {
    explore({.preemptions = 2, .stale_reads = 1}, [](model::Program& program) {
        World& world = World::make(program);
        auto& goods = program.make<Goods>();
        const HandleId both = world.channel(GetParam());
        const HandleId sender = copy_handle(both, kMaySend);
        const HandleId receiver = copy_handle(both, kMayReceive);
        give_back(both);
        world.coroutine([&goods, sender] {
            goods.send(sender, 1);
            give_back(sender);
        });
        world.coroutine([&goods, receiver] {
            while (goods.receive(receiver).status == Status::ok) {
            }
            give_back(receiver);
        });
        program.finally([&goods, &world] {
            goods.finish();
            model::check((world.channel_record(0).flags.load() & wire::kChannelLive) == 0,
                         "the channel is still there");
        });
    });
}

INSTANTIATE_TEST_SUITE_P(Capacity, ChannelProtocolModel, testing::Values(0U, 1U, 2U),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Capacity, ChannelProtocolModelOfThree, testing::Values(0U, 1U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace cprime::detail
