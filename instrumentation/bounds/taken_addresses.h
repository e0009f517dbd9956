// Functions whose address a program takes, by what type of function debug information says they are: whom a pointer of that type may hold.
//
// An address is taken where a word of data points to the function, or where code names it other than to call it or to jump there. Of functions
// that other binaries have, only those are known to be taken that the program itself names so; their types are not known, so they are of
// each type.
//
// Thread: one at a time. Blocks: the constructor reads all code and debug information. Tested in tests/unit/bounds.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "instrumentation/bounds/classes.h"
#include "instrumentation/bounds/debug_types.h"

namespace coroscope::bounds {

class TakenAddresses {
public:
    // `types`: one a binary; functions of binaries without debug information are not known to be taken.
    TakenAddresses(const std::vector<Binary*>& binaries, const std::vector<DebugTypes*>& types);

    std::vector<Classes::Entry> of_type(const std::string& signature) const;

private:
    void read(std::uint32_t number, Binary& binary, DebugTypes& types);
    void take_import(std::uint32_t number, const Binary::Slot& slot);

    std::vector<Binary*> binaries_;
    std::unordered_map<std::string, std::vector<Classes::Entry>> by_type_;
    std::vector<Classes::Entry> of_any_type_;
};

}  // namespace coroscope::bounds
