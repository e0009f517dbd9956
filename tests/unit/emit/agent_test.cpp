// The handshake as a viewer lives it: greeting, refusals, malformed messages, stacks on request.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <random>

#include "agent_fixture.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/segment_view.h"

namespace coroscope::emit {
namespace {

using wire::MessageType;
using wire::ReplyStatus;

class agent : public AgentTest {
protected:
    // Whether the agent is alive and answers.
    bool answers() {
        RawViewer probe = viewer();
        return probe.connected() && probe.hello().type == MessageType::kWelcome;
    }
};

TEST_F(agent, a_greeted_viewer_gets_both_segments_and_finds_the_same_nonce_in_them) {
    EXPECT_EQ(agent_->socket_name(), "coroscope-" + std::to_string(getpid()) + "-0");
    EXPECT_EQ(agent_->socket_name(), state_->header().socket_name);
    RawViewer mine = viewer();
    const Answer answer = mine.hello();
    ASSERT_EQ(answer.type, MessageType::kWelcome);
    const auto welcome = answer.as<wire::Welcome>();
    EXPECT_EQ(welcome.status, ReplyStatus::kOk);
    EXPECT_EQ(welcome.version_major, wire::kWireMajor);
    EXPECT_EQ(welcome.segment_nonce, state_->header().segment_nonce);
    EXPECT_EQ(welcome.state_bytes, state_->file_bytes());
    EXPECT_EQ(welcome.ring_bytes, rings_->file_bytes());
    ASSERT_EQ(answer.fds.size(), 2U);
    void* state = mmap(nullptr, welcome.state_bytes, PROT_READ, MAP_SHARED, answer.fds[0].get(), 0);
    void* rings = mmap(nullptr, welcome.ring_bytes, PROT_READ, MAP_SHARED, answer.fds[1].get(), 0);
    ASSERT_NE(state, MAP_FAILED);
    ASSERT_NE(rings, MAP_FAILED);
    EXPECT_EQ(wire::SegmentView::open(state, welcome.state_bytes).value().header().segment_nonce,
              welcome.segment_nonce);
    EXPECT_EQ(wire::RingSegmentView::open(rings, welcome.ring_bytes).value().header().segment_nonce,
              welcome.segment_nonce);
    EXPECT_NE(state_->header().flags & wire::kFlagPtracerAllowed, 0U);
    munmap(state, welcome.state_bytes);
    munmap(rings, welcome.ring_bytes);
}

TEST_F(agent, another_version_is_told_ours_and_gets_nothing) {
    RawViewer newer = viewer();
    const Answer answer = newer.hello(wire::Role::kWatcher, wire::kWireMajor + 1);
    EXPECT_EQ(answer.as<wire::Welcome>().status, ReplyStatus::kVersionMismatch);
    EXPECT_EQ(answer.as<wire::Welcome>().version_major, wire::kWireMajor);
    EXPECT_TRUE(answer.fds.empty());
    EXPECT_TRUE(newer.receive().closed);
    EXPECT_TRUE(answers());
}

TEST_F(agent, malformed_messages_end_the_connection_and_nothing_else) {
    RawViewer bystander = viewer();
    ASSERT_EQ(bystander.hello().type, MessageType::kWelcome);
    const wire::Hello hello{wire::kWireMajor, 0, wire::Role::kWatcher, 1, 0};
    const auto ends = [&](auto&& say) {
        RawViewer rude = viewer();
        say(rude);
        for (int i = 0; i < 3; ++i) {
            if (rude.receive().closed) return true;
        }
        return false;
    };
    EXPECT_TRUE(ends([&](RawViewer& v) { v.send_bytes("x", 1); }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        const wire::MessageHeader wrong_magic{1, MessageType::kHello, sizeof hello, 0};
        v.send_bytes(&wrong_magic, sizeof wrong_magic);
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        const wire::MessageHeader wrong_length{wire::kMessageMagic, MessageType::kHello, 500, 0};
        v.send_bytes(&wrong_length, sizeof wrong_length);
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) { v.send(MessageType::kHello, &hello, sizeof hello - 1); }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.send(MessageType::kListen, wire::Listen{1, 2, 0, 0});
    }));  // before Hello
    EXPECT_TRUE(ends([&](RawViewer& v) { v.send(static_cast<MessageType>(99), nullptr, 0); }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.hello();
        v.hello();  // twice
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.hello();
        v.send(static_cast<MessageType>(99), nullptr, 0);
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.hello();
        v.send(MessageType::kListen, wire::Listen{1, 77, 0, 0});  // no such mode
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.hello();
        v.send(MessageType::kAttach, nullptr, 0);  // without a descriptor
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.hello();
        const wire::CopyStacks too_many{wire::kStackCopiesPerRequestMax + 1, 0};
        v.send(MessageType::kCopyStacks, too_many);
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.hello();
        const std::vector<std::byte> too_long(wire::kMessageBytesMax + 1000);
        v.send(MessageType::kHello, too_long.data(), too_long.size());
    }));
    EXPECT_TRUE(ends([&](RawViewer& v) {
        v.hello();
        v.send(MessageType::kBye, nullptr, 0);
    }));
    // The one who behaved is still served.
    EXPECT_EQ(bystander.listen(wire::kCategoryPool, wire::RingMode::kOverwrite).status, ReplyStatus::kOk);
}

