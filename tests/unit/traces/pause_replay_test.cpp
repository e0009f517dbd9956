// The state at t, rebuilt from a file, is what was so at t: a program under chaos is paused again and again while it is recorded, its state plane is
// read while everything stands still, and every such state must come out of the file, in every field that wire/fields.h calls replayed.
//
// COROSCOPE_PAUSES: how often (default 100); COROSCOPE_SEED: of the chaos and of when to pause.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "compare_state.h"
#include "instrumentation/inspect/target.h"
#include "traces/recorder.h"
#include "traces/replay.h"

namespace coroscope::traces {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// A program that goes on until it is killed with this.
class Program {
public:
    Program(const std::string& name, std::vector<std::string> arguments, std::uint64_t seed) {
        const char* folder = std::getenv("COROSCOPE_BIN");
        std::string path = std::string(folder != nullptr ? folder : "build/bin") + "/" + name;
        const std::string chaos = std::to_string(seed);
        pid_ = fork();
        if (pid_ != 0) return;
        std::vector<char*> argv = {path.data()};
        for (std::string& argument : arguments)
            argv.push_back(argument.data());
        argv.push_back(nullptr);
        setenv("LD_BIND_NOW", "1", 1);
        setenv("CPRIME_CHAOS", chaos.c_str(), 1);
        if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
        execv(path.c_str(), argv.data());
        _exit(127);
    }
    ~Program() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

private:
    pid_t pid_ = 0;
};

// Everything stands still: the state as it is then. Nothing when a worker does not come to a scheduling point.
base::Result<inspect::StateImage> state_while_paused(inspect::Target& target) {
    if (base::Status paused = target.pause({}, false); !paused.ok()) return paused.error();
    const auto until = Clock::now() + std::chrono::seconds(20);
    for (bool all = false; !all;) {
        auto now = target.held();
        if (!now.ok()) return now.error();
        all = !now->workers.empty();
        for (const inspect::WorkerImage& worker : now->workers)
            all = all && (worker.state == wire::WorkerState::kHeld || worker.state == wire::WorkerState::kAbsent);
        if (Clock::now() > until) return base::error(base::ErrorCode::kInternal, "a worker was not held in 20 s");
        if (!all) std::this_thread::yield();
    }
    return target.read_state();
}

struct Case {
    const char* name;
    std::vector<std::string> arguments;
};
void PrintTo(const Case& program, std::ostream* out) {
    *out << program.name;
}

class PauseReplay : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Programs, PauseReplay,
                         testing::Values(Case{"demo", {"--seconds", "3600", "--swarm", "150", "--workers", "2"}},
                                         Case{"busy_bodies", {"40", "0", "3600"}}, Case{"philosophers", {"mended", "3600"}}),
                         [](const auto& program) { return std::string(program.param.name); });

TEST_P(PauseReplay, the_state_at_t_is_what_was_so_at_t) {
    const std::uint64_t pauses = number_from("COROSCOPE_PAUSES", 100), seed = number_from("COROSCOPE_SEED", 20261122);
    const std::string path = testing::TempDir() + "pause_replay_" + std::to_string(getpid()) + ".coro";
    Program program(GetParam().name, GetParam().arguments, seed);
    const auto found = inspect::wait_for_target(program.pid(), 20000);
    ASSERT_TRUE(found.ok()) << found.error().message;
    std::atomic<bool> stop{false}, began{false};
    RecordOptions options;
    options.path = path;
    options.pid = program.pid();
    options.with_stacks = false;
    options.on_begin = [&] { began = true; };
    base::Result<RecordResult> recorded = base::error(base::ErrorCode::kInternal, "not recorded");
    std::thread recorder([&] {
        recorded = record(options, &stop);
        began = true;
    });
    while (!began)
        std::this_thread::yield();
    auto target = inspect::Target::attach(program.pid(), {});
    std::vector<inspect::StateImage> truths;
    std::mt19937_64 random(seed);
    std::string trouble = target.ok() ? "" : target.error().message;
    for (std::uint64_t i = 0; i < pauses && trouble.empty(); ++i) {
        const auto go_on_at = Clock::now() + std::chrono::microseconds(random() % 3000);
        while (Clock::now() < go_on_at)
            std::this_thread::yield();
        auto truth = state_while_paused(**target);
        if (truth.ok()) {
            truth->histograms.clear();  // not replayed, and large
            truths.push_back(std::move(*truth));
        } else {
            trouble = truth.error().message;
        }
        if (const base::Status resumed = (*target)->resume({}); !resumed.ok()) trouble = resumed.error().message;
    }
    stop = true;
    recorder.join();
    ASSERT_EQ(trouble, "");
    ASSERT_TRUE(recorded.ok()) << recorded.error().message;
    ASSERT_EQ(recorded->lost, 0U);

    auto reader = TraceReader::open(path);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    auto replay = Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader)));
    ASSERT_TRUE(replay.ok()) << replay.error().message;
    std::uint64_t quiet = 0, coroutines = 0, channels = 0, waitables = 0;
    for (const inspect::StateImage& truth : truths) {
        auto moment = (*replay)->moment_at((*replay)->time_of(truth.read_end_ticks));
        ASSERT_TRUE(moment.ok()) << moment.error().message;
        EXPECT_EQ((*moment)->unknown_coroutines, 0U);
        const Comparison comparison = compare((*moment)->state, truth, true);
        for (const std::string& difference : comparison.differences)
            ADD_FAILURE() << "at " << (*moment)->t << " ns: " << difference;
        quiet += comparison.quiet ? 1 : 0;
        coroutines += comparison.coroutines_same;
        channels += comparison.channels_same;
        waitables += comparison.waitables_same;
    }
    // Threads that are no workers (the signal thread, who makes the Runtime) are not paused.
    EXPECT_GE(quiet, truths.size() * 99 / 100);
    EXPECT_GE(coroutines + channels + waitables, truths.size() * 15);  // at the first pauses not all are there yet
    std::printf("%zu pauses, %lu of them of a whole program that stood still; compared %lu coroutines, %lu channels, %lu waitables\n",
                truths.size(), static_cast<unsigned long>(quiet), static_cast<unsigned long>(coroutines),
                static_cast<unsigned long>(channels), static_cast<unsigned long>(waitables));
    unlink(path.c_str());
}

}  // namespace
}  // namespace coroscope::traces
