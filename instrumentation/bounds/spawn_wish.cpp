// Constants in registers, and stores relative to a register, up to the call.
#include "instrumentation/bounds/spawn_wish.h"

#include <capstone/capstone.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "instrumentation/bounds/decoder.h"
#include "instrumentation/wire/pool.h"

namespace coroscope::bounds {
namespace {

constexpr std::int64_t kWishAt = 48;  // in cprime::detail::SpawnRequest (runtime/include/cprime/detail/spawn_request.h)

struct Known {
    std::uint64_t value = 0;
    std::uint8_t bytes = 0;  // how many of its low bytes are known
};
struct Store {
    std::uint8_t base = kNoRegister;
    std::int64_t displacement = 0;
    std::uint8_t bytes = 0;
    Known what;
    bool of_the_type = false;
};

bool is_call(const cs_insn& one) {
    return one.id == X86_INS_CALL;
}

bool ends_here(const cs_insn& one) {
    return one.id == X86_INS_JMP || one.id == X86_INS_RET || is_call(one) || one.id == X86_INS_UD2;
}

// What has been written since the last place that the code may come to from elsewhere.
class Block {
public:
    Block(Binary& binary, std::uint64_t reference) : binary_(binary), reference_(reference) {}

    void forget() {
        registers_.fill({});
        stores_.clear();
        type_in_ = kNoRegister;
    }
    void follow(const cs_insn& one) {
        const cs_x86& details = one.detail->x86;
        if (details.prefix[0] == X86_PREFIX_REP || details.prefix[0] == X86_PREFIX_REPNE) stores_.clear();
        if (details.op_count != 0 && details.operands[0].type == X86_OP_MEM && writes(one)) store(one);
        const std::uint8_t to = details.op_count != 0 && details.operands[0].type == X86_OP_REG
                                    ? register_number(details.operands[0].reg)
                                    : kNoRegister;
        const Known loaded = to != kNoRegister ? result(one) : Known{};
        clobber(one);
        if (to != kNoRegister) registers_[to] = loaded;
        if (one.address == reference_) type_in_ = to;
    }
    // Of the request whose first word is the type.
    std::optional<std::uint8_t> wish() const {
        const Store* request = nullptr;
        for (const Store& one : stores_) {
            if (one.of_the_type) request = &one;
        }
        if (request == nullptr) return std::nullopt;
        const std::int64_t at = request->displacement + kWishAt;
        std::optional<std::uint8_t> found;
        for (const Store& one : stores_) {
            if (one.base != request->base || at < one.displacement || at >= one.displacement + one.bytes)
                continue;
            const auto place = static_cast<std::uint64_t>(at - one.displacement);
            found.reset();
            if (place < one.what.bytes) found = static_cast<std::uint8_t>(one.what.value >> (8 * place));
        }
        return found;
    }

private:
    static bool writes(const cs_insn& one) {
        return one.id != X86_INS_CMP && one.id != X86_INS_TEST && one.id != X86_INS_PUSH &&
               one.id != X86_INS_NOP;
    }

    void store(const cs_insn& one) {
        const cs_x86& details = one.detail->x86;
        const cs_x86_op& to = details.operands[0];
        if (to.mem.index != X86_REG_INVALID) {
            stores_.clear();  // it may lie anywhere
            return;
        }
        Store made{register_number(to.mem.base), to.mem.disp, to.size, {}, false};
        if (one.id == X86_INS_MOV && details.op_count == 2) {
            const cs_x86_op& from = details.operands[1];
            if (from.type == X86_OP_IMM) made.what = {static_cast<std::uint64_t>(from.imm), to.size};
            if (from.type == X86_OP_REG) {
                const std::uint8_t number = register_number(from.reg);
                if (number != kNoRegister) made.what = registers_[number];
                made.of_the_type = number != kNoRegister && number == type_in_ && to.size == 8;
            }
        }
        if (made.base != kNoRegister) stores_.push_back(made);
    }

