// Reading the first two fields of each FDE (LSB, .eh_frame); libdw finds the entries.
#include "instrumentation/bounds/unwind_ranges.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>

namespace coroscope::bounds {
namespace {

// How the FDEs of a CIE write addresses: the byte for 'R' of its augmentation. DW_EH_PE_omit: not known.
std::uint8_t address_encoding(const Dwarf_CIE& cie) {
    if (cie.augmentation == nullptr || cie.augmentation[0] == '\0') return DW_EH_PE_absptr;
    if (cie.augmentation[0] != 'z') return DW_EH_PE_omit;
    const std::uint8_t* at = cie.augmentation_data;
    const std::uint8_t* const end = at + cie.augmentation_data_size;
    for (const char* letter = cie.augmentation + 1; *letter != '\0' && at < end; ++letter) {
        switch (*letter) {
            case 'R':
                return *at;
            case 'L':
                ++at;
                break;
            case 'P': {
                const std::uint8_t format = *at++ & 0x0f;
                const bool four = format == DW_EH_PE_udata4 || format == DW_EH_PE_sdata4;
                const bool eight = format == DW_EH_PE_absptr || format == DW_EH_PE_udata8 ||
                                   format == DW_EH_PE_sdata8;
                if (!four && !eight) return DW_EH_PE_omit;
                if (end - at < (four ? 4 : 8)) return DW_EH_PE_omit;
                at += four ? 4 : 8;
                break;
            }
            case 'S':
            case 'B':
                break;
            default:
                return DW_EH_PE_omit;
        }
    }
    return std::strchr(cie.augmentation, 'R') == nullptr ? DW_EH_PE_absptr : DW_EH_PE_omit;
}

// A field as `encoding` says, relative to `origin` where it is.
bool read_field(const std::uint8_t*& at, const std::uint8_t* end, std::uint8_t encoding, std::uint64_t origin,
                std::uint64_t* value) {
    std::int32_t narrow = 0;
    std::uint64_t wide = 0;
    const std::uint8_t format = encoding & 0x0f;
    const bool four = format == DW_EH_PE_sdata4 || format == DW_EH_PE_udata4;
    const bool eight = format == DW_EH_PE_absptr || format == DW_EH_PE_udata8 || format == DW_EH_PE_sdata8;
    if ((!four && !eight) || end - at < (four ? 4 : 8)) return false;
    if (four) {
        std::memcpy(&narrow, at, sizeof narrow);
        wide = format == DW_EH_PE_sdata4 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(narrow))
                                         : static_cast<std::uint32_t>(narrow);
    } else {
        std::memcpy(&wide, at, sizeof wide);
    }
    at += four ? 4 : 8;
    *value = origin + wide;
    return true;
}

}  // namespace

std::vector<CodeRange> unwind_ranges(Elf* elf) {
    std::size_t names = 0;
    std::vector<CodeRange> stubs;
    std::vector<CodeRange> found;
    Elf_Scn* tables = nullptr;
    GElf_Shdr header{};
    if (elf_getshdrstrndx(elf, &names) != 0) return found;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
        GElf_Shdr one;
        const char* const name = gelf_getshdr(section, &one) != nullptr ? elf_strptr(elf, names, one.sh_name)
                                                                        : nullptr;
        if (name == nullptr) continue;
        if (std::string_view(name).starts_with(".plt"))
            stubs.push_back({one.sh_addr, one.sh_addr + std::min(one.sh_size, ~one.sh_addr)});
        if (std::strcmp(name, ".eh_frame") != 0 || one.sh_type == SHT_NOBITS) continue;
        tables = section;
        header = one;
    }
    Elf_Data* const data = tables != nullptr ? elf_rawdata(tables, nullptr) : nullptr;
    const auto* const ident = reinterpret_cast<const unsigned char*>(elf_getident(elf, nullptr));
    if (data == nullptr || data->d_buf == nullptr || ident == nullptr) return found;
    const auto* const begin = static_cast<const std::uint8_t*>(data->d_buf);

    std::unordered_map<Dwarf_Off, std::uint8_t> encodings;  // by the offset of the CIE, which stands before its FDEs
    Dwarf_Off next = 0;
    for (Dwarf_Off offset = 0;; offset = next) {
        Dwarf_CFI_Entry entry;
        if (dwarf_next_cfi(ident, data, true, offset, &next, &entry) != 0 || next <= offset) break;
        if (dwarf_cfi_cie_p(&entry)) {
            encodings[offset] = address_encoding(entry.cie);
            continue;
        }
        const auto encoding = encodings.find(entry.fde.CIE_pointer);
        if (encoding == encodings.end() || encoding->second == DW_EH_PE_omit) continue;
        const std::uint8_t relative = encoding->second & 0x70;
        if ((relative != 0 && relative != DW_EH_PE_pcrel) || (encoding->second & DW_EH_PE_indirect) != 0)
            continue;
        const std::uint8_t* at = entry.fde.start;
        const std::uint64_t origin = relative == 0 ? 0
                                                   : header.sh_addr + static_cast<std::uint64_t>(at - begin);
        CodeRange range;
        std::uint64_t bytes = 0;
        // The length is written like an address, and is no distance.
        if (!read_field(at, entry.fde.end, encoding->second, origin, &range.low)) continue;
        if (!read_field(at, entry.fde.end, encoding->second & 0x0f, 0, &bytes) || bytes == 0 ||
            bytes > ~range.low)
            continue;
        range.high = range.low + bytes;
        const bool stub = std::any_of(stubs.begin(), stubs.end(), [&](const CodeRange& one) {
            return range.low < one.high && one.low < range.high;
        });
        if (!stub) found.push_back(range);
    }
    return found;
}

}  // namespace coroscope::bounds
