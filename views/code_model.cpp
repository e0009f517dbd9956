// See code_model.h. What the switch code's instructions do is in code_notes.cpp.
#include "views/code_model.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/code_notes.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

bool jumps(const inspect::Instruction& instruction) {
    return instruction.flow == inspect::Flow::kJump || instruction.flow == inspect::Flow::kBranch;
}

std::vector<CodeJump> jumps_of(const std::vector<inspect::Instruction>& code) {
    std::unordered_map<std::uint64_t, std::size_t> row_at;
    for (std::size_t i = 0; i < code.size(); ++i)
        row_at.emplace(code[i].address, i);
    std::vector<CodeJump> found;
    for (std::size_t i = 0; i < code.size(); ++i) {
        if (!jumps(code[i]) || (code[i].target_address == 0 && code[i].target.empty())) continue;
        CodeJump jump;
        jump.from = i;
        if (const auto to = row_at.find(code[i].target_address); to != row_at.end()) jump.to = to->second;
        jump.conditional = code[i].flow == inspect::Flow::kBranch;
        found.push_back(jump);
    }
    return found;
}

// Short arrows first, each into the innermost lane in which nothing else passes; those to one place share theirs.
int lay_into_lanes(std::vector<CodeJump>& jumps) {
    std::vector<CodeJump*> order;
    for (CodeJump& jump : jumps) {
        if (jump.to != kNoRow) order.push_back(&jump);
    }
    const auto low = [](const CodeJump& jump) { return std::min(jump.from, jump.to); };
    const auto high = [](const CodeJump& jump) { return std::max(jump.from, jump.to); };
    std::stable_sort(order.begin(), order.end(), [&](const CodeJump* a, const CodeJump* b) {
        return high(*a) - low(*a) < high(*b) - low(*b);
    });
    std::vector<std::vector<const CodeJump*>> lanes;
    for (CodeJump* jump : order) {
        const auto passes = [&](const CodeJump* other) {
            const bool together = other->to == jump->to && other->up() == jump->up();
            return !together && low(*other) <= high(*jump) && low(*jump) <= high(*other);
        };
        std::size_t lane = 0;
        while (lane < lanes.size() && std::any_of(lanes[lane].begin(), lanes[lane].end(), passes))
            ++lane;
        if (lane == kJumpLanesMax) continue;
        if (lane == lanes.size()) lanes.emplace_back();
        lanes[lane].push_back(jump);
        jump->lane = static_cast<int>(lane);
    }
    return static_cast<int>(lanes.size());
}

// Marks the instruction that is looked for.
void mark_place(const std::vector<inspect::Instruction>& code, const CodeContext& context, CodeModel& model) {
    for (std::size_t i = 0; i < code.size() && context.marked != 0; ++i) {
        if (code[i].address != context.marked) continue;
        model.here = i;
        model.rows[i].here = true;
        if (!context.mark.empty()) model.rows[i].note = context.mark;
    }
}

// Marks where the frame stands and where it goes on.
void mark_frame(const std::vector<inspect::Instruction>& code, const CodeContext& context, CodeModel& model) {
    if (context.pc == 0 || code.empty()) return;
    for (std::size_t i = 0; i < code.size() && code[i].address < context.pc; ++i)
        model.here = i;
    if (model.here != kNoRow) {
        CodeRow& row = model.rows[model.here];
        row.here = true;
        if (context.innermost) {
            row.switches = true;
            row.note = context.runs ? "context switch: it parked in here last"
                                    : "context switch: parked in here" +
                                          (context.waits.empty() ? std::string() : ", " + context.waits);
        } else if (row.note.empty()) {
            row.note = context.callee.empty() ? "stands in this call"
                                              : "stands in this call, in " + context.callee;
        }
    }
    for (std::size_t i = 0; i < code.size(); ++i) {
        if (code[i].address != context.pc) continue;
        model.rows[i].resumes = true;
        if (model.rows[i].note.empty())
            model.rows[i].note = context.innermost && model.here != kNoRow ? "goes on here when it is resumed"
                                                                           : "goes on here";
    }
}

}  // namespace

