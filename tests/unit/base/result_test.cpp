// Result, CHECK: values or one sentence, looked at before use.
#include "instrumentation/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "instrumentation/base/check.h"

namespace coroscope::base {
namespace {

TEST(result, a_value_is_given_out_and_an_error_keeps_its_sentence) {
    Result<int> good = 7;
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(*good, 7);
    Result<int> bad = error(ErrorCode::kGone, "process 12 is gone");
    ASSERT_FALSE(bad.ok());
    EXPECT_EQ(bad.error().code, ErrorCode::kGone);
    EXPECT_EQ(bad.error().message, "process 12 is gone");
}

TEST(result, a_value_that_can_only_be_moved_is_moved_out) {
    Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
    const std::unique_ptr<int> taken = std::move(result).value();
    EXPECT_EQ(*taken, 3);
}

TEST(result_death, taking_the_value_of_an_error_ends_the_process) {
    Result<int> bad = error(ErrorCode::kGone, "gone");
    EXPECT_DEATH(bad.value(), "check failed: ok\\(\\)");
    Result<int> good = 1;
    EXPECT_DEATH(static_cast<void>(good.error()), "check failed: !ok\\(\\)");
}

TEST(check_death, a_failed_check_says_what_and_where_and_in_which_context) {
    check_context() = [](char* buffer, unsigned long bytes) {
        std::snprintf(buffer, bytes, "coroutine 7 on worker 2");
    };
    EXPECT_DEATH(CHECK(1 == 2),
                 "check failed: 1 == 2 at .*result_test.cpp:[0-9]+ in coroutine 7 on worker 2");
    check_context() = nullptr;
    CHECK(1 == 1);
}

}  // namespace
}  // namespace coroscope::base
