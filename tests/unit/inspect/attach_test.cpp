// Finding targets and attaching to them: what works, and one sentence for everything that does not.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <thread>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/inspect/target.h"
#include "instrumentation/wire/handshake.h"
#include "tests/unit/inspect/fake_target.h"

namespace coroscope::inspect {
namespace {

using fake::Child;
using fake::FakeTarget;

base::FileDescriptor bind_name(std::uint32_t pid, std::uint32_t attempt) {
    base::FileDescriptor fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const std::string name = wire::kSocketPrefix + std::to_string(pid) + "-" + std::to_string(attempt);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 || listen(fd.get(), 4) != 0)
        return {};
    return fd;
}

void expect_one_sentence(const base::Error& error, std::uint32_t pid) {
    EXPECT_EQ(error.message.find('\n'), std::string::npos);
    EXPECT_NE(error.message.find(std::to_string(pid)), std::string::npos) << error.message;
}

TEST(Attach, a_running_target_is_found_and_its_state_read) {
    const FakeTarget fake({"--coroutines", "700"});
    ASSERT_TRUE(fake.ready());
    const std::vector<TargetInfo> found = find_targets();
    const auto at = std::find_if(found.begin(), found.end(),
                                 [&](const TargetInfo& info) { return info.pid == fake.pid(); });
    ASSERT_NE(at, found.end());
    EXPECT_TRUE(at->attachable) << at->why_not;
    EXPECT_EQ(at->parent_pid, static_cast<std::uint32_t>(getpid()));
    EXPECT_NE(at->program.find("inspect_fake_target"), std::string::npos);
    EXPECT_NE(at->command_line.find("--coroutines 700"), std::string::npos);

    auto target = Target::attach(fake.pid(), {});
    ASSERT_TRUE(target.ok()) << target.error().message;
    EXPECT_EQ((*target)->pid(), fake.pid());
    EXPECT_TRUE((*target)->alive());
    EXPECT_EQ((*target)->memory_access(), MemoryAccess::kProcessVm);
    const auto image = (*target)->read_state();
    ASSERT_TRUE(image.ok()) << image.error().message;
    EXPECT_EQ(image->pid, fake.pid());
    EXPECT_EQ(image->coroutines.size(), 700U);
    EXPECT_EQ(image->pools.at(0).used(), 700U);
    EXPECT_EQ(image->coroutine_name(image->coroutines[1]), "kind-1");
    EXPECT_EQ(image->channel_text(image->channels.at(0)), "channel:numbers");
    const CoroutineImage* last = image->coroutine_of(fake::kIdentityFirst + 699);
    ASSERT_NE(last, nullptr);
    EXPECT_EQ(last->state, wire::CoroutineState::kReady);
    EXPECT_EQ(image->coroutines[0].state, wire::CoroutineState::kParked);
}

TEST(Attach, events_arrive_whole_and_in_order) {
    const FakeTarget fake({"--coroutines", "10"});
    Target::Options options;
    options.role = wire::Role::kRecorder;
    auto target = Target::attach(fake.pid(), options);
    ASSERT_TRUE(target.ok()) << target.error().message;
    const auto listening = (*target)->listen(wire::kEverything, wire::RingMode::kDropAndCount);
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    std::vector<wire::EventSlot> slots;
    std::uint64_t overtaken = 0;
    std::uint32_t next = 0;
    std::uint64_t position = 0;
    for (int round = 0; round < 20; ++round) {  // 20,000 events through a ring of 4,096 slots
        ASSERT_TRUE(fake.tell('e'));
        ASSERT_EQ(fake.line(), "done");
        for (std::uint32_t ring = 0; ring < (*target)->rings_count(); ++ring) {
            slots.clear();
            std::uint64_t first = 0;
            const std::size_t got = (*target)->drain(ring, slots, &first, &overtaken);
            ASSERT_EQ(got, slots.size());
            if (got != 0) {
                ASSERT_EQ(first, position);
                position += got;
            }
            for (const wire::EventSlot& slot : slots) {
                if (wire::slot_type(slot) == wire::EventType::kWorkerPark) {
                    ASSERT_EQ(wire::slot_object(slot), next++ % 1000);
                }
            }
        }
    }
    EXPECT_EQ(next, 20000U);
    EXPECT_EQ(overtaken, 0U);
    const Target::RingCounts counts = (*target)->ring_counts(0);
    EXPECT_EQ(counts.head, position);
    EXPECT_EQ(counts.emitted[static_cast<std::size_t>(wire::EventType::kWorkerPark)], 20000U);
    EXPECT_EQ(counts.dropped[static_cast<std::size_t>(wire::EventType::kWorkerPark)], 0U);
}

TEST(Attach, a_second_recorder_is_told_who_the_first_is) {
    const FakeTarget fake({"--coroutines", "10"});
    Target::Options options;
    options.role = wire::Role::kRecorder;
    auto first = Target::attach(fake.pid(), options);
    ASSERT_TRUE(first.ok()) << first.error().message;
    const auto second = Target::attach(fake.pid(), options);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, base::ErrorCode::kRefused);
    expect_one_sentence(second.error(), fake.pid());
    EXPECT_NE(second.error().message.find(std::to_string(getpid())), std::string::npos)
        << second.error().message;
    const auto watcher = Target::attach(fake.pid(), {});
    EXPECT_TRUE(watcher.ok());
    // When the first one leaves, its place is free.
    first->reset();
    const auto third = Target::attach(fake.pid(), options);
    EXPECT_TRUE(third.ok()) << third.error().message;
}