    // What a move, or a zero, leaves in its register.
    Known result(const cs_insn& one) {
        const cs_x86& details = one.detail->x86;
        const cs_x86_op& to = details.operands[0];
        if (details.op_count != 2) return {};
        const cs_x86_op& from = details.operands[1];
        const std::uint8_t whole = to.size >= 4 ? 8
                                                : to.size;  // what is written to 32 bits is extended by zeros
        if (one.id == X86_INS_XOR && from.type == X86_OP_REG && from.reg == to.reg) return {0, whole};
        const bool extends = one.id == X86_INS_MOVZX;
        if (one.id != X86_INS_MOV && !extends) return {};
        if (from.type == X86_OP_IMM) return {static_cast<std::uint64_t>(from.imm), whole};
        if (from.type != X86_OP_MEM || from.mem.base != X86_REG_RIP || from.mem.index != X86_REG_INVALID)
            return {};
        const std::uint64_t at = one.address + one.size + static_cast<std::uint64_t>(from.mem.disp);
        const auto word = binary_.constant_word(at);
        if (!word) return {};
        const std::uint64_t mask = from.size >= 8 ? ~0ULL : (1ULL << (8 * from.size)) - 1;
        return {*word & mask, extends ? std::uint8_t{8} : whole};
    }

    void clobber(const cs_insn& one) {
        const cs_detail& details = *one.detail;
        for (std::uint8_t i = 0; i < details.regs_write_count; ++i)
            forget_register(details.regs_write[i]);
        for (std::uint8_t i = 0; i < details.x86.op_count; ++i) {
            const cs_x86_op& operand = details.x86.operands[i];
            if (operand.type == X86_OP_REG && (i == 0 || (operand.access & CS_AC_WRITE) != 0))
                forget_register(operand.reg);
        }
    }
    void forget_register(unsigned name) {
        const std::uint8_t number = register_number(name);
        if (number == kNoRegister) return;
        registers_[number] = {};
        if (type_in_ == number) type_in_ = kNoRegister;
    }

    Binary& binary_;
    std::uint64_t reference_;
    std::array<Known, kRegistersCount> registers_ = {};
    std::vector<Store> stores_;  // in the order of the code
    std::uint8_t type_in_ = kNoRegister;
};

// What unoptimised code has written to its frame since the last place that it may come to from elsewhere: constants, by their distance from rbp.
// Calls change none of it: who is handed the address of a member, as its constructor is, writes to that member.
class FrameOptions {
public:
    void forget() {
        constants_.clear();
        addresses_.fill(std::nullopt);
    }
    void follow(const cs_insn& one) {
        const cs_x86& details = one.detail->x86;
        if (is_call(one)) {
            addresses_.fill(std::nullopt);
            return;
        }
        const bool has_target = details.op_count != 0;
        const cs_x86_op* to = has_target ? &details.operands[0] : nullptr;
        if (to != nullptr && to->type == X86_OP_MEM && to->mem.base == X86_REG_RBP && one.id != X86_INS_CMP && one.id != X86_INS_TEST) store(one);
        std::optional<std::int64_t> address;
        if (one.id == X86_INS_LEA && details.operands[1].mem.base == X86_REG_RBP && details.operands[1].mem.index == X86_REG_INVALID)
            address = details.operands[1].mem.disp;
        if (one.id == X86_INS_MOV && details.operands[1].type == X86_OP_REG) address = address_in(details.operands[1].reg);
        for (std::uint8_t i = 0; i < one.detail->regs_write_count; ++i)
            set_address(one.detail->regs_write[i], std::nullopt);
        if (to != nullptr && to->type == X86_OP_REG && one.id != X86_INS_CMP && one.id != X86_INS_TEST && one.id != X86_INS_PUSH)
            set_address(to->reg, address);
    }
    // Of the SpawnOptions (runtime/include/cprime/spawn.h) whose address is in one of the first registers of arguments.
    std::optional<std::uint8_t> wish() const {
        for (const x86_reg argument : {X86_REG_RDI, X86_REG_RSI, X86_REG_RDX}) {
            const auto at = address_in(argument);
            if (!at) continue;
            // size_class, stack_bytes, priority, worker, child_first
            constexpr std::pair<std::int64_t, std::uint8_t> kMembers[] = {{16, 1}, {20, 4}, {24, 1}, {28, 4}, {32, 1}};
            const bool is_options = std::all_of(std::begin(kMembers), std::end(kMembers), [&](const auto& member) {
                const auto known = constants_.find(*at + member.first);
                return known != constants_.end() && known->second.bytes == member.second;
            });
            if (is_options) return static_cast<std::uint8_t>(constants_.at(*at + 16).value);
        }
        return std::nullopt;
    }

private:
    void store(const cs_insn& one) {
        const cs_x86& details = one.detail->x86;
        const cs_x86_op& to = details.operands[0];
        if (to.mem.index != X86_REG_INVALID) return constants_.clear();
        std::erase_if(constants_, [&](const auto& known) {
            return known.first < to.mem.disp + to.size && to.mem.disp < known.first + known.second.bytes;
        });
        if (one.id == X86_INS_MOV && details.op_count == 2 && details.operands[1].type == X86_OP_IMM)
            constants_[to.mem.disp] = {static_cast<std::uint64_t>(details.operands[1].imm), to.size};
    }
    std::optional<std::int64_t> address_in(unsigned name) const {
        const std::uint8_t number = register_number(name);
        return number != kNoRegister ? addresses_[number] : std::nullopt;
    }
    void set_address(unsigned name, std::optional<std::int64_t> address) {
        const std::uint8_t number = register_number(name);
        if (number != kNoRegister) addresses_[number] = address;
    }

