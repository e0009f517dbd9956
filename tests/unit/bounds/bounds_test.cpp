// Every proven bound holds: bodies compiled in several ways run on painted stacks, and none goes deeper than the proof says. What cannot be
// proven says why, and truly.
//
// The analysis reads this very program.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "bodies.h"
#include "instrumentation/bounds/program.h"
#include "painted_stack.h"

namespace coroscope::bounds::test {
namespace {

constexpr long kArguments[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 49, 498, 1000003, -7};

Program& this_program() {
    static const auto program = [] {
        auto opened = Program::open("/proc/self/exe");
        EXPECT_TRUE(opened.ok());
        return std::move(*opened);
    }();
    return *program;
}

std::string reasons_text(NodeId node) {
    std::string text;
    for (const Finding& finding : this_program().findings(node))
        text += this_program().name(finding.path.back()) + " " +
                Program::sentence(finding.reason, finding.reason.callee) + "\n";
    return text;
}

std::size_t measured(const Body& body) {
    PaintedStack stack;
    std::size_t deepest = 0;
    for (const long argument : kArguments)
        deepest = std::max(deepest, stack.depth_of(body.function, argument));
    return deepest;
}

struct Corpus {
    const char* name;
    Bodies (*bodies)();
};
void PrintTo(const Corpus& corpus, std::ostream* out) {
    *out << corpus.name;
}
class BoundCorpus : public testing::TestWithParam<Corpus> {};
INSTANTIATE_TEST_SUITE_P(
    levels, BoundCorpus,
    testing::Values(Corpus{"O0", &bodies_O0}, Corpus{"O1", &bodies_O1}, Corpus{"O2", &bodies_O2},
                    Corpus{"O3", &bodies_O3}, Corpus{"clash", &bodies_clash}, Corpus{"wide", &bodies_wide},
                    Corpus{"made_O0", &made_bodies_O0}, Corpus{"made_O1", &made_bodies_O1},
                    Corpus{"made_O2", &made_bodies_O2}, Corpus{"made_O3", &made_bodies_O3}),
    [](const auto& corpus) { return corpus.param.name; });

TEST_P(BoundCorpus, no_stack_is_deeper_than_its_proof) {
    if (GetParam().bodies == &bodies_wide && __builtin_cpu_supports("avx2") == 0)
        GTEST_SKIP() << "this machine has no AVX2";
    std::size_t proven = 0;
    std::size_t exact = 0;
    std::size_t deepest_slack = 0;
    const Bodies bodies = GetParam().bodies();
    for (const Body& body : bodies) {
        const auto found = this_program().functions_named(body.symbol);
        ASSERT_EQ(found.size(), 1U) << body.symbol;
        const Bound& bound = this_program().bound(found[0]);
        if (!bound.proven) continue;
        ++proven;
        const std::size_t used = measured(body);
        EXPECT_LE(used, bound.depth) << body.symbol;
        exact += used == bound.depth ? 1 : 0;
        if (used <= bound.depth) deepest_slack = std::max(deepest_slack, bound.depth - used);
    }
    std::printf("%s: %zu bodies, %zu proven, %zu of them to the byte, at most %zu bytes too many\n",
                GetParam().name, bodies.size(), proven, exact, deepest_slack);
    EXPECT_GT(proven * 2, bodies.size());
}

TEST_P(BoundCorpus, verdicts_are_those_of_the_source) {
    for (const Body& body : GetParam().bodies()) {
        const auto found = this_program().functions_named(body.symbol);
        ASSERT_EQ(found.size(), 1U) << body.symbol;
        const Bound& bound = this_program().bound(found[0]);
        if (body.verdict == Verdict::kOther) continue;  // what the compiler makes of it differs
        EXPECT_EQ(bound.proven, body.verdict == Verdict::kProven)
            << body.symbol << ": " << reasons_text(found[0]);
        const auto findings = this_program().findings(found[0]);
        const auto names = [&](auto&& is_it) { return std::any_of(findings.begin(), findings.end(), is_it); };
        switch (body.verdict) {
            case Verdict::kVariableFrame:
                EXPECT_TRUE(names([](const Finding& one) {
                    return one.reason.kind == ReasonKind::kDoubt &&
                           one.reason.doubt == DoubtKind::kVariableFrame;
                })) << body.symbol
                    << ": " << reasons_text(found[0]);
                break;
            case Verdict::kIndirect:
                EXPECT_TRUE(names([](const Finding& one) {
                    return one.reason.kind == ReasonKind::kDoubt &&
                           (one.reason.doubt == DoubtKind::kIndirectCall ||
                            one.reason.doubt == DoubtKind::kIndirectJump);
                })) << body.symbol
                    << ": " << reasons_text(found[0]);
                break;
            case Verdict::kThrows:
                EXPECT_TRUE(names([](const Finding& one) { return one.reason.kind == ReasonKind::kThrow; }))
                    << body.symbol << ": " << reasons_text(found[0]);
                break;
            default:
                break;
        }
    }
}

TEST(Bounds, recursion_has_no_bound_and_is_named) {
    const auto found = this_program().functions_named("recursion_O0");
    ASSERT_EQ(found.size(), 1U);
    const Bound& bound = this_program().bound(found[0]);
    EXPECT_FALSE(bound.proven);
    EXPECT_TRUE(bound.recursive);
    const auto findings = this_program().findings(found[0]);
    ASSERT_EQ(findings.size(), 1U) << reasons_text(found[0]);
    EXPECT_EQ(findings[0].reason.kind, ReasonKind::kRecursion);
    EXPECT_EQ(findings[0].path, std::vector<NodeId>{found[0]});
}

TEST(Bounds, the_deepest_path_adds_up) {
    const auto found = this_program().functions_named("calls_O2");
    ASSERT_EQ(found.size(), 1U);
    const auto path = this_program().deepest_path(found[0]);
    ASSERT_EQ(path.size(), 2U);
    EXPECT_EQ(this_program().bound(found[0]).calls_deep, 1U);
    EXPECT_GT(this_program().bound(found[0]).depth, this_program().bound(path[1]).depth);
}

TEST(Bounds, a_reason_far_below_comes_with_the_calls_that_lead_there) {
    const auto found = this_program().functions_named("exception_O0");
    ASSERT_EQ(found.size(), 1U);
    for (const Finding& finding : this_program().findings(found[0])) {
        EXPECT_EQ(finding.path.front(), found[0]);
        EXPECT_FALSE(this_program().bound(finding.path.back()).proven);
    }
}

}  // namespace
}  // namespace coroscope::bounds::test
