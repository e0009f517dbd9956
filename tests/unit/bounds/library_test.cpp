// Bounds over code of libraries: functions without symbols, functions that are chosen when the program starts, ways out that are not counted.
// Bodies run on painted stacks, on this thread and on one that never allocated; none goes deeper than what is proven of it.
//
// The analysis reads this very program and the libraries it runs with.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "bodies.h"
#include "instrumentation/bounds/avx512.h"
#include "instrumentation/bounds/program.h"
#include "instrumentation/bounds/resolver.h"
#include "painted_stack.h"

namespace coroscope::bounds::test {
namespace {

constexpr long kArguments[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 36, 289, 999, 2999, 1000003};
constexpr std::size_t kStackBytes = 256 << 10;

Program& this_program(bool no_throw) {
    static const auto open = [](bool wished) {
        auto opened = Program::open("/proc/self/exe", {.no_throw = wished});
        EXPECT_TRUE(opened.ok());
        return std::move(*opened);
    };
    static const std::unique_ptr<Program> programs[] = {open(false), open(true)};
    return *programs[no_throw ? 1 : 0];
}

std::string reasons_text(Program& program, NodeId node) {
    std::string text;
    for (const Finding& finding : program.findings(node))
        text += program.name(finding.path.back()) + " " +
                Program::sentence(finding.reason, finding.reason.callee) + "\n";
    return text;
}

// Each runs once before, unpainted: calls into libraries are bound then, which a bound takes for granted.
std::size_t deepest_here(const Body& body) {
    PaintedStack stack(kStackBytes);
    std::size_t deepest = 0;
    for (const long argument : kArguments) {
        body.function(argument);
        deepest = std::max(deepest, stack.depth_of(body.function, argument));
    }
    return deepest;
}
// The first body that allocates on a thread makes malloc find an arena for it.
std::size_t deepest_on_a_new_thread(const Body& body) {
    std::size_t deepest = 0;
    for (const long argument : {3L, 8L}) {
        PaintedStack stack(kStackBytes);
        std::thread([&] { deepest = std::max(deepest, stack.depth_of(body.function, argument)); }).join();
    }
    return deepest;
}

struct Corpus {
    const char* name;
    Bodies (*bodies)();
};
void PrintTo(const Corpus& corpus, std::ostream* out) {
    *out << corpus.name;
}
class LibraryBounds : public testing::TestWithParam<Corpus> {};
INSTANTIATE_TEST_SUITE_P(levels, LibraryBounds,
                         testing::Values(Corpus{"O0", &library_bodies_O0}, Corpus{"O1", &library_bodies_O1},
                                         Corpus{"O2", &library_bodies_O2}, Corpus{"O3", &library_bodies_O3}),
                         [](const auto& corpus) { return corpus.param.name; });

TEST_P(LibraryBounds, no_stack_is_deeper_than_its_proof) {
    std::size_t proven = 0;
    const Bodies bodies = GetParam().bodies();
    for (const Body& body : bodies) {
        Program& program = this_program(true);
        const auto found = program.functions_named(body.symbol);
        ASSERT_EQ(found.size(), 1U) << body.symbol;
        const Bound& bound = program.bound(found[0]);
        if (!bound.proven) continue;
        ++proven;
        const std::size_t here = deepest_here(body);
        const std::size_t used = std::max(here, deepest_on_a_new_thread(body));
        EXPECT_LE(used, bound.depth) << body.symbol;
        std::printf("%s: proven %u, seen %zu\n", body.symbol, bound.depth, used);
    }
    EXPECT_GE(proven * 10, bodies.size() * 7);
}

TEST_P(LibraryBounds, verdicts_are_those_of_the_source) {
    for (const Body& body : GetParam().bodies()) {
        const auto found = this_program(false).functions_named(body.symbol);
        ASSERT_EQ(found.size(), 1U) << body.symbol;
        const bool proven = this_program(false).bound(found[0]).proven;
        const bool without_throws = this_program(true).bound(found[0]).proven;
        switch (body.verdict) {
            case Verdict::kProven:
                EXPECT_TRUE(proven) << body.symbol << ": " << reasons_text(this_program(false), found[0]);
                break;
            case Verdict::kThrows: {
                EXPECT_FALSE(proven) << body.symbol;
                EXPECT_TRUE(without_throws)
                    << body.symbol << ": " << reasons_text(this_program(true), found[0]);
                const auto findings = this_program(false).findings(found[0]);
                EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [](const Finding& one) {
                    return one.reason.kind == ReasonKind::kThrow;
                })) << body.symbol;
                break;
            }
            case Verdict::kIndirect:
                EXPECT_FALSE(without_throws) << body.symbol;
                break;
            default:
                break;
        }
    }
}

