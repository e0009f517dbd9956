// What debug information says of types where code runs: which type the variable has that lies in a register, in a word of the frame or at an
// address, where in a type a pointer or a vtable pointer lies, and what types functions have.
//
// Types are followed through typedefs and qualifiers. All of it is about one binary, whose debug information lies in it.
//
// The information may be anything that libdw opens: depths are limited, and what is not understood is nothing.
//
// Thread: one at a time. Blocks: reads a compilation unit at the first question about its code. Tested in tests/unit/bounds.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "instrumentation/bounds/binary.h"

namespace coroscope::bounds {

// A place in an object: so many bytes behind the begin of something of that type.
struct TypedPlace {
    Dwarf_Die type = {};
    std::int64_t offset = 0;
};

class DebugTypes {
public:
    explicit DebugTypes(Binary& binary);
    ~DebugTypes();
    DebugTypes(const DebugTypes&) = delete;
    DebugTypes& operator=(const DebugTypes&) = delete;

    // Of the variables that lie there when the instruction at `pc` begins, the first that has a pointer there: what it points to.
    std::optional<TypedPlace> pointee_in_register(std::uint64_t pc, std::uint8_t number);
    std::optional<TypedPlace> pointee_in_frame(std::uint64_t pc, std::int64_t offset_from_cfa);
    // The variable at a fixed address, as code at `pc` knows it.
    std::optional<TypedPlace> variable_at(std::uint64_t pc, std::uint64_t address);
    // What the function whose code begins there returns a pointer to.
    std::optional<TypedPlace> returned_pointee(std::uint64_t function);

    // What a pointer in an object at that place points to.
    static std::optional<TypedPlace> pointee_at(const TypedPlace& place);
    // The class whose vtable pointer lies there, and where in it: that of the object itself, not of a base.
    static std::optional<TypedPlace> virtual_class_at(const TypedPlace& place);
    // The base of a class that has the vtable pointer there.
    static std::optional<TypedPlace> base_at(const TypedPlace& place);
    // Whether a class declares functions itself, beside those that the compiler gives it.
    static bool declares_functions(const Dwarf_Die& type);
    static std::string name_of(const Dwarf_Die& type);
    // Names of functions of a class, as the linker knows them.
    static std::vector<std::string> linkage_names_of(const Dwarf_Die& type);
    // Two functions of one type have one text, and few others have it: "" = no type of functions.
    static std::string signature_of(const Dwarf_Die& type);

    // The signature of each function of the binary that debug information knows, by where its code begins.
    const std::unordered_map<std::uint64_t, std::string>& signatures();

private:
    struct FunctionPart {
        std::uint64_t low = 0, high = 0;
        Dwarf_Die die = {};
    };
    struct Unit {
        std::vector<FunctionPart> functions;  // ascending
        std::map<std::uint64_t, Dwarf_Die> variables;
        std::unordered_map<std::string, Dwarf_Die> declared;  // variables of other units, by the linker's name
    };
    struct Where;
    const Unit* unit_of(std::uint64_t pc);
    const Unit& read_unit(Dwarf_Die unit);
    void collect(Dwarf_Die& parent, Unit& unit, int depth);
    void add_function(Dwarf_Die& die, Unit& unit);
    static void add_variable(Dwarf_Die& die, Unit& unit);
    static const FunctionPart* function_in(const Unit& unit, std::uint64_t pc);
    std::optional<TypedPlace> find_variable(std::uint64_t pc, const Where& where);
    static std::optional<TypedPlace> search_scope(Dwarf_Die& scope, std::uint64_t pc, const Where& where,
                                                  int depth);
    static std::optional<TypedPlace> match(Dwarf_Die& variable, std::uint64_t pc, const Where& where);

    Binary& binary_;
    Dwarf* dwarf_ = nullptr;
    std::unordered_map<Dwarf_Off, std::unique_ptr<Unit>> units_;
    std::optional<std::unordered_map<std::uint64_t, std::string>> signatures_;
};

}  // namespace coroscope::bounds
