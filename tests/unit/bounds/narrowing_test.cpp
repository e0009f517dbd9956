// Whom calls through pointers may reach: what is said of it, when nothing is, and that no body of a closed program goes deeper than its proof.
//
// The analysis reads the corpus as a program of its own (bodies_program.cpp), which is run to measure it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include "instrumentation/bounds/program.h"

namespace coroscope::bounds::test {
namespace {

Program& bodies(const Wishes& wishes) {
    static std::map<bool, std::unique_ptr<Program>> programs;
    std::unique_ptr<Program>& program = programs[wishes.no_throw];
    if (program == nullptr) {
        auto opened = Program::open(BOUNDS_BODIES, wishes);
        EXPECT_TRUE(opened.ok());
        program = std::move(*opened);
    }
    return *program;
}

NodeId named(Program& program, const std::string& symbol) {
    const auto found = program.functions_named(symbol);
    EXPECT_EQ(found.size(), 1U) << symbol;
    return found.at(0);
}

std::string reasons_text(Program& program, NodeId node) {
    std::string text;
    for (const Finding& finding : program.findings(node))
        text += program.name(finding.path.back()) + " " +
                Program::sentence(finding.reason, finding.reason.callee) + "\n";
    return text;
}

// By symbol, as the program itself saw it.
std::map<std::string, std::size_t> measured() {
    std::map<std::string, std::size_t> depths;
    FILE* const lines = popen(BOUNDS_BODIES, "r");
    char symbol[128];
    std::size_t depth = 0;
    while (lines != nullptr && std::fscanf(lines, "%127s %zu", symbol, &depth) == 2)
        depths[symbol] = depth;
    EXPECT_TRUE(lines != nullptr && pclose(lines) == 0);
    return depths;
}

TEST(Narrowing, no_stack_of_a_closed_program_is_deeper_than_its_proof) {
    const auto depths = measured();
    ASSERT_GT(depths.size(), 150U);
    for (const bool no_throw : {false, true}) {
        Program& program = bodies({.no_throw = no_throw});
        std::size_t proven = 0;
        for (const auto& [symbol, depth] : depths) {
            const Bound& bound = program.bound(named(program, symbol));
            if (!bound.proven || symbol.starts_with("exception_")) continue;  // which does throw
            ++proven;
            EXPECT_LE(depth, bound.depth) << symbol;
        }
        std::printf("%zu of %zu bodies are proven%s\n", proven, depths.size(),
                    no_throw ? " when nobody throws" : "");
        EXPECT_GT(proven * 10, depths.size() * 6);
    }
}

TEST(Narrowing, says_whom_a_call_is_taken_to_reach) {
    const std::pair<const char*, const char*> kSaid[] = {
        {"virtual_call_", "of the vtables of Shape's family"},
        {"virtual_of_two_bases_", "of the vtables of Named's family"},
        {"virtual_of_virtual_base_", "of the vtables of Base's family"},
        {"function_table_", "functions in it"},
        {"members_", "functions of type long int(long int, int)"},
        {"table_of_operations_", "functions of type long int(long int, short int)"},
    };
    Program& program = bodies({});
    for (const auto& [name, words] : kSaid) {
        for (const char* level : {"O0", "O1", "O2", "O3"}) {
            const NodeId node = named(program, std::string(name) + level);
            EXPECT_TRUE(program.bound(node).proven) << name << level << ": " << reasons_text(program, node);
            std::string said;
            for (const std::string& sentence : program.assumptions_under(node))
                said += sentence + "\n";
            EXPECT_NE(said.find(words), std::string::npos) << name << level << ": " << said;
        }
    }
    for (const char* level : {"O0", "O1", "O2", "O3"}) {
        Program& without_throws = bodies({.no_throw = true});
        for (const char* name : {"standard_function_", "owned_by_base_", "visit_", "pointer_"}) {
            const NodeId node = named(without_throws, std::string(name) + level);
            EXPECT_TRUE(without_throws.bound(node).proven)
                << name << level << ": " << reasons_text(without_throws, node);
            EXPECT_FALSE(without_throws.narrowings_under(node).empty()) << name << level;
        }
    }
}

TEST(Narrowing, can_be_refused) {
    auto opened = Program::open(BOUNDS_BODIES, {.any_callee = true});
    ASSERT_TRUE(opened.ok());
    for (const char* name :
         {"virtual_call_O2", "function_table_O2", "members_O2", "virtual_of_two_bases_O0"}) {
        const NodeId node = named(**opened, name);
        EXPECT_FALSE((*opened)->bound(node).proven) << name;
        for (const Finding& finding : (*opened)->findings(node)) {
            EXPECT_EQ(finding.reason.kind, ReasonKind::kDoubt) << name;
            EXPECT_EQ(finding.reason.doubt, DoubtKind::kIndirectCall) << name;
        }
        EXPECT_TRUE((*opened)->narrowings_under(node).empty());
    }
}

// Programs that come later may derive from its classes and have functions of any type; what it keeps for itself is known.
TEST(Narrowing, of_a_library_only_what_is_its_own_is_known) {
    auto library = Program::open(BOUNDS_SAMPLE);
    ASSERT_TRUE(library.ok());
    for (const char* name : {"virtual_call_sample", "function_table_sample"}) {
        const NodeId node = named(**library, name);
        EXPECT_TRUE((*library)->bound(node).proven) << name << ": " << reasons_text(**library, node);
    }
    const NodeId open = named(**library, "members_sample");
    EXPECT_FALSE((*library)->bound(open).proven);
    const auto findings = (*library)->findings(open);
    EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.reason.doubt == DoubtKind::kOpenCall;
    })) << reasons_text(**library, open);
}

}  // namespace
}  // namespace coroscope::bounds::test
