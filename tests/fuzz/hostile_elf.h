// What the fuzz targets over ELF files share: the input as a file, and addresses in it that are worth a question.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "instrumentation/inspect/elf_file.h"

namespace coroscope::fuzzing {

// The input as a memfd, by its name in /proc; gone with this object.
class HostileFile {
public:
    HostileFile(const std::uint8_t* data, std::size_t bytes) : fd_(memfd_create("hostile", MFD_CLOEXEC)) {
        if (fd_ < 0 || write(fd_, data, bytes) != static_cast<ssize_t>(bytes)) std::abort();
    }
    ~HostileFile() { close(fd_); }
    HostileFile(const HostileFile&) = delete;
    HostileFile& operator=(const HostileFile&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_;
};

// Virtual addresses of the file: those that its unwind table lists, and some that nobody listed.
inline std::vector<std::uint64_t> addresses_of(inspect::ElfFile& file) {
    constexpr std::uint64_t kTableOffset = 12;
    constexpr std::size_t kFunctionsMost = 24;
    std::vector<std::uint64_t> addresses;
    const std::uint64_t header = file.unwind_header_address();
    for (std::size_t i = 0; i < kFunctionsMost; ++i) {
        std::int32_t function = 0;
        if (file.read(header + kTableOffset + i * 8, &function, sizeof function) != sizeof function) break;
        for (const std::int64_t inside : {1, 5, 12, 30, 50, 70, 100})
            addresses.push_back(header + static_cast<std::uint64_t>(function + inside));
    }
    for (std::uint64_t at = file.first_address(); addresses.size() < 192; at += 0x131)
        addresses.push_back(at);
    return addresses;
}

}  // namespace coroscope::fuzzing
