// Names on a thread of their own: what is known comes at once, what is not is asked for, and nobody hangs.
#include "traces/name_service.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace coroscope::traces {
namespace {

const inspect::Frame kInner{0x1000, "inner", "a.cpp", 3, "/bin/a", true};
const inspect::Frame kOuter{0x1000, "outer", "a.cpp", 9, "/bin/a", false};

TEST(NameService, what_a_trace_brought_along_needs_no_binary) {
    NameService names({});
    names.preload({{0x1000, {kInner, kOuter}}, {0x2000, {kOuter}}});
    const std::vector<inspect::Frame>* frames = names.frames({0x1000, 0x2000});
    ASSERT_NE(frames, nullptr);
    ASSERT_EQ(frames->size(), 3U);
    EXPECT_EQ((*frames)[0].function, "inner");
    EXPECT_EQ((*frames)[2].function, "outer");
    EXPECT_EQ(names.frames({0x1000, 0x2000}), frames) << "the pointer stays";
    EXPECT_TRUE(names.take_new().empty()) << "it was known before";
}

TEST(NameService, what_lies_in_no_module_gets_a_frame_without_a_name) {
    NameService names({});
    EXPECT_EQ(names.frames({0xdead0000}), nullptr) << "nobody waits for a name";
    const auto frames = names.wait_frames({0xdead0000});
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].pc, 0xdead0000U);
    EXPECT_EQ(frames[0].function, "");
    EXPECT_EQ(names.take_new().size(), 1U);
    ASSERT_NE(names.frames({0xdead0000}), nullptr);
}

TEST(NameService, says_when_something_was_found) {
    std::mutex lock;
    std::condition_variable changed;
    bool told = false;
    NameService names({});
    names.on_change([&] {
        const std::lock_guard hold(lock);
        told = true;
        changed.notify_all();
    });
    names.request({0xdead1000});
    std::unique_lock hold(lock);
    changed.wait(hold, [&] { return told; });
}

TEST(NameService, what_is_known_comes_before_the_rest_and_the_rest_with_its_place_in_its_module) {
    NameService names({{"/bin/a", 0x1000, 0x3000, ""}});
    names.preload({{0x1000, {kInner, kOuter}}});
    const auto frames = names.known_frames({0x1000, 0x2000});
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(frames[0].function, "inner");
    EXPECT_EQ(frames[2].function, "");
    EXPECT_EQ(inspect::module_place(frames[2]), "a+0x1000");
    names.wait_idle();
    EXPECT_NE(names.frames({0x1000, 0x2000}), nullptr) << "known_frames asks for what is missing";
}

TEST(NameService, a_round_of_questions_is_counted_until_all_are_answered) {
    std::mutex lock;
    std::condition_variable changed;
    bool told = false, go = false;
    NameService names({});  // its thread, which uses those above, is gone before them
    EXPECT_FALSE(names.progress().busy());
    EXPECT_EQ(names.progress().percent(), 100);
    // The thread of names waits in here after its first answer: the rest of the questions stand meanwhile.
    names.on_change([&] {
        std::unique_lock hold(lock);
        told = true;
        changed.notify_all();
        changed.wait(hold, [&] { return go; });
    });
    names.request({0xdead1000});
    {
        std::unique_lock hold(lock);
        changed.wait(hold, [&] { return told; });
        names.request({0xdead2000, 0xdead3000, 0xdead4000});
        EXPECT_EQ(names.place(0xdead5000), nullptr);
        const NameProgress progress = names.progress();
        EXPECT_TRUE(progress.busy());
        EXPECT_EQ(progress.asked, 4U);
        EXPECT_EQ(progress.percent(), 0);
        go = true;
        changed.notify_all();
    }
    names.wait_idle();
    EXPECT_FALSE(names.progress().busy());
    ASSERT_NE(names.place(0xdead5000), nullptr);
    EXPECT_EQ(names.place(0xdead5000)->module, "");
}

TEST(NameService, code_that_cannot_be_read_is_an_error_in_words) {
    NameService names({});
    std::string message;
    EXPECT_EQ(names.code(0xdead0000, &message), nullptr);
    names.wait_idle();
    const auto* code = names.code(0xdead0000, &message);
    ASSERT_NE(code, nullptr);
    EXPECT_TRUE(code->empty());
    EXPECT_FALSE(message.empty());
}

}  // namespace
}  // namespace coroscope::traces
