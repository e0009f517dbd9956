// Two passes over the lines of each function: what it calls and wants, then the check and the request anew.
#include "runtime/growable/exact_checks.h"

#include <charconv>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "instrumentation/wire/stack_segment_offsets.h"

namespace cprime::growable {
namespace {

constexpr std::string_view kSlow = "__morestack";
const std::string kOrdinaryCall = std::to_string(COROSCOPE_ORDINARY_CALL_BYTES);
constexpr std::size_t kSlowInstructionsMax = 8;  // from the start of the slow path to its call

std::string_view trimmed(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
}

bool is_code(std::string_view line) {  // an instruction: neither empty, nor a comment, nor a directive, nor a label
    return !line.empty() && line[0] != '.' && line[0] != '#' && line.back() != ':';
}

struct Instruction {
    std::string_view name;
    std::string_view operands;
};
Instruction parse(std::string_view line) {
    const std::size_t end = line.find_first_of(" \t");
    if (end == std::string_view::npos) return {line, {}};
    return {line.substr(0, end), trimmed(line.substr(end))};
}

// "$123, %r10d" -> 123; false if it is none.
bool immediate_to(std::string_view operands, std::string_view reg, std::uint64_t* value) {
    const std::size_t comma = operands.find(',');
    if (comma == std::string_view::npos || operands.empty() || operands[0] != '$') return false;
    if (trimmed(operands.substr(comma + 1)) != reg) return false;
    const std::string_view digits = operands.substr(1, comma - 1);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
    return result.ec == std::errc() && result.ptr == digits.data() + digits.size();
}

class Rewriter {
public:
    explicit Rewriter(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            lines_.push_back(text.substr(at, end - at));
            at = end + 1;
        }
        replaced_.resize(lines_.size());
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            const std::string_view line = trimmed(lines_[i]);
            if (!line.empty() && line.back() == ':') labels_.emplace(line.substr(0, line.size() - 1), i);
        }
    }

    ExactChecks run() {
        ExactChecks result;
        std::size_t begin = 0;
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            const std::string_view line = trimmed(lines_[i]);
            if (line.starts_with(".cfi_startproc")) begin = i;
            if (!line.starts_with(".cfi_endproc")) continue;
            if (!function(begin, i)) {
                result.error = error_;
                return result;
            }
        }
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            if (replaced_[i].empty()) {
                result.text += lines_[i];
            } else {
                result.text += replaced_[i];
            }
            result.text += '\n';
        }
        return result;
    }

private:
    // The lines [begin, end) hold one function.
    bool function(std::size_t begin, std::size_t end) {
        const std::uint64_t extra = calls_through_pointers(begin, end) ? COROSCOPE_ORDINARY_CALL_BYTES : 0;
        for (std::size_t i = begin; i < end; ++i) {
            const Instruction check = parse(trimmed(lines_[i]));
            if (check.name != "cmpq" || !check.operands.starts_with("%fs:112")) continue;
            const std::string_view compared = trimmed(check.operands.substr(check.operands.find(',') + 1));
            const std::size_t request = request_of(i, end);
            if (request ==
                lines_.size()) {  // of an array of variable length: what is called after it needs room below it
                if (compared == "%rsp") return fail(i, "a stack check without a request for more");
                const std::string reg(compared);
                replaced_[i] = "\tleaq\t-" + kOrdinaryCall + "(" + reg + "), " + reg + "\n\tcmpq\t%fs:112, " +
                               reg + "\n\tleaq\t" + kOrdinaryCall + "(" + reg + "), " + reg;
                continue;
            }
            std::uint64_t bytes = 0;
            const Instruction asked = parse(trimmed(lines_[request]));
            if (asked.name != "xorl" &&
                !immediate_to(asked.operands, asked.name == "movl" ? "%r10d" : "%r10", &bytes))
                return fail(request, "a request for stack that is not an immediate");
            if (bytes + extra > INT32_MAX) return fail(request, "a frame of more than 2 GiB");
            if (compared != "%rsp" && !drop_address(i, begin, compared, bytes))
                return fail(i, "a stack check that does not compare the frame's end");
            const std::string wanted = std::to_string(bytes + extra);
            replaced_[i] = "\t{disp32} leaq\t-" + wanted + "(%rsp), %r11\n\tcmpq\t%fs:112, %r11";
            replaced_[request] = "\tmovl\t$" + wanted + ", %r10d";
        }
        return true;
    }

    bool calls_through_pointers(std::size_t begin, std::size_t end) const {
        for (std::size_t i = begin; i < end; ++i) {
            const Instruction instruction = parse(trimmed(lines_[i]));
            // Jump tables are written `notrack jmp`: see the flags in growable_stacks.cmake.
            const bool jumps = instruction.name == "call" || instruction.name == "jmp" ||
                               instruction.name == "callq" || instruction.name == "jmpq";
            if (jumps && instruction.operands.starts_with('*')) return true;
        }
        return false;
    }

    // The line that loads r10 on the slow path of the check at `at`; the number of lines if the check is not a prologue's.
    std::size_t request_of(std::size_t at, std::size_t end) const {
        const std::size_t none = lines_.size();
        std::size_t jump = at + 1;
        while (jump < end && !is_code(trimmed(lines_[jump])))
            ++jump;
        if (jump == end) return none;
        const Instruction branch = parse(trimmed(lines_[jump]));
        std::size_t slow = jump + 1;
        if (branch.name == "jb" || branch.name == "jc" || branch.name == "jnae") {
            const auto label = labels_.find(branch.operands);
            if (label == labels_.end()) return none;
            slow = label->second + 1;
        } else if (branch.name != "jnb" && branch.name != "jae" && branch.name != "jnc") {
            return none;
        }
        std::size_t request = none;
        for (std::size_t i = slow, seen = 0; i < lines_.size() && seen < kSlowInstructionsMax; ++i) {
            if (!is_code(trimmed(lines_[i]))) continue;
            ++seen;
            const Instruction instruction = parse(trimmed(lines_[i]));
            if (instruction.operands.ends_with("%r10d") || instruction.operands.ends_with("%r10"))
                request = i;
            if (instruction.name != "call") continue;
            const std::string_view callee = instruction.operands.substr(0, instruction.operands.find('@'));
            return callee == kSlow ? request : none;
        }
        return none;
    }

    // Removes the `leaq -N(%rsp), REG` before the check at `at`, which GCC writes for larger frames.
    bool drop_address(std::size_t at, std::size_t begin, std::string_view reg, std::uint64_t bytes) {
        const std::string expected = "-" + std::to_string(bytes) + "(%rsp), " + std::string(reg);
        for (std::size_t i = at; i-- > begin;) {
            if (!is_code(trimmed(lines_[i]))) continue;
            const Instruction address = parse(trimmed(lines_[i]));
            if (address.name != "leaq" || address.operands != expected) return false;
            replaced_[i] = "#";
            return true;
        }
        return false;
    }

    bool fail(std::size_t line, const char* what) {
        error_ = "line " + std::to_string(line + 1) + " of the assembler text is " + what + ": '" +
                 std::string(trimmed(lines_[line])) +
                 "'; compile with g++ 12, without -fsplit-stack of your own";
        return false;
    }

    std::vector<std::string_view> lines_;
    std::vector<std::string> replaced_;  // "" = as it was
    std::unordered_map<std::string_view, std::size_t> labels_;
    std::string error_;
};

}  // namespace

ExactChecks make_exact(std::string_view assembler_text) {
    return Rewriter(assembler_text).run();
}

}  // namespace cprime::growable
