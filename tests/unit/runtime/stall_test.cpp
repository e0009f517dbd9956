// The report about a coroutine that keeps its worker from others, and that the others go on where another worker can take them.
#include <cprime/cprime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/watch/stall_watch.h"
#include "stderr_lines.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

using testing::ContainsRegex;
using testing::MatchesRegex;

constexpr int kLimitMs = 40;

// What blocks a thread until somebody writes.
class Gate {
public:
    Gate() { EXPECT_EQ(pipe(ends_), 0); }
    ~Gate() {
        close(ends_[0]);
        close(ends_[1]);
    }
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    void pass() {
        char byte = 0;
        EXPECT_EQ(read(ends_[0], &byte, 1), 1);
    }
    void open() { EXPECT_EQ(write(ends_[1], "x", 1), 1); }

private:
    int ends_[2] = {-1, -1};
};

TEST(Stall, a_blocked_thread_is_named_with_who_blocks_it_and_the_way_out) {
    test::StderrLines said;
    std::string line;
    Gate gate;
    std::thread reader([&] {
        line = said.next_line();
        gate.open();
    });
    {
        Runtime runtime({.workers = 1, .stall_report_ms = kLimitMs});
        runtime.run([&gate] {
            spawn_detached("reads", [&gate] { gate.pass(); });
            spawn_detached("waits", [] {});
        });
    }
    reader.join();
    EXPECT_THAT(line, MatchesRegex("cprime: coroutine [0-9]+ \"reads\" spawned at "
                                   "tests/unit/runtime/stall_test.cpp:[0-9]+ has kept worker 0 for "
                                   "[0-9]+ ms from 1 other: its thread is asleep in the kernel.*; what "
                                   "blocks belongs in cprime::blocking\\(\\), and "
                                   "cprime::Mutex in the place of std::mutex"));
    EXPECT_EQ(said.rest(), "");
}

TEST(Stall, a_std_mutex_that_a_parked_coroutine_holds_is_the_same_case) {
    test::StderrLines said;
    std::string line;
    std::mutex mutex;
    std::atomic<bool> told{false};
    std::thread reader([&] {
        line = said.next_line();
        told.store(true);
    });
    {
        // The holder parks with it and goes on on the other worker, so that this test has an end.
        Runtime runtime({.workers = 2, .stall_report_ms = kLimitMs});
        runtime.run([&] {
            Event locked("locked");
            spawn_detached({.name = "holds", .worker = 0}, [&] {
                mutex.lock();
                locked.set();
                while (!told.load())
                    static_cast<void>(yield());
                mutex.unlock();
            });
            static_cast<void>(locked.wait());
            spawn({.name = "locks", .worker = 1}, [&mutex] {
                spawn_detached({.name = "behind", .worker = 1}, [] {});
                const std::lock_guard<std::mutex> hold(mutex);
            }).join();
        });
    }
    reader.join();
    EXPECT_THAT(
        line,
        ContainsRegex(
            "\"locks\" spawned at [^ ]* has kept worker 1 for [0-9]+ ms from 1 other: its thread is asleep"));
}

TEST(Stall, a_computation_is_told_from_a_blocked_thread) {
    test::StderrLines said;
    std::string line;
    std::atomic<bool> enough{false};
    std::thread reader([&] {
        line = said.next_line();
        enough.store(true);
    });
    {
        Runtime runtime({.workers = 1, .stall_report_ms = kLimitMs});
        runtime.run([&enough] {
            for (int i = 0; i < 3; ++i)
                spawn_detached("computes", [&enough] {
                    while (!enough.load()) {
                    }
                });
        });
    }
    reader.join();
    EXPECT_THAT(
        line,
        ContainsRegex(
            "\"computes\" spawned at [^ ]* has kept worker 0 for [0-9]+ ms from 2 others: it computes; call "
            "cprime::yield\\(\\) now and then, or leave it to cprime::blocking\\(\\)"));
}

