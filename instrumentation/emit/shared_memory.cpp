// The kernel's side of the segments.
#include "instrumentation/emit/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "instrumentation/emit/fork_guard.h"
#include "instrumentation/wire/limits.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace coroscope::emit {

base::Result<SharedFile> create_shared_file(const char* name) {
    const auto failed = [&](const char* what) {
        const int why = errno;
        return base::error(base::ErrorCode::kRefused,
                           std::string("cannot ") + what + " the shared memory \"" + name + "\" (" +
                               base::errno_text(why) + "); CPRIME_STATE_PLANE=off runs without it");
    };
    SharedFile file;
    file.writable.reset(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file.writable) return failed("create");
    if (fchmod(file.writable.get(), 0400) != 0) return failed("protect");
    if (fcntl(file.writable.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0) return failed("seal");
    const std::string path = "/proc/self/fd/" + std::to_string(file.writable.get());
    file.read_only.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.read_only) return failed("reopen");
    return file;
}

std::byte* reserve(int fd, std::uint64_t bytes) {
    const int flags = MAP_NORESERVE | (fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
    void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (base == MAP_FAILED) return nullptr;
    madvise(base, bytes, MADV_DONTFORK);
    // A core dump would allocate every page of the reservation that it writes: only what is populated goes into it.
    madvise(base, bytes, MADV_DONTDUMP);
    guard_region(base, bytes);
    return static_cast<std::byte*>(base);
}

void unreserve(std::byte* base, std::uint64_t bytes) {
    if (base == nullptr) return;
    unguard_region(base);
    munmap(base, bytes);
}

std::uint64_t reservation_limit(std::uint64_t wish) {
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        wish = std::min<std::uint64_t>(wish, limit.rlim_cur / 4);
    }
    // Growing the file past this limit would raise SIGXFSZ.
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        wish = std::min<std::uint64_t>(wish, limit.rlim_cur);
    }
    return wish;
}

void include_in_core(std::byte* address, std::uint64_t bytes) {
    madvise(address, bytes, MADV_DODUMP);
}

bool populate_pages(std::byte* address, std::uint64_t bytes) {
    include_in_core(address, bytes);
    int result = 0;
    do {
        result = madvise(address, bytes, MADV_POPULATE_WRITE);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return true;
    if (errno != EINVAL) return false;
    // A kernel before 5.14: touch every page, adding nothing to what may lie there already.
    for (std::uint64_t offset = 0; offset < bytes; offset += wire::kPageBytes) {
        __atomic_fetch_add(reinterpret_cast<unsigned char*>(address + offset), 0, __ATOMIC_RELAXED);
    }
    return true;
}

void discard_pages(std::byte* address, std::uint64_t bytes, bool shared) {
    // MADV_DONTNEED would free nothing of a memfd.
    madvise(address, bytes, shared ? MADV_REMOVE : MADV_DONTNEED);
}

}  // namespace coroscope::emit
