// The announced end: the recorder is told, waited for, and not waited for too long.
#include <thread>

#include "agent_fixture.h"

namespace coroscope::emit {
namespace {

using wire::MessageType;
using wire::ReplyStatus;
using Clock = std::chrono::steady_clock;

class agent_end : public AgentTest {
protected:
    wire::Lifecycle lifecycle() const {
        return static_cast<wire::Lifecycle>(state_->header().lifecycle.load());
    }
    static std::int64_t ms_since(Clock::time_point start) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    }
};

TEST_F(agent_end, without_a_recorder_it_returns_at_once) {
    RawViewer watcher = viewer();
    watcher.hello();
    const auto start_time = Clock::now();
    agent_->announce_end();
    agent_->announce_end();  // twice is once
    EXPECT_LT(ms_since(start_time), 1000);
    EXPECT_EQ(lifecycle(), wire::Lifecycle::kEnding);
    EXPECT_GT(state_->header().peak_rss_kib.load(), 1000U);
    const Answer notice = watcher.receive();  // a watcher is told all the same
    EXPECT_EQ(notice.type, MessageType::kNotice);
    EXPECT_EQ(notice.as<wire::Notice>().kind, wire::NoticeKind::kEnding);
}

TEST_F(agent_end, it_waits_until_the_recorder_has_done_its_last_work) {
    ReaderPageFile page;
    RawViewer recorder = viewer();
    recorder.hello(wire::Role::kRecorder);
    ASSERT_EQ(recorder.attach(page.fd()).status, ReplyStatus::kOk);
    std::atomic<bool> worked{false};
    std::thread viewer_thread([&] {
        EXPECT_EQ(recorder.receive().type, MessageType::kNotice);
        EXPECT_EQ(lifecycle(), wire::Lifecycle::kEnding);
        // Requests are still answered in between.
        EXPECT_EQ(recorder.listen(0, wire::RingMode::kOff).status, ReplyStatus::kOk);
        worked = true;
        recorder.send(MessageType::kDone, nullptr, 0);
    });
    const auto start_time = Clock::now();
    agent_->announce_end();
    EXPECT_TRUE(worked.load());
    EXPECT_LT(ms_since(start_time), 1900);
    viewer_thread.join();
}

TEST_F(agent_end, it_gives_up_on_a_recorder_that_says_nothing_after_the_grace) {
    start(300);
    ReaderPageFile page;
    RawViewer recorder = viewer();
    recorder.hello(wire::Role::kRecorder);
    ASSERT_EQ(recorder.attach(page.fd()).status, ReplyStatus::kOk);
    const auto start_time = Clock::now();
    agent_->announce_end();
    EXPECT_GE(ms_since(start_time), 300);
    EXPECT_LT(ms_since(start_time), 1800);
}

TEST_F(agent_end, a_recorder_that_leaves_is_not_waited_for) {
    ReaderPageFile page;
    RawViewer recorder = viewer();
    recorder.hello(wire::Role::kRecorder);
    ASSERT_EQ(recorder.attach(page.fd()).status, ReplyStatus::kOk);
    std::thread viewer_thread([&] {
        recorder.receive();
        recorder.close();
    });
    const auto start_time = Clock::now();
    agent_->announce_end();
    EXPECT_LT(ms_since(start_time), 1900);
    viewer_thread.join();
}

TEST_F(agent_end, shutdown_does_not_wait_for_anybody) {
    ReaderPageFile page;
    RawViewer recorder = viewer();
    recorder.hello(wire::Role::kRecorder);
    ASSERT_EQ(recorder.attach(page.fd()).status, ReplyStatus::kOk);
    const auto start_time = Clock::now();
    agent_->shutdown();
    EXPECT_LT(ms_since(start_time), 1900);
    EXPECT_FALSE(listening(wire::kEverything));
}

}  // namespace
}  // namespace coroscope::emit
