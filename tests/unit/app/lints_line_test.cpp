// The words `lint` and `top` as they are typed.
#include "app/cli/lints_line.h"

#include <gtest/gtest.h>

namespace coroscope::app {
namespace {

std::string refused(const std::vector<std::string>& line) {
    const auto wish = parse_command_line(line);
    return wish.ok() ? "" : wish.error().message;
}

TEST(LintsLine, a_trace_a_moment_and_mutes) {
    const auto wish = parse_command_line({"lint", "run.coro", "--at", "1.5s", "--mute", "deadlock", "--mute",
                                          "never-yields pool.cpp:3", "--json"});
    ASSERT_TRUE(wish.ok()) << wish.error().message;
    const auto& lints = std::get<LintsWish>(*wish);
    EXPECT_EQ(lints.file, "run.coro");
    EXPECT_EQ(lints.at_ns, 1'500'000'000);
    EXPECT_EQ(lints.mutes, (std::vector<std::string>{"deadlock", "never-yields pool.cpp:3"}));
    EXPECT_TRUE(lints.json);
}

TEST(LintsLine, what_does_not_fit_together_is_refused_with_the_way_out) {
    EXPECT_NE(refused({"lint"}).find("needs either a trace or a running program"), std::string::npos);
    EXPECT_NE(refused({"lint", "--pid", "12", "--at", "1s"}).find("--at goes with a trace"),
              std::string::npos);
    EXPECT_NE(refused({"lint", "run.coro", "--apart", "1s"}).find("--apart goes with --pid"),
              std::string::npos);
    EXPECT_NE(refused({"lint", "--pid", "12", "--apart", "2m"}).find("--apart takes 1ms to 1m"),
              std::string::npos);
    EXPECT_NE(refused({"lint", "run.coro", "--mute", "boredom"})
                  .find("there is no rule 'boredom'; the rules are deadlock"),
              std::string::npos);
    EXPECT_EQ(refused({"lint", "--rules"}), "");
}

TEST(TopLine, every_sort_and_filter) {
    const auto wish = parse_command_line(
        {"top", "--pid", "12", "--every", "500ms", "--sort", "stack", "--filter", "tell er", "--once"});
    ASSERT_TRUE(wish.ok()) << wish.error().message;
    const auto& top = std::get<TopWish>(*wish);
    EXPECT_EQ(top.pid, 12U);
    EXPECT_EQ(top.every_ns, 500'000'000);
    EXPECT_EQ(top.sort, "stack");
    EXPECT_EQ(top.filter, "tell er");
    EXPECT_TRUE(top.once);
    const auto started = parse_command_line({"top", "--once", "--", "./prog", "--once", "x"});
    ASSERT_TRUE(started.ok()) << started.error().message;
    EXPECT_EQ(std::get<TopWish>(*started).program.program, "./prog");
    EXPECT_EQ(std::get<TopWish>(*started).program.arguments, (std::vector<std::string>{"--once", "x"}));
    EXPECT_NE(refused({"top", "run.coro", "--", "./prog"}).find("top needs either"), std::string::npos);
    EXPECT_NE(refused({"top"}).find("top needs either a trace or a running program"), std::string::npos);
    EXPECT_NE(refused({"top", "--pid", "12", "--every", "1ms"}).find("--every takes 100ms to an hour"),
              std::string::npos);
    EXPECT_NE(refused({"top", "--pid", "12", "--sort", "colour"}).find("--sort"), std::string::npos);
}

}  // namespace
}  // namespace coroscope::app
