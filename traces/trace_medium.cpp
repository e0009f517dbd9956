// See trace_medium.h.
#include "traces/trace_medium.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "instrumentation/base/file_descriptor.h"

namespace coroscope::traces {
namespace {

// Writing past RLIMIT_FSIZE raises SIGXFSZ, writing to a pipe that nobody reads SIGPIPE; their default action kills us before the error can be
// told. They stay pending for this thread while blocked and are taken back.
class WriteSignalsBlocked {
public:
    WriteSignalsBlocked() {
        sigemptyset(&only_);
        sigaddset(&only_, SIGXFSZ);
        sigaddset(&only_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &only_, &before_);
    }
    ~WriteSignalsBlocked() {
        if (sigismember(&before_, SIGXFSZ) == 0 || sigismember(&before_, SIGPIPE) == 0) {
            const timespec at_once{};
            while (sigtimedwait(&only_, nullptr, &at_once) > 0) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    WriteSignalsBlocked(const WriteSignalsBlocked&) = delete;
    WriteSignalsBlocked& operator=(const WriteSignalsBlocked&) = delete;

private:
    sigset_t only_;
    sigset_t before_;
};

class FileMedium final : public TraceMedium {
public:
    FileMedium(std::string path, base::FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}

    base::Status append(BytesView bytes, std::size_t parts_bytes) override {
        const WriteSignalsBlocked no_signal;
        std::size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t written = ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done,
                                             static_cast<off_t>(offset_ + done));
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return failed(written < 0 ? errno : ENOSPC);
            done += static_cast<std::size_t>(written);
        }
        offset_ += bytes.size();
        chunks_there_ = chunks_there_ || parts_bytes != 0;
        return base::ok_status();
    }

private:
    base::Error failed(int why) {
        // Cutting back can fail on a device; a reader then stops at the broken chunk by its checksum.
        const bool cut = ::ftruncate(file_.get(), static_cast<off_t>(offset_)) == 0;
        return base::error(base::ErrorCode::kIo,
                           "cannot write the trace " + path_ + " any further: " + std::strerror(why) +
                               (cut && chunks_there_ ? "; what was written stays a readable trace" : "") +
                               "; free some space or choose another file with -o");
    }

    const std::string path_;
    const base::FileDescriptor file_;
    std::uint64_t offset_ = 0;  // end of the last whole chunk
    bool chunks_there_ = false;
};

class StreamMedium final : public TraceMedium {
public:
    // `read_by_others`: it is a pipe or a socket, and has room when they take something.
    StreamMedium(std::string path, base::FileDescriptor file, bool read_by_others, const std::atomic<bool>* ending)
        : path_(std::move(path)), file_(std::move(file)), read_by_others_(read_by_others), ending_(ending) {}

    base::Status append(BytesView bytes, std::size_t) override {
        const WriteSignalsBlocked no_signal;
        while (!bytes.empty()) {
            const ssize_t written = write_some(bytes);
            if (written < 0 && errno == EAGAIN && !wait_for_room()) return unread();
            if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            if (written <= 0) return failed(written < 0 ? errno : ENOSPC);
            bytes = bytes.subspan(static_cast<std::size_t>(written));
            last_taken_ = Clock::now();
        }
        return base::ok_status();
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr int kLookOutMs = 50;  // while nobody reads: between two looks whether it should end

    // What is wrong with it, if anything is, write tells.
    bool room_within(int milliseconds) const {
        pollfd waiting{file_.get(), POLLOUT, 0};
        return ::poll(&waiting, 1, milliseconds) != 0;
    }

    // False: it should end, and nobody has read for too long.
    bool wait_for_room() {
        for (;;) {
            if (room_within(kLookOutMs)) return true;
            // Relaxed: nothing is read on its account. [record.stop]
            if (ending_ == nullptr || !ending_->load(std::memory_order_relaxed)) continue;
            if (!ending_since_.has_value()) ending_since_ = Clock::now();
            if (Clock::now() - std::max(*ending_since_, last_taken_) > std::chrono::milliseconds(kReaderPatienceMs)) return false;
        }
    }

    // As much as there is room for, without waiting: where the kernel does not know how (pipes before Linux 6.4), what a pipe that has room takes for
    // sure.
    ssize_t write_some(BytesView bytes) {
        if (!read_by_others_) return ::write(file_.get(), bytes.data(), bytes.size());
        if (!in_pieces_) {
            const iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
            const ssize_t written = ::pwritev2(file_.get(), &piece, 1, -1, RWF_NOWAIT);
            if (written >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)) return written;
            in_pieces_ = true;
        }
        if (!room_within(0)) {
            errno = EAGAIN;
            return -1;
        }
        return ::write(file_.get(), bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    }

    base::Error failed(int why) const {
        if (why == EPIPE) {
            return base::error(base::ErrorCode::kIo,
                               "whoever read the trace from " + path_ + " has gone; what it got stays readable");
        }
        return base::error(base::ErrorCode::kIo, "cannot write the trace to " + path_ + " any further: " +
                                                     std::strerror(why) + "; choose another file with -o");
    }
    base::Error unread() const {
        return base::error(base::ErrorCode::kIo, "whoever reads the trace from " + path_ + " has taken nothing for " +
                                                     std::to_string(kReaderPatienceMs / 1000) +
                                                     " s, and it was to end; what came before is readable");
    }

    const std::string path_;
    const base::FileDescriptor file_;
    const bool read_by_others_;
    const std::atomic<bool>* const ending_;  // may be null
    std::optional<Clock::time_point> ending_since_;
    Clock::time_point last_taken_{};
    bool in_pieces_ = false;
};

}  // namespace

base::Result<std::shared_ptr<TraceMedium>> open_medium(const std::string& path, const std::atomic<bool>* ending) {
    const bool standard = path == kStandardStream;
    base::FileDescriptor file(standard ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                                       : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    struct stat facts {};
    if (!file.valid() || ::fstat(file.get(), &facts) != 0) {
        return base::error(base::ErrorCode::kIo, "cannot write the trace " + path + ": " +
                                                     std::strerror(errno) + "; choose another file with -o");
    }
    if (standard || !S_ISREG(facts.st_mode))
        return std::shared_ptr<TraceMedium>(
            std::make_shared<StreamMedium>(standard ? "stdout" : path, std::move(file), S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode), ending));
    // Where locks are not to be had readers take the file for one that is closed.
    static_cast<void>(::flock(file.get(), LOCK_EX | LOCK_NB));
    return std::shared_ptr<TraceMedium>(std::make_shared<FileMedium>(path, std::move(file)));
}

}  // namespace coroscope::traces