TEST(Attach, an_orderly_end_is_announced_and_waits_for_the_recorder) {
    FakeTarget fake({"--coroutines", "10"});
    Target::Options options;
    options.role = wire::Role::kRecorder;
    auto target = Target::attach(fake.pid(), options);
    ASSERT_TRUE(target.ok()) << target.error().message;
    EXPECT_FALSE((*target)->end_announced());
    ASSERT_TRUE(fake.tell('a'));
    while (!(*target)->end_announced() && (*target)->alive())
        std::this_thread::yield();
    ASSERT_TRUE((*target)->end_announced());
    const auto image = (*target)->read_state();
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->lifecycle, wire::Lifecycle::kEnding);
    EXPECT_GT(image->peak_rss_kib, 0U);
    (*target)->acknowledge_end();
    EXPECT_EQ(fake.line(), "done");
    fake.close_input();
    EXPECT_EQ(fake.line(), "");  // the end of its output
    while ((*target)->alive())
        std::this_thread::yield();
    EXPECT_TRUE((*target)->read_state().ok());  // the segment outlives its maker
    EXPECT_FALSE((*target)->listen(1, wire::RingMode::kOverwrite).ok());
}

TEST(Attach, a_pid_that_is_gone_says_so) {
    std::uint32_t pid = 0;
    {
        const Child child({"true"});
        pid = child.pid();
        child.line();
        siginfo_t info{};
        ASSERT_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
        const auto zombie = Target::attach(pid, {});
        ASSERT_FALSE(zombie.ok());
        EXPECT_EQ(zombie.error().code, base::ErrorCode::kGone);
    }
    const auto gone = Target::attach(pid, {});
    ASSERT_FALSE(gone.ok());
    EXPECT_EQ(gone.error().code, base::ErrorCode::kGone);
    expect_one_sentence(gone.error(), pid);
    EXPECT_EQ(Target::attach(0, {}).error().code, base::ErrorCode::kGone);
}

TEST(Attach, a_program_without_a_runtime_says_what_is_missing) {
    const Child child({"cat"});
    const auto result = Target::attach(child.pid(), {});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, base::ErrorCode::kUnreadable);
    expect_one_sentence(result.error(), child.pid());
    EXPECT_NE(result.error().message.find("link it with cprime"), std::string::npos) << result.error().message;
}

// Attaches as user 65534 in a child and reports the error's code and message.
std::string attach_unprivileged(std::uint32_t pid, std::vector<TargetInfo>* seen) {
    int result[2];
    if (pipe(result) != 0) return "no pipe";
    const pid_t child = fork();
    if (child == 0) {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) _exit(1);
        const auto attached = Target::attach(pid, {});
        std::string text = attached ? "attached"
                                    : std::to_string(static_cast<int>(attached.error().code)) + " " +
                                          attached.error().message;
        for (const TargetInfo& info : find_targets()) {
            if (info.pid == pid) text += "\n" + info.why_not;
        }
        _exit(write(result[1], text.data(), text.size()) > 0 ? 0 : 1);
    }
    close(result[1]);
    std::string text;
    char buffer[512];
    for (ssize_t got = 0; (got = read(result[0], buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(got));
    close(result[0]);
    waitpid(child, nullptr, 0);
    if (text.find('\n') != std::string::npos) {
        seen->emplace_back().why_not = text.substr(text.find('\n') + 1);
        text.resize(text.find('\n'));
    }
    return text;
}

TEST(Attach, another_users_process_is_refused_by_name_but_listed) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    const FakeTarget fake({"--coroutines", "10"});
    std::vector<TargetInfo> seen;
    const std::string text = attach_unprivileged(fake.pid(), &seen);
    EXPECT_EQ(text.substr(0, 1), std::to_string(static_cast<int>(base::ErrorCode::kRefused))) << text;
    EXPECT_NE(text.find("belongs to root"), std::string::npos) << text;
    ASSERT_EQ(seen.size(), 1U);  // found by its agent's socket, for /proc/PID/fd is closed to us
    EXPECT_NE(seen[0].why_not.find("belongs to root"), std::string::npos);
}

