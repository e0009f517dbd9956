// Mutexes and their kin survive a keyframe; keyframes without them are written as they were before, and damage is refused.
#include "traces/waitable_codec.h"

#include <gtest/gtest.h>

#include "traces/image_codec.h"

namespace coroscope::traces {
namespace {

inspect::WaitableImage example(std::uint32_t index) {
    inspect::WaitableImage w;
    w.index = index;
    w.kind = static_cast<wire::WaitableKind>(1 + index % 8);
    w.identity = 1000 + index;
    w.name = index * 3;
    w.site = index % 2 == 0 ? wire::kNone : 4;
    w.operations = 77 + index;
    w.owner = index % 3 == 0 ? wire::kOwnerThread | 4711U : index;
    w.value = index * 1000;
    w.limit = 0x7fffffff;
    w.waiting = index;
    w.threads_waiting = 2;
    w.served = 1ULL << 40;
    w.waited = 12;
    w.consistency = inspect::Consistency::kTorn;
    return w;
}

TEST(WaitableCodec, what_is_written_comes_back) {
    inspect::StateImage image;
    for (const std::uint32_t index : {0U, 1U, 2U, 9U, 100U})
        image.waitables.push_back(example(index));
    const auto bytes = encode_image(image);
    const auto back = decode_image(bytes, "");
    ASSERT_TRUE(back.ok());
    ASSERT_EQ(back->waitables.size(), image.waitables.size());
    for (std::size_t i = 0; i < image.waitables.size(); ++i) {
        const inspect::WaitableImage &a = image.waitables[i], &b = back->waitables[i];
        EXPECT_EQ(a.index, b.index);
        EXPECT_EQ(a.kind, b.kind);
        EXPECT_EQ(a.identity, b.identity);
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.site, b.site);
        EXPECT_EQ(a.operations, b.operations);
        EXPECT_EQ(a.owner, b.owner);
        EXPECT_EQ(a.value, b.value);
        EXPECT_EQ(a.limit, b.limit);
        EXPECT_EQ(a.waiting, b.waiting);
        EXPECT_EQ(a.threads_waiting, b.threads_waiting);
        EXPECT_EQ(a.served, b.served);
        EXPECT_EQ(a.waited, b.waited);
        EXPECT_EQ(a.consistency, b.consistency);
    }
    EXPECT_EQ(back->waitable_at(9)->identity, 1009U);
}

TEST(WaitableCodec, a_keyframe_that_is_cut_inside_of_them_is_refused) {
    inspect::StateImage image;
    image.waitables.push_back(example(1));
    image.waitables.push_back(example(2));
    auto bytes = encode_image(image);
    ByteWriter only;
    put_waitables(only, image.waitables);
    const std::size_t before = bytes.size() - only.size();
    for (std::size_t size = before + 1; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_image(std::span(bytes).first(size), "").ok()) << size;
    EXPECT_TRUE(decode_image(std::span(bytes).first(before), "").ok()) << "a file of before ends here";
}

TEST(WaitableCodec, unknown_kinds_and_rows_out_of_order_are_refused) {
    const auto decodes = [](const std::vector<inspect::WaitableImage>& rows) {
        ByteWriter out;
        put_waitables(out, rows);
        std::vector<inspect::WaitableImage> back;
        ByteReader in(out.bytes());
        get_waitables(in, back);
        return in.ok();
    };
    EXPECT_TRUE(decodes({example(1), example(2)}));
    EXPECT_FALSE(decodes({example(2), example(1)}));
    inspect::WaitableImage strange = example(1);
    strange.kind = static_cast<wire::WaitableKind>(wire::kWaitableKindsCount);
    EXPECT_FALSE(decodes({strange}));
}

}  // namespace
}  // namespace coroscope::traces
