// A program without debug information: named by a separate file where one is found by build-id, by its module and offset where none is.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "instrumentation/inspect/code.h"
#include "instrumentation/inspect/elf_file.h"
#include "instrumentation/inspect/symbols.h"

namespace coroscope::inspect {
namespace {

namespace fs = std::filesystem;

const std::string kProgram = INSPECT_FAKE_TARGET;
constexpr std::uint64_t kMappedAt = 0x5555'5555'0000;

// A stripped copy of the fake target, mapped (in thought) at kMappedAt, and its debug information.
class DebugFiles : public testing::Test {
protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("coroscope-debug-" + std::to_string(getpid()));
        fs::create_directories(folder_ / "bin" / ".debug");
        program_ = (folder_ / "bin" / "program").string();
        debug_ = (folder_ / "program.debug").string();
        objcopy({"--strip-all", kProgram, program_});
        objcopy({"--only-keep-debug", kProgram, debug_});
        const auto file = ElfFile::open(program_);
        ASSERT_TRUE(file.ok());
        build_id_ = (*file)->build_id();
        ASSERT_EQ(build_id_.size(), 40U);
        find_function();
    }
    void TearDown() override { fs::remove_all(folder_); }

    static void objcopy(const std::vector<std::string>& arguments) {
        std::ostringstream command;
        command << INSPECT_OBJCOPY;
        for (const std::string& argument : arguments)
            command << ' ' << argument;
        ASSERT_EQ(std::system(command.str().c_str()), 0) << command.str();
    }
    // An address inside a function whose name is known, from the program as it was built.
    void find_function() {
        Symbolizer symbols({module_of(kProgram)});
        for (std::uint64_t offset = 0; offset < fs::file_size(kProgram) && pc_ == 0; offset += 16) {
            const auto& frames = symbols.frames(kMappedAt + offset);
            if (frames.back().function == "fake_trampoline" || frames.size() > 1 || frames[0].line == 0)
                continue;
            pc_ = kMappedAt + offset;
            function_ = frames[0].function;
        }
        ASSERT_NE(pc_, 0U);
    }
    Module module_of(const std::string& path) const {
        return {path, kMappedAt, kMappedAt + fs::file_size(kProgram) + 0x10000, build_id_};
    }
    // FOLDER/xx/yyy.debug
    std::string by_build_id(const fs::path& folder) const {
        const fs::path place = folder / ".build-id" / build_id_.substr(0, 2);
        fs::create_directories(place);
        return (place / (build_id_.substr(2) + ".debug")).string();
    }
    void expect_named(Symbolizer& symbols) {
        const Frame frame = symbols.frames(pc_).back();
        EXPECT_EQ(frame.function, function_);
        EXPECT_NE(frame.file.find("fake_target.cpp"), std::string::npos) << frame.file;
        EXPECT_GT(frame.line, 0U);
        const auto code = disassemble_function(symbols, pc_);
        EXPECT_TRUE(code.ok());
    }

    fs::path folder_;
    std::string program_, debug_, build_id_, function_;
    std::uint64_t pc_ = 0;
};

TEST_F(DebugFiles, a_stripped_program_without_them_says_module_and_offset_not_a_wrong_name) {
    Symbolizer symbols({module_of(program_)});
    const Frame frame = symbols.frames(pc_).back();
    EXPECT_EQ(frame.function, "");
    EXPECT_EQ(frame.file, "");
    char place[64];
    std::snprintf(place, sizeof place, "program+0x%llx", static_cast<unsigned long long>(pc_ - kMappedAt));
    EXPECT_EQ(module_place(frame), place);
    EXPECT_EQ(symbols.place(pc_).name, "");
    EXPECT_EQ(symbols.place(pc_).module_offset, pc_ - kMappedAt);
    EXPECT_FALSE(disassemble_function(symbols, pc_).ok());
}

TEST_F(DebugFiles, a_file_named_by_build_id_in_a_folder_of_the_callers_names_it) {
    objcopy({debug_, by_build_id(folder_ / "elsewhere")});
    Symbolizer without({module_of(program_)});
    EXPECT_EQ(without.frames(pc_).back().function, "");
    Symbolizer symbols({module_of(program_)}, {(folder_ / "elsewhere").string()});
    expect_named(symbols);
}

TEST_F(DebugFiles, a_file_beside_the_program_is_found_though_other_folders_were_named) {
    const std::string linked = (folder_ / "bin" / ".debug" / "program.debug").string();
    objcopy({debug_, linked});
    objcopy({"--add-gnu-debuglink=" + linked, program_});
    Symbolizer symbols({module_of(program_)}, {"/nonexistent/folder"});
    expect_named(symbols);
    fs::rename(linked, folder_ / "bin" / "program.debug");
    Symbolizer beside({module_of(program_)});
    expect_named(beside);
}

TEST_F(DebugFiles, a_file_that_is_no_debug_information_is_not_believed) {
    objcopy({debug_, by_build_id(folder_ / "elsewhere")});
    fs::resize_file(by_build_id(folder_ / "elsewhere"), 100);
    Symbolizer symbols({module_of(program_)}, {(folder_ / "elsewhere").string()});
    EXPECT_EQ(symbols.frames(pc_).back().function, "");
}

}  // namespace
}  // namespace coroscope::inspect
