// blocking(): results, exceptions, growth, shrinking, cancelling while queued, shutdown, and a system without threads.
#include <cprime/blocking.h>
#include <cprime/channel.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;
namespace wire = coroscope::wire;

const wire::SegmentHeader& header() {
    return detail::g_runtime->segment->header();
}

// A gate on which calls wait, on their pool threads.
struct Gate {
    std::atomic<int> arrived{0};
    std::atomic<bool> open{false};
    void pass() noexcept {
        ++arrived;
        open.wait(false);
    }
    void let_pass() {
        open.store(true);
        open.notify_all();
    }
    // For a coroutine: until that many calls have begun.
    void await(int count) const {
        while (arrived.load() < count)
            yield();
    }
};

class Blocking : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Workers, Blocking, testing::Values(1U, 2U, 4U), testing::PrintToStringParamName());

TEST_P(Blocking, gives_back_what_the_function_returns) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        const auto answer = blocking([] { return 42; });
        ASSERT_TRUE(answer);
        EXPECT_EQ(*answer, 42);
        auto moved = blocking([] { return std::make_unique<std::string>("only once"); });
        ASSERT_TRUE(moved);
        EXPECT_EQ(**moved, "only once");
        bool called = false;
        EXPECT_TRUE(blocking([&called] { called = true; }));
        EXPECT_TRUE(called);
    });
}

TEST_P(Blocking, runs_on_a_thread_of_its_own_that_is_no_worker) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        struct Seen {
            char name[16] = "";
            std::uint64_t identity = 1;
            bool blocked = false, faults = true;
        };
        const auto seen = blocking([]() noexcept {
            Seen here;
            pthread_getname_np(pthread_self(), here.name, sizeof here.name);
            here.identity = this_id();
            sigset_t mask;
            pthread_sigmask(SIG_SETMASK, nullptr, &mask);
            here.blocked = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGUSR1) == 1;
            here.faults = sigismember(&mask, SIGSEGV) == 0;
            sleep_for(1us);  // blocks that thread
            return here;
        });
        ASSERT_TRUE(seen);
        EXPECT_STREQ(seen->name, "cprime-block-0");
        EXPECT_EQ(seen->identity, 0U);
        EXPECT_TRUE(seen->blocked);
        EXPECT_TRUE(seen->faults);
    });
}

TEST_P(Blocking, rethrows_what_the_function_throws) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        for (int i = 0; i < 10; ++i) {
            try {
                static_cast<void>(
                    blocking([i]() -> int { throw std::runtime_error("no " + std::to_string(i)); }));
                ADD_FAILURE() << "nothing was thrown";
            } catch (const std::runtime_error& error) {
                EXPECT_EQ(error.what(), "no " + std::to_string(i));
            }
        }
    });
}

TEST_P(Blocking, other_coroutines_run_meanwhile) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        Gate gate;
        auto caller = spawn("caller", [&gate] { EXPECT_TRUE(blocking([&gate] { gate.pass(); })); });
        gate.await(1);
        EXPECT_FALSE(caller.is_complete());
        gate.let_pass();
        EXPECT_TRUE(caller.join());
    });
}

TEST_P(Blocking, fits_a_micro_stack_where_nothing_is_thrown) {
    Runtime runtime({.workers = GetParam()});
    std::atomic<long> sum{0};
    runtime.run([&sum] {
        for (int i = 0; i < 100; ++i) {
            spawn_detached({.name = "micro", .size_class = size_class::micro}, [&sum, i] {
                if (auto number = blocking([i]() noexcept { return i; })) sum += *number;
            });
        }
    });
    EXPECT_EQ(sum, 4950);
}

TEST_P(Blocking, the_pool_grows_to_its_limit_and_the_rest_waits) {
    Runtime runtime({.workers = GetParam(), .blocking_threads = 3});
    std::atomic<int> done{0};
    runtime.run([&done] {
        Gate gate;
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 8; ++i) {
            handles.push_back(spawn("caller", [&gate, &done] {
                if (blocking([&gate] { gate.pass(); })) ++done;
            }));
        }
        gate.await(3);
        while (header().blocking_queued.load() < 5)
            yield();
        EXPECT_EQ(header().blocking_threads.load(), 3U);
        EXPECT_EQ(header().blocking_busy.load(), 3U);
        EXPECT_EQ(header().blocking_queued.load(), 5U);
        EXPECT_EQ(gate.arrived.load(), 3);
        gate.let_pass();
        for (auto& handle : handles)
            handle.join();
        EXPECT_EQ(header().blocking_queued.load(), 0U);
        EXPECT_EQ(header().blocking_threads_most.load(), 3U);
        EXPECT_EQ(header().blocking_calls.load(), 8U);
    });
    EXPECT_EQ(done.load(), 8);
}

