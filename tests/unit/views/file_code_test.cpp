// Code of a binary file of which nothing runs: this test's own.
#include "views/file_code.h"

#include <gtest/gtest.h>

#include "instrumentation/inspect/elf_file.h"

namespace coroscope::views {
namespace {

std::string own_build_id() {
    const auto file = inspect::ElfFile::open("/proc/self/exe");
    return file ? (*file)->build_id() : "";
}

TEST(FileCode, a_file_that_is_gone_or_of_another_build_is_refused_in_a_sentence_that_names_it) {
    const auto gone = open_file_code({.binary = "/nowhere/demo"}, {});
    ASSERT_FALSE(gone);
    EXPECT_NE(gone.error().message.find("/nowhere/demo"), std::string::npos) << gone.error().message;
    const auto other = open_file_code({.binary = "/proc/self/exe", .build_ids = {"00", "01"}}, {});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, base::ErrorCode::kVersion);
    EXPECT_NE(other.error().message.find("/proc/self/exe"), std::string::npos) << other.error().message;
}

TEST(FileCode, a_file_of_one_of_the_builds_is_opened) {
    EXPECT_TRUE(open_file_code({.binary = "/proc/self/exe", .build_ids = {"00", own_build_id()}}, {}).ok());
    EXPECT_TRUE(open_file_code({.binary = "/proc/self/exe"}, {}).ok());
}

}  // namespace
}  // namespace coroscope::views
