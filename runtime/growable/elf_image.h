// ElfImage: the parts of an ELF file that the check of growable code needs: function symbols, bytes of code, what functions call.
//
// Thread: one. Reads the whole file through libelf, which checks bounds; a file that is none, or is not x86-64, is an error in one
// sentence.
#pragma once

#include <gelf.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cprime::growable {

struct Function {
    std::string name;
    std::string file;           // of a local one: the source file's name in the symbol table; "" for others
    std::uint64_t address = 0;  // in its section for an object, else virtual
    std::uint64_t bytes = 0;
    std::size_t section = 0;
    bool local = false;
    bool weak = false;
};

struct Call {
    std::uint64_t address = 0;  // of the reference, in its section
    std::size_t section = 0;
    std::string callee;
};

class ElfImage {
public:
    // Error: one sentence in *error, and the result is null.
    static std::unique_ptr<ElfImage> open(const std::string& path, std::string* error);
    ~ElfImage();
    ElfImage(const ElfImage&) = delete;
    ElfImage& operator=(const ElfImage&) = delete;

    bool has_section(std::string_view name) const;
    bool has_symbols() const { return has_symbols_; }
    const std::vector<Function>& functions() const { return functions_; }
    // References from code to functions by name that a call or jump makes (objects only).
    std::vector<Call> calls() const;
    // Bytes at a virtual address (linked files); empty where there are none.
    std::basic_string_view<std::uint8_t> code(std::uint64_t address, std::size_t bytes) const;

private:
    ElfImage() = default;
    void read_functions();
    std::string_view section_name(Elf_Scn* section) const;

    int fd_ = -1;
    Elf* elf_ = nullptr;
    std::size_t names_ = 0;
    bool has_symbols_ = false;
    std::vector<Function> functions_;
};

}  // namespace cprime::growable
