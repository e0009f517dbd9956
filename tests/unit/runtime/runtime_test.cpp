// The runtime as a whole: environment, one at a time, forked children, faults of use.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cprime/runtime.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "runtime/entry/eager_binding.h"
#include "runtime/entry/runtime_state.h"

namespace cprime {
namespace {

class RuntimeUse : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    void TearDown() override {
        for (const char* name : {"CPRIME_WORKERS", "CPRIME_PROFILE", "CPRIME_STATE_PLANE"})
            unsetenv(name);
    }
};

TEST_F(RuntimeUse, run_gives_the_functions_result_back) {
    EXPECT_EQ(run({.workers = 1}, [] { return std::string("result"); }), "result");
    Runtime runtime({.workers = 2});
    EXPECT_EQ(runtime.workers(), 2U);
    EXPECT_EQ(runtime.run([] { return 1; }) + runtime.run([] { return 2; }), 3);
}

TEST_F(RuntimeUse, several_runtimes_one_after_another) {
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(run({.workers = 2}, [i] { return spawn("x", [i] { return i; }).join().status(); }),
                  Status::ok);
}

TEST_F(RuntimeUse, the_environment_says_how_many_workers_where_the_program_does_not) {
    setenv("CPRIME_WORKERS", "3", 1);
    EXPECT_EQ(Runtime().workers(), 3U);
    EXPECT_EQ(Runtime({.workers = 2}).workers(), 2U);
}

TEST_F(RuntimeUse, a_variable_that_cannot_be_used_is_one_sentence_and_code_2) {
    setenv("CPRIME_WORKERS", "many", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2),
                "^cprime: CPRIME_WORKERS=many is no number of workers; use 1 to 256\n$");
    setenv("CPRIME_WORKERS", "100000", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2),
                "^cprime: 100000 workers are too many; use 1 to 256\n$");
    unsetenv("CPRIME_WORKERS");
    setenv("CPRIME_STATE_PLANE", "perhaps", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2),
                "^cprime: CPRIME_STATE_PLANE=perhaps means nothing; use on or off\n$");
}

TEST_F(RuntimeUse, without_a_state_plane_nothing_is_shared_and_everything_works) {
    setenv("CPRIME_STATE_PLANE", "off", 1);
    Runtime runtime({.workers = 2});
    EXPECT_FALSE(detail::g_runtime->segment->shared());
    EXPECT_EQ(detail::g_runtime->agent, nullptr);
    EXPECT_EQ(runtime.run([] { return *spawn("x", [] { return 3; }).join(); }), 3);
}

TEST_F(RuntimeUse, calls_without_a_runtime_say_so) {
    EXPECT_EXIT(spawn("x", [] {}).detach(), testing::KilledBySignal(SIGABRT),
                "^cprime: spawn was called while there is no cprime::Runtime; make one first, or enter "
                "through cprime::run\n$");
}

TEST_F(RuntimeUse, a_second_runtime_at_once_is_refused) {
    EXPECT_EXIT(
        {
            const Runtime first({.workers = 1});
            const Runtime second({.workers = 1});
        },
        testing::ExitedWithCode(1), "a second cprime::Runtime was made while one exists");
}

TEST_F(RuntimeUse, a_handle_that_outlives_the_runtime_does_nothing) {
    JoinHandle<void> handle;
    run({.workers = 1}, [&handle] { handle = spawn("x", [] {}); });
    EXPECT_TRUE(handle.joinable());
    handle.detach();
    EXPECT_FALSE(handle.joinable());
}

