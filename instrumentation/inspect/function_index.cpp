// Walking DWARF for the ranges of functions and inlined calls, and the symbol table for the rest.
#include "instrumentation/inspect/function_index.h"

#include <cxxabi.h>
#include <dwarf.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace coroscope::inspect {
namespace {

constexpr std::uint32_t kNoScope = ~0U;
constexpr std::uint32_t kDepthMax = 200;      // of nested DIEs: files that nest deeper are broken
constexpr std::size_t kRangesMax = 4U << 20;  // of a unit, and of units: many DIEs may name one long list

// What may contain functions, besides functions.
bool is_block(int tag) {
    return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}
bool is_named_container(int tag) {
    return tag == DW_TAG_namespace || tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
           tag == DW_TAG_union_type || tag == DW_TAG_module;
}

// The DIE that says what a concrete or inlined function is an instance of, in the end its first declaration.
Dwarf_Die declaration_of(Dwarf_Die die) {
    for (int hops = 0; hops < 4; ++hops) {
        Dwarf_Attribute attribute;
        Dwarf_Die next;
        if (dwarf_attr(&die, DW_AT_abstract_origin, &attribute) == nullptr &&
            dwarf_attr(&die, DW_AT_specification, &attribute) == nullptr) {
            break;
        }
        if (dwarf_formref_die(&attribute, &next) == nullptr) break;
        die = next;
    }
    return die;
}

}  // namespace

std::string demangle(const char* name) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                       std::free);
    return status == 0 && plain != nullptr ? std::string(plain.get()) : std::string(name);
}

UnitIndex::UnitIndex(Dwarf_Die unit, std::uint64_t bias) : unit_(unit), bias_(bias) {
    Dwarf_Die first;
    if (dwarf_child(&unit_, &first) == 0) visit(&first, kNoScope, kNoScope, 0);
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
        return a.low != b.low ? a.low < b.low : a.depth < b.depth;
    });
    std::uint64_t high_max = 0;
    for (Range& range : ranges_)
        range.high_max = high_max = std::max(high_max, range.high);
}

