// Who listens to what: one recorder, watchers besides, and everything as before when they leave, however they leave.
#include <signal.h>
#include <sys/wait.h>

#include "agent_fixture.h"

namespace coroscope::emit {
namespace {

using wire::MessageType;
using wire::ReplyStatus;
using wire::RingMode;

class agent_listen : public AgentTest {
protected:
    RingMode mode() const { return static_cast<RingMode>(rings_->header().mode.load()); }
};

TEST_F(agent_listen, a_watcher_turns_events_on_and_its_leaving_turns_them_off) {
    RawViewer watcher = viewer();
    watcher.hello();
    EXPECT_FALSE(listening(wire::kEverything));
    EXPECT_EQ(watcher.listen(wire::kCategoryPool | wire::kProfileSwitches, RingMode::kOverwrite).status,
              ReplyStatus::kOk);
    EXPECT_TRUE(listening(wire::kCategoryPool));
    EXPECT_FALSE(listening(wire::kCategoryChannel));
    EXPECT_EQ(mode(), RingMode::kOverwrite);
    EXPECT_EQ(period(), 64U);  // the default
    EXPECT_EQ(watcher.listen(wire::kCategoryPool, RingMode::kOverwrite, 5).status, ReplyStatus::kOk);
    EXPECT_EQ(period(), 5U);
    EXPECT_EQ(rings_->header().sample_period.load(), 5U);
    EXPECT_EQ(watcher.listen(0, RingMode::kOff).status, ReplyStatus::kOk);
    EXPECT_FALSE(listening(wire::kEverything));
    watcher.listen(0xffffffff, RingMode::kOverwrite);
    EXPECT_EQ(rings_->header().mask.load(), wire::kEverything);
    watcher.close();
    EXPECT_TRUE(wait_for_mask(0));
    EXPECT_FALSE(listening(wire::kEverything));
    EXPECT_EQ(mode(), RingMode::kOff);
}

TEST_F(agent_listen, watchers_together_get_what_any_of_them_asked_for) {
    RawViewer one = viewer();
    RawViewer two = viewer();
    one.hello();
    two.hello();
    one.listen(wire::kCategoryPool, RingMode::kOverwrite, 100);
    two.listen(wire::kCategoryTimer, RingMode::kOverwrite, 10);
    EXPECT_EQ(rings_->header().mask.load(), wire::kCategoryPool | wire::kCategoryTimer);
    EXPECT_EQ(period(), 10U);
    two.close();
    EXPECT_TRUE(wait_for_mask(wire::kCategoryPool));
    EXPECT_EQ(period(), 100U);
}

TEST_F(agent_listen, who_looks_first_hears_everything_while_the_program_still_waits) {
    RawViewer recorder = viewer();
    recorder.hello();
    EXPECT_EQ(recorder.listen(wire::kCategoryPool, RingMode::kOverwrite, 9, wire::kListenLooksFirst).status, ReplyStatus::kOk);
    EXPECT_TRUE(listening(wire::kCategoryPool));
    EXPECT_EQ(rings_->header().mask.load(), wire::kCategoryPool);
    EXPECT_TRUE(wait_for_mask(0));  // what the program is told
    EXPECT_EQ(period(), 9U);
    {
        RawViewer other = viewer();  // another one's word does not wait for it
        other.hello();
        EXPECT_EQ(other.listen(wire::kCategoryTimer, RingMode::kOverwrite).status, ReplyStatus::kOk);
        EXPECT_TRUE(wait_for_mask(wire::kCategoryTimer));
    }
    EXPECT_TRUE(wait_for_mask(0));
    EXPECT_EQ(recorder.listen(wire::kCategoryPool, RingMode::kOverwrite, 9).status, ReplyStatus::kOk);
    EXPECT_TRUE(wait_for_mask(wire::kCategoryPool));
}

TEST_F(agent_listen, a_watcher_cannot_ask_for_a_recorders_modes) {
    RawViewer watcher = viewer();
    watcher.hello();
    EXPECT_EQ(watcher.listen(1, RingMode::kDropAndCount).status, ReplyStatus::kNotSupported);
    EXPECT_EQ(watcher.listen(1, RingMode::kBlock).status, ReplyStatus::kNotSupported);
    EXPECT_FALSE(listening(wire::kEverything));
}

TEST_F(agent_listen, a_second_recorder_is_refused_and_told_who_records) {
    ReaderPageFile first_page;
    ReaderPageFile second_page;
    RawViewer first = viewer();
    RawViewer second = viewer();
    first.hello(wire::Role::kRecorder);
    second.hello(wire::Role::kRecorder);
    ASSERT_EQ(first.attach(first_page.fd()).status, ReplyStatus::kOk);
    const wire::Reply refused = second.attach(second_page.fd());
    EXPECT_EQ(refused.status, ReplyStatus::kRecorderPresent);
    EXPECT_EQ(refused.detail, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(second.listen(wire::kCategoryPool, RingMode::kOverwrite).status, ReplyStatus::kRecorderPresent);
    EXPECT_EQ(first.listen(wire::kCategoryPool, RingMode::kDropAndCount).status, ReplyStatus::kOk);
    EXPECT_EQ(mode(), RingMode::kDropAndCount);
    first.close();
    ASSERT_TRUE(wait_for_mask(0));
    // The place is free once the first one's end has been seen.
    EXPECT_EQ(second.attach(second_page.fd()).status, ReplyStatus::kOk);
}

TEST_F(agent_listen, a_watchers_wish_outlives_the_recorder) {
    ReaderPageFile page;
    RawViewer watcher = viewer();
    RawViewer recorder = viewer();
    watcher.hello();
    recorder.hello(wire::Role::kRecorder);
    watcher.listen(wire::kCategoryPool, RingMode::kOverwrite);
    ASSERT_EQ(recorder.attach(page.fd()).status, ReplyStatus::kOk);
    recorder.listen(wire::kCategoryChannel, RingMode::kDropAndCount);
    EXPECT_EQ(rings_->header().mask.load(), wire::kCategoryPool | wire::kCategoryChannel);
    EXPECT_EQ(mode(), RingMode::kDropAndCount);
    recorder.close();
    EXPECT_TRUE(wait_for_mask(wire::kCategoryPool));
    EXPECT_EQ(mode(), RingMode::kOverwrite);
}

TEST_F(agent_listen, a_broken_reader_page_is_refused_and_the_viewer_may_try_again) {
    RawViewer recorder = viewer();
    recorder.hello(wire::Role::kRecorder);
    ReaderPageFile unsealed(0);
    EXPECT_EQ(recorder.attach(unsealed.fd()).status, ReplyStatus::kMalformed);
    ReaderPageFile good;
    EXPECT_EQ(recorder.attach(good.fd()).status, ReplyStatus::kOk);
}

TEST_F(agent_listen, what_nobody_can_do_is_answered_and_not_obeyed) {
    RawViewer watcher = viewer();
    watcher.hello();
    // Nobody here could hold anything.
    const wire::Pause everything{0, 0};
    watcher.send(MessageType::kPause, &everything, sizeof everything);
    EXPECT_EQ(watcher.receive().as<wire::Reply>().status, ReplyStatus::kNotSupported);
    const wire::Step step{};
    watcher.send(MessageType::kStep, &step, sizeof step);
    EXPECT_EQ(watcher.receive().as<wire::Reply>().status, ReplyStatus::kNotSupported);
}

// The viewer is another process, which dies without a word in the middle of recording.
TEST_F(agent_listen, a_killed_recorder_leaves_the_target_as_it_was) {
    RingWriter* writer = rings_->register_thread(wire::RingOwner::kThread, 0, nullptr);
    const std::string name = agent_->socket_name();
    for (int round = 0; round < 3; ++round) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            RawViewer recorder(name);
            ReaderPageFile page;
            recorder.hello(wire::Role::kRecorder);
            const bool ok = recorder.attach(page.fd()).status == ReplyStatus::kOk &&
                            recorder.listen(wire::kEventCategories, RingMode::kDropAndCount).status ==
                                ReplyStatus::kOk;
            const char answer = ok ? 'y' : 'n';
            if (write(ends[1], &answer, 1) == 1) pause();  // until it is killed
            _exit(1);
        }
        char answer = 0;
        ASSERT_EQ(read(ends[0], &answer, 1), 1);
        ASSERT_EQ(answer, 'y');
        ASSERT_TRUE(listening(wire::kCategoryCoroutine));
        for (int i = 0; i < 10'000; ++i)
            probe::wake(writer, 0, 1, 2, wire::WakeCause::kTimer);
        ASSERT_EQ(kill(child, SIGKILL), 0);
        ASSERT_TRUE(wait_for_mask(0));
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(WIFSIGNALED(status));
        EXPECT_FALSE(listening(wire::kEverything));
        EXPECT_EQ(mode(), RingMode::kOff);
        const auto&
            ring = *wire::RingSegmentView::open(rings_->data(), rings_->file_bytes()).value().ring(0).header;
        const std::uint64_t head = ring.head.load();
        EXPECT_GT(ring.dropped_total.load(), 0U);  // it never moved its tail
        probe::wake(writer, 0, 1, 2, wire::WakeCause::kTimer);
        EXPECT_EQ(ring.head.load(), head);
        close(ends[0]);
        close(ends[1]);
    }
}

}  // namespace
}  // namespace coroscope::emit
