// FileDescriptor: an owned file descriptor, closed when it goes out of scope. And the text of an errno value.
//
// Thread: a value type, like std::unique_ptr. Blocks: as close() does.
#pragma once

#include <unistd.h>

#include <string>
#include <system_error>
#include <utility>

namespace coroscope::base {

class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}  // takes ownership; negative = none
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~FileDescriptor() { reset(); }

    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }
    explicit operator bool() const { return valid(); }
    // Closes what is held and takes `fd` in its place.
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }
    // Gives the descriptor away: the caller closes it.
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

// "No such file or directory" and the like; thread-safe. Allocates.
inline std::string errno_text(int error) {
    return std::generic_category().message(error);
}

}  // namespace coroscope::base