    std::map<std::int64_t, Known> constants_;
    std::array<std::optional<std::int64_t>, kRegistersCount> addresses_ = {};
};

class Instructions {
public:
    Instructions() : good_(cs_open(CS_ARCH_X86, CS_MODE_64, &handle_) == CS_ERR_OK) {
        if (good_) cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
    }
    ~Instructions() {
        if (good_) cs_close(&handle_);
    }
    Instructions(const Instructions&) = delete;
    Instructions& operator=(const Instructions&) = delete;

    // Calls visit(instruction) for each, until it says false.
    template <typename Visit>
    void for_each(std::basic_string_view<std::uint8_t> code, std::uint64_t address, const Visit& visit) {
        cs_insn* one = good_ ? cs_malloc(handle_) : nullptr;
        const std::uint8_t* at = code.data();
        std::size_t left = code.size();
        while (one != nullptr && cs_disasm_iter(handle_, &at, &left, &address, one) && visit(*one)) {
        }
        if (one != nullptr) cs_free(one, 1);
    }

private:
    csh handle_ = 0;
    bool good_;
};

// Where jumps lead to.
std::set<std::uint64_t> entered_in(Instructions& instructions, std::basic_string_view<std::uint8_t> code, std::uint64_t low) {
    std::set<std::uint64_t> entered;
    instructions.for_each(code, low, [&](const cs_insn& one) {
        const cs_x86& details = one.detail->x86;
        if (!is_call(one) && details.op_count == 1 && details.operands[0].type == X86_OP_IMM)
            entered.insert(static_cast<std::uint64_t>(details.operands[0].imm));
        return true;
    });
    return entered;
}

}  // namespace

std::uint8_t WishReader::wish_of_options(std::uint64_t call) {
    const auto around = binary_.function_around(call);
    if (!around) return 0;
    const Function& function = binary_.functions()[*around];
    const auto code = binary_.bytes(function.low, function.high);
    if (code.size() > bytes_left_) return 0;
    bytes_left_ -= code.size();
    Instructions instructions;
    const std::set<std::uint64_t> entered = entered_in(instructions, code, function.low);
    FrameOptions options;
    std::optional<std::uint8_t> wish;
    instructions.for_each(code, function.low, [&](const cs_insn& one) {
        if (entered.contains(one.address)) options.forget();
        if (one.address == call && is_call(one)) wish = options.wish();
        if (one.address >= call) return false;
        if (ends_here(one) && !is_call(one)) {
            options.forget();
        } else {
            options.follow(one);
        }
        return true;
    });
    return wish.value_or(0) <= wire::kSizeClassesCount ? wish.value_or(0) : 0;
}

std::uint8_t WishReader::wish_at(std::uint64_t reference) {
    const auto around = binary_.function_around(reference);
    if (!around) return 0;
    const Function& function = binary_.functions()[*around];
    const auto code = binary_.bytes(function.low, function.high);
    if (code.size() > bytes_left_) return 0;
    bytes_left_ -= code.size();
    Instructions instructions;
    const std::set<std::uint64_t> entered = entered_in(instructions, code, function.low);
    Block block(binary_, reference);
    instructions.for_each(code, function.low, [&](const cs_insn& one) {
        const bool is_entered = entered.contains(one.address);
        if (one.address > reference && (is_entered || ends_here(one))) return false;
        if (is_entered) block.forget();
        block.follow(one);
        if (ends_here(one)) block.forget();
        return true;
    });
    const std::uint8_t wish = block.wish().value_or(0);
    return wish <= wire::kSizeClassesCount ? wish : 0;
}

}  // namespace coroscope::bounds
