// Names, lines, code and source of this very program.
#include "instrumentation/inspect/symbols.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "instrumentation/inspect/code.h"
#include "instrumentation/inspect/module_set.h"

namespace coroscope::inspect {
namespace {

__attribute__((always_inline)) inline std::uint64_t here() {
    return reinterpret_cast<std::uint64_t>(__builtin_return_address(0));
}

}  // namespace

struct Probe {
    // Returns an address inside itself, where it calls.
    __attribute__((noinline)) static std::uint64_t call_site();
    __attribute__((noinline)) static std::uint64_t callee();
    __attribute__((noinline)) static int call_libc();
};
std::uint64_t Probe::callee() {
    asm volatile("");
    return here();
}
std::uint64_t Probe::call_site() {
    const std::uint64_t address = Probe::callee();
    asm volatile("" ::: "memory");
    return address;
}
constexpr int kCallLine = __LINE__ - 4;
int Probe::call_libc() {
    return getppid() + 1;
}

namespace {

Symbolizer own_symbols() {
    return Symbolizer(*read_modules(static_cast<std::uint32_t>(getpid())));
}

TEST(Symbols, a_return_address_is_named_with_its_line) {
    Symbolizer symbols = own_symbols();
    const std::uint64_t pc = Probe::call_site();
    const std::vector<Frame>& frames = symbols.frames(pc);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].function, "coroscope::inspect::Probe::call_site()");
    EXPECT_NE(frames[0].file.find("tests/unit/inspect/symbols_test.cpp"), std::string::npos) << frames[0].file;
    EXPECT_EQ(frames[0].line, static_cast<std::uint32_t>(kCallLine));
    EXPECT_FALSE(frames[0].inlined);
    EXPECT_NE(frames[0].module.find("inspect_symbols_test"), std::string::npos);
    EXPECT_EQ(&symbols.frames(pc), &frames);  // asked again, answered from the cache
}

TEST(Symbols, an_address_that_belongs_to_nobody_is_a_frame_without_a_name) {
    Symbolizer symbols = own_symbols();
    for (const std::uint64_t pc :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x1000}, ~std::uint64_t{0}}) {
        const std::vector<Frame>& frames = symbols.frames(pc);
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].function, "");
        EXPECT_EQ(frames[0].pc, pc);
    }
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::string name;
    EXPECT_FALSE(symbols.function_range(0x1000, &low, &high, &name));
}

TEST(Symbols, a_file_of_another_build_is_not_believed) {
    std::vector<Module> modules = *read_modules(static_cast<std::uint32_t>(getpid()));
    for (Module& module : modules)
        module.build_id = "00112233";
    Symbolizer symbols(modules);
    EXPECT_EQ(symbols.frames(Probe::call_site())[0].function, "");
}

TEST(Modules, have_paths_ranges_and_build_ids) {
    const std::vector<Module> modules = *read_modules(static_cast<std::uint32_t>(getpid()));
    const std::uint64_t here_now = Probe::call_site();
    const auto own = std::find_if(modules.begin(), modules.end(),
                                  [&](const Module& m) { return here_now >= m.low && here_now < m.high; });
    ASSERT_NE(own, modules.end());
    EXPECT_EQ(own->build_id.size(), 40U);
    EXPECT_TRUE(std::any_of(modules.begin(), modules.end(),
                            [](const Module& m) { return m.path.find("libc.so") != std::string::npos; }));
    EXPECT_FALSE(read_modules(0x7ffffffe).ok());
}

TEST(Code, a_function_is_disassembled_with_targets_and_lines) {
    Symbolizer symbols = own_symbols();
    const auto rows = disassemble_function(symbols, Probe::call_site());
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    ASSERT_GE(rows->size(), 2U);
    EXPECT_EQ(rows->back().mnemonic.substr(0, 3), "ret");
    const auto call = std::find_if(rows->begin(), rows->end(),
                                   [](const Instruction& i) { return i.mnemonic == "call"; });
    ASSERT_NE(call, rows->end());
    EXPECT_EQ(call->target, "coroscope::inspect::Probe::callee()");
    EXPECT_EQ(call->line, static_cast<std::uint32_t>(kCallLine));
    for (std::size_t i = 1; i < rows->size(); ++i) {
        EXPECT_EQ((*rows)[i].address, (*rows)[i - 1].address + ((*rows)[i - 1].bytes.size() + 1) / 3);
    }
    EXPECT_FALSE(disassemble_function(symbols, 0x1000).ok());
}

TEST(Code, calls_into_other_modules_are_named) {
    Symbolizer symbols = own_symbols();
    const auto rows = disassemble_function(symbols, reinterpret_cast<std::uint64_t>(&Probe::call_libc) + 1);
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    EXPECT_TRUE(
        std::any_of(rows->begin(), rows->end(), [](const Instruction& i) { return i.target == "getppid"; }));
}

TEST(Source, is_read_as_lines_or_says_why_not) {
    char path[] = "/tmp/coroscope-source-XXXXXX";
    const int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, "one\r\n\nthree", 11), 11);
    close(fd);
    const auto lines = read_source(path);
    ASSERT_TRUE(lines.ok());
    EXPECT_EQ(*lines, (std::vector<std::string>{"one", "", "three"}));
    unlink(path);
    const auto missing = read_source(path);
    ASSERT_FALSE(missing.ok());
    EXPECT_NE(missing.error().message.find(path), std::string::npos);
    EXPECT_FALSE(read_source("/tmp").ok());
    EXPECT_FALSE(read_source("/dev/zero").ok());
}

TEST(Elf, files_that_are_none_are_refused) {
    EXPECT_FALSE(ElfFile::open("/dev/null").ok());
    EXPECT_FALSE(ElfFile::open("/etc/passwd").ok());
    EXPECT_FALSE(ElfFile::open("/nonexistent").ok());
    char path[] = "/tmp/coroscope-elf-XXXXXX";
    const int fd = mkstemp(path);
    std::ifstream self("/proc/self/exe", std::ios::binary);
    std::vector<char> head(4096);
    self.read(head.data(), static_cast<std::streamsize>(head.size()));
    for (const std::size_t size : {std::size_t{3}, std::size_t{63}, std::size_t{100}, std::size_t{4096}}) {
        ASSERT_EQ(ftruncate(fd, 0), 0);
        ASSERT_EQ(pwrite(fd, head.data(), size, 0), static_cast<ssize_t>(size));
        const auto file = ElfFile::open(path);
        EXPECT_EQ(file.ok(), size == 4096);  // headers whole, segments cut off: they are simply not there
        std::uint8_t byte = 0;
        if (file) {
            EXPECT_EQ((*file)->read(0x100000, &byte, 1), 0U);
        }
    }
    close(fd);
    unlink(path);
}

}  // namespace
}  // namespace coroscope::inspect
