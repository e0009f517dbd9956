// The layout of a slot, and the table of events.
#include "instrumentation/wire/event.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace coroscope::wire {
namespace {

TEST(event, a_slot_gives_back_what_it_was_made_of) {
    const EventSlot slot = make_slot(0xabcd'1234'5678'9abcULL, EventType::kWake, 0xfe,
                                     make_word1(77, pack24(0x1ffffff, 3)));
    EXPECT_EQ(slot_stamp(slot), 0x1234'5678'9abcULL);
    EXPECT_EQ(slot_type(slot), EventType::kWake);
    EXPECT_EQ(slot_lap(slot), 0xfe);
    EXPECT_EQ(slot_object(slot), 77U);
    EXPECT_EQ(low24(slot_argument(slot)), 0xffffffU);
    EXPECT_EQ(high8(slot_argument(slot)), 3);
}

TEST(event, change_counts_of_24_bits_are_compared_around_their_end) {
    EXPECT_EQ(distance24(5, 3), 2);
    EXPECT_EQ(distance24(3, 5), -2);
    EXPECT_EQ(distance24(1, 0xffffff), 2);
    EXPECT_EQ(distance24(0xffffff, 1), -2);
    EXPECT_EQ(distance24(9, 9), 0);
}

TEST(event, every_event_has_a_size_and_a_name_of_its_own) {
    std::set<std::string> names;
    int known = 0;
    for (std::uint32_t number = 0; number < 256; ++number) {
        const auto type = static_cast<EventType>(number);
        const std::string name = event_name(type);
        const std::uint32_t slots = slots_of(type, 0);
        ASSERT_EQ(slots == 0, name == "?") << number;
        if (slots == 0) continue;
        ++known;
        EXPECT_LT(number, kEventTypesMax);
        EXPECT_LE(slots, kRingGroupSlotsMax);
        EXPECT_TRUE(names.insert(name).second) << name << " twice";
    }
    EXPECT_EQ(known, 51);
}

TEST(event, a_send_on_behalf_of_another_takes_a_second_slot) {
    EXPECT_EQ(slots_of(EventType::kChannelSend, pack24(9, kHandOver)), 1U);
    EXPECT_EQ(slots_of(EventType::kChannelSend, pack24(9, kOtherParty)), 2U);
    EXPECT_EQ(slots_of(EventType::kChannelReceive, pack24(9, kOtherParty | kHandOver)), 2U);
}

}  // namespace
}  // namespace coroscope::wire