TEST(LibraryBounds, what_is_assumed_is_said_where_it_is) {
    const auto said = [](bool no_throw, const char* symbol, const char* words) {
        const auto found = this_program(no_throw).functions_named(symbol);
        const auto sentences = this_program(no_throw).assumptions_under(found.at(0));
        return std::any_of(sentences.begin(), sentences.end(),
                           [words](const std::string& one) { return one.find(words) != std::string::npos; });
    };
    EXPECT_TRUE(said(true, "throws_aside_O2", "no exception is thrown (__cxa_throw)"));
    EXPECT_FALSE(said(true, "constant_alloca_O2", "no exception is thrown"));
    EXPECT_TRUE(said(true, "owned_O2", "while it ends"));
    EXPECT_TRUE(said(true, "owned_O2", "abort"));
    EXPECT_FALSE(said(false, "constant_alloca_O2", "while it ends"));
}

TEST(LibraryBounds, a_thread_that_has_allocated_needs_less_and_no_more_than_that) {
    auto warm = Program::open("/proc/self/exe", {.warm_malloc = true, .no_throw = true});
    ASSERT_TRUE(warm.ok());
    for (const Body& body : library_bodies_O2()) {
        const auto found = (*warm)->functions_named(body.symbol);
        ASSERT_EQ(found.size(), 1U);
        const Bound& bound = (*warm)->bound(found[0]);
        const Bound& cold = this_program(true).bound(found[0]);
        EXPECT_EQ(bound.proven, cold.proven) << body.symbol;
        if (!bound.proven) continue;
        EXPECT_LE(bound.depth, cold.depth) << body.symbol;
        EXPECT_LE(deepest_here(body), bound.depth) << body.symbol;
        std::printf("%s: proven %u, %u where malloc is warm\n", body.symbol, cold.depth, bound.depth);
    }
    const auto found = (*warm)->functions_named("malloc_and_free_O2");
    EXPECT_LT((*warm)->bound(found.at(0)).depth, this_program(true).bound(found.at(0)).depth);
}

// A process has chosen among the functions that an IFUNC may name; whoever is called there takes no more than the deepest of them.
TEST(LibraryBounds, in_a_process_calls_go_where_its_loader_has_bound_them) {
    auto bound = Program::open("/proc/self/exe", {.no_throw = true});
    ASSERT_TRUE(bound.ok());
    ASSERT_TRUE((*bound)->bind_to(static_cast<std::uint32_t>(getpid())).ok());
    bool some_less = false;
    for (const Body& body : library_bodies_O2()) {
        const Bound& here = (*bound)->bound((*bound)->functions_named(body.symbol).at(0));
        const Bound& anywhere = this_program(true).bound(this_program(true).functions_named(body.symbol).at(0));
        EXPECT_TRUE(here.proven || !anywhere.proven) << body.symbol;
        if (!here.proven) continue;
        EXPECT_TRUE(here.depth <= anywhere.depth || !anywhere.proven) << body.symbol;
        some_less |= anywhere.proven && here.depth < anywhere.depth;
        EXPECT_LE(deepest_here(body), here.depth) << body.symbol;
        std::printf("%s: %u in this process, %u in any\n", body.symbol, here.depth, anywhere.depth);
    }
    EXPECT_TRUE(some_less);
    const auto sentences = (*bound)->assumptions_under((*bound)->functions_named("searched_O2").at(0));
    EXPECT_TRUE(std::any_of(sentences.begin(), sentences.end(), [](const std::string& one) {
        return one.find("in process " + std::to_string(getpid())) != std::string::npos;
    }));
    auto other = Program::open(BOUNDS_SAMPLE);
    ASSERT_TRUE(other.ok());
    const auto refused = (*other)->bind_to(static_cast<std::uint32_t>(getpid()));
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("does not run this build"), std::string::npos);
}

