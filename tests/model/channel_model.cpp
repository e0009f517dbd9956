// Channels against their definition: every order of every small script, and many orders of larger ones.
//
// Two actors with two operations each, from an alphabet of six, in all six orders, at three capacities, with plain values and with
// objects: 46,656 plays. Larger scripts and their orders are drawn by RapidCheck, which prints its seed and shrinks what fails.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>

#include "channel_script.h"

namespace cprime::model {
namespace {

constexpr int kOrders[6][4] = {{0, 0, 1, 1}, {0, 1, 0, 1}, {0, 1, 1, 0},
                               {1, 0, 0, 1}, {1, 0, 1, 0}, {1, 1, 0, 0}};

template <typename T>
int play_every_small_script() {
    int plays = 0;
    for (std::uint32_t capacity = 0; capacity <= 2; ++capacity) {
        for (int code = 0; code < kOperationsCount * kOperationsCount * kOperationsCount * kOperationsCount;
             ++code) {
            Script script{capacity, {{}, {}}};
            for (int i = 0, rest = code; i < 4; ++i, rest /= kOperationsCount) {
                script.actors[static_cast<std::size_t>(i / 2)].push_back(
                    static_cast<Operation>(rest % kOperationsCount));
            }
            for (const auto& order : kOrders) {
                // An actor that waits misses its turn; the second round gives it back.
                std::vector<int> turns(order, order + 4);
                turns.insert(turns.end(), order, order + 4);
                ++plays;
                if (const auto failure = play<T>(script, turns)) {
                    ADD_FAILURE() << *failure;
                    return plays;
                }
            }
        }
    }
    return plays;
}

TEST(ChannelModel, every_order_of_every_small_script_of_plain_values_agrees) {
    Runtime runtime({.workers = 1});
    EXPECT_EQ(runtime.run([] { return play_every_small_script<int>(); }), 3 * 6 * 6 * 6 * 6 * 6);
}

TEST(ChannelModel, every_order_of_every_small_script_of_objects_agrees) {
    Runtime runtime({.workers = 1});
    EXPECT_EQ(runtime.run([] { return play_every_small_script<Boxed>(); }), 3 * 6 * 6 * 6 * 6 * 6);
    EXPECT_EQ(boxed_alive(), 0);
}

rc::Gen<Script> scripts() {
    const auto operation = rc::gen::map(rc::gen::inRange(0, kOperationsCount),
                                        [](int n) { return static_cast<Operation>(n); });
    // Sends and receives three times as often as the rest: scripts that only close and cancel are dull.
    const auto weighted = rc::gen::oneOf(operation, rc::gen::element(Operation::send, Operation::receive),
                                         rc::gen::element(Operation::send, Operation::receive));
    return rc::gen::map(
        rc::gen::pair(
            rc::gen::inRange<std::uint32_t>(0, 4),
            rc::gen::resize(6, rc::gen::nonEmpty(rc::gen::container<std::vector<std::vector<Operation>>>(
                                   rc::gen::container<std::vector<Operation>>(weighted))))),
        [](const auto& drawn) {
            return Script{drawn.first, drawn.second};
        });
}

template <typename T>
bool larger_scripts_agree() {
    setenv("RC_PARAMS", "max_success=1000", 0);  // read by RapidCheck at its first check
    return rc::check("a channel does what its definition says", [] {
        const Script script = *scripts();
        const auto actors = static_cast<int>(script.actors.size());
        const auto turns = *rc::gen::container<std::vector<int>>(40, rc::gen::inRange(0, actors));
        const auto failure = play<T>(script, turns);
        if (failure) RC_FAIL(*failure);
    });
}

TEST(ChannelModel, larger_scripts_of_plain_values_agree) {
    Runtime runtime({.workers = 1});
    EXPECT_TRUE(runtime.run([] { return larger_scripts_agree<int>(); }));
}

TEST(ChannelModel, larger_scripts_of_objects_agree) {
    Runtime runtime({.workers = 1});
    EXPECT_TRUE(runtime.run([] { return larger_scripts_agree<Boxed>(); }));
    EXPECT_EQ(boxed_alive(), 0);
}

// The comparison itself can fail: a script whose real counterpart is one item short is told apart.
TEST(ChannelModel, disagreement_is_noticed) {
    View one, other;
    one.sent = 1;
    EXPECT_NE(one, other);
    const Script script{0, {{Operation::receive}, {Operation::send}}};
    Model model(script);
    model.act(0);
    EXPECT_TRUE(model.view().actors[0].waits);
    model.act(1);
    EXPECT_EQ(model.view().actors[0].answers.at(0).item, 100);
}

}  // namespace
}  // namespace cprime::model
