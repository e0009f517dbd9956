// Call frame information is looked at before libdw makes room for the registers that it names.
#include "instrumentation/inspect/cfi_bounds.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

namespace coroscope::inspect {
namespace {

class File {
public:
    explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        elf_version(EV_CURRENT);
        elf_ = elf_begin(fd_, ELF_C_READ_MMAP, nullptr);
    }
    ~File() {
        elf_end(elf_);
        if (fd_ >= 0) close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    Elf* elf() const { return elf_; }

private:
    int fd_;
    Elf* elf_;
};

// Every ELF file that is mapped into this process: its own, with debug information, and the system's libraries.
TEST(CfiBounds, what_compilers_and_assemblers_write_is_within_them) {
    std::ifstream maps("/proc/self/maps");
    std::set<std::string> paths;
    for (std::string line; std::getline(maps, line);) {
        const std::size_t at = line.find('/');
        if (at != std::string::npos && line.find(" r-xp ") != std::string::npos) paths.insert(line.substr(at));
    }
    ASSERT_GE(paths.size(), 3U);
    for (const std::string& path : paths) {
        const File file(path);
        ASSERT_NE(file.elf(), nullptr) << path;
        EXPECT_TRUE(registers_exist(file.elf(), CfiSection::kEhFrame)) << path;
        EXPECT_TRUE(registers_exist(file.elf(), CfiSection::kDebugFrame)) << path;
    }
}

TEST(CfiBounds, a_register_that_no_machine_has_is_refused) {
    const char* source = std::getenv("COROSCOPE_SOURCE");
    ASSERT_NE(source, nullptr);
    const File file(std::string(source) + "/tests/fuzz/corpus/cfi_fuzz/register_that_no_machine_has");
    ASSERT_NE(file.elf(), nullptr);
    EXPECT_FALSE(registers_exist(file.elf(), CfiSection::kEhFrame) &&
                 registers_exist(file.elf(), CfiSection::kDebugFrame));
}

}  // namespace
}  // namespace coroscope::inspect
