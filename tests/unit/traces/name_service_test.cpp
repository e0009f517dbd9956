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