TEST(Stall, whose_deadline_has_passed_waits_for_the_worker_too) {
    test::StderrLines said;
    std::string line;
    Gate gate;
    std::thread reader([&] {
        line = said.next_line();
        gate.open();
    });
    {
        Runtime runtime({.workers = 1, .stall_report_ms = kLimitMs});
        runtime.run([&gate] {
            spawn_detached("sleeps", [] { static_cast<void>(sleep_for(std::chrono::milliseconds(1))); });
            static_cast<void>(yield());
            gate.pass();
        });
    }
    reader.join();
    EXPECT_THAT(line,
                ContainsRegex("\"main\" spawned at [^ ]* has kept worker 0 for [0-9]+ ms from 1 other"));
}

TEST(Stall, who_is_bound_to_the_worker_waits_for_it_while_others_are_free) {
    test::StderrLines said;
    std::string line;
    Gate gate;
    std::thread reader([&] {
        line = said.next_line();
        gate.open();
    });
    {
        Runtime runtime({.workers = 2, .stall_report_ms = kLimitMs});
        runtime.run([&gate] {
            auto blocks = spawn({.name = "blocks", .worker = 1}, [&gate] {
                spawn_detached({.name = "bound", .worker = 1}, [] {});
                gate.pass();
            });
            blocks.join();
        });
    }
    reader.join();
    EXPECT_THAT(line,
                ContainsRegex("\"blocks\" spawned at [^ ]* has kept worker 1 for [0-9]+ ms from 1 other"));
}

// The same place twice is news once; another place is news again.
TEST(Stall, a_spawn_site_is_told_of_once) {
    test::StderrLines said;
    Gate gate;
    std::string first, second;
    std::thread reader([&] {
        first = said.next_line();
        gate.open();
        second = said.next_line();
        gate.open();
    });
    {
        Runtime runtime({.workers = 1, .stall_report_ms = kLimitMs});
        runtime.run([&gate] {
            const auto behind = [] { spawn_detached("behind", [] {}); };
            std::atomic<bool> enough{false};
            for (int round = 0; round < 2; ++round) {
                spawn("one place", [&] {
                    behind();
                    if (round == 0) {
                        gate.pass();
                        return;
                    }
                    // Long enough that it would have been told of.
                    const std::uint32_t looks = detail::g_stalls.looks();
                    while (detail::g_stalls.looks() - looks < 6) {
                    }
                }).join();
            }
            spawn("another place", [&] {
                behind();
                gate.pass();
            }).join();
        });
    }
    reader.join();
    EXPECT_THAT(first, ContainsRegex("\"one place\""));
    EXPECT_THAT(second, ContainsRegex("\"another place\""));
}

TEST(Stall, whom_nobody_waits_for_may_take_as_long_as_it_likes) {
    test::StderrLines said;
    {
        Runtime runtime({.workers = 2, .stall_report_ms = kLimitMs});
        runtime.run([] {
            spawn("computes alone", [] {
                const std::uint32_t looks = detail::g_stalls.looks();
                while (detail::g_stalls.looks() - looks < 8) {
                }
            }).join();
        });
    }
    EXPECT_EQ(said.rest(), "");
}

TEST(Stall, others_go_on_on_another_worker_while_one_is_blocked) {
    test::StderrLines said;
    Gate gate;
    std::atomic<int> ended{0};
    {
        Runtime runtime({.workers = 2, .stall_report_ms = 0});
        runtime.run([&] {
            // It ends only when all who stood behind it have run.
            spawn_detached("blocks", [&] {
                for (int i = 0; i < 100; ++i)
                    spawn_detached("behind", [&] {
                        static_cast<void>(yield());
                        if (ended.fetch_add(1) == 99) gate.open();
                    });
                gate.pass();
            });
        });
        EXPECT_EQ(detail::g_stalls.looks(), 0U) << "nobody was asked to look";
    }
    EXPECT_EQ(ended.load(), 100);
    EXPECT_EQ(said.rest(), "");
}

TEST(StallEnvironment, says_how_long_where_the_program_does_not) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    setenv("CPRIME_STALL_MS", "soon", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2),
                "^cprime: CPRIME_STALL_MS=soon is no number of milliseconds; use 0 \\(nobody looks\\) to "
                "86400000\n$");
    unsetenv("CPRIME_STALL_MS");
    EXPECT_EXIT(Runtime({.stall_report_ms = 2'000'000'000}), testing::ExitedWithCode(2),
                "^cprime: RuntimeOptions::stall_report_ms is 2000000000; use 0 to 86400000\n$");
}

}  // namespace
}  // namespace cprime
