// Guards, trims and growth in keyframes: what goes in comes out, files of before go on reading, and nothing impossible is believed.
#include "traces/growth_codec.h"

#include <gtest/gtest.h>

#include "traces/image_codec.h"

namespace coroscope::traces {
namespace {

inspect::StateImage sample() {
    inspect::StateImage image;
    image.pools.resize(2);
    image.pools[0].guard_bytes = 4096;
    image.pools[0].guards_known = true;
    image.pools[0].trimmed_bytes = 123'456'789;
    image.pools[0].slabs.resize(2);
    image.pools[0].slabs[0].guarded_slots = 512;
    image.pools[0].slabs[0].guards = wire::SlabGuards::kMarked;
    image.pools[0].slabs[1].guarded_slots = 7;
    image.pools[0].slabs[1].guards = wire::SlabGuards::kProtected;
    image.pools[1].purpose = wire::PoolPurpose::kLocal;
    image.pools[1].guards_known = true;
    image.pools[1].slabs.resize(2);
    image.pools[1].slabs[0].set_slots(5);
    image.pools[1].slabs[0].used[0] = 0b10110;
    image.pools[1].slabs[1].set_slots(0);
    image.sites.resize(3);
    image.sites[1].high_water_bytes = 3333;
    image.stack_segments.push_back({9, 700, 1});
    inspect::SiteMigrationsImage grown;
    grown.site = 1;
    grown.in_place = 2;
    grown.segments = 30;
    grown.wishes = 4;
    grown.last_ticks = 1ULL << 50;
    grown.last_address = 0x7f0000001000;
    grown.last_bytes = 5000;
    grown.last_cost_ticks = 600;
    grown.last_form = wire::MigrationForm::kSegment;
    grown.last_from = wire::SizeClass::kMicro;
    grown.last_to = wire::SizeClass::kLarge;
    image.migrations = {grown};
    grown.site = wire::kNone;
    image.migrations.push_back(grown);
    return image;
}

TEST(GrowthCodec, what_goes_in_comes_out) {
    const inspect::StateImage before = sample();
    const auto decoded = decode_image(encode_image(before), "");
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(decoded->pools[0].trimmed_bytes, 123'456'789U);
    EXPECT_EQ(decoded->pools[0].guarded_slots(), 519U);
    EXPECT_EQ(decoded->pools[0].slots(), 1024U);
    EXPECT_EQ(decoded->pools[0].slabs[1].guards, wire::SlabGuards::kProtected);
    EXPECT_EQ(decoded->pools[1].slots(), 5U);
    EXPECT_EQ(decoded->pools[1].used(), 3U);
    EXPECT_TRUE(decoded->pools[1].guards_known);
    EXPECT_EQ(decoded->sites[1].high_water_bytes, 3333U);
    EXPECT_EQ(decoded->stack_segments.size(), 1U);
    ASSERT_EQ(decoded->migrations.size(), 2U);
    const inspect::SiteMigrationsImage& grown = *decoded->migrations_of(1);
    EXPECT_EQ(grown.count(), 36U);
    EXPECT_EQ(grown.last_ticks, 1ULL << 50);
    EXPECT_EQ(grown.last_address, 0x7f0000001000U);
    EXPECT_EQ(grown.last_bytes, 5000U);
    EXPECT_EQ(grown.last_cost_ticks, 600U);
    EXPECT_EQ(grown.last_form, wire::MigrationForm::kSegment);
    EXPECT_EQ(grown.last_to, wire::SizeClass::kLarge);
}

TEST(GrowthCodec, an_image_that_ends_before_says_nothing_about_guards) {
    const inspect::StateImage before = sample();
    ByteWriter tail;
    put_growth(tail, before);
    std::vector<std::uint8_t> bytes = encode_image(before);
    bytes.resize(bytes.size() - tail.bytes().size());
    const auto decoded = decode_image(bytes, "");
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_FALSE(decoded->pools[0].guards_known);
    EXPECT_EQ(decoded->pools[1].slots(), 1024U) << "as those files were always shown";
    EXPECT_TRUE(decoded->migrations.empty());
    EXPECT_EQ(decoded->stack_segments.size(), 1U);
}

TEST(GrowthCodec, an_image_that_knows_nothing_of_it_is_written_as_before) {
    inspect::StateImage before;
    before.pools.resize(1);
    before.pools[0].slabs.resize(1);
    before.sites.resize(1);
    EXPECT_FALSE(has_growth(before));
    const std::size_t bytes = encode_image(before).size();
    before.sites[0].high_water_bytes = 1;
    EXPECT_TRUE(has_growth(before));
    EXPECT_GT(encode_image(before).size(), bytes);
}

TEST(GrowthCodec, what_cannot_be_is_refused) {
    const inspect::StateImage before = sample();
    ByteWriter tail;
    put_growth(tail, before);
    const auto decodes = [&](const std::vector<std::uint8_t>& bytes) {
        inspect::StateImage image = before;
        ByteReader in(bytes);
        get_growth(in, image);
        return in.ok();
    };
    EXPECT_TRUE(decodes(tail.bytes()));
    for (std::size_t length = 1; length < tail.bytes().size(); ++length)
        EXPECT_FALSE(decodes({tail.bytes().begin(), tail.bytes().begin() + static_cast<std::ptrdiff_t>(length)}))
            << length;
    inspect::StateImage twice = before;
    twice.migrations.push_back(twice.migrations.back());
    ByteWriter unsorted;
    put_growth(unsorted, twice);
    EXPECT_FALSE(decodes(unsorted.bytes())) << "the same site twice";
    inspect::StateImage large = before;
    large.pools[0].slabs[0].slots = 513;
    ByteWriter too_many;
    put_growth(too_many, large);
    EXPECT_FALSE(decodes(too_many.bytes()));
}

}  // namespace
}  // namespace coroscope::traces
