// Names for addresses: function, inlined functions, file:line, from ELF and DWARF through libdw.
//
// Thread: one at a time. Blocks: the first question about a module reads its debug information.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/inspect/stack.h"

namespace coroscope::inspect {

class Symbolizer {
public:
    // Modules of a live process or of a trace (by path and build-id; a file whose build-id differs is not
    // used). `debug_paths`: see DwflModules.
    explicit Symbolizer(std::vector<Module> modules, const std::vector<std::string>& debug_paths = {});
    ~Symbolizer();

    // Frames for one return address (looked up at pc - 1): inlined functions innermost first, the function
    // itself last. At least one.
    const std::vector<Frame>& frames(std::uint64_t pc);
    // All levels of a stack.
    std::vector<Frame> frames(const std::vector<std::uint64_t>& pcs);
    // Start and end of the function around an address, and its name; false when unknown.
    bool function_range(std::uint64_t pc, std::uint64_t* low, std::uint64_t* high, std::string* name);
    // What lies at an address: a place in a function, an object (a global variable), or at least in a module.
    struct Place {
        std::string name;          // demangled; "" = neither function nor object is known there
        std::uint64_t offset = 0;  // from where that begins
        bool code = false;         // it is a function
        std::string module;        // path; "" = in no module
        std::uint64_t module_offset = 0;
    };
    Place place(std::uint64_t address);
    // Source position of an instruction itself (not of a return address): the innermost function's file and
    // line; line 0 when unknown.
    struct Position {
        std::string file;
        std::uint32_t line = 0;
    };
    Position position(std::uint64_t address);
    // The function whose address the loader puts into the word at an address (of a global offset table),
    // which is where calls into other modules go through; "" when none.
    std::string import_at(std::uint64_t slot);
    // Reads bytes of code of a module file at a target address; returns bytes read.
    std::size_t read_code(std::uint64_t address, std::uint8_t* to, std::size_t bytes) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace coroscope::inspect
