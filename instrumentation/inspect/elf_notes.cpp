// See elf_notes.h.
#include "instrumentation/inspect/elf_notes.h"

namespace coroscope::inspect {

std::string build_id_of(const std::uint8_t* notes, std::size_t bytes) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string id;
    each_note(notes, bytes, [&](const ElfNote& note) {
        if (!id.empty() || note.type != NT_GNU_BUILD_ID || note.owner != "GNU") return;
        for (std::size_t i = 0; i < note.bytes; ++i) {
            id += kHex[note.body[i] >> 4];
            id += kHex[note.body[i] & 15];
        }
    });
    return id;
}

}  // namespace coroscope::inspect
