// The first object that the loader lists is the program.
#include "runtime/learning/own_build.h"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cprime::detail {
namespace {

constexpr std::size_t kBuildIdBytesMax = 64;

std::string hex(const unsigned char* bytes, std::size_t count) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += kDigits[bytes[i] >> 4];
        text += kDigits[bytes[i] & 15];
    }
    return text;
}

// "" = none of the notes is a build-id. Each note: its header, the name, what it says; both padded.
std::string build_id_in(const unsigned char* notes, std::size_t bytes, std::size_t alignment) {
    const auto padded = [&](std::size_t length) { return (length + alignment - 1) / alignment * alignment; };
    ElfW(Nhdr) note;
    while (bytes >= sizeof note) {
        std::memcpy(&note, notes, sizeof note);
        const std::size_t name_at = sizeof note;
        const std::size_t said_at = padded(name_at + note.n_namesz);
        if (said_at > bytes || note.n_descsz > bytes - said_at) return {};
        const std::string_view name(reinterpret_cast<const char*>(notes + name_at), note.n_namesz);
        if (note.n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU\0", 4) && note.n_descsz <= kBuildIdBytesMax)
            return hex(notes + said_at, note.n_descsz);
        const std::size_t whole = std::min(bytes, padded(said_at + note.n_descsz));
        notes += whole;
        bytes -= whole;
    }
    return {};
}

int take_program(dl_phdr_info* info, std::size_t, void* to) {
    auto& build_id = *static_cast<std::string*>(to);
    for (int i = 0; i < info->dlpi_phnum && build_id.empty(); ++i) {
        const ElfW(Phdr)& segment = info->dlpi_phdr[i];
        if (segment.p_type != PT_NOTE) continue;
        const auto* notes = reinterpret_cast<const unsigned char*>(info->dlpi_addr + segment.p_vaddr);
        build_id = build_id_in(notes, segment.p_memsz, segment.p_align == 8 ? 8 : 4);
    }
    return 1;
}

OwnBuild find() {
    OwnBuild build;
    char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length > 0) build.program.assign(path, static_cast<std::size_t>(length));
    constexpr std::string_view kDeleted = " (deleted)";  // as the kernel says it of a file that was replaced meanwhile
    if (build.program.ends_with(kDeleted)) build.program.resize(build.program.size() - kDeleted.size());
    build.program.erase(0, build.program.rfind('/') + 1);
    dl_iterate_phdr(take_program, &build.build_id);
    return build;
}

}  // namespace

const OwnBuild& own_build() {
    static const OwnBuild build = find();
    return build;
}

}  // namespace cprime::detail
