// Files that are damaged or made up: one sentence, or an answer for every function; nothing else, and not for long.
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <random>

#include "instrumentation/bounds/spawn_sites.h"

namespace coroscope::bounds::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes sample() {
    std::ifstream file(BOUNDS_SAMPLE, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What is asked of a file that can be opened: everything. False: it could not be opened, and the sentence was one.
bool answers(const Bytes& bytes) {
    const int fd = memfd_create("damaged", MFD_CLOEXEC);
    EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    auto program = Program::open("/proc/self/fd/" + std::to_string(fd), {.libraries = false});
    close(fd);
    if (!program) {
        EXPECT_FALSE(program.error().message.empty());
        EXPECT_EQ(program.error().message.find('\n'), std::string::npos);
        return false;
    }
    Program& opened = **program;
    for (NodeId node = 0; node < opened.functions_count(); ++node) {
        if (opened.bound(node).proven) {
            EXPECT_TRUE(opened.findings(node).empty());
        } else {
            EXPECT_FALSE(opened.findings(node).empty()) << opened.name(node);
        }
    }
    spawn_sites(opened);
    return true;
}

// The section headers, wherever the file says they are.
template <typename Change>
void for_each_symbol(Bytes& bytes, const Change& change) {
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr section;
        std::memcpy(&section, bytes.data() + header.e_shoff + i * sizeof section, sizeof section);
        if (section.sh_type != SHT_SYMTAB && section.sh_type != SHT_DYNSYM) continue;
        for (std::size_t at = section.sh_offset; at < section.sh_offset + section.sh_size;
             at += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol;
            std::memcpy(&symbol, bytes.data() + at, sizeof symbol);
            change(symbol);
            std::memcpy(bytes.data() + at, &symbol, sizeof symbol);
        }
    }
}

TEST(HostileBinaries, the_sample_is_answered_for) {
    EXPECT_TRUE(answers(sample()));
}

TEST(HostileBinaries, a_file_cut_off_anywhere_is_refused_or_answered_for) {
    const Bytes whole = sample();
    ASSERT_GT(whole.size(), 10000U);
    EXPECT_FALSE(answers({}));
    EXPECT_FALSE(answers(Bytes(whole.begin(), whole.begin() + 40)));
    for (std::size_t part = 1; part < 40; ++part)
        answers(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * part / 40)));
}

TEST(HostileBinaries, symbols_that_overlap_cost_no_more_than_the_code_there_is) {
    Bytes bytes = sample();
    for_each_symbol(bytes, [](Elf64_Sym& symbol) { symbol.st_size = 1U << 30; });
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(answers(bytes));
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30));
}

TEST(HostileBinaries, symbols_beyond_the_code_are_doubted) {
    Bytes bytes = sample();
    for_each_symbol(bytes, [](Elf64_Sym& symbol) {
        if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC) symbol.st_value = ~std::uint64_t{0} - 16;
    });
    EXPECT_TRUE(answers(bytes));
}

TEST(HostileBinaries, bytes_that_changed_are_refused_or_answered_for) {
    const Bytes whole = sample();
    std::mt19937_64 draw(1);
    for (int round = 0; round < 60; ++round) {
        Bytes bytes = whole;
        for (int i = 0; i < 40; ++i)
            bytes[draw() % (round % 2 == 0 ? bytes.size() : 0x3000)] = static_cast<std::uint8_t>(draw());
        answers(bytes);
    }
}

TEST(HostileBinaries, what_is_no_elf_file_ends_in_a_sentence) {
    const auto text = Program::open("/proc/self/status");
    ASSERT_FALSE(text.ok());
    EXPECT_NE(text.error().message.find("/proc/self/status"), std::string::npos);
    EXPECT_FALSE(Program::open("/nowhere/at/all").ok());
}

}  // namespace
}  // namespace coroscope::bounds::test
