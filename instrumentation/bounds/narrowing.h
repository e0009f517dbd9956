// Whom a call through a pointer may reach, where the binary tells: four ways, each an assumption that stands beside every bound over it.
//
//   virtual call       call [[object + n] + offset], and debug information says of which class the object is: what stands at that offset in
//                      the vtables of that class and of those derived from it, in all binaries (classes.h)
//   table              call [table + i]: the functions that the constant table holds
//   pointer            call p, and debug information says of what type p is: the functions of that type whose address is taken
//
// Others may come in where the binary is a library, where libraries that it needs could not be opened, and where libraries are loaded while it
// runs; then nothing is narrowed but tables and classes of the binary's own (an anonymous namespace).
//
// Code is looked at backwards from the call, as long as it can only have come one way (code_view.h).
//
// Thread: one at a time. Blocks: reads data and debug information of the binaries at first questions. Tested in tests/unit/bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "instrumentation/bounds/classes.h"
#include "instrumentation/bounds/code_view.h"
#include "instrumentation/bounds/debug_types.h"
#include "instrumentation/bounds/frame.h"
#include "instrumentation/bounds/taken_addresses.h"

namespace coroscope::bounds {

struct Narrowing {
    std::vector<Classes::Entry> targets;
    std::string assumption;  // a sentence
};

class Narrower {
public:
    // `open_world`: others may come in.
    Narrower(std::vector<Binary*> binaries, bool open_world);

    // Of the call or jump at a step of a binary's code. Nothing: *why says so.
    std::optional<Narrowing> narrow(std::uint32_t binary, const CodeView& code, std::size_t step,
                                    DoubtKind* why);

private:
    // A word of memory, as an instruction names it.
    struct Word {
        std::size_t step = 0;
        std::int64_t displacement = 0;
    };
    struct Site {
        std::uint32_t binary = 0;
        const CodeView& code;
        std::size_t step = 0;
    };
    DebugTypes& types_of(std::uint32_t binary);
    std::optional<std::size_t> writer(const Site& site, std::size_t before, std::uint8_t number) const;
    std::optional<Word> loaded_from(const Site& site, std::size_t before, std::uint8_t number) const;
    std::optional<std::uint64_t> address_in(const Site& site, std::size_t before, std::uint8_t number) const;
    std::optional<TypedPlace> pointee(const Site& site, std::size_t before, std::uint8_t number, int depth);
    std::optional<TypedPlace> pointee_of_load(const Site& site, std::size_t at, int depth);
    std::optional<TypedPlace> place_of(const Site& site, const Word& word, int depth);

    std::optional<Narrowing> by_table(const Site& site, const Word& word);
    std::optional<Narrowing> by_vtable(const Site& site, const Word& word, DoubtKind* why);
    std::optional<Narrowing> by_type(const TypedPlace& function, DoubtKind* why);

    std::vector<Binary*> binaries_;
    bool open_world_;
    std::vector<std::unique_ptr<DebugTypes>> types_;
    std::unique_ptr<Classes> classes_;
    std::unique_ptr<TakenAddresses> taken_;
};

}  // namespace coroscope::bounds
