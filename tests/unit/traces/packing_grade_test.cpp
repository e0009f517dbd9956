// Back-pressure: more is stored verbatim as more waits, and a grade that was reached is kept until the queue has clearly emptied.
#include "traces/packing_grade.h"

#include <gtest/gtest.h>

namespace coroscope::traces {
namespace {

constexpr std::uint64_t kFull = 64U << 20;

int verbatim_of_four(PackingGrade& grade, std::uint64_t waiting) {
    int count = 0;
    for (int i = 0; i < 4; ++i)
        count += grade.verbatim(waiting) ? 1 : 0;
    return count;
}

TEST(PackingGrade, everything_is_packed_while_little_waits) {
    PackingGrade grade(kFull);
    for (std::uint64_t waiting = 0; waiting < kFull / 4; waiting += kFull / 64)
        EXPECT_EQ(verbatim_of_four(grade, waiting), 0);
}

TEST(PackingGrade, each_quarter_of_the_queue_stores_one_more_chunk_of_four_verbatim) {
    PackingGrade grade(kFull);
    for (int quarter = 1; quarter <= 4; ++quarter)
        EXPECT_EQ(verbatim_of_four(grade, kFull / 4 * static_cast<unsigned>(quarter)), quarter);
    EXPECT_EQ(verbatim_of_four(grade, 100 * kFull), 4);
}

TEST(PackingGrade, a_grade_is_left_only_below_half_of_where_it_began) {
    PackingGrade grade(kFull);
    EXPECT_EQ(verbatim_of_four(grade, kFull / 2), 2);
    EXPECT_EQ(verbatim_of_four(grade, kFull / 4), 2) << "half of it: not yet";
    EXPECT_EQ(verbatim_of_four(grade, kFull / 4 - 1), 1);
    EXPECT_EQ(verbatim_of_four(grade, kFull / 8), 1);
    EXPECT_EQ(verbatim_of_four(grade, kFull / 8 - 1), 0);
    EXPECT_EQ(verbatim_of_four(grade, kFull / 4 - 1), 0) << "and begins again where it begins";
}

TEST(PackingGrade, a_burst_is_followed_at_once_in_both_directions) {
    PackingGrade grade(kFull);
    EXPECT_EQ(verbatim_of_four(grade, kFull), 4);
    EXPECT_EQ(verbatim_of_four(grade, 0), 0);
}

}  // namespace
}  // namespace coroscope::traces
