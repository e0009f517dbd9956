// Rules and masks over the socket: armed, told, taken back; one at a time; and nothing that is malformed.
#include <unistd.h>

#include "agent_fixture.h"
#include "instrumentation/emit/armed_rule.h"
#include "rule_programs.h"

namespace coroscope::emit {
namespace {

using wire::EventType;
using wire::MessageType;
using wire::ReplyStatus;

class agent_rules : public AgentTest {
protected:
    // What the agent told the runtime to hold last.
    struct Holds {
        std::mutex lock;
        std::condition_variable changed;
        bool everything = false;
        int calls = 0;
        std::atomic<int> held_now{0};
        bool wait_for(bool wanted) {
            std::unique_lock hold(lock);
            return changed.wait_for(hold, std::chrono::seconds(10),
                                    [&] { return calls != 0 && everything == wanted; });
        }
    };
    void start_with_holds() {
        control_.context = &holds_;
        control_.hold = [](void* self, bool everything, std::span<const wire::CoroutineName>) {
            auto& holds = *static_cast<Holds*>(self);
            const std::lock_guard guard(holds.lock);
            holds.everything = everything;
            ++holds.calls;
            holds.changed.notify_all();
            return ReplyStatus::kOk;
        };
        control_.hold_now = [](void* self) { static_cast<Holds*>(self)->held_now.fetch_add(1); };
        start();
    }
    static wire::Reply arm(RawViewer& viewer, const wire::RuleProgram& program) {
        const std::vector<std::byte> body = program.bytes();
        viewer.send(MessageType::kRules, body.data(), body.size());
        return viewer.receive().as<wire::Reply>();
    }
    static std::vector<wire::RuleHit> hits_of(const Answer& answer) {
        wire::Notice notice{};
        if (answer.type != MessageType::kNotice ||
            answer.body.size() < sizeof notice + sizeof(wire::RuleHitsHead))
            return {};
        std::memcpy(&notice, answer.body.data(), sizeof notice);
        std::vector<wire::RuleHit> hits(notice.count);
        EXPECT_EQ(answer.body.size(),
                  sizeof notice + sizeof(wire::RuleHitsHead) + notice.count * sizeof(wire::RuleHit));
        std::memcpy(hits.data(), answer.body.data() + sizeof notice + sizeof(wire::RuleHitsHead),
                    hits.size() * sizeof hits[0]);
        return hits;
    }
    RingWriter* writer() { return rings_->register_thread(wire::RingOwner::kWorker, 0, nullptr); }
    static void wake(RingWriter* writer) { probe::wake(writer, 0, 5, 6, wire::WakeCause::kTimer); }
    // True once nothing is looked at any more.
    static bool dormant() {
        for (int i = 0; i < 10'000 && g_listen.mask.load() != 0; ++i)
            usleep(1000);
        return g_listen.mask.load() == 0;
    }
    Holds holds_;
};

TEST_F(agent_rules, hits_come_as_notices) {
    RawViewer viewer = this->viewer();
    viewer.hello();
    const wire::Reply reply = arm(viewer, every(EventType::kWake));
    EXPECT_EQ(reply.status, ReplyStatus::kOk);
    wake(writer());
    const auto hits = hits_of(viewer.receive());
    ASSERT_EQ(hits.size(), 1U);
    EXPECT_EQ(hits[0].rule, reply.detail);
    EXPECT_EQ(hits[0].object, 5U);
    EXPECT_EQ(hits[0].argument, wire::pack24(6, static_cast<std::uint8_t>(wire::WakeCause::kTimer)));
}

TEST_F(agent_rules, a_viewer_that_leaves_takes_its_rule_along) {
    {
        RawViewer viewer = this->viewer();
        viewer.hello();
        EXPECT_EQ(arm(viewer, every(EventType::kWake)).status, ReplyStatus::kOk);
        EXPECT_NE(g_listen.mask.load(), 0U);
    }
    EXPECT_TRUE(dormant());
    RawViewer next = viewer();
    next.hello();
    EXPECT_EQ(arm(next, every(EventType::kExit)).status, ReplyStatus::kOk);
    EXPECT_EQ(arm(next, wire::RuleProgram{}).status, ReplyStatus::kOk);
    EXPECT_EQ(g_listen.mask.load(), 0U);
}

TEST_F(agent_rules, there_is_one_at_a_time) {
    RawViewer first = viewer(), second = viewer();
    first.hello();
    second.hello();
    EXPECT_EQ(arm(first, every(EventType::kWake)).status, ReplyStatus::kOk);
    const wire::Reply refused = arm(second, every(EventType::kWake));
    EXPECT_EQ(refused.status, ReplyStatus::kRuleArmed);
    EXPECT_EQ(refused.detail, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(arm(second, wire::RuleProgram{}).status, ReplyStatus::kRuleArmed);
    EXPECT_EQ(arm(first, every(EventType::kExit)).status, ReplyStatus::kOk);
}

TEST_F(agent_rules, what_is_malformed_is_refused_and_nothing_else_happens) {
    RawViewer viewer = this->viewer();
    viewer.hello();
    std::vector<std::byte> body = every(EventType::kWake).bytes();
    for (std::size_t at = 0; at < body.size(); ++at) {
        std::vector<std::byte> wrong = body;
        wrong[at] ^= std::byte{0xff};
        if (wire::parse_rules(wrong)) continue;
        viewer.send(MessageType::kRules, wrong.data(), wrong.size());
        EXPECT_EQ(viewer.receive().as<wire::Reply>().status, ReplyStatus::kMalformed) << at;
        EXPECT_EQ(g_listen.mask.load(), 0U);
    }
    viewer.send(MessageType::kRules, body.data(), body.size() - 1);
    EXPECT_EQ(viewer.receive().as<wire::Reply>().status, ReplyStatus::kMalformed);
    EXPECT_EQ(arm(viewer, every(EventType::kWake)).status, ReplyStatus::kOk);
}

TEST_F(agent_rules, nobody_pauses_where_nobody_can_be_held) {
    RawViewer viewer = this->viewer();
    viewer.hello();
    EXPECT_EQ(arm(viewer, every(EventType::kWake, wire::RuleAction::kPause)).status,
              ReplyStatus::kNotSupported);
}

TEST_F(agent_rules, a_pause_becomes_the_viewers_and_goes_with_it) {
    start_with_holds();
    {
        RawViewer viewer = this->viewer();
        viewer.hello();
        EXPECT_EQ(arm(viewer, every(EventType::kWake, wire::RuleAction::kPause)).status, ReplyStatus::kOk);
        RingWriter* writer = this->writer();
        wake(writer);
        EXPECT_EQ(holds_.held_now.load(), 1);
        wake(writer);
        EXPECT_EQ(holds_.held_now.load(), 1);
        const auto hits = hits_of(viewer.receive());
        ASSERT_EQ(hits.size(), 1U);
        EXPECT_EQ(hits[0].flags, wire::kHitPauses);
        EXPECT_TRUE(holds_.wait_for(true));
    }
    EXPECT_TRUE(holds_.wait_for(false));
}

TEST_F(agent_rules, many_hits_are_told_or_counted) {
    RawViewer viewer = this->viewer();
    viewer.hello();
    ASSERT_EQ(arm(viewer, every(EventType::kWake)).status, ReplyStatus::kOk);
    RingWriter* writer = this->writer();
    constexpr std::uint64_t kWakes = 5000;
    for (std::uint64_t i = 0; i < kWakes; ++i)
        wake(writer);
    // A later one finds room, and says how many did not.
    std::uint64_t told = 0, lost = 0, last = 0;
    while (last <= kWakes) {
        wake(writer);
        const Answer answer = viewer.receive();
        const auto hits = hits_of(answer);
        ASSERT_FALSE(hits.empty());
        told += hits.size();
        last = hits.back().number;
        std::memcpy(&lost, answer.body.data() + sizeof(wire::Notice), sizeof lost);
    }
    EXPECT_GE(told + lost, last);
    EXPECT_LE(told, last);
}

TEST_F(agent_rules, what_is_withheld_nobody_gets_until_it_is_given_again) {
    RawViewer viewer = this->viewer();
    viewer.hello();
    EXPECT_EQ(viewer.listen(wire::kCategoryCoroutine | wire::kCategoryPool, wire::RingMode::kOverwrite).status,
              ReplyStatus::kOk);
    {
        RawViewer other = this->viewer();
        other.hello();
        other.send(MessageType::kMask, wire::Mask{wire::kCategoryPool, wire::kCategoryPool});
        const wire::Reply reply = other.receive().as<wire::Reply>();
        EXPECT_EQ(reply.status, ReplyStatus::kOk);
        EXPECT_EQ(reply.detail, wire::kCategoryPool);
        other.send(MessageType::kMask, wire::Mask{1U << 20, 1U << 20});
        EXPECT_EQ(other.receive().as<wire::Reply>().status, ReplyStatus::kMalformed);
    }
    EXPECT_EQ(rings_->header().mask.load(), wire::kCategoryCoroutine);
    EXPECT_EQ(rings_->header().withheld.load(), wire::kCategoryPool);
    // It is for those who come later, too; and a rule looks at what it needs all the same.
    viewer.listen(wire::kEventCategories, wire::RingMode::kOverwrite);
    EXPECT_EQ(rings_->header().mask.load(), wire::kEventCategories & ~wire::kCategoryPool);
    EXPECT_EQ(arm(viewer, every(EventType::kPoolFree)).status, ReplyStatus::kOk);
    EXPECT_EQ(g_listen.mask.load(), wire::kEventCategories);
    viewer.send(MessageType::kMask, wire::Mask{0, wire::kEventCategories});
    EXPECT_EQ(viewer.receive().as<wire::Reply>().detail, 0U);
    EXPECT_EQ(rings_->header().mask.load(), wire::kEventCategories);
}

}  // namespace
}  // namespace coroscope::emit