TEST_F(agent, random_messages_never_stop_it_from_answering) {
    std::mt19937 random(11);
    for (int round = 0; round < 300; ++round) {
        RawViewer rude = viewer();
        if (round % 2 == 0) rude.hello();
        for (int i = 0; i < 5; ++i) {
            std::vector<unsigned char> body(random() % 64);
            for (auto& byte : body)
                byte = static_cast<unsigned char>(random() % 4);
            const int fd = random() % 3 == 0 ? memfd_create("random", MFD_CLOEXEC) : -1;
            const bool sent = rude.send(static_cast<MessageType>(random() % 22), body.data(), body.size(), fd);
            if (fd >= 0) ::close(fd);
            if (!sent) break;
        }
    }
    EXPECT_TRUE(answers());
    EXPECT_TRUE(wait_for_mask(0));
}

TEST_F(agent, a_crowd_of_viewers_is_served_up_to_its_limit_and_places_are_given_back) {
    for (int round = 0; round < 3; ++round) {
        std::vector<RawViewer> crowd;
        for (int i = 0; i < 40; ++i)
            crowd.push_back(viewer());
        int welcomed = 0;
        for (RawViewer& one : crowd)
            welcomed += one.hello().type == MessageType::kWelcome;
        EXPECT_GE(welcomed, 8);
        EXPECT_LE(welcomed, 16);
        crowd.clear();
        // They leave one after the other; the last message of each is its end.
        int attempts = 0;
        while (!answers() && ++attempts < 1000) {
        }
        EXPECT_LT(attempts, 1000);
    }
}

TEST_F(agent, a_squatted_name_makes_it_take_the_next_one) {
    agent_.reset();
    const std::string taken = "coroscope-" + std::to_string(getpid()) + "-0";
    base::FileDescriptor squatter(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, taken.c_str(), taken.size());
    ASSERT_EQ(bind(squatter.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + taken.size())),
              0);
    start();
    EXPECT_EQ(agent_->socket_name(), "coroscope-" + std::to_string(getpid()) + "-1");
    EXPECT_TRUE(answers());
}

TEST_F(agent, when_every_name_is_taken_starting_fails_with_a_sentence) {
    agent_.reset();
    std::vector<std::unique_ptr<Agent>> others;
    for (std::uint32_t i = 0; i < wire::kSocketNameAttempts; ++i) {
        others.push_back(Agent::start({.state = state_.get(), .rings = rings_.get()}).value());
    }
    const auto last = Agent::start({.state = state_.get(), .rings = rings_.get()});
    ASSERT_FALSE(last.ok());
    EXPECT_NE(last.error().message.find("nobody can attach"), std::string::npos);
}

