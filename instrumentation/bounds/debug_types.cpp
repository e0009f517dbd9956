// Variables and functions of compilation units. What lies where in a type is in type_places.cpp.
#include "instrumentation/bounds/debug_types.h"

#include <dwarf.h>

#include <algorithm>

namespace coroscope::bounds {
namespace {

constexpr int kScopesMax = 64;
constexpr std::int64_t kWordBytes = 8;

std::optional<Dwarf_Die> die_of(Dwarf_Die& die, unsigned name) {
    Dwarf_Attribute attribute;
    Dwarf_Die found;
    if (dwarf_attr_integrate(&die, name, &attribute) == nullptr ||
        dwarf_formref_die(&attribute, &found) == nullptr)
        return std::nullopt;
    return found;
}

const char* text_of(Dwarf_Die& die, unsigned name) {
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr_integrate(&die, name, &attribute));
}

}  // namespace

// A register, or a word of the frame.
struct DebugTypes::Where {
    std::optional<std::uint8_t> number;
    std::int64_t offset_from_cfa = 0;
    bool frame_by_cfa = false;
};

DebugTypes::DebugTypes(Binary& binary)
    : binary_(binary), dwarf_(dwarf_begin_elf(binary.elf(), DWARF_C_READ, nullptr)) {}

DebugTypes::~DebugTypes() {
    dwarf_end(dwarf_);
}

void DebugTypes::add_function(Dwarf_Die& die, Unit& unit) {
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    for (std::ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;) {
        if (low < high) unit.functions.push_back({low, high, die});
    }
}

void DebugTypes::add_variable(Dwarf_Die& die, Unit& unit) {
    Dwarf_Attribute attribute;
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (dwarf_attr(&die, DW_AT_location, &attribute) != nullptr) {
        if (dwarf_getlocation(&attribute, &ops, &count) == 0 && count == 1 && ops[0].atom == DW_OP_addr)
            unit.variables.emplace(ops[0].number, die);
        return;
    }
    const char* name = text_of(die, DW_AT_linkage_name);
    if (name == nullptr) name = dwarf_diename(&die);
    if (name != nullptr) unit.declared.emplace(name, die);
}

void DebugTypes::collect(Dwarf_Die& parent, Unit& unit, int depth) {
    Dwarf_Die child;
    if (depth > kScopesMax || dwarf_child(&parent, &child) != 0) return;
    do {
        switch (dwarf_tag(&child)) {
            case DW_TAG_subprogram:
                add_function(child, unit);
                break;
            case DW_TAG_variable:
                add_variable(child, unit);
                break;
            case DW_TAG_namespace:
                collect(child, unit, depth + 1);
                break;
            default:
                break;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
}

const DebugTypes::Unit& DebugTypes::read_unit(Dwarf_Die die) {
    std::unique_ptr<Unit>& unit = units_[dwarf_dieoffset(&die)];
    if (unit == nullptr) {
        unit = std::make_unique<Unit>();
        collect(die, *unit, 0);
        std::sort(unit->functions.begin(), unit->functions.end(),
                  [](const FunctionPart& a, const FunctionPart& b) { return a.low < b.low; });
    }
    return *unit;
}

const DebugTypes::Unit* DebugTypes::unit_of(std::uint64_t pc) {
    Dwarf_Die die;
    if (dwarf_ == nullptr || dwarf_addrdie(dwarf_, pc, &die) == nullptr) return nullptr;
    return &read_unit(die);
}

const DebugTypes::FunctionPart* DebugTypes::function_in(const Unit& unit, std::uint64_t pc) {
    const auto after = std::upper_bound(
        unit.functions.begin(), unit.functions.end(), pc,
        [](std::uint64_t at, const FunctionPart& one) { return at < one.low; });
    return after != unit.functions.begin() && pc < std::prev(after)->high ? &*std::prev(after) : nullptr;
}

// Of a variable in pieces the one that is asked for counts.
std::optional<TypedPlace> DebugTypes::match(Dwarf_Die& variable, std::uint64_t pc, const Where& where) {
    Dwarf_Attribute attribute;
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    const auto type = die_of(variable, DW_AT_type);
    if (!type || dwarf_attr(&variable, DW_AT_location, &attribute) == nullptr ||
        dwarf_getlocation_addr(&attribute, pc, &ops, &count, 1) != 1)
        return std::nullopt;
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const Dwarf_Op& op = ops[i];
        const bool last = i + 1 == count;
        const bool piece = !last && ops[i + 1].atom == DW_OP_piece;
        if (op.atom == DW_OP_piece) {
            offset += static_cast<std::int64_t>(op.number);
            continue;
        }
        if (!last && !piece) return std::nullopt;
        std::optional<TypedPlace> found;
        const bool in_register = op.atom >= DW_OP_reg0 && op.atom <= DW_OP_reg15;
        if (in_register && where.number && op.atom - DW_OP_reg0 == *where.number)
            found = pointee_at({*type, offset});
        if (op.atom == DW_OP_fbreg && !where.number && where.frame_by_cfa) {
            const auto begin = static_cast<std::int64_t>(op.number);
            const std::int64_t inside = where.offset_from_cfa - begin;
            const bool in_piece = !piece || inside < static_cast<std::int64_t>(ops[i + 1].number);
            if (inside >= 0 && in_piece) found = pointee_at({*type, offset + inside});
        }
        if (found) return found;
    }
    return std::nullopt;
}

std::optional<TypedPlace> DebugTypes::search_scope(Dwarf_Die& scope, std::uint64_t pc, const Where& where,
                                                   int depth) {
    Dwarf_Die child;
    if (depth > kScopesMax || dwarf_child(&scope, &child) != 0) return std::nullopt;
    do {
        const int tag = dwarf_tag(&child);
        std::optional<TypedPlace> found;
        if (tag == DW_TAG_formal_parameter || tag == DW_TAG_variable) found = match(child, pc, where);
        if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) && dwarf_haspc(&child, pc) == 1)
            found = search_scope(child, pc, where, depth + 1);
        if (found) return found;
    } while (dwarf_siblingof(&child, &child) == 0);
    return std::nullopt;
}

