// Mapping the segment files. Reading beyond the end of a file is SIGBUS, so the two facts that rule it out
// are checked here: the shrink seal, and the size at every refresh.
#include "instrumentation/inspect/shared_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace coroscope::inspect {

SharedMapping::SharedMapping(SharedMapping&& other) noexcept
    : fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

SharedMapping& SharedMapping::operator=(SharedMapping&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

SharedMapping::~SharedMapping() {
    if (data_ != nullptr) munmap(const_cast<std::uint8_t*>(data_), bytes_);
}

base::Result<SharedMapping> SharedMapping::open(base::FileDescriptor fd, std::uint64_t bytes_min,
                                                const std::string& what) {
    const int seals = fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        return base::error(
            base::ErrorCode::kCorrupt,
            what +
                " is not sealed against shrinking, so it cannot be read safely; it was not made by a "
                "CPrime runtime of this version");
    }
    struct stat status {};
    if (fstat(fd.get(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) < bytes_min) {
        return base::error(base::ErrorCode::kCorrupt,
                           what + " is cut off: it has " + std::to_string(status.st_size) +
                               " bytes and needs at least " + std::to_string(bytes_min));
    }
    SharedMapping mapping;
    mapping.bytes_ = static_cast<std::uint64_t>(status.st_size);
    void* data = mmap(nullptr, mapping.bytes_, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
    if (data == MAP_FAILED) {
        return base::error(base::ErrorCode::kUnreadable,
                           what + " (" + std::to_string(mapping.bytes_) + " bytes) cannot be mapped: " +
                               base::errno_text(errno) + "; raise the address space limit (ulimit -v)");
    }
    mapping.data_ = static_cast<const std::uint8_t*>(data);
    mapping.fd_ = std::move(fd);
    return mapping;
}

base::Result<SharedMapping> SharedMapping::of_copy(std::uint64_t bytes,
                                                   const std::function<void(std::uint8_t*)>& fill,
                                                   const std::string& what) {
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                      0);
    if (data == MAP_FAILED) {
        return base::error(base::ErrorCode::kUnreadable,
                           what + " (" + std::to_string(bytes) + " bytes) cannot be copied: " +
                               base::errno_text(errno) + "; raise the address space limit (ulimit -v)");
    }
    SharedMapping mapping;
    mapping.data_ = static_cast<const std::uint8_t*>(data);
    mapping.bytes_ = bytes;
    fill(static_cast<std::uint8_t*>(data));
    mprotect(data, bytes, PROT_READ);
    return mapping;
}

bool SharedMapping::has_grown() const {
    if (!fd_) return false;
    struct stat status {};
    return fstat(fd_.get(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) > bytes_;
}

bool SharedMapping::refresh() {
    if (!fd_) return true;
    struct stat status {};
    if (fstat(fd_.get(), &status) != 0) return false;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size <= bytes_) return true;  // sealed: it never shrinks
    void* data = mremap(const_cast<std::uint8_t*>(data_), bytes_, size, MREMAP_MAYMOVE);
    if (data == MAP_FAILED) return false;
    data_ = static_cast<const std::uint8_t*>(data);
    bytes_ = size;
    return true;
}

}  // namespace coroscope::inspect
