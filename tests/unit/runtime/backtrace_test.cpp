// Frames in reports: an address is said in a form that addr2line understands, with its name where it is exported.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/stacks/frame_names.h"
#include "runtime/switch/sanitizer.h"

extern "C" [[gnu::noinline]] int backtrace_test_exported(int value) {
    asm volatile("" : "+r"(value));
    return value + 1;
}

namespace cprime::detail {
namespace {

FrameName name_of(const void* function) {
    FrameName name;
    find_frame_name(reinterpret_cast<std::uint64_t>(function), &name);
    return name;
}

TEST(FrameNames, a_function_of_the_program_has_its_path_offset_and_exported_name) {
    const FrameName name = name_of(reinterpret_cast<const void*>(&backtrace_test_exported));
    ASSERT_NE(name.module, nullptr);
    EXPECT_TRUE(std::string(name.module).ends_with("/backtrace_test")) << name.module;
    ASSERT_NE(name.symbol, nullptr);
    EXPECT_STREQ(name.symbol, "backtrace_test_exported");
}

TEST(FrameNames, addr2line_understands_module_and_offset) {
    const FrameName name = name_of(reinterpret_cast<const void*>(&backtrace_test_exported));
    ASSERT_NE(name.module, nullptr);
    std::array<char, 700> text{};
    std::snprintf(text.data(), text.size(), "addr2line -Cfpie %s 0x%llx", name.module,
                  static_cast<unsigned long long>(name.offset));
    std::FILE* pipe = popen(text.data(), "r");
    ASSERT_NE(pipe, nullptr);
    const std::size_t bytes = std::fread(text.data(), 1, text.size() - 1, pipe);
    EXPECT_EQ(pclose(pipe), 0);
    const std::string said(text.data(), bytes);
    EXPECT_NE(said.find("backtrace_test_exported at "), std::string::npos) << said;
    EXPECT_NE(said.find("backtrace_test.cpp:"), std::string::npos) << said;
}

TEST(FrameNames, a_function_of_a_library_is_named_too) {
    if (kSanitizer) GTEST_SKIP() << "a sanitizer stands before the library";
    const FrameName name = name_of(reinterpret_cast<const void*>(&std::qsort));
    ASSERT_NE(name.module, nullptr);
    EXPECT_NE(std::string(name.module).find("libc.so"), std::string::npos) << name.module;
    ASSERT_NE(name.symbol, nullptr);
    EXPECT_STREQ(name.symbol, "qsort");
}

TEST(FrameNames, what_is_no_code_has_no_module) {
    const int local = 0;
    EXPECT_EQ(name_of(&local).module, nullptr);
    EXPECT_EQ(name_of(nullptr).module, nullptr);
}

}  // namespace
}  // namespace cprime::detail