std::optional<TypedPlace> DebugTypes::find_variable(std::uint64_t pc, const Where& where) {
    const Unit* const unit = unit_of(pc);
    const FunctionPart* const function = unit != nullptr ? function_in(*unit, pc) : nullptr;
    if (function == nullptr) return std::nullopt;
    Dwarf_Die die = function->die;
    Where exactly = where;
    Dwarf_Attribute attribute;
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    exactly.frame_by_cfa = dwarf_attr(&die, DW_AT_frame_base, &attribute) != nullptr &&
                           dwarf_getlocation(&attribute, &ops, &count) == 0 && count == 1 &&
                           ops[0].atom == DW_OP_call_frame_cfa;
    return search_scope(die, pc, exactly, 0);
}

std::optional<TypedPlace> DebugTypes::pointee_in_register(std::uint64_t pc, std::uint8_t number) {
    Where where;
    where.number = number;
    return find_variable(pc, where);
}

std::optional<TypedPlace> DebugTypes::pointee_in_frame(std::uint64_t pc, std::int64_t offset_from_cfa) {
    Where where;
    where.offset_from_cfa = offset_from_cfa;
    return find_variable(pc, where);
}

std::optional<TypedPlace> DebugTypes::variable_at(std::uint64_t pc, std::uint64_t address) {
    const Unit* const unit = unit_of(pc);
    if (unit == nullptr) return std::nullopt;
    const auto object = binary_.object_around(address);
    const std::uint64_t begin = object ? object->address : address;
    std::optional<Dwarf_Die> die;
    if (const auto found = unit->variables.find(begin); found != unit->variables.end()) die = found->second;
    if (!die && object) {
        if (const auto found = unit->declared.find(object->name); found != unit->declared.end())
            die = found->second;
    }
    const auto type = die ? die_of(*die, DW_AT_type) : std::nullopt;
    if (!type) return std::nullopt;
    return TypedPlace{*type, static_cast<std::int64_t>(address - begin)};
}

std::optional<TypedPlace> DebugTypes::returned_pointee(std::uint64_t address) {
    const Unit* const unit = unit_of(address);
    const FunctionPart* const function = unit != nullptr ? function_in(*unit, address) : nullptr;
    if (function == nullptr || function->low != address) return std::nullopt;
    Dwarf_Die die = function->die;
    const auto type = die_of(die, DW_AT_type);
    if (!type) return std::nullopt;
    // What is larger than two words is handed out in memory, whose address comes back.
    Dwarf_Die sized = *type;
    Dwarf_Word bytes = 0;
    if (dwarf_aggregate_size(&sized, &bytes) != 0 || bytes > 2 * kWordBytes) return std::nullopt;
    return pointee_at({*type, 0});
}

const std::unordered_map<std::uint64_t, std::string>& DebugTypes::signatures() {
    if (signatures_) return *signatures_;
    signatures_.emplace();
    Dwarf_CU* unit = nullptr;
    Dwarf_CU* next = nullptr;
    Dwarf_Die die;
    for (std::uint8_t type = 0;
         dwarf_ != nullptr && dwarf_get_units(dwarf_, unit, &next, nullptr, &type, &die, nullptr) == 0;
         unit = next) {
        if (type != DW_UT_compile) continue;
        for (const FunctionPart& function : read_unit(die).functions)
            signatures_->emplace(function.low, signature_of(function.die));
    }
    return *signatures_;
}

}  // namespace coroscope::bounds