TEST_F(agent, after_shutdown_nobody_listens_and_it_can_be_started_again) {
    const std::string name = agent_->socket_name();
    RawViewer mine = viewer();
    mine.hello();
    agent_->shutdown();
    agent_->shutdown();
    EXPECT_TRUE(mine.receive().closed);
    EXPECT_FALSE(RawViewer(name).connected());
    EXPECT_STREQ(state_->header().socket_name, "");
    start();
    EXPECT_EQ(agent_->socket_name(), name);
}

TEST_F(agent, parked_stacks_are_copied_into_the_viewers_memory_on_request) {
    ASSERT_TRUE(state_->ensure_records(wire::SectionKind::kPools, 1));
    ASSERT_TRUE(state_->ensure_records(wire::SectionKind::kSlabsFirst, 1));
    ASSERT_TRUE(state_->ensure_records(wire::SectionKind::kCoroutines, 20));
    std::vector<unsigned char> stacks(wire::kSlotsPerSlab * 2048UL, 0x5a);
    auto& pool = *state_->records<wire::PoolRecord>(wire::SectionKind::kPools);
    pool.slot_bytes = 2048;
    pool.stride_bytes = 2048;
    pool.colour_steps = 1;
    const auto base = reinterpret_cast<std::uint64_t>(stacks.data());
    state_->records<wire::SlabRecord>(wire::SectionKind::kSlabsFirst)->stack_base = base;
    auto* records = state_->records<wire::CoroutineRecord>(wire::SectionKind::kCoroutines);
    for (std::uint32_t i = 0; i < 20; ++i) {
        records[i].slot = i;
        records[i].rsp = base + (i + 1) * 2048ULL - 100;
        records[i].state = wire::CoroutineState::kParked;
        records[i].sequence = 2 * i + (i == 5 ? 1 : 0);  // the fifth runs
    }

    RawViewer mine = viewer();
    mine.hello();
    const std::uint32_t wanted[] = {3, 5, 7, 100, 19};
    std::vector<std::byte> request(sizeof(wire::CopyStacks) + sizeof wanted);
    const wire::CopyStacks head{5, 0};
    std::memcpy(request.data(), &head, sizeof head);
    std::memcpy(request.data() + sizeof head, wanted, sizeof wanted);
    mine.send(MessageType::kCopyStacks, request.data(), request.size());
    EXPECT_EQ(mine.receive().as<wire::Reply>().status, ReplyStatus::kMalformed);  // no area yet

    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    mine.send(MessageType::kCopyArea, nullptr, 0, pipe_ends[1]);
    EXPECT_EQ(mine.receive().as<wire::Reply>().status, ReplyStatus::kMalformed);  // not a memory file
    close(pipe_ends[0]);
    close(pipe_ends[1]);

    base::FileDescriptor area(memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(ftruncate(area.get(), 4096), 0);
    mine.send(MessageType::kCopyArea, nullptr, 0, area.get());
    EXPECT_EQ(mine.receive().as<wire::Reply>().status, ReplyStatus::kOk);
    mine.send(MessageType::kCopyStacks, request.data(), request.size());
    const Answer answer = mine.receive();
    ASSERT_EQ(answer.type, MessageType::kStacksCopied);
    ASSERT_EQ(answer.body.size(), sizeof(wire::StacksCopied) + 5 * sizeof(wire::StackCopied));
    const std::uint32_t expected_bytes[] = {100, 0, 100, 0, 100};
    for (std::size_t i = 0; i < 5; ++i) {
        wire::StackCopied copied{};
        std::memcpy(&copied, answer.body.data() + sizeof(wire::StacksCopied) + i * sizeof copied,
                    sizeof copied);
        EXPECT_EQ(copied.coroutine, wanted[i]);
        ASSERT_EQ(copied.bytes, expected_bytes[i]) << i;
        std::vector<unsigned char> bytes(copied.bytes);
        ASSERT_EQ(pread(area.get(), bytes.data(), bytes.size(), copied.offset),
                  static_cast<ssize_t>(copied.bytes));
        EXPECT_EQ(bytes, std::vector<unsigned char>(copied.bytes, 0x5a));
    }
    struct stat about {};
    ASSERT_EQ(fstat(area.get(), &about), 0);
    EXPECT_EQ(about.st_size, 4096);
}

}  // namespace
}  // namespace coroscope::emit