TEST_P(Blocking, one_thread_is_enough_for_calls_one_after_the_other) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        for (int i = 0; i < 50; ++i)
            EXPECT_TRUE(blocking([] {}));
        EXPECT_EQ(header().blocking_threads_most.load(), 1U);
    });
}

TEST_P(Blocking, threads_end_when_they_had_nothing_to_do_and_come_again) {
    Runtime runtime({.workers = GetParam(), .blocking_idle_ms = 1});
    runtime.run([] {
        for (int round = 0; round < 3; ++round) {
            Gate gate;
            std::vector<JoinHandle<void>> handles;
            for (int i = 0; i < 4; ++i)
                handles.push_back(spawn("caller", [&gate] { blocking([&gate] { gate.pass(); }); }));
            gate.await(4);
            EXPECT_GE(header().blocking_threads.load(), 4U);
            gate.let_pass();
            for (auto& handle : handles)
                handle.join();
            while (header().blocking_threads.load() != 0)
                yield();
        }
        EXPECT_EQ(header().blocking_threads_most.load(), 4U);
    });
}

TEST_P(Blocking, a_queued_call_is_taken_back_when_its_coroutine_is_cancelled) {
    Runtime runtime({.workers = GetParam(), .blocking_threads = 1});
    runtime.run([] {
        Gate gate;
        auto first = spawn("first", [&gate] { EXPECT_TRUE(blocking([&gate] { gate.pass(); })); });
        gate.await(1);
        std::vector<JoinHandle<void>> handles;
        std::atomic<int> ran{0};
        Status told[3] = {};
        for (int i = 0; i < 3; ++i) {
            handles.push_back(
                spawn("queued", [&ran, &told, i] { told[i] = blocking([&ran] { ++ran; }).status(); }));
        }
        while (header().blocking_queued.load() < 3)
            yield();
        handles[1].cancel();
        handles[1].join();
        EXPECT_EQ(told[1], Status::cancelled);
        EXPECT_EQ(header().blocking_queued.load(), 2U);
        gate.let_pass();
        first.join();
        handles[0].join();
        handles[2].join();
        EXPECT_EQ(ran.load(), 2);
        EXPECT_EQ(told[0], Status::ok);
        EXPECT_EQ(told[2], Status::ok);
    });
}

TEST_P(Blocking, a_call_that_has_begun_is_not_interrupted_and_its_result_arrives) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        Gate gate;
        auto caller = spawn("caller", [&gate] {
            const auto result = blocking([&gate] {
                gate.pass();
                return 7;
            });
            ASSERT_TRUE(result);
            EXPECT_EQ(*result, 7);
            EXPECT_TRUE(cancel_requested());
            EXPECT_EQ(blocking([] { return 8; }).status(), Status::cancelled)
                << "it is told at the next call";
        });
        gate.await(1);
        EXPECT_TRUE(caller.cancel());
        for (int i = 0; i < 20; ++i)
            yield();
        EXPECT_FALSE(caller.is_complete());
        gate.let_pass();
        caller.join();
    });
}

TEST_P(Blocking, cancelling_races_with_the_call_and_never_loses) {
    Runtime runtime({.workers = GetParam(), .blocking_threads = 2});
    runtime.run([] {
        for (int round = 0; round < 300; ++round) {
            std::atomic<int> ran{0};
            Status told[4] = {};
            std::vector<JoinHandle<void>> handles;
            for (int i = 0; i < 4; ++i) {
                handles.push_back(
                    spawn("caller", [&ran, &told, i] { told[i] = blocking([&ran] { ++ran; }).status(); }));
            }
            if (round % 2 == 0) yield();
            for (auto& handle : handles)
                handle.cancel();
            int ok = 0;
            for (auto& handle : handles)
                handle.join();
            for (const Status status : told)
                ok += status == Status::ok ? 1 : 0;
            EXPECT_EQ(ran.load(), ok);
        }
    });
}

int threads_of_this_process(const char* prefix) {
    int found = 0;
    DIR* tasks = opendir("/proc/self/task");
    while (const dirent* entry = readdir(tasks)) {
        const std::string path = std::string("/proc/self/task/") + entry->d_name + "/comm";
        std::FILE* file = std::fopen(path.c_str(), "r");
        if (file == nullptr) continue;
        char name[32] = "";
        if (std::fgets(name, sizeof name, file) != nullptr && std::string(name).starts_with(prefix)) ++found;
        std::fclose(file);
    }
    closedir(tasks);
    return found;
}

