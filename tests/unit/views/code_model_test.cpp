// views/code_model: jump arrows in lanes, where the frame stands, and what a context switch is.
#include "views/code_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

using inspect::Flow;
using inspect::Instruction;

constexpr std::uint64_t kBase = 0x1000;

// Rows of 4 bytes each, from kBase on.
class Code {
public:
    Code& add(const char* mnemonic, const char* operands = "", std::uint32_t line = 0) {
        Instruction row;
        row.address = kBase + 4 * rows_.size();
        row.mnemonic = mnemonic;
        row.operands = operands;
        row.bytes = "90 90 90 90";
        row.file = line != 0 ? "a.cpp" : "";
        row.line = line;
        rows_.push_back(row);
        return *this;
    }
    Code& plain(int count) {
        for (int i = 0; i < count; ++i)
            add("nop");
        return *this;
    }
    // To another row.
    Code& jump(std::size_t to, bool conditional = true) {
        add(conditional ? "je" : "jmp");
        rows_.back().flow = conditional ? Flow::kBranch : Flow::kJump;
        rows_.back().target_address = kBase + 4 * to;
        return *this;
    }
    Code& out(Flow flow, const char* target, std::uint64_t address, std::uint32_t line = 0) {
        add(flow == Flow::kCall ? "call" : "jmp", "0x9000", line);
        rows_.back().flow = flow;
        rows_.back().target = target;
        rows_.back().target_address = address;
        return *this;
    }
    const std::vector<Instruction>& rows() const { return rows_; }
    CodeModel model(const CodeContext& context = {}) const { return make_code_model(rows_, context); }

private:
    std::vector<Instruction> rows_;
};

const CodeJump& from(const CodeModel& model, std::size_t row) {
    const auto found = std::find_if(model.jumps.begin(), model.jumps.end(),
                                    [&](const CodeJump& jump) { return jump.from == row; });
    EXPECT_NE(found, model.jumps.end()) << "no jump from row " << row;
    return *found;
}

TEST(CodeJumps, inner_arrows_lie_next_to_the_text_and_outer_ones_around_them) {
    const CodeModel model = Code().jump(6).jump(4).plain(1).jump(4).plain(4).model();
    EXPECT_EQ(from(model, 3).lane, 0);
    EXPECT_EQ(from(model, 1).lane, 0) << "to the same place: the same lane";
    EXPECT_EQ(from(model, 0).lane, 1);
    EXPECT_EQ(model.lanes, 2);
}

TEST(CodeJumps, arrows_that_do_not_meet_share_a_lane_and_loops_go_up) {
    const CodeModel model = Code().plain(2).jump(0).jump(5).plain(3).jump(4, false).model();
    EXPECT_TRUE(from(model, 2).up());
    EXPECT_TRUE(from(model, 2).conditional);
    EXPECT_FALSE(from(model, 7).conditional);
    EXPECT_EQ(from(model, 2).lane, 0);
    EXPECT_EQ(from(model, 3).lane, 0);
    EXPECT_EQ(from(model, 7).lane, 1) << "3 to 5 and 7 to 4 overlap";
}

TEST(CodeJumps, no_two_arrows_of_one_lane_ever_overlap_unless_they_end_together) {
    Code code;
    std::uint32_t seed = 7;
    for (int i = 0; i < 200; ++i) {
        seed = seed * 1664525 + 1013904223;
        (seed >> 28) < 6 ? code.jump((seed >> 8) % 200, false) : code.plain(1);
    }
    const CodeModel model = code.model();
    std::size_t laid = 0;
    for (const CodeJump& a : model.jumps) {
        if (a.lane < 0) continue;
        ++laid;
        EXPECT_LT(a.lane, model.lanes);
        for (const CodeJump& b : model.jumps) {
            if (&a == &b || b.lane != a.lane || (a.to == b.to && a.up() == b.up())) continue;
            EXPECT_TRUE(std::max(a.from, a.to) < std::min(b.from, b.to) ||
                        std::max(b.from, b.to) < std::min(a.from, a.to))
                << a.from << "->" << a.to << " and " << b.from << "->" << b.to;
        }
    }
    EXPECT_GT(laid, 20U);
    EXPECT_LE(model.lanes, kJumpLanesMax);
}

TEST(CodeJumps, what_leaves_the_function_has_no_lane_and_a_named_target) {
    const Code code = Code().plain(1).out(Flow::kJump, "ns::other(int)", 0x9000).plain(1);
    const CodeModel model = code.model();
    EXPECT_EQ(from(model, 1).to, kNoRow);
    EXPECT_EQ(from(model, 1).lane, -1);
    EXPECT_EQ(model.rows[1].target, "ns::other");
    EXPECT_EQ(instruction_text(code.rows()[1], model.rows[1]), "jmp ns::other");
    EXPECT_EQ(code_json(code.rows(), model)["jumps"][0]["leaves_to"], "ns::other");
}

