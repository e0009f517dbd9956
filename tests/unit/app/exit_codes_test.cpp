// Every error becomes one line and one of the promised exit codes.
#include "app/cli/exit_codes.h"

#include <gtest/gtest.h>

namespace coroscope::app {
namespace {

TEST(ExitCodes, only_usage_is_two) {
    using base::ErrorCode;
    EXPECT_EQ(exit_code_of(ErrorCode::kUsage), 2);
    for (const ErrorCode code : {ErrorCode::kUnreadable, ErrorCode::kVersion, ErrorCode::kRefused,
                                 ErrorCode::kGone, ErrorCode::kCorrupt, ErrorCode::kIo, ErrorCode::kInternal})
        EXPECT_EQ(exit_code_of(code), 3);
}

TEST(ExitCodes, a_message_of_several_lines_becomes_one) {
    EXPECT_EQ(error_line("first\nsecond\r\n  third.\n"), "coroscope: first second third");
    EXPECT_EQ(error_line("as it is: do this"), "coroscope: as it is: do this");
}

TEST(ExitCodes, a_message_of_nothing_is_still_a_line) {
    EXPECT_EQ(error_line("").find('\n'), std::string::npos);
}

}  // namespace
}  // namespace coroscope::app
