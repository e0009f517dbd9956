// Rows of the Lints view: groups by severity, what is muted at the end, and which finding comes next.
#include "views/lint_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

using analyses::Lint;
using analyses::LintReport;

// Places of the rules by id.
std::size_t rule(const std::string& id) {
    const auto rules = analyses::lint_rules();
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (rules[i].id == id) return i;
    }
    ADD_FAILURE() << id;
    return 0;
}

Lint lint(const std::string& id, const std::string& about) {
    Lint made;
    made.rule = rule(id);
    made.about = about;
    made.sentence = id + " of " + about;
    return made;
}

LintReport report() {
    LintReport made;
    made.lints = {lint("deadlock", "a"), lint("never-yields", "b"), lint("never-yields", "c"),
                  lint("stack-oversized", "d")};
    return made;
}

std::vector<std::string> titles(const std::vector<LintGroup>& groups) {
    std::vector<std::string> all;
    for (const LintGroup& group : groups)
        all.push_back(group.title);
    return all;
}

using Texts = std::vector<std::string>;

TEST(LintModel, findings_stand_under_their_severity) {
    const std::vector<LintGroup> groups = lint_groups(report(), {});
    EXPECT_EQ(titles(groups), (Texts{"1 error", "2 warnings", "1 hint"}));
    EXPECT_EQ(groups[1].lines[1].lint, 2U);
}

TEST(LintModel, what_is_muted_stands_at_the_end_and_groups_without_lines_do_not) {
    const std::vector<LintGroup> groups = lint_groups(report(), {"deadlock", "never-yields c"});
    EXPECT_EQ(titles(groups), (Texts{"1 warning", "1 hint", "2 muted"}));
    EXPECT_TRUE(groups[2].lines[0].muted);
    EXPECT_EQ(groups[2].lines[1].lint, 2U);
}

TEST(LintModel, the_next_finding_is_the_one_below_across_groups_and_stops_at_the_ends) {
    const LintReport all = report();
    const std::vector<LintGroup> groups = lint_groups(all, {"deadlock"});
    EXPECT_EQ(key_beside(groups, all, "", 1), "never-yields b");
    EXPECT_EQ(key_beside(groups, all, "", -1), "deadlock a");
    EXPECT_EQ(key_beside(groups, all, "never-yields c", 1), "stack-oversized d");
    EXPECT_EQ(key_beside(groups, all, "stack-oversized d", 1), "deadlock a");
    EXPECT_EQ(key_beside(groups, all, "deadlock a", 1), "deadlock a");
    EXPECT_EQ(key_beside({}, {}, "deadlock a", 1), "");
}

TEST(LintModel, json_keeps_what_is_muted_apart) {
    const LintReport all = report();
    const nlohmann::json json = to_json(all, lint_groups(all, {"never-yields"}));
    EXPECT_EQ(json["lints"].size(), 2U);
    EXPECT_EQ(json["muted"], 2);
    EXPECT_EQ(json["muted_lints"][0]["key"], "never-yields b");
}

}  // namespace
}  // namespace coroscope::views