TEST(CodeFrame, it_stands_in_the_call_before_its_pc_and_goes_on_at_its_pc) {
    CodeContext context;
    context.pc = kBase + 8;
    context.innermost = true;
    context.waits = "channel-receive on channel:jobs";
    const Code code = Code().plain(1).out(Flow::kCall, "cprime_receive", 0x9000).plain(2);
    const CodeModel model = code.model(context);
    EXPECT_EQ(model.here, 1U);
    EXPECT_TRUE(model.rows[1].here);
    EXPECT_TRUE(model.rows[1].switches);
    EXPECT_NE(model.rows[1].note.find("parked in here, channel-receive on channel:jobs"), std::string::npos);
    EXPECT_TRUE(model.rows[2].resumes);
    EXPECT_FALSE(model.rows[2].here);
    const std::string text = code_text(code.rows(), model);
    EXPECT_NE(text.find("=> 0x000000001004"), std::string::npos) << text;
    EXPECT_NE(text.find("-> 0x000000001008"), std::string::npos) << text;
    context.innermost = false;
    context.callee = "read_rows";
    EXPECT_EQ(Code().plain(1).out(Flow::kCall, "read_rows", 0x9000).plain(2).model(context).rows[1].note,
              "stands in this call, in read_rows");
}

TEST(CodeFrame, a_call_that_does_not_return_leaves_the_pc_outside) {
    CodeContext context;
    context.pc = kBase + 12;
    const CodeModel model = Code().plain(2).out(Flow::kCall, "abort", 0x9000).model(context);
    EXPECT_EQ(model.here, 2U);
    EXPECT_TRUE(
        std::none_of(model.rows.begin(), model.rows.end(), [](const CodeRow& row) { return row.resumes; }));
}

TEST(CodeSwitch, calls_into_the_switch_say_so_by_name_or_by_address) {
    CodeContext context;
    context.switch_low = 0x9000;
    context.switch_high = 0x9100;
    const CodeModel model = Code()
                                .out(Flow::kCall, "cprime_park", 0x9000)
                                .out(Flow::kCall, "", 0x9080)
                                .out(Flow::kCall, "puts", 0x8000)
                                .out(Flow::kCall, "cprime::detail::cprime_send(Request*)", 0x8000)
                                .model(context);
    EXPECT_TRUE(model.rows[0].note.starts_with("context switch: parks"));
    EXPECT_EQ(model.rows[1].note, "context switch");
    EXPECT_EQ(model.rows[2].note, "");
    EXPECT_TRUE(model.rows[3].note.starts_with("may park"));
    EXPECT_EQ(model.rows[3].target, "cprime_send");
}

TEST(CodeSwitch, in_the_switch_itself_each_step_is_named) {
    CodeContext context;
    context.switch_low = kBase;
    context.switch_high = kBase + 0x100;
    Code code;
    code.add("push", "rbp").add("push", "r15").add("push", "qword ptr fs:[0x70]").add("mov", "rbx, rax");
    code.add("mov", "qword ptr [rdx + 8], rsp").add("mov", "qword ptr [rdx + 0x10], rcx");
    code.add("mov", "rsp, qword ptr [rbx]").add("mov", "rsp, qword ptr [rax + 8]");
    code.add("pop", "rcx")
        .add("mov", "qword ptr fs:[0x70], rcx")
        .add("pop", "rbx")
        .add("pop", "rcx")
        .add("jmp", "rcx");
    std::vector<Instruction> rows = code.rows();
    rows.back().flow = Flow::kJump;
    const CodeModel model = make_code_model(rows, context);
    const char* expected[] = {"saves rbp",
                              "saves r15",
                              "saves the stack limit",
                              "",
                              "leaves: its stack pointer",
                              "and where it goes on",
                              "switches stacks: to the worker's own",
                              "switches stacks: to that of the coroutine",
                              "takes the stack limit",
                              "the stack limit becomes",
                              "restores rbx",
                              "takes the address",
                              "goes on"};
    for (std::size_t i = 0; i < std::size(expected); ++i) {
        EXPECT_EQ(model.rows[i].note.empty(), *expected[i] == '\0') << i;
        EXPECT_TRUE(model.rows[i].note.starts_with(expected[i])) << i << ": " << model.rows[i].note;
    }
    // The same instructions elsewhere are ordinary code.
    EXPECT_EQ(make_code_model(rows, {}).rows[0].note, "");
    context = {};
    context.function = "cprime_switch";
    EXPECT_EQ(make_code_model(rows, context).rows[0].note, "saves rbp");
}

TEST(CodeLines, a_line_leads_to_its_first_instruction_and_to_its_neighbours) {
    CodeContext context;
    context.file = "a.cpp";
    const CodeModel model = Code()
                                .add("nop", "", 10)
                                .add("nop", "", 12)
                                .add("nop", "", 10)
                                .add("nop", "", 11)
                                .plain(1)
                                .model(context);
    EXPECT_EQ(model.row_of_line(10), 0U);
    EXPECT_EQ(model.row_of_line(11), 3U);
    EXPECT_EQ(model.row_of_line(13), kNoRow);
    EXPECT_EQ(model.row_of_line(0), kNoRow);
    EXPECT_EQ(model.next_line(10, 1), 11U);
    EXPECT_EQ(model.next_line(12, 1), 0U);
    EXPECT_EQ(model.next_line(12, -1), 11U);
    context.file = "b.cpp";
    EXPECT_EQ(Code().add("nop", "", 10).model(context).rows[0].line, 0U)
        << "another file's line is no line of this one";
}

TEST(CodeRows, no_code_is_no_rows) {
    const CodeModel model = make_code_model({}, {});
    EXPECT_TRUE(model.rows.empty());
    EXPECT_EQ(model.here, kNoRow);
    EXPECT_EQ(code_text({}, model), "");
}

}  // namespace
}  // namespace coroscope::views
