// See trace_medium.h.
#include "traces/trace_medium.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
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
    StreamMedium(std::string path, base::FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}

    base::Status append(BytesView bytes, std::size_t) override {
        const WriteSignalsBlocked no_signal;
        while (!bytes.empty()) {
            const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return failed(written < 0 ? errno : ENOSPC);
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
        return base::ok_status();
    }

private:
    base::Error failed(int why) const {
        if (why == EPIPE) {
            return base::error(base::ErrorCode::kIo,
                               "whoever read the trace from " + path_ + " has gone; what it got stays readable");
        }
        return base::error(base::ErrorCode::kIo, "cannot write the trace to " + path_ + " any further: " +
                                                     std::strerror(why) + "; choose another file with -o");
    }

    const std::string path_;
    const base::FileDescriptor file_;
};

}  // namespace

base::Result<std::shared_ptr<TraceMedium>> open_medium(const std::string& path) {
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
            std::make_shared<StreamMedium>(standard ? "stdout" : path, std::move(file)));
    // Where locks are not to be had readers take the file for one that is closed.
    static_cast<void>(::flock(file.get(), LOCK_EX | LOCK_NB));
    return std::shared_ptr<TraceMedium>(std::make_shared<FileMedium>(path, std::move(file)));
}

}  // namespace coroscope::traces
