// See trace_bytes.h.
#include "traces/trace_bytes.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace coroscope::traces {

base::Result<std::shared_ptr<const TraceFile>> TraceFile::open(const std::string& path) {
    auto file = std::make_shared<const base::FileDescriptor>(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file->valid()) {
        return base::error(base::ErrorCode::kUnreadable,
                           "cannot open the trace " + path + ": " + std::strerror(errno));
    }
    struct stat facts {};
    if (::fstat(file->get(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return base::error(base::ErrorCode::kUnreadable, path + " is not a file, so it cannot be a trace");
    return of(std::move(file), static_cast<std::uint64_t>(facts.st_size));
}

std::shared_ptr<const TraceFile> TraceFile::of(std::shared_ptr<const base::FileDescriptor> file,
                                               std::uint64_t bytes) {
    return std::shared_ptr<const TraceFile>(new TraceFile(std::move(file), bytes));
}

bool TraceFile::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
    if (offset > bytes_ || bytes > bytes_ - offset) return false;
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t got = ::pread(file_->get(), static_cast<char*>(to) + done, bytes - done,
                                    static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += static_cast<std::size_t>(got);
    }
    return true;
}

std::shared_ptr<const TraceBytes> TraceFile::newer() const {
    struct stat facts {};
    if (::fstat(file_->get(), &facts) != 0) return nullptr;
    const auto bytes = static_cast<std::uint64_t>(facts.st_size);
    return bytes > bytes_ ? of(file_, bytes) : nullptr;
}

bool TraceFile::being_written() const {
    if (::flock(file_->get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
    ::flock(file_->get(), LOCK_UN);
    return false;
}

}  // namespace coroscope::traces
