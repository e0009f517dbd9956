// A program knows its own build as whoever looks at its file does.
#include "runtime/learning/own_build.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace cprime::detail {
namespace {

TEST(OwnBuild, is_what_the_notes_of_the_file_say) {
    EXPECT_EQ(own_build().program, std::filesystem::read_symlink("/proc/self/exe").filename().string());
    const std::string command = "readelf -n " + std::filesystem::read_symlink("/proc/self/exe").string();
    const std::unique_ptr<FILE, int (*)(FILE*)> said(popen(command.c_str(), "re"), pclose);
    ASSERT_NE(said, nullptr);
    std::string notes;
    std::array<char, 4096> piece{};
    while (std::fgets(piece.data(), piece.size(), said.get()) != nullptr)
        notes += piece.data();
    ASSERT_FALSE(own_build().build_id.empty());
    EXPECT_NE(notes.find("Build ID: " + own_build().build_id), std::string::npos) << notes;
}

}  // namespace
}  // namespace cprime::detail
