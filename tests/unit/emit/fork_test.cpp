// fork(): the child has neither the segments nor their descriptors; exec inherits none; the parent goes on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "instrumentation/emit/fork_guard.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/coroutine.h"
#include "ring_fixture.h"

namespace coroscope::emit {
namespace {

using wire::SectionKind;

bool maps_mention(const char* text) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find(text) != std::string::npos) return true;
    }
    return false;
}

bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

// Runs `body` in a forked child and returns how that ended (as waitpid says).
template <typename Body>
int in_child(Body&& body) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) _exit(body());
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

class fork_guard : public RingTest {
protected:
    fork_guard() : state_(StateSegment::create(StateOptions{}).value()) {
        EXPECT_TRUE(state_->ensure_records(SectionKind::kCoroutines, 100));
    }
    std::unique_ptr<StateSegment> state_;
};

TEST_F(fork_guard, a_child_has_no_mapping_no_descriptor_and_silent_probes) {
    listen_overwrite();
    EXPECT_TRUE(maps_mention("coroscope-state") && maps_mention("coroscope-rings"));
    const int fds[] = {state_->fd(), state_->read_only_fd(), rings_->fd(), rings_->read_only_fd()};
    const int status = in_child([&] {
        if (!forked_child()) return 1;
        if (maps_mention("coroscope-state") || maps_mention("coroscope-rings")) return 2;
        for (const int fd : fds) {
            if (is_open(fd)) return 3;
        }
        if (listening(wire::kEverything)) return 4;
        return 0;
    });
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_FALSE(forked_child());
    for (const int fd : fds)
        EXPECT_TRUE(is_open(fd));
    EXPECT_TRUE(listening(wire::kEverything));
}

TEST_F(fork_guard, a_child_that_touches_the_segment_faults_and_its_handler_can_tell_why) {
    static StateSegment* segment = nullptr;
    segment = state_.get();
    auto* record = state_->records<wire::CoroutineRecord>(SectionKind::kCoroutines);
    record->sequence = 2;
    const int status = in_child([&] {
        struct sigaction action {};
        action.sa_flags = SA_SIGINFO;
        action.sa_sigaction = [](int, siginfo_t* info, void*) {
            _exit(forked_child() && segment->contains(info->si_addr) ? 42 : 43);
        };
        sigaction(SIGSEGV, &action, nullptr);
        // The child's own mappings must not have taken the place.
        for (int i = 0; i < 100; ++i)
            mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        record->sequence.store(4);
        return 1;
    });
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 42);
    EXPECT_EQ(record->sequence.load(), 2U);  // and the parent's is as it was
}

TEST_F(fork_guard, a_child_that_returns_from_main_ends_orderly) {
    listen_overwrite();
    EXPECT_NE(thread_writer(), nullptr);  // a thread-local ring, which exit() would give back
    const int status = in_child([&]() -> int {
        state_.reset();
        rings_.reset();
        std::exit(7);
    });
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 7);
    write_event(thread_writer(), 0, wire::EventType::kWake, 1);
    EXPECT_FALSE(drain(thread_writer()->index()).empty());
}

TEST_F(fork_guard, a_program_started_by_exec_inherits_nothing) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    // vfork-like spawns run no fork handlers: close-on-exec alone has to do.
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        execl("/bin/ls", "ls", "-l", "/proc/self/fd", static_cast<char*>(nullptr));
        _exit(127);
    }
    close(ends[1]);
    std::string output;
    char buffer[4096];
    for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
        output.append(buffer, static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_NE(output.find("pipe"), std::string::npos);  // the listing is one of descriptors
    EXPECT_EQ(output.find("/memfd:"), std::string::npos) << output;
}

TEST_F(fork_guard, a_daemon_may_live_on_without_the_runtime) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const int status = in_child([&] {
        if (daemon(1, 1) != 0) return 1;  // its parent exits with 0 inside daemon()
        const char answer = forked_child() && !maps_mention("coroscope-state") ? 'y' : 'n';
        return write(ends[1], &answer, 1) == 1 ? 0 : 2;
    });
    EXPECT_EQ(WEXITSTATUS(status), 0);
    close(ends[1]);
    char answer = 0;
    EXPECT_EQ(read(ends[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    close(ends[0]);
}

}  // namespace
}  // namespace coroscope::emit