void UnitIndex::visit(Dwarf_Die* first, std::uint32_t parent, std::uint32_t container, std::uint32_t depth) {
    if (depth > kDepthMax) return;
    Dwarf_Die die = *first;
    do {
        if (dwarf_dieoffset(&die) <= visited_) return;
        visited_ = dwarf_dieoffset(&die);
        const int tag = dwarf_tag(&die);
        const bool function = tag == DW_TAG_subprogram;
        std::uint32_t scope = parent;
        std::uint32_t inside = container;
        if (function || tag == DW_TAG_inlined_subroutine) {
            scope = static_cast<std::uint32_t>(scopes_.size());
            // A subprogram inside another (of a local class, say) is a function of its own.
            scopes_.push_back({die, function ? kNoScope : parent});
            add_ranges(&die, scope, depth);
        } else if (!is_block(tag) && !is_named_container(tag)) {
            continue;
        }
        if (function) declared_.push_back({dwarf_dieoffset(&die), container});
        Dwarf_Die child;
        if (dwarf_child(&die, &child) != 0) continue;
        if (function || is_named_container(tag)) {
            inside = static_cast<std::uint32_t>(containers_.size());
            containers_.push_back({die, container});
        }
        visit(&child, scope, inside, depth + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

std::string UnitIndex::plain_name(Dwarf_Die die) const {
    Dwarf_Attribute attribute;
    const char* name = nullptr;
    if (dwarf_attr_integrate(&die, DW_AT_name, &attribute) != nullptr) name = dwarf_formstring(&attribute);
    if (name != nullptr) return name;
    if (dwarf_tag(&die) == DW_TAG_namespace) return "(anonymous namespace)";
    const int tag = dwarf_tag(&die);
    return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine
               ? ""
               : "{lambda}";  // what a class without a name mostly is
}

std::string UnitIndex::qualified_name(Dwarf_Die die, std::uint32_t depth) const {
    Dwarf_Die declaration = declaration_of(die);
    const Dwarf_Off offset = dwarf_dieoffset(&declaration);
    const auto at = std::lower_bound(declared_.begin(), declared_.end(), offset,
                                     [](const Declared& one, Dwarf_Off wanted) { return one.die < wanted; });
    const bool here = at != declared_.end() && at->die == offset;  // else in a unit shared by several
    return (here ? qualifier(at->container, depth) : "") + plain_name(die);
}

std::string UnitIndex::qualifier(std::uint32_t container, std::uint32_t depth) const {
    if (container == kNoScope || depth > kDepthMax) return "";
    Dwarf_Die die = containers_[container].die;
    // A function is qualified by where it was declared, everything else by where it stands.
    if (dwarf_tag(&die) == DW_TAG_subprogram) return qualified_name(die, depth + 1) + "::";
    return qualifier(containers_[container].parent, depth + 1) + plain_name(die) + "::";
}

std::string UnitIndex::name(const FunctionScope& scope) const {
    Dwarf_Die die = scope.die;
    Dwarf_Attribute attribute;
    for (const unsigned linkage : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
        if (dwarf_attr_integrate(&die, linkage, &attribute) == nullptr) continue;
        if (const char* mangled = dwarf_formstring(&attribute)) return demangle(mangled);
    }
    return qualified_name(die, 0);
}

void UnitIndex::add_ranges(Dwarf_Die* die, std::uint32_t scope, std::uint32_t depth) {
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    std::ptrdiff_t offset = 0;
    while (ranges_.size() < kRangesMax && (offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
        // Functions that the linker dropped begin at 0 (or 1): they cover nothing.
        if (high > low && low > 1) ranges_.push_back({low + bias_, high + bias_, 0, scope, depth});
    }
}

const UnitIndex::Range* UnitIndex::innermost(std::uint64_t address) const {
    auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                  [](std::uint64_t value, const Range& range) { return value < range.low; });
    const Range* best = nullptr;
    while (after != ranges_.begin()) {
        --after;
        if (after->high_max <= address) break;
        if (after->high > address && (best == nullptr || after->depth > best->depth)) best = &*after;
        if (after->depth == 0 && after->high > address) break;
    }
    return best;
}

std::vector<const FunctionScope*> UnitIndex::scopes(std::uint64_t address) const {
    std::vector<const FunctionScope*> chain;
    const Range* range = innermost(address);
    if (range == nullptr) return chain;
    for (std::uint32_t scope = range->scope; scope != kNoScope; scope = scopes_[scope].parent) {
        chain.push_back(&scopes_[scope]);
    }
    return chain;
}

bool UnitIndex::function_piece(std::uint64_t address, std::uint64_t* low, std::uint64_t* high) const {
    for (const Range& range : ranges_) {
        if (range.low > address) return false;
        if (range.high > address && scopes_[range.scope].parent == kNoScope) {
            *low = range.low;
            *high = range.high;
            return true;
        }
    }
    return false;
}

FunctionIndex::FunctionIndex(Dwfl_Module* module) : module_(module) {}

void FunctionIndex::find_units() {
    units_found_ = true;
    Dwarf_Die* die = nullptr;
    Dwarf_Addr bias = 0;
    while ((die = dwfl_module_nextcu(module_, die, &bias)) != nullptr) {
        Dwarf_Addr base = 0;
        Dwarf_Addr low = 0;
        Dwarf_Addr high = 0;
        std::ptrdiff_t offset = 0;
        const auto number = static_cast<std::uint32_t>(indices_.size());
        bool covers = false;
        while (units_.size() < kRangesMax && (offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
            if (high <= low || low <= 1) continue;
            units_.push_back({low + bias, high + bias, *die, bias, number});
            covers = true;
        }
        if (covers) indices_.emplace_back();
    }
    std::sort(units_.begin(), units_.end(), [](const Unit& a, const Unit& b) { return a.low < b.low; });
}

const FunctionIndex::Unit* FunctionIndex::unit_at(std::uint64_t address) {
    if (!units_found_) find_units();
    const auto after = std::upper_bound(
        units_.begin(), units_.end(), address,
        [](std::uint64_t value, const Unit& unit) { return value < unit.low; });
    if (after == units_.begin() || address >= std::prev(after)->high) return nullptr;
    return &*std::prev(after);
}

UnitIndex* FunctionIndex::unit(std::uint64_t address) {
    const Unit* found = unit_at(address);
    if (found == nullptr) return nullptr;
    auto& index = indices_[found->number];
    if (index == nullptr) {
        // With split debug information the unit in the program is a skeleton; what it describes lies
        // elsewhere.
        Dwarf_Die split{};
        Dwarf_Die whole = found->die;
        if (dwarf_cu_info(whole.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
            split.addr != nullptr) {
            whole = split;
        }
        index = std::make_unique<UnitIndex>(whole, found->bias);
    }
    return index.get();
}

FunctionIndex::Position FunctionIndex::position(std::uint64_t address) {
    Position position;
    const Unit* found = unit_at(address);
    if (found == nullptr) return position;
    Dwarf_Die die = found->die;
    Dwarf_Line* line = dwarf_getsrc_die(&die, address - found->bias);
    int number = 0;
    if (line == nullptr || dwarf_lineno(line, &number) != 0) return position;
    const char* file = dwarf_linesrc(line, nullptr, nullptr);
    if (file == nullptr) return position;
    position.file = file;
    position.line = static_cast<std::uint32_t>(number);
    return position;
}

void FunctionIndex::find_symbols() {
    symbols_found_ = true;
    const int count = dwfl_module_getsymtab(module_);
    for (int i = 1; i < count; ++i) {
        GElf_Sym symbol;
        GElf_Addr address = 0;
        const char* name = dwfl_module_getsym_info(module_, i, &symbol, &address, nullptr, nullptr, nullptr);
        const int type = GELF_ST_TYPE(symbol.st_info);
        const bool code = type == STT_FUNC || type == STT_GNU_IFUNC;
        if (name == nullptr || name[0] == '\0' || symbol.st_shndx == SHN_UNDEF) continue;
        if (!code && type != STT_OBJECT) continue;
        (code ? symbols_ : objects_)
            .push_back({address, address + std::max<std::uint64_t>(symbol.st_size, 1), name});
    }
    // Aliases share an address: the longest one covers most, then the shortest name reads best.
    for (std::vector<Symbol>* list : {&symbols_, &objects_}) {
        std::stable_sort(list->begin(), list->end(), [](const Symbol& a, const Symbol& b) {
            return a.low != b.low ? a.low < b.low : a.high < b.high;
        });
    }
}

FunctionIndex::Symbol FunctionIndex::covering(const std::vector<Symbol>& list, std::uint64_t address) {
    const auto after = std::upper_bound(
        list.begin(), list.end(), address,
        [](std::uint64_t value, const Symbol& symbol) { return value < symbol.low; });
    if (after == list.begin() || address >= std::prev(after)->high) return {};
    return *std::prev(after);
}

FunctionIndex::Symbol FunctionIndex::symbol(std::uint64_t address) {
    if (!symbols_found_) find_symbols();
    return covering(symbols_, address);
}

FunctionIndex::Symbol FunctionIndex::object(std::uint64_t address) {
    if (!symbols_found_) find_symbols();
    return covering(objects_, address);
}

void FunctionIndex::find_imports() {
    imports_found_ = true;
    GElf_Addr bias = 0;
    Elf* elf = dwfl_module_getelf(module_, &bias);
    if (elf == nullptr) return;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_RELA || header.sh_entsize == 0)
            continue;
        Elf_Data* relocations = elf_getdata(section, nullptr);
        Elf_Data* symbols = elf_getdata(elf_getscn(elf, header.sh_link), nullptr);
        GElf_Shdr symbols_header;
        if (relocations == nullptr || symbols == nullptr ||
            gelf_getshdr(elf_getscn(elf, header.sh_link), &symbols_header) == nullptr) {
            continue;
        }
        for (int i = 0; i < static_cast<int>(header.sh_size / header.sh_entsize); ++i) {
            GElf_Rela relocation;
            GElf_Sym symbol;
            if (gelf_getrela(relocations, i, &relocation) == nullptr) break;
            const auto type = GELF_R_TYPE(relocation.r_info);
            if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
            if (gelf_getsym(symbols, static_cast<int>(GELF_R_SYM(relocation.r_info)), &symbol) == nullptr)
                continue;
            const char* name = elf_strptr(elf, symbols_header.sh_link, symbol.st_name);
            if (name != nullptr && name[0] != '\0') imports_[relocation.r_offset + bias] = demangle(name);
        }
    }
}

std::string FunctionIndex::import_at(std::uint64_t slot) {
    if (!imports_found_) find_imports();
    const auto found = imports_.find(slot);
    return found != imports_.end() ? found->second : std::string();
}

}  // namespace coroscope::inspect
