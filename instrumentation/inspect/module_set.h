// The modules of a process as a lookup: from an address of the target to the ELF file that explains it.
//
// Thread: one at a time. Blocks: opens and reads ELF files on first use. Tested in tests/unit/inspect.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "instrumentation/inspect/elf_file.h"
#include "instrumentation/inspect/stack.h"

namespace coroscope::inspect {

class ModuleSet {
public:
    explicit ModuleSet(std::vector<Module> modules);

    struct Entry {
        Module module;
        std::unique_ptr<ElfFile> file;  // null: missing, or another build than the target runs
        std::uint64_t bias = 0;         // address in the target = address in the file + bias
        bool opened = false;
    };
    // The module that covers an address, its file opened; nullptr when none does.
    Entry* find(std::uint64_t address);
    // Copies read-only bytes (code, unwind tables) at an address of the target from the files; returns how
    // many there were.
    std::size_t read(std::uint64_t address, void* to, std::size_t bytes);
    // All of them, ascending; files opened.
    std::vector<Entry>& all();

private:
    void open(Entry& entry);
    std::vector<Entry> entries_;  // ascending by low
    Entry* last_ = nullptr;       // neighbours in a stack are mostly neighbours in a module
};

// ELF files mapped in a process, with build-ids, and the vdso where the process's memory may be read; kGone or kRefused.
base::Result<std::vector<Module>> read_modules(std::uint32_t pid);

}  // namespace coroscope::inspect
