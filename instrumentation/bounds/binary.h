// An ELF binary as a proof of stack bounds needs it: its functions, its code, and where its calls into other binaries go.
//
// Made of the symbol tables, the segments, the relocations and the unwind tables alone; nothing runs. Aliases of one address are one function,
// named by each of its names; code that only an unwind table knows (of a stripped library) is a function named by its address, "at_0x1234".
// All addresses are the file's own.
//
// The file may be anything: libelf checks the offsets, and what it refuses is as good as not there. An import's name is kept as the
// relocation says it (mangled); readable() makes it fit to print.
//
// Thread: one at a time. Blocks: open() reads tables, the first question about a segment reads it whole. Tested in tests/unit/bounds; hostile
// files in tests/unit/bounds/hostile_test.cpp.
#pragma once

#include <gelf.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/elf_file.h"

namespace coroscope::bounds {

// A function symbol: [low, high).
struct Function {
    std::uint64_t low = 0, high = 0;
    const char* name = "";         // as the symbol table has it; lives as long as the Binary
    bool chosen_at_start = false;  // IFUNC: the code is what chooses the function
};

// An object symbol whose name begins as asked for.
struct Object {
    std::uint64_t address = 0, bytes = 0;
    const char* name = "";
};

class Binary {
public:
    // Errors: kUnreadable, kCorrupt.
    static base::Result<std::unique_ptr<Binary>> open(const std::string& path);
    ~Binary();
    Binary(const Binary&) = delete;
    Binary& operator=(const Binary&) = delete;

    const std::string& path() const { return path_; }
    inspect::ElfFile& file() { return *file_; }
    Elf* elf() { return elf_; }

    // By address; no two begin at one.
    const std::vector<Function>& functions() const { return functions_; }
    // False: only unwind tables tell functions from each other.
    bool has_symbols() const { return !names_.empty(); }
    // The function that begins at an address, or the one with code there.
    std::optional<std::uint32_t> function_at(std::uint64_t address) const;
    std::optional<std::uint32_t> function_around(std::uint64_t address) const;
    // By the name of a symbol. `exported`: only what other binaries can call, and nothing where versions of that name differ.
    std::optional<std::uint32_t> function_named(std::string_view name, bool exported = false) const;
    std::vector<Object> objects_named(std::string_view beginning) const;
    // The name of the object that begins at an address; "" = there is none.
    std::string_view object_at(std::uint64_t address);
    // The object that an address lies in.
    std::optional<Object> object_around(std::uint64_t address);

    // What the loader puts into the word at an address and nobody changes afterwards: a slot of the global offset table, or constant data.
    struct Slot {
        enum class Kind : std::uint8_t { kUnknown, kImport, kAddress, kChosenAtStart };
        Kind kind = Kind::kUnknown;
        std::string_view import;    // kImport: a symbol's name
        std::uint64_t address = 0;  // kAddress: in this binary; kChosenAtStart: of what chooses
        bool constant = true;
        bool through_table = false;  // a slot of the global offset table, or of the procedure linkage table's
    };
    Slot slot(std::uint64_t address) const;
    // The address that the word holds when the program starts, whether it is changed later or not; 0 = none.
    std::uint64_t first_address_in(std::uint64_t address);
    // What the word points to when the program starts, whether it is changed later or not.
    Slot pointer(std::uint64_t address);
    // All words that point somewhere when the program starts, ascending.
    std::vector<std::pair<std::uint64_t, Slot>> pointers();
    // Words that begin run-time type information by an import: 16 behind one of the vtables that the C++ library has for it (its name).
    const std::vector<std::pair<std::uint64_t, std::string_view>>& type_infos() const { return type_infos_; }

    // Functions in whose code the distance to an address stands, ascending: those that read or write what is there, or take its address.
    std::vector<std::uint32_t> functions_with_distance_to(std::uint64_t address);

    // The bytes of [low, high) in the file's segments; fewer where it has fewer. They live as long as the Binary.
    std::basic_string_view<std::uint8_t> bytes(std::uint64_t low, std::uint64_t high);
    std::optional<std::uint64_t> word(std::uint64_t address);
    // Nothing can write to [low, high) once the program runs.
    bool is_constant(std::uint64_t low, std::uint64_t high) const;
    // The same where nothing can write to it once the program runs, else nothing.
    std::optional<std::uint64_t> constant_word(std::uint64_t address);
    // The text that ends with a 0; "" = there is none, or it is longer than a path can be.
    std::string text(std::uint64_t address);
    // The executable segments, as [low, high).
    struct Range {
        std::uint64_t low = 0, high = 0;
    };
    const std::vector<Range>& code() const { return code_; }

    // Libraries that it is linked to, as it names them; and where it says to look for them.
    const std::vector<std::string>& needed() const { return needed_; }
    const std::string& search_path() const { return search_path_; }
    // Whether it was built with a sanitizer, whose code calls from everywhere.
    bool sanitized() const { return sanitized_; }
    // Whether it is a program, and no library that others call.
    bool is_program() const { return is_program_; }
    // Whether it lies where its file says, so that code may name addresses as they are.
    bool has_fixed_addresses() const { return fixed_addresses_; }
    // Whether it asks for a function that loads libraries while the program runs.
    bool loads_libraries() const { return loads_libraries_; }

private:
    struct Segment {
        std::uint64_t address = 0, file_offset = 0, bytes = 0;
        std::vector<std::uint8_t> content;
        bool loaded = false;
    };
    Binary() = default;
    void read_segments();
    void read_symbols(Elf_Scn* section, const GElf_Shdr& header);
    void read_relocations(Elf_Scn* section, const GElf_Shdr& header);
    void read_dynamic(Elf_Scn* section, const GElf_Shdr& header);
    void order_functions();
    void add_unnamed_functions();

    std::string path_;
    std::unique_ptr<inspect::ElfFile> file_;
    Elf* elf_ = nullptr;
    std::uint64_t file_bytes_ = 0, loaded_bytes_ = 0;
    std::vector<Segment> segments_;
    std::vector<Range> code_, constant_;  // constant_: read-only once the loader is done
    std::vector<Function> functions_;
    std::unordered_map<std::uint64_t, std::uint64_t> section_ends_;         // of symbols without a size
    std::deque<std::string> made_names_;                                    // of functions without one
    std::unordered_map<std::string_view, std::uint64_t> names_, exported_;  // to addresses
    std::vector<Object> objects_;
    bool objects_ordered_ = false;
    std::unordered_map<std::uint64_t, const char*> object_names_;  // made at the first question
    std::unordered_map<std::uint64_t, Slot> slots_;
    std::vector<std::string> needed_;
    std::string search_path_;
    std::vector<std::pair<std::uint64_t, std::string_view>> type_infos_;
    bool sanitized_ = false, is_program_ = false, loads_libraries_ = false, fixed_addresses_ = false;
};

// "ns::f(int)" for a mangled name.
std::string readable(std::string_view name);

}  // namespace coroscope::bounds
