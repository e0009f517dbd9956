// Descriptors, threads and memory that are not to be had: at the start one sentence that says what to raise, later an answer to whoever asked,
// and the program goes on. Each case is a process of its own.
#include <cprime/cprime.h>
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "runtime/entry/runtime_state.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;

// How a child ended, and what it said.
struct Ended {
    int code = -1;  // exit code; -signal where one killed it
    std::string said;
};

constexpr int kBadAlloc = 93;  // what std::bad_alloc that leaves function() becomes

// Runs function() in a child that has no threads yet.
Ended in_child(const std::function<void()>& function) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        try {
            function();
        } catch (const std::bad_alloc&) {
            std::exit(kBadAlloc);
        }
        std::exit(0);
    }
    close(ends[1]);
    Ended ended;
    char buffer[512];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        ended.said.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return ended;
}

bool is_one_sentence(const std::string& said) {
    return said.rfind("cprime: ", 0) == 0 && said.find('\n') == said.size() - 1;
}

// The lowest descriptor number that is free: a limit of that and `more` leaves room for so many.
void allow_descriptors(int more) {
    const int next = dup(STDERR_FILENO);
    close(next);
    const rlimit limit{static_cast<rlim_t>(next + more), static_cast<rlim_t>(next + more)};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) std::_Exit(90);
}

// Some of everything that a program does.
int work() {
    auto [sender, receiver] = make_channel<int>("numbers", 4);
    auto adds = spawn("adds", [in = std::move(receiver)] {
        int sum = 0;
        while (auto number = in.receive())
            sum += *number;
        return sum;
    });
    for (int i = 1; i <= 100; ++i)
        static_cast<void>(sender.send(i));
    sender.close();
    Mutex mutex("mutex");
    std::vector<JoinHandle<void>> many;
    for (int i = 0; i < 500; ++i)
        many.push_back(spawn("waits", [&mutex] {
            static_cast<void>(sleep_for(1ms));
            const MutexLock hold(mutex);
        }));
    for (auto& each : many)
        each.join();
    return *adds.join() + *blocking([] { return 1; });
}
constexpr int kWorkGives = 5051;

void run_work(unsigned workers) {
    if (run({.workers = workers}, [] { return work(); }) != kWorkGives) std::_Exit(91);
}

class NoDescriptors : public testing::Test {
protected:
    void SetUp() override {
#if defined(__SANITIZE_ADDRESS__)
        GTEST_SKIP() << "UBSan looks at objects through a pipe, for which it needs descriptors";
#endif
    }
};

TEST_F(NoDescriptors, at_the_start_are_one_sentence_or_enough) {
    bool refused = false, worked = false;
    for (int more = 0; more < 16; ++more) {
        const Ended ended = in_child([more] {
            allow_descriptors(more);
            run_work(2);
        });
        if (ended.code == 0) {
            worked = true;
            // Nobody can attach, maybe; the rest is there.
            if (!ended.said.empty()) {
                EXPECT_TRUE(is_one_sentence(ended.said)) << ended.said;
                EXPECT_NE(ended.said.find("cprime: nobody can attach: "), std::string::npos) << ended.said;
            }
        } else {
            refused = true;
            EXPECT_FALSE(worked) << "with " << more
                                 << " descriptors it does worse than with fewer: " << ended.said;
            EXPECT_EQ(ended.code, 1) << more << ": " << ended.said;
            EXPECT_TRUE(is_one_sentence(ended.said)) << more << ": " << ended.said;
        }
    }
    EXPECT_TRUE(refused && worked);
}

TEST_F(NoDescriptors, without_a_state_plane_three_are_enough) {
    const Ended ended = in_child([] {
        setenv("CPRIME_STATE_PLANE", "off", 1);
        allow_descriptors(3);
        run_work(2);
    });
    EXPECT_EQ(ended.code, 0) << ended.said;
    EXPECT_EQ(ended.said, "");
}

TEST_F(NoDescriptors, while_it_runs_take_nothing_from_it) {
    const Ended ended = in_child([] {
        static constexpr std::uint32_t kStallMs = 500;
        Runtime runtime({.workers = 2, .stall_report_ms = kStallMs});
        const int gives = runtime.run([] {
            allow_descriptors(0);
            static_cast<void>(sleep_for(std::chrono::milliseconds(kStallMs)));  // for looks at who keeps whom
            // Signals come as ever.
            Event handled("handled");
            signals().handle(SIGUSR2, [&handled](const SignalInfo&) { handled.set(); });
            kill(getpid(), SIGUSR2);
            static_cast<void>(handled.wait());
            return work();
        });
        if (gives != kWorkGives) std::_Exit(91);
    });
    EXPECT_EQ(ended.code, 0) << ended.said;
    EXPECT_EQ(ended.said, "");
}

