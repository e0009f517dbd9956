// views/stack_model: merged stacks, trust labels, frames as text; and the code panel's plain lines.
#include "views/stack_model.h"

#include <gtest/gtest.h>

#include "fake_session.h"
#include "views/code_panel.h"
#include "views/selected_frames.h"

namespace coroscope::views {
namespace {

TEST(MergedStacks, every_coroutine_is_counted_once) {
    const auto moment = make_fake_moment({});
    const MergedStacks merged = merge_stacks(*moment);
    std::uint64_t sum = merged.without;
    for (const MergedStack& stack : merged.stacks)
        sum += stack.count;
    EXPECT_EQ(sum, moment->state.coroutines.size());
    EXPECT_EQ(merged.all, moment->state.coroutines.size());
}

TEST(MergedStacks, the_most_frequent_stack_stands_first_and_leads_to_its_oldest_coroutine) {
    const MergedStacks merged = merge_stacks(*make_fake_moment({}));
    ASSERT_GE(merged.stacks.size(), 5U);
    for (std::size_t i = 1; i < merged.stacks.size(); ++i)
        EXPECT_GE(merged.stacks[i - 1].count, merged.stacks[i].count);
    EXPECT_EQ(merged.stacks.front().first_identity, kFakeSwarmFirst);
}

TEST(MergedStacks, a_stack_of_an_earlier_park_is_not_taken_for_the_present_one) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    const std::uint64_t without = merge_stacks(*moment).without;
    for (inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        if (coroutine.identity == kFakeConsumer) coroutine.sequence += 2;
    }
    EXPECT_EQ(merge_stacks(*moment).without, without + 1);
}

TEST(Consistency, each_case_has_its_word) {
    const auto moment = make_fake_moment({});
    const auto word = [&](std::uint64_t identity) {
        const auto& coroutine = *moment->state.coroutine_of(identity);
        return std::string(consistency_label(coroutine, moment->stack_of(coroutine)).word);
    };
    EXPECT_EQ(word(kFakeProducer), "exact");
    EXPECT_EQ(word(kFakeTorn), "torn");
    EXPECT_EQ(word(kFakeParser), "running");
    inspect::CoroutineImage parked = *moment->state.coroutine_of(kFakeProducer);
    EXPECT_STREQ(consistency_label(parked, nullptr).word, "partial");
    parked.consistency = inspect::Consistency::kUnknown;
    EXPECT_STREQ(consistency_label(parked, nullptr).word, "unknown");
}

TEST(Consistency, only_exact_is_good) {
    const auto moment = make_fake_moment({});
    for (const std::uint64_t identity : {kFakeProducer, kFakeTorn, kFakeParser}) {
        const auto& coroutine = *moment->state.coroutine_of(identity);
        const ConsistencyLabel label = consistency_label(coroutine, moment->stack_of(coroutine));
        EXPECT_EQ(label.good, std::string(label.word) == "exact");
    }
}

TEST(Frames, text_has_a_line_a_frame_with_position_and_inlining) {
    const std::vector<inspect::Frame> frames = {{0x401000, "inner(int)", "a/b.cpp", 12, "demo", true},
                                                {0x401000, "outer()", "a/b.cpp", 30, "demo", false},
                                                {0x402000, "", "", 0, "demo", false}};
    const std::string text = frames_text(frames);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
    EXPECT_NE(text.find("inner(int) [inlined] at a/b.cpp:12"), std::string::npos);
    EXPECT_NE(text.find("outer() at a/b.cpp:30"), std::string::npos);
    EXPECT_NE(text.find("#2   0x0000000000402000 ?"), std::string::npos);
    EXPECT_EQ(function_text(frames[2]), "0x402000");
    const inspect::Frame stripped{0x402000, "", "", 0, "/usr/lib/libfoo.so", false, 0x2000};
    EXPECT_EQ(function_text(stripped), "libfoo.so+0x2000");
    EXPECT_NE(frames_text({stripped}).find("libfoo.so+0x2000"), std::string::npos);
    EXPECT_EQ(position_text(frames[2]), "");
}

TEST(Levels, inlined_calls_belong_to_the_function_that_holds_them) {
    const std::vector<inspect::Frame> frames = {{0x10, "cprime::receive()", "", 1, "demo", true},
                                                {0x10, "demo::read(int)", "", 2, "demo", true},
                                                {0x10, "cprime::detail::run(void*)", "", 3, "demo", false},
                                                {0x20, "demo::main()", "", 4, "demo", false}};
    EXPECT_EQ(level_names(frames),
              (std::vector<std::string>{"demo::read, inlined into cprime::detail::run", "demo::main"}));
    EXPECT_EQ(level_of(frames, 2), 0U);
    EXPECT_EQ(level_of(frames, 3), 1U);
    EXPECT_EQ(first_of_level(frames, 0), 0U);
    EXPECT_EQ(first_of_level(frames, 1), 3U);
    EXPECT_EQ(first_of_level(frames, 9), 3U) << "beyond the last: the last";
    EXPECT_EQ(first_of_level({}, 0), 0U);
}

TEST(Frames, an_early_end_of_a_walk_has_a_sentence_and_a_whole_one_none) {
    EXPECT_EQ(end_text(inspect::UnwindEnd::kEntry), "");
    for (const auto end : {inspect::UnwindEnd::kNoRule, inspect::UnwindEnd::kBadMemory,
                           inspect::UnwindEnd::kTooDeep, inspect::UnwindEnd::kNotUnwound}) {
        EXPECT_TRUE(end_text(end).ends_with("."));
    }
}

TEST(Code, tabs_reach_the_next_stop_and_control_characters_do_not_reach_the_screen) {
    EXPECT_EQ(plain_line("\tint x;"), "    int x;");
    EXPECT_EQ(plain_line("ab\tc"), "ab  c");
    EXPECT_EQ(plain_line(std::string("a\x01z\r")), "a.z.");
}

}  // namespace
}  // namespace coroscope::views
