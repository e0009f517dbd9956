// See top_program.h.
#include "app/cli/top_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include "app/cli/runtime_wait.h"

namespace coroscope::app {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutputBytesMax = 256 * 1024;  // of each stream
constexpr int kDismissMs = 3000;                     // between asking it to end and ending it
constexpr int kDrainMs = 20;
// Nothing is listened to, so nobody would ever come whom its runtime waits for.
constexpr const char* kNoWait = "CPRIME_WAIT_FOR_VIEWER=0";

// Stdout is stderr as long as it lives: a program that is started inherits it so.
class LentStdout {
public:
    LentStdout() : kept_(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
        lent_ = kept_ && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
    }
    ~LentStdout() {
        if (lent_) dup2(kept_.get(), STDOUT_FILENO);
    }
    LentStdout(const LentStdout&) = delete;
    LentStdout& operator=(const LentStdout&) = delete;
    bool lent() const { return lent_; }

private:
    base::FileDescriptor kept_;
    bool lent_ = false;
};

}  // namespace

void TopProgram::Tail::cut() {
    if (text.size() <= kOutputBytesMax) return;
    std::size_t from = text.size() - kOutputBytesMax;
    if (const std::size_t line = text.find('\n', from); line != std::string::npos && line + 1 < text.size())
        from = line + 1;
    text.erase(0, from);
    left_out += from;
}

base::Result<std::unique_ptr<TopProgram>> TopProgram::start(const LaunchSpec& spec, bool screen) {
    std::unique_ptr<TopProgram> top(new TopProgram());
    top->name_ = spec.program;
    LaunchSpec asked = spec;
    asked.environment.emplace_back(kNoWait);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!screen) top->relay_.emplace(SignalRelay::Asked{.stop = &top->stop_, .signalled = &top->signalled_});
    std::optional<LentStdout> lent;
    if (!screen) {
        lent.emplace();
        if (!lent->lent())
            return base::error(base::ErrorCode::kIo,
                               "stdout cannot be kept for the table: " + base::errno_text(errno));
    }
    auto program = LaunchedProgram::start(asked, screen ? OutputTo::kPipe : OutputTo::kInherit);
    lent.reset();
    if (!program) return program.error();
    top->program_ = std::move(*program);
    if (top->relay_) top->relay_->forward_to(top->program_->pid());
    top->end_.reset(static_cast<int>(syscall(SYS_pidfd_open, top->program_->pid(), 0)));
    return top;
}

base::Result<std::uint32_t> TopProgram::wait_for_runtime(const std::function<bool()>& given_up) {
    auto target = app::wait_for_runtime(*program_, name_, [&] {
        poll();
        return given_up && given_up();
    });
    if (target && relay_ && *target != static_cast<std::uint32_t>(program_->pid()))
        relay_->forward_to(static_cast<pid_t>(*target));
    return target;
}

bool TopProgram::poll() {
    program_->read_output(output_.text, errors_.text);
    output_.cut();
    errors_.cut();
    return program_->ended();
}

bool TopProgram::wait(int timeout_ms) {
    pollfd waiting{end_.get(), POLLIN, 0};
    ::poll(&waiting, 1, timeout_ms);
    return poll() || signalled_.load(std::memory_order_relaxed);
}

int TopProgram::finish() {
    while (!poll())
        (void)wait(kDrainMs);  // its pipes must not fill up
    print_output();
    if (program_->exit_code() != 0)
        std::fprintf(stderr, "coroscope: %s %s\n", name_.c_str(), program_->status_text().c_str());
    return program_->exit_code();
}

void TopProgram::dismiss() {
    program_->signal(SIGTERM);
    for (const auto until = Clock::now() + milliseconds(kDismissMs); !poll() && Clock::now() < until;)
        (void)wait(kDrainMs);
    if (!poll()) {
        program_->signal(SIGKILL);
        program_->wait();
    }
    print_output();
}

void TopProgram::print_output() {
    (void)poll();  // what it wrote last
    const auto print = [this](Tail& tail, std::FILE* to) {
        if (tail.left_out != 0)
            std::fprintf(stderr, "coroscope: %llu bytes of what %s wrote before are not kept\n",
                         static_cast<unsigned long long>(tail.left_out), name_.c_str());
        std::fwrite(tail.text.data(), 1, tail.text.size(), to);
        std::fflush(to);
        tail = {};
    };
    print(output_, stdout);
    print(errors_, stderr);
}

}  // namespace coroscope::app
