// See session_opener.h.
#include "app/session_opener.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>

#include "instrumentation/inspect/target.h"
#include "traces/trace_medium.h"

namespace coroscope::app {
namespace {

constexpr int kSliceMs = 100;
constexpr auto kStartTime = std::chrono::seconds(20);  // for a launched program's runtime to appear

}  // namespace

traces::LiveOptions SessionOpener::live_options() const {
    traces::LiveOptions options;
    options.debug_paths = debug_paths_;
    options.listening = listening_;
    return options;
}

void SessionOpener::start(std::function<Opened(const Task&)> work) {
    cancel();
    task_ = std::make_shared<Task>();
    thread_ = std::thread(
        [before = std::move(thread_), task = task_, work = std::move(work), wake = wake_]() mutable {
            if (before.joinable()) before.join();
            if (!task->cancelled.load(std::memory_order_relaxed)) task->result = work(*task);
            task->done.store(true, std::memory_order_release);  // [opener.done]
            wake();
        });
}

void SessionOpener::cancel() {
    if (task_ != nullptr) task_->cancelled.store(true, std::memory_order_relaxed);
    task_ = nullptr;
}

std::optional<SessionOpener::Opened> SessionOpener::take() {
    if (task_ == nullptr || !task_->done.load(std::memory_order_acquire))
        return std::nullopt;  // [opener.done]
    thread_.join();
    std::optional<Opened> result = std::move(task_->result);
    task_ = nullptr;
    return result;
}

void SessionOpener::attach(std::uint32_t pid) {
    start([pid, options = live_options()](const Task&) { return traces::open_live(pid, options); });
}

void SessionOpener::open_file(const std::string& path, const std::string& binary) {
    if (path == traces::kStandardStream) {
        start([folders = debug_paths_](const Task& task) {
            base::FileDescriptor from(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
            return traces::open_stream(std::move(from), folders,
                                       [&task] { return task.cancelled.load(std::memory_order_relaxed); });
        });
        return;
    }
    start([path, binary, folders = debug_paths_](const Task&) {
        // A program that ended in order leaves nothing to see at its end.
        return traces::open_recording(path, binary, folders, traces::StartAt::kPopulated);
    });
}

void SessionOpener::attach_when_started(std::uint32_t root_pid) {
    traces::LiveOptions options = live_options();
    options.from_the_start = true;
    start([root_pid, options](const Task& task) -> Opened {
        const auto until = std::chrono::steady_clock::now() + kStartTime;
        while (true) {
            const base::Result<std::uint32_t> found = inspect::wait_for_target(root_pid, kSliceMs);
            if (found.ok()) return traces::open_live(*found, options);
            const bool over = std::chrono::steady_clock::now() >= until ||
                              task.cancelled.load(std::memory_order_relaxed);
            if (over || found.error().code == base::ErrorCode::kGone) return found.error();
        }
    });
}

}  // namespace coroscope::app
