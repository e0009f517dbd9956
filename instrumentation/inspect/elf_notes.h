// Notes of ELF files and cores: a list of {owner, type, body}, each padded to 4 bytes, walked with every length checked.
//
// Thread: any. Blocks: never. Tested in tests/unit/inspect/core_file_test.cpp; fuzzed in tests/fuzz/core_file_fuzz.cpp.
#pragma once

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace coroscope::inspect {

struct ElfNote {
    std::string_view owner;  // "CORE", "GNU"
    std::uint32_t type = 0;
    const std::uint8_t* body = nullptr;
    std::size_t bytes = 0;
};

// Calls visit(note) for each that lies inside whole. False when the last one does not: the list is cut off.
template <typename Visit>
bool each_note(const std::uint8_t* data, std::size_t bytes, Visit&& visit) {
    const auto padded = [](std::uint64_t length) { return (length + 3) & ~3ULL; };
    std::size_t at = 0;
    while (bytes - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr header{};
        std::memcpy(&header, data + at, sizeof header);
        const std::uint64_t owner_at = at + sizeof header;
        const std::uint64_t body_at = owner_at + padded(header.n_namesz);
        if (body_at + header.n_descsz > bytes) return false;
        const auto* owner = reinterpret_cast<const char*>(data + owner_at);
        visit(ElfNote{
            {owner, strnlen(owner, header.n_namesz)}, header.n_type, data + body_at, header.n_descsz});
        at = std::min<std::size_t>(body_at + padded(header.n_descsz), bytes);
    }
    return true;
}

// The build-id among the notes, in hex; "" = none.
std::string build_id_of(const std::uint8_t* notes, std::size_t bytes);

}  // namespace coroscope::inspect