TEST_P(Blocking, shutdown_takes_queued_calls_back_waits_for_running_ones_and_leaves_no_thread) {
    std::atomic<int> ran{0};
    std::atomic<int> cancelled{0};
    Gate gate;
    {
        Runtime runtime({.workers = GetParam(), .shutdown_grace_ms = 60'000, .blocking_threads = 2});
        for (int i = 0; i < 10; ++i) {
            spawn_detached("caller", [&] {
                if (blocking([&gate] { gate.pass(); })) {
                    ++ran;
                } else {
                    ++cancelled;
                }
            });
        }
        while (gate.arrived.load() < 2 || header().blocking_queued.load() < 8)
            std::this_thread::yield();
        EXPECT_EQ(threads_of_this_process("cprime-block"), 2);
        shutdown();
        while (cancelled.load() < 8)
            std::this_thread::yield();
        EXPECT_EQ(ran.load(), 0);
        gate.let_pass();
    }
    EXPECT_EQ(ran.load(), 2);
    EXPECT_EQ(cancelled.load(), 8);
    // They are joined; the kernel takes their names away a moment later.
    while (threads_of_this_process("cprime-block") != 0)
        std::this_thread::yield();
}

TEST_P(Blocking, shutdown_says_who_waits_for_a_call_that_does_not_return) {
    testing::internal::CaptureStderr();
    Gate gate;
    std::thread ender;
    {
        Runtime runtime({.workers = GetParam(), .shutdown_grace_ms = 20});
        spawn_detached("patient", [&gate] { blocking([&gate] { gate.pass(); }); });
        while (gate.arrived.load() < 1)
            std::this_thread::yield();
        ender = std::thread([&gate] {
            std::this_thread::sleep_for(200ms);
            gate.let_pass();
        });
    }
    ender.join();
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("\"patient\""), std::string::npos) << said;
    EXPECT_NE(said.find("it waits for a blocking call to return"), std::string::npos) << said;
}

int no_thread(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) {
    return EAGAIN;
}

TEST_P(Blocking, without_any_thread_the_call_runs_in_place_and_says_so_once) {
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = GetParam()});
        detail::g_runtime->blocking.set_create_thread(&no_thread);
        runtime.run([] {
            for (int i = 0; i < 3; ++i) {
                const auto seen = blocking([] {
                    // Deeper than a Medium stack.
                    volatile char room[64 << 10] = {};
                    room[0] = 1;
                    return this_id() + static_cast<std::uint64_t>(room[1]);
                });
                ASSERT_TRUE(seen);
                EXPECT_EQ(*seen, this_id());
            }
            EXPECT_THROW(static_cast<void>(blocking([]() -> int { throw std::runtime_error("here"); })),
                         std::runtime_error);
            EXPECT_EQ(header().blocking_threads.load(), 0U);
        });
    }
    const std::string said = testing::internal::GetCapturedStderr();
    const std::size_t first = said.find("gives no thread");
    EXPECT_NE(first, std::string::npos) << said;
    EXPECT_EQ(said.find("gives no thread", first + 1), std::string::npos) << said;
}

std::atomic<int> threads_left{0};
int one_thread(pthread_t* handle, const pthread_attr_t* attributes, void* (*main)(void*), void* argument) {
    return threads_left.fetch_sub(1) > 0 ? pthread_create(handle, attributes, main, argument) : EAGAIN;
}

TEST_P(Blocking, with_fewer_threads_than_wished_these_do_it) {
    threads_left = 1;
    Runtime runtime({.workers = GetParam()});
    detail::g_runtime->blocking.set_create_thread(&one_thread);
    std::atomic<int> ran{0};
    runtime.run([&ran] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 20; ++i)
            handles.push_back(spawn("caller", [&ran] { blocking([&ran] { ++ran; }); }));
        for (auto& handle : handles)
            handle.join();
        EXPECT_EQ(header().blocking_threads_most.load(), 1U);
    });
    EXPECT_EQ(ran.load(), 20);
}

TEST(BlockingOutside, on_a_thread_that_is_no_worker_the_function_is_called_there) {
    const auto here = std::this_thread::get_id();
    const auto seen = blocking([] { return std::this_thread::get_id(); });
    ASSERT_TRUE(seen);
    EXPECT_EQ(*seen, here);
    EXPECT_THROW(static_cast<void>(blocking([]() -> int { throw 1; })), int);
}

TEST(BlockingOptions, a_limit_that_means_nothing_ends_the_process) {
    EXPECT_EXIT(Runtime({.workers = 1, .blocking_threads = 5000}), testing::ExitedWithCode(2),
                "5000 threads for blocking calls are too many; use 1 to 1024");
    setenv("CPRIME_BLOCKING_THREADS", "many", 1);
    EXPECT_EXIT(Runtime({.workers = 1}), testing::ExitedWithCode(2),
                "CPRIME_BLOCKING_THREADS=many is no number of threads; use 1 to 1024");
    unsetenv("CPRIME_BLOCKING_THREADS");
}

}  // namespace
}  // namespace cprime