TEST(Attach, the_right_user_needs_no_root) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    // A program that changed its user is not dumpable until it executes another, so it does so before.
    const Child child({INSPECT_FAKE_TARGET, "--coroutines", "10"}, [] {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) _exit(1);
    });
    if (child.line() != "ready") GTEST_SKIP() << "the build folder is closed to other users";
    std::vector<TargetInfo> seen;
    EXPECT_EQ(attach_unprivileged(child.pid(), &seen), "attached");
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].why_not, "");
}

// A listener of ours for the names of a child that has not executed its program yet.
TEST(Attach, a_squatter_is_passed_over) {
    int gate[2];
    ASSERT_EQ(pipe2(gate, O_CLOEXEC), 0);
    static int gate_read = -1;
    gate_read = gate[0];
    const Child child({INSPECT_FAKE_TARGET, "--coroutines", "10"}, [] {
        char go = 0;
        if (read(gate_read, &go, 1) != 1) _exit(1);
    });
    const base::FileDescriptor squatted = bind_name(child.pid(), 0);
    ASSERT_TRUE(squatted.valid());
    ASSERT_EQ(write(gate[1], "x", 1), 1);
    ASSERT_EQ(child.line(), "ready");
    close(gate[0]);
    close(gate[1]);
    const auto target = Target::attach(child.pid(), {});
    EXPECT_TRUE(target.ok()) << target.error().message;
}

TEST(Attach, when_all_names_are_squatted_the_squatter_is_named) {
    // We are the process that would be attached to by name: a child listens on all of ours. What makes us
    // look like a target is a memfd.
    const base::FileDescriptor segment(memfd_create(wire::kStateMemfdName, MFD_CLOEXEC));
    ASSERT_EQ(ftruncate(segment.get(), 4096), 0);
    void* mapped = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, segment.get(), 0);
    int ready[2];
    ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
    const auto self = static_cast<std::uint32_t>(getpid());
    const pid_t squatter = fork();
    if (squatter == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        base::FileDescriptor names[wire::kSocketNameAttempts];
        for (std::uint32_t i = 0; i < wire::kSocketNameAttempts; ++i)
            names[i] = bind_name(self, i);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        for (;;)
            pause();
    }
    char go = 0;
    ASSERT_EQ(read(ready[0], &go, 1), 1);
    const auto result = Target::attach(self, {});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, base::ErrorCode::kRefused);
    EXPECT_NE(result.error().message.find(std::to_string(squatter)), std::string::npos)
        << result.error().message;
    kill(squatter, SIGKILL);
    waitpid(squatter, nullptr, 0);
    close(ready[0]);
    close(ready[1]);
    munmap(mapped, 4096);
}

// An agent of another version, or one that talks nonsense: this process, with a thread that answers once.
class OddAgent {
public:
    explicit OddAgent(std::vector<std::uint8_t> answer)
        : segment_(memfd_create(wire::kStateMemfdName, MFD_CLOEXEC)),
          listener_(bind_name(static_cast<std::uint32_t>(getpid()), 0)) {
        if (ftruncate(segment_.get(), 4096) != 0) return;
        mapped_ = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, segment_.get(), 0);
        thread_ = std::thread([this, bytes = std::move(answer)] {
            const base::FileDescriptor viewer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            char hello[256];
            if (recv(viewer.get(), hello, sizeof hello, 0) <= 0) return;
            if (!bytes.empty()) send(viewer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        });
    }
    ~OddAgent() {
        if (thread_.joinable()) thread_.join();
        munmap(mapped_, 4096);
    }
    OddAgent(const OddAgent&) = delete;
    OddAgent& operator=(const OddAgent&) = delete;

private:
    base::FileDescriptor segment_, listener_;
    void* mapped_ = nullptr;
    std::thread thread_;
};

std::vector<std::uint8_t> message(wire::MessageType type, const void* body, std::size_t bytes) {
    const wire::MessageHeader header{wire::kMessageMagic, type, static_cast<std::uint32_t>(bytes), 0};
    std::vector<std::uint8_t> whole(sizeof header + bytes);
    std::memcpy(whole.data(), &header, sizeof header);
    if (bytes != 0) std::memcpy(whole.data() + sizeof header, body, bytes);
    return whole;
}