TEST_F(RuntimeUse, the_header_says_who_where_and_how) {
    Runtime runtime({.workers = 2});
    const auto& header = detail::g_runtime->segment->header();
    EXPECT_EQ(header.workers_count.load(), 2U);
    EXPECT_EQ(header.lifecycle.load(), static_cast<std::uint32_t>(coroscope::wire::Lifecycle::kRunning));
    EXPECT_EQ(header.saved_frame_layout, coroscope::wire::kSavedFrameLayout);
    EXPECT_LT(header.park_address, header.park_end_address);
    EXPECT_GT(header.trampoline_address, header.park_address);
    EXPECT_LT(header.trampoline_address, header.park_end_address);
    const auto* workers = detail::g_runtime->segment->records<coroscope::wire::WorkerRecord>(
        coroscope::wire::SectionKind::kWorkers);
    EXPECT_NE(workers[0].thread_id.load(), 0U);
    EXPECT_NE(workers[0].thread_id.load(), workers[1].thread_id.load());
    EXPECT_LT(workers[0].stack_low, workers[0].stack_high);
    runtime.run([&] {
        EXPECT_EQ(workers[0].spawned.load() + workers[1].spawned.load(), 0U)
            << "main was spawned from outside";
        for (int i = 0; i < 10; ++i)
            spawn("x", [] {}).join();
        EXPECT_EQ(workers[0].spawned.load() + workers[1].spawned.load(), 10U);
    });
    EXPECT_EQ(workers[0].exited.load() + workers[1].exited.load(), 11U);
    EXPECT_EQ(header.outside_spawned.load(), 1U);
}

// What a child says on stderr, and how it ended.
struct Child {
    int status = 0;
    std::string said;
};
template <typename F>
Child in_child(F&& function) {
    int pipe_ends[2];
    EXPECT_EQ(pipe(pipe_ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(pipe_ends[1], STDERR_FILENO);
        function();
        _exit(0);
    }
    close(pipe_ends[1]);
    Child child;
    char buffer[512];
    for (ssize_t n = 0; (n = read(pipe_ends[0], buffer, sizeof buffer)) > 0;)
        child.said.append(buffer, static_cast<std::size_t>(n));
    close(pipe_ends[0]);
    waitpid(pid, &child.status, 0);
    return child;
}

TEST_F(RuntimeUse, a_forked_child_may_exit_and_any_runtime_call_in_it_is_one_sentence) {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "TSan does not allow threads' children to go on";
#endif
    const auto call = [] { spawn("in the child", [] {}).detach(); };
    const auto check = [](const Child& silent, const Child& caller) {
        EXPECT_TRUE(WIFEXITED(silent.status) && WEXITSTATUS(silent.status) == 0);
        EXPECT_EQ(silent.said, "");
        EXPECT_TRUE(WIFSIGNALED(caller.status) && WTERMSIG(caller.status) == SIGABRT);
        EXPECT_EQ(caller.said,
                  "cprime: spawn was called in a forked child of a program with a Runtime; a child may only "
                  "exec or exit\n");
    };
    Runtime runtime({.workers = 1});
    check(in_child([] {}), in_child(call));  // forked by a thread that is no worker
    runtime.run([&] {                        // forked by a coroutine
        check(in_child([] {}), in_child(call));
        EXPECT_EQ(*spawn("the parent goes on", [] { return 1; }).join(), 1);
    });
}

TEST_F(RuntimeUse, lazy_binding_is_one_warning_when_a_small_stack_is_first_used) {
    if (detail::binding_is_eager()) GTEST_SKIP() << "everything is bound eagerly here";
    EXPECT_EXIT(
        {
            run({.workers = 1}, [] {
                spawn("medium", [] {}).join();
                std::fprintf(stderr, "no word so far\n");
                for (int i = 0; i < 3; ++i)
                    spawn({.name = "micro", .size_class = size_class::micro}, [] {}).join();
            });
            _exit(0);
        },
        testing::ExitedWithCode(0),
        "^no word so far\ncprime: library calls are bound lazily[^\n]*LD_BIND_NOW=1[^\n]*\n$");
    setenv("LD_BIND_NOW", "1", 1);
    EXPECT_TRUE(detail::binding_is_eager());
    unsetenv("LD_BIND_NOW");
}

}  // namespace
}  // namespace cprime
