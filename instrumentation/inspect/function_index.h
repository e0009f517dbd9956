// From an address of one module to the functions there, inlined ones included: an index built from DWARF, one
// unit at a time.
//
// libdw can answer the same, but slowly: its symbol search is linear (250-340 us in libc) and dwarf_getscopes
// takes 1-2 ms in a unit with many headers. Here the ranges of units are sorted once a module, and those of
// functions and inlined calls once a unit, at the first question about it; then a question takes 0.1-0.4 us.
// What has no DWARF is answered from the symbol table.
//
// All addresses are those of the target. Thread: one at a time. Blocks: reads debug information. Tested in
// tests/unit/inspect.
#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace coroscope::inspect {

// One function, or one call of an inlined function, at an address.
struct FunctionScope {
    Dwarf_Die die{};
    std::uint32_t parent = ~0U;  // scope into which it was inlined; ~0 = it is a function of its own
};

// The functions of one unit.
class UnitIndex {
public:
    // `unit` is the unit's own DIE, `bias` what to add to its addresses.
    UnitIndex(Dwarf_Die unit, std::uint64_t bias);

    // Scopes around an address, innermost first, the function itself last; empty when none.
    std::vector<const FunctionScope*> scopes(std::uint64_t address) const;
    // The piece of the function's code that contains `address`; false when there is none.
    bool function_piece(std::uint64_t address, std::uint64_t* low, std::uint64_t* high) const;
    // "ns::Class::f(int)" where the compiler wrote down the mangled name; what has internal linkage has none,
    // and is put together from the DIEs around it, without parameters: "(anonymous namespace)::f". "" when
    // the function has no name.
    std::string name(const FunctionScope& scope) const;
    Dwarf_Die& unit() { return unit_; }

private:
    struct Range {
        std::uint64_t low, high, high_max;  // high_max: of this and all before it
        std::uint32_t scope, depth;
    };
    // A namespace, class or function that something is declared in.
    struct Container {
        Dwarf_Die die;
        std::uint32_t parent;  // ~0 = the unit
    };
    struct Declared {
        Dwarf_Off die;
        std::uint32_t container;
    };
    void visit(Dwarf_Die* first, std::uint32_t parent, std::uint32_t container, std::uint32_t depth);
    std::string plain_name(Dwarf_Die die) const;
    // depth: of the names around it that are being put together; a file may say that a function is declared within itself.
    std::string qualified_name(Dwarf_Die die, std::uint32_t depth) const;
    std::string qualifier(std::uint32_t container, std::uint32_t depth) const;
    void add_ranges(Dwarf_Die* die, std::uint32_t scope, std::uint32_t depth);
    const Range* innermost(std::uint64_t address) const;

    Dwarf_Die unit_;
    std::uint64_t bias_;
    Dwarf_Off visited_ = 0;  // the last DIE that was; children and siblings lie behind it, or the file goes round
    std::vector<FunctionScope> scopes_;
    std::vector<Range> ranges_;  // by low, then outer before inner
    std::vector<Container> containers_;
    std::vector<Declared> declared_;  // every subprogram, by the offset of its DIE
};

class FunctionIndex {
public:
    explicit FunctionIndex(Dwfl_Module* module);

    // The unit that covers an address, indexed; nullptr when the module has no DWARF for it.
    UnitIndex* unit(std::uint64_t address);
    // Source position of an address itself (not of a return address): line 0 when unknown.
    struct Position {
        std::string file;
        std::uint32_t line = 0;
    };
    Position position(std::uint64_t address);

    // A function symbol of the ELF file; name empty when none covers the address.
    struct Symbol {
        std::uint64_t low = 0, high = 0;
        const char* name = "";
    };
    Symbol symbol(std::uint64_t address);
    // The same for objects: global variables, tables of virtual functions.
    Symbol object(std::uint64_t address);

    // The symbol whose address the loader puts into the word at `slot` (of the global offset table); "" when
    // none.
    std::string import_at(std::uint64_t slot);

private:
    struct Unit {
        std::uint64_t low, high;
        Dwarf_Die die;
        std::uint64_t bias;
        std::uint32_t number;  // in indices_
    };
    void find_units();
    void find_symbols();
    static Symbol covering(const std::vector<Symbol>& list, std::uint64_t address);
    void find_imports();
    const Unit* unit_at(std::uint64_t address);

    Dwfl_Module* module_;
    bool units_found_ = false;
    bool symbols_found_ = false;
    bool imports_found_ = false;
    std::vector<Unit> units_;  // by low
    std::vector<std::unique_ptr<UnitIndex>> indices_;
    std::vector<Symbol> symbols_, objects_;                   // functions, and the rest; by low
    std::unordered_map<std::uint64_t, std::string> imports_;  // by slot
};

// "ns::f(int)" for "_ZN2ns1fEi"; anything that is no mangled name stays as it is.
std::string demangle(const char* name);

}  // namespace coroscope::inspect
