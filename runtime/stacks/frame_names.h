// Where an address of code belongs: the file it was loaded from, its offset there, and its name where the file exports it.
//
// dladdr() would take the loader's lock, which a thread that waits for this one may hold. glibc's _dl_find_object (2.35) takes none, and
// the table of exported symbols is read where it is mapped. `module` and `offset` are what addr2line, gdb and objdump
// understand: `addr2line -Cfpie MODULE OFFSET`. Names come as the linker knows them; c++filt reads them.
//
// Thread: any. Async-signal-safe; may fault where a module's tables are damaged. Tested in tests/unit/runtime/backtrace_test.cpp.
#pragma once

#include <cstdint>

namespace cprime::detail {

struct FrameName {
    const char* module = nullptr;  // path; null: the address lies in no loaded file
    std::uint64_t offset = 0;      // as the file counts, 0 at its lowest mapped byte
    const char* symbol = nullptr;  // null: not exported
    char own_path[512] = "";       // what `module` points to for the program itself
};

void find_frame_name(std::uint64_t address, FrameName* found);

}  // namespace cprime::detail