TEST(LibraryBounds, functions_without_a_symbol_are_found_by_the_unwind_tables) {
    auto library = Binary::open("/lib/x86_64-linux-gnu/libc.so.6");
    ASSERT_TRUE(library.ok());
    std::size_t unnamed = 0;
    std::uint64_t end = 0;
    for (const Function& function : (*library)->functions()) {
        EXPECT_GE(function.low, end > function.low ? function.low : end);
        end = function.high;
        unnamed += std::string_view(function.name).starts_with("at_0x") ? 1 : 0;
    }
    EXPECT_GT(unnamed, 500U);
}

TEST(LibraryBounds, an_ifunc_is_one_of_the_functions_that_its_resolver_names) {
    auto library = Binary::open("/lib/x86_64-linux-gnu/libc.so.6");
    ASSERT_TRUE(library.ok());
    Decoder decoder;
    for (const char* name : {"memchr", "strchr", "strcmp", "strlen"}) {
        const auto resolver = (*library)->function_named(name, true);
        ASSERT_TRUE(resolver) << name;
        ASSERT_TRUE((*library)->functions()[*resolver].chosen_at_start) << name;
        const auto choices = choices_of(**library, decoder, (*library)->functions()[*resolver]);
        ASSERT_TRUE(choices) << name;
        EXPECT_GE(choices->size(), 3U) << name;
        EXPECT_FALSE(std::count(choices->begin(), choices->end(), *resolver)) << name;
    }
    // The kernel may give it: nobody knows.
    const auto time = (*library)->function_named("time", true);
    ASSERT_TRUE(time);
    EXPECT_FALSE(choices_of(**library, decoder, (*library)->functions()[*time]));
}

TEST(LibraryBounds, instructions_that_capstone_refuses_have_their_lengths) {
    struct Case {
        std::vector<std::uint8_t> bytes;
        std::uint16_t clobbers;
    };
    // As objdump prints them, from the C library.
    const Case cases[] = {
        {{0x62, 0xf3, 0x7d, 0x20, 0x3f, 0x07, 0x00}, 0},        // vpcmpeqb k0, ymm16, [rdi]
        {{0x62, 0xf3, 0x7d, 0x20, 0x3f, 0x47, 0x01, 0x00}, 0},  // vpcmpeqb k0, ymm16, [rdi+32]
        {{0x62, 0xb2, 0x66, 0x20, 0x26, 0xc3}, 0},              // vptestnmb k0, ymm19, ymm19
        {{0xc5, 0xfb, 0x93, 0xc0}, 1U << 0},                    // kmovd eax, k0
        {{0xc5, 0xfb, 0x93, 0xc8}, 1U << 2},                    // kmovd ecx, k0
        {{0x62, 0xe1, 0xfe, 0x28, 0x7f, 0x44, 0x24, 0x01}, 0},  // vmovdqu64 [rsp+32], ymm16
    };
    for (const Case& one : cases) {
        Step step;
        ASSERT_TRUE(read_avx512(one.bytes.data(), one.bytes.size(), step));
        EXPECT_EQ(step.bytes, one.bytes.size());
        EXPECT_EQ(step.clobbers, one.clobbers);
        for (std::size_t less = 0; less < one.bytes.size(); ++less) {
            Step none;
            EXPECT_FALSE(read_avx512(one.bytes.data(), less, none));
        }
    }
    const std::uint8_t other[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    Step none;
    EXPECT_FALSE(read_avx512(other, sizeof other, none));
}

}  // namespace
}  // namespace coroscope::bounds::test
