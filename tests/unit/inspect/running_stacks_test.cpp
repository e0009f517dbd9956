// Coroutines that run, looked at by stopping their workers: whole stacks with the function that spins, and a program that does not notice.
#include "instrumentation/inspect/running_stacks.h"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "instrumentation/inspect/proc.h"
#include "instrumentation/inspect/symbols.h"
#include "instrumentation/inspect/thread_stop.h"

namespace coroscope::inspect {
namespace {

// tests/targets/busy_bodies, whose spinner computes for long between two yields.
class BusyProgram : public testing::Test {
protected:
    void SetUp() override {
        int input[2];
        ASSERT_EQ(pipe(input), 0);
        pid_ = fork();
        ASSERT_GE(pid_, 0);
        if (pid_ == 0) {
            dup2(input[0], 0);
            close(input[0]);
            close(input[1]);
            const int nothing = dup(2);
            dup2(nothing, 1);
            setenv("LD_BIND_NOW", "1", 1);
            execl(BUSY_BODIES, BUSY_BODIES, "3", "60000", "120", static_cast<char*>(nullptr));
            _exit(127);
        }
        close(input[0]);
        input_ = input[1];
        auto found = wait_for_target(static_cast<std::uint32_t>(pid_), 20'000);
        ASSERT_TRUE(found.ok()) << found.error().message;
        auto target = Target::attach(static_cast<std::uint32_t>(pid_), {});
        ASSERT_TRUE(target.ok()) << target.error().message;
        target_ = std::move(*target);
        while (identity_of_the_spinner() == 0)
            ASSERT_TRUE(target_->alive());
    }
    void TearDown() override {
        target_ = nullptr;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        close(input_);
    }

    // While it runs; else 0.
    std::uint64_t identity_of_the_spinner() {
        const auto state = target_->read_state();
        if (!state.ok()) return 0;
        for (const CoroutineImage& coroutine : state->coroutines) {
            if (state->coroutine_name(coroutine) == "spinner" && coroutine.state == wire::CoroutineState::kRunning)
                return coroutine.identity;
        }
        return 0;
    }
    std::uint32_t traced_threads() const {
        std::uint32_t count = 0;
        const auto held = target_->held();
        for (const WorkerImage& worker : held->workers)
            count += proc::tracer_of(static_cast<std::uint32_t>(pid_), worker.thread_id) != 0 ? 1 : 0;
        return count;
    }

    pid_t pid_ = -1;
    int input_ = -1;
    std::unique_ptr<Target> target_;
};

TEST_F(BusyProgram, the_stack_of_a_running_coroutine_is_whole_from_where_it_stood) {
    const std::uint64_t spinner = identity_of_the_spinner();
    const auto state = target_->read_state();
    auto modules = target_->modules();
    ASSERT_TRUE(modules.ok());
    Unwinder unwinder(*modules, target_.get(), state->trampoline_address);
    Symbolizer symbols(*modules);
    for (int i = 0; i < 50; ++i) {
        const auto looked = look_at_running(*target_, unwinder);
        ASSERT_TRUE(looked.ok()) << looked.error().message;
        const auto found = std::find_if(looked->begin(), looked->end(),
                                        [&](const RunningStack& stack) { return stack.identity == spinner; });
        ASSERT_NE(found, looked->end());
        EXPECT_EQ(found->error, "");
        EXPECT_EQ(found->end, UnwindEnd::kEntry);
        bool named = false;
        for (const std::uint64_t pc : found->pcs) {
            for (const Frame& frame : symbols.frames(pc))
                named = named || frame.function.find("spin_for") != std::string::npos;
        }
        EXPECT_TRUE(named) << "no frame of the spinner's in look " << i;
        EXPECT_GT(found->stopped_ns, 0U);
        for (const RunningStack& other : *looked) {
            if (!other.error.empty() || other.identity == 0) continue;
            EXPECT_EQ(other.end, UnwindEnd::kEntry);
        }
    }
    EXPECT_EQ(traced_threads(), 0U);
    EXPECT_TRUE(target_->alive());
}

TEST_F(BusyProgram, a_stopped_thread_goes_on_when_its_stop_ends) {
    const auto held = target_->held();
    const auto worker = std::find_if(held->workers.begin(), held->workers.end(), [](const WorkerImage& one) {
        return one.state == wire::WorkerState::kRunning;
    });
    ASSERT_NE(worker, held->workers.end());
    {
        auto stop = ThreadStop::stop(static_cast<std::uint32_t>(pid_), worker->thread_id, 1000);
        ASSERT_TRUE(stop.ok()) << stop.error().message;
        const auto first = stop->registers();
        const auto second = stop->registers();
        ASSERT_TRUE(first.ok() && second.ok());
        EXPECT_EQ(first->rip, second->rip);
        EXPECT_EQ(traced_threads(), 1U);
        // Nobody else may: it is said who has it.
        const auto again = ThreadStop::stop(static_cast<std::uint32_t>(pid_), worker->thread_id, 1000);
        ASSERT_FALSE(again.ok());
        EXPECT_EQ(again.error().code, base::ErrorCode::kRefused);
        EXPECT_NE(again.error().message.find(std::to_string(getpid())), std::string::npos) << again.error().message;
    }
    EXPECT_EQ(traced_threads(), 0U);
}

TEST_F(BusyProgram, a_signal_that_was_on_its_way_to_a_stopped_thread_still_arrives) {
    const auto held = target_->held();
    {
        auto stop = ThreadStop::stop(static_cast<std::uint32_t>(pid_), held->workers[0].thread_id, 1000);
        ASSERT_TRUE(stop.ok()) << stop.error().message;
        ASSERT_EQ(kill(pid_, SIGINT), 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid_, &status, 0), pid_);  // SIGINT begins the orderly end; the spinner looks at `over` at last
    EXPECT_TRUE(WIFEXITED(status) || WIFSIGNALED(status));
}

TEST(ThreadStop, a_thread_that_is_not_there_is_a_sentence) {
    const auto stop = ThreadStop::stop(0x7ffffff0U, 0x7ffffff0U, 100);
    ASSERT_FALSE(stop.ok());
    EXPECT_EQ(stop.error().code, base::ErrorCode::kGone);
}

}  // namespace
}  // namespace coroscope::inspect