std::size_t CodeModel::row_of_line(std::uint32_t line) const {
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const CodeRow& candidate) { return candidate.line == line; });
    return line == 0 || row == rows.end() ? kNoRow : static_cast<std::size_t>(row - rows.begin());
}

std::uint32_t CodeModel::next_line(std::uint32_t line, int by) const {
    std::uint32_t best = 0;
    for (const CodeRow& row : rows) {
        const bool beyond = by > 0 ? row.line > line : row.line < line;
        const bool nearer = best == 0 || (by > 0 ? row.line < best : row.line > best);
        if (row.line != 0 && beyond && nearer) best = row.line;
    }
    return best;
}

CodeModel make_code_model(const std::vector<inspect::Instruction>& code, const CodeContext& context) {
    CodeModel model;
    model.jumps = jumps_of(code);
    model.lanes = lay_into_lanes(model.jumps);
    model.rows.resize(code.size());
    const bool switch_code = is_switch_code(code, context);
    for (std::size_t i = 0; i < code.size(); ++i) {
        CodeRow& row = model.rows[i];
        if (code[i].file == context.file) row.line = code[i].line;
        row.target = called_name(code[i].target);
        if (code[i].flow == inspect::Flow::kCall && code[i].target_address == code.front().address)
            row.target = called_name(context.function);  // itself
        row.note = switch_code ? switch_step_note(code, i, context) : std::string();
        if (row.note.empty()) row.note = switch_call_note(code[i], context);
        row.switches = !row.note.empty();
    }
    mark_place(code, context, model);
    mark_frame(code, context, model);
    return model;
}

std::string instruction_text(const inspect::Instruction& instruction, const CodeRow& row) {
    const bool named = !row.target.empty() && instruction.target_address != 0;
    const std::string& what = named ? row.target : instruction.operands;
    std::string text = instruction.mnemonic + (what.empty() ? "" : " " + what);
    if (!row.target.empty() && !named) text += "  <" + row.target + ">";
    return text;
}

std::string code_text(const std::vector<inspect::Instruction>& code, const CodeModel& model) {
    std::string text;
    for (std::size_t i = 0; i < code.size(); ++i) {
        const CodeRow& row = model.rows[i];
        std::string line = fmt::format("{}{:#014x}  {:<30}  {:<44}",
                                       row.here      ? "=> "
                                       : row.resumes ? "-> "
                                                     : "   ",
                                       code[i].address, code[i].bytes, instruction_text(code[i], row));
        if (code[i].line != 0) line += fmt::format("  {}:{}", short_path(code[i].file), code[i].line);
        if (!row.note.empty()) line += "  ; " + row.note;
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

nlohmann::json code_json(const std::vector<inspect::Instruction>& code, const CodeModel& model) {
    nlohmann::json rows = nlohmann::json::array(), arrows = nlohmann::json::array();
    for (std::size_t i = 0; i < code.size(); ++i) {
        const CodeRow& row = model.rows[i];
        rows.push_back({{"address", code[i].address},
                        {"bytes", code[i].bytes},
                        {"text", instruction_text(code[i], row)},
                        {"file", code[i].file},
                        {"line", code[i].line},
                        {"here", row.here},
                        {"resumes", row.resumes},
                        {"switches", row.switches},
                        {"note", row.note}});
    }
    for (const CodeJump& jump : model.jumps) {
        nlohmann::json arrow = {{"from", jump.from}, {"conditional", jump.conditional}};
        if (jump.to != kNoRow) {
            arrow["to"] = jump.to;
            arrow["lane"] = jump.lane;
        } else {
            arrow["leaves_to"] = model.rows[jump.from].target;
        }
        arrows.push_back(std::move(arrow));
    }
    return {{"rows", std::move(rows)}, {"jumps", std::move(arrows)}, {"lanes", model.lanes}};
}

}  // namespace coroscope::views
