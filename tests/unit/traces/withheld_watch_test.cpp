// Times in which categories were withheld from a recorder, as losses that cover them whole.
#include "traces/withheld_watch.h"

#include <gtest/gtest.h>

#include <vector>

#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {
namespace {

struct Loss {
    std::uint64_t since, until;
    bool operator==(const Loss&) const = default;
};

class Watched {
public:
    explicit Watched(std::uint32_t mask) : watch_(mask, 1000) { decoder_.seed(1000, wire::kNone, false); }
    void look(std::uint32_t withheld, std::uint64_t now, bool again = false) {
        const auto slots = watch_.look(withheld, now, again);
        if (!slots) return;
        decoder_.feed(*slots, [this](const wire::DecodedEvent& event) {
            EXPECT_EQ(event.type, wire::EventType::kLoss);
            EXPECT_GT(event.object, 0U);
            losses.push_back({event.ext64[0], event.tsc});
        });
    }
    std::vector<Loss> losses;

private:
    WithheldWatch watch_;
    wire::EventDecoder decoder_;
};

TEST(withheld_watch, tells_nothing_while_nothing_is_missing) {
    Watched watched(wire::kCategoryCoroutine);
    watched.look(0, 1010);
    watched.look(wire::kCategoryPool, 1500);  // nobody asked for it
    watched.look(0, 2000, true);
    EXPECT_TRUE(watched.losses.empty());
}

TEST(withheld_watch, a_loss_begins_before_and_ends_after_what_is_missing) {
    Watched watched(wire::kEverything);
    watched.look(0, 1010);
    watched.look(wire::kCategoryPool, 1020);
    watched.look(wire::kCategoryPool, 1050);
    watched.look(0, 1060);
    watched.look(0, 1070);
    EXPECT_EQ(watched.losses, (std::vector<Loss>{{1010, 1020}, {1020, 1060}}));
}

TEST(withheld_watch, a_long_one_is_told_again_and_again_without_a_gap) {
    Watched watched(wire::kEventCategories);
    for (std::uint64_t now = 1010; now < 2000; now += 30)
        watched.look(wire::kCategoryChannel, now, now % 4 == 0);
    watched.look(wire::kCategoryChannel, 2000, true);
    ASSERT_GT(watched.losses.size(), 5U);
    EXPECT_EQ(watched.losses.front().since, 1000U);
    EXPECT_EQ(watched.losses.back().until, 2000U);
    for (std::size_t i = 1; i < watched.losses.size(); ++i)
        EXPECT_EQ(watched.losses[i].since, watched.losses[i - 1].until);
}

}  // namespace
}  // namespace coroscope::traces
