// views/columns: what is shown of a table in a panel of any width.
#include "views/columns.h"

#include <gtest/gtest.h>

namespace coroscope::views {
namespace {

constexpr Column kColumns[] = {
    {"name", 100, 1}, {"holder", 100, 3}, {"value", 80, 0, false, 1}, {"count", 60, 0, true, 2}};

TEST(Columns, what_is_left_goes_to_those_who_can_use_it) {
    const auto places = place_columns(kColumns, 464, 1);  // 24 of margins, 340 needed
    for (const PlacedColumn& place : places)
        EXPECT_TRUE(place.shown);
    EXPECT_FLOAT_EQ(places[0].x, 12);
    EXPECT_FLOAT_EQ(places[0].width, 125);
    EXPECT_FLOAT_EQ(places[1].width, 175);
    EXPECT_FLOAT_EQ(places[2].width, 80);
    EXPECT_FLOAT_EQ(places[3].x + places[3].width, 452);
}

TEST(Columns,
     where_there_is_no_room_for_all_those_that_matter_least_go_first_and_none_is_narrower_than_it_needs) {
    for (const float scale : {1.0F, 2.0F}) {
        const auto without_count = place_columns(kColumns, 363 * scale, scale);
        EXPECT_TRUE(without_count[2].shown);
        EXPECT_FALSE(without_count[3].shown);
        const auto narrow = place_columns(kColumns, 230 * scale, scale);
        EXPECT_FALSE(narrow[2].shown);
        EXPECT_TRUE(narrow[1].shown);
        EXPECT_GE(narrow[1].width, 100 * scale);
        const auto tiny = place_columns(kColumns, 50 * scale, scale);
        EXPECT_TRUE(tiny[0].shown) << "what has rank 0 stays, however little is seen of it";
        EXPECT_GE(tiny[0].width, 100 * scale);
    }
}

}  // namespace
}  // namespace coroscope::views