TEST_F(NoDescriptors, of_its_own_a_runtime_gives_all_back) {
    const Ended ended = in_child([] {
        const auto open_now = [] {
            int count = 0;
            DIR* folder = opendir("/proc/self/fd");
            while (readdir(folder) != nullptr)
                ++count;
            closedir(folder);
            return count;
        };
        run_work(2);  // one descriptor stays for the process, by which the kernel is told of guard pages
        const int before = open_now();
        for (int round = 0; round < 3; ++round)
            run_work(2);
        if (open_now() != before) std::_Exit(92);
    });
    EXPECT_EQ(ended.code, 0) << ended.said;
}

// A deadlock is found all the same: without a descriptor nobody can count threads, and only what no thread could break is told.
TEST_F(NoDescriptors, do_not_hide_a_deadlock) {
    const Ended ended = in_child([] {
        Runtime runtime({.workers = 2, .on_deadlock = OnDeadlock::exit});
        runtime.run([] {
            allow_descriptors(0);
            static JoinHandle<void> first, second;
            Event both("both are there");
            first = spawn("first", [&both] {
                static_cast<void>(both.wait());
                second.join();
            });
            second = spawn("second", [&both] {
                static_cast<void>(both.wait());
                first.join();
            });
            both.set();
            static_cast<void>(suspend());
        });
    });
    EXPECT_EQ(ended.code, kDeadlockExitCode) << ended.said;
    EXPECT_EQ(ended.said.rfind("cprime: deadlock: 2 of 3 coroutines wait for each other", 0), 0U)
        << ended.said;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // these reserve more than any limit

std::uint64_t address_space_now() {
    unsigned long pages = 0;
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    const bool known = std::fscanf(file, "%lu", &pages) == 1;
    std::fclose(file);
    return known ? std::uint64_t{pages} * 4096 : 0;
}
void allow_bytes_more(std::uint64_t bytes) {
    const rlimit limit{address_space_now() + bytes, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(90);
}

TEST(NoMemory, at_the_start_is_one_sentence_or_enough) {
    bool refused = false, worked = false;
    for (std::uint64_t mebibytes = 1; mebibytes <= (64ULL << 10); mebibytes *= 2) {
        const Ended ended = in_child([mebibytes] {
            allow_bytes_more(mebibytes << 20);
            run_work(2);
        });
        if (ended.code == 0) {
            worked = true;
            EXPECT_TRUE(ended.said.empty() || is_one_sentence(ended.said))
                << mebibytes << " MiB: " << ended.said;
        } else {
            refused = true;
            if (ended.code == kBadAlloc) continue;  // a spawn's answer, the first one's or a later one's
            EXPECT_EQ(ended.code, 1) << mebibytes << " MiB: " << ended.said;
            EXPECT_TRUE(is_one_sentence(ended.said)) << mebibytes << " MiB: " << ended.said;
        }
    }
    EXPECT_TRUE(refused && worked);
}

TEST(NoMemory, later_makes_a_spawn_throw_and_nobody_else_suffers) {
    const Ended ended = in_child([] {
        const int gives = run({.workers = 2, .pools = {.large = {.when_full = WhenFull::error}}}, [] {
            allow_bytes_more(1ULL << 30);
            Event over("over");
            std::vector<JoinHandle<void>> crowd;
            bool refused = false;
            for (int i = 0; i < 20'000 && !refused; ++i) {
                try {
                    crowd.push_back(spawn({.name = "large", .size_class = size_class::large},
                                          [&over] { static_cast<void>(over.wait()); }));
                } catch (const std::bad_alloc&) {
                    refused = true;
                }
            }
            over.set();
            for (auto& each : crowd)
                each.join();
            return refused ? work() : 0;
        });
        if (gives != kWorkGives) std::_Exit(91);
    });
    EXPECT_EQ(ended.code, 0) << ended.said;
}

#endif

}  // namespace
}  // namespace cprime