TEST(Attach, another_version_says_which_side_to_upgrade) {
    for (const bool newer : {true, false}) {
        wire::Welcome welcome{};
        welcome.version_major = static_cast<std::uint16_t>(newer ? wire::kWireMajor + 1 : 0);
        welcome.status = wire::ReplyStatus::kVersionMismatch;
        const OddAgent agent(message(wire::MessageType::kWelcome, &welcome, sizeof welcome));
        const auto result = Target::attach(static_cast<std::uint32_t>(getpid()), {});
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.error().code, base::ErrorCode::kVersion);
        const char* advice = newer ? "upgrade coroscope" : "rebuild the program with a newer CPrime runtime";
        EXPECT_NE(result.error().message.find(advice), std::string::npos) << result.error().message;
    }
}

TEST(Attach, answers_that_make_no_sense_are_refused) {
    wire::Welcome welcome{};
    welcome.version_major = wire::kWireMajor;
    std::vector<std::uint8_t> wrong_magic = message(wire::MessageType::kWelcome, &welcome, sizeof welcome);
    wrong_magic[0] ^= 1;
    std::vector<std::uint8_t> too_short = message(wire::MessageType::kWelcome, &welcome, sizeof welcome);
    too_short.pop_back();
    const std::vector<std::uint8_t> answers[] = {
        wrong_magic,
        too_short,
        {1, 2, 3},
        {},                                                                  // it hangs up
        message(wire::MessageType::kWelcome, &welcome, sizeof welcome),      // without descriptors
        message(wire::MessageType::kWelcome, &welcome, sizeof welcome / 2),  // half a body
        message(wire::MessageType::kReply, &welcome, sizeof welcome),        // another question's answer
    };
    for (const auto& answer : answers) {
        const OddAgent agent(answer);
        Target::Options options;
        options.timeout_ms = 500;
        const auto result = Target::attach(static_cast<std::uint32_t>(getpid()), options);
        ASSERT_FALSE(result.ok());
        expect_one_sentence(result.error(), static_cast<std::uint32_t>(getpid()));
    }
}

TEST(WaitForTarget, finds_the_program_that_a_script_starts) {
    const std::string script = std::string("sleep 0.2; ") + INSPECT_FAKE_TARGET + " --coroutines 10; true";
    const Child shell({"sh", "-c", script});
    const auto pid = wait_for_target(shell.pid(), 10000);
    ASSERT_TRUE(pid.ok()) << pid.error().message;
    EXPECT_NE(*pid, shell.pid());
    const auto target = Target::attach(*pid, {});
    EXPECT_TRUE(target.ok()) << target.error().message;
    kill(static_cast<pid_t>(*pid), SIGKILL);
}

// In a pid namespace of its own the target is process 1 to itself and calls its socket so.
TEST(WaitForTarget, finds_a_target_in_another_pid_namespace) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to make a pid namespace";
    const Child unshare(
        {"unshare", "--pid", "--fork", "--kill-child", INSPECT_FAKE_TARGET, "--coroutines", "10"});
    if (unshare.line() != "ready") GTEST_SKIP() << "no pid namespace can be made here";
    const auto pid = wait_for_target(unshare.pid(), 10000);
    ASSERT_TRUE(pid.ok()) << pid.error().message;
    auto target = Target::attach(*pid, {});
    ASSERT_TRUE(target.ok()) << target.error().message;
    const auto image = (*target)->read_state();
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->coroutines.size(), 10U);
    EXPECT_EQ(image->pid, 1U);  // as it sees itself
    std::size_t exact = 0;
    const auto copied = (*target)->copy_stacks(*image, {}, [&](const Target::StackCopy& copy) {
        exact += copy.consistency == Consistency::kExact ? 1 : 0;
    });
    EXPECT_TRUE(copied.ok());
    EXPECT_EQ(exact, 10U);
}

TEST(WaitForTarget, says_when_the_program_ended_without_one) {
    const Child shell({"sh", "-c", "exit 3"});
    const auto pid = wait_for_target(shell.pid(), 10000);
    ASSERT_FALSE(pid.ok());
    EXPECT_EQ(pid.error().code, base::ErrorCode::kGone);
    const Child idle({"cat"});
    const auto never = wait_for_target(idle.pid(), 50);
    ASSERT_FALSE(never.ok());
    EXPECT_EQ(never.error().code, base::ErrorCode::kUnreadable);
}

}  // namespace
}  // namespace coroscope::inspect
