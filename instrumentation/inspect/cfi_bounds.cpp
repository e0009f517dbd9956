// Reads the instructions of every CIE and FDE as far as it takes to see the registers that they name (DWARF 5, 6.4 and 7.24; LSB, .eh_frame).
#include "instrumentation/inspect/cfi_bounds.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <cstring>
#include <map>
#include <set>

namespace coroscope::inspect {
namespace {

constexpr std::uint8_t kAddressBytes = 8;

// DW_EH_PE_…: how a CIE says its FDEs write addresses.
constexpr std::uint8_t kEncodingFormat = 0x0f;

class Bytes {
public:
    Bytes(const std::uint8_t* at, const std::uint8_t* end) : at_(at), end_(end) {}
    bool ok() const { return ok_; }
    bool more() const { return ok_ && at_ < end_; }

    void skip(std::uint64_t count) {
        ok_ = ok_ && count <= static_cast<std::uint64_t>(end_ - at_);
        if (ok_) at_ += count;
    }
    std::uint8_t byte() {
        if (!more()) {
            ok_ = false;
            return 0;
        }
        return *at_++;
    }
    // Signed ones are skipped by it as well: both end with a byte below 128.
    std::uint64_t leb128() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const std::uint8_t next = byte();
            if (shift < 64) value |= static_cast<std::uint64_t>(next & 0x7fU) << shift;
            if (!ok_ || next < 0x80) return value;
        }
    }
    void address(std::uint8_t encoding) {
        switch (encoding & kEncodingFormat) {
            case DW_EH_PE_absptr:
                return skip(kAddressBytes);
            case DW_EH_PE_uleb128:
            case DW_EH_PE_sleb128:
                leb128();
                return;
            case DW_EH_PE_udata2:
            case DW_EH_PE_sdata2:
                return skip(2);
            case DW_EH_PE_udata4:
            case DW_EH_PE_sdata4:
                return skip(4);
            case DW_EH_PE_udata8:
            case DW_EH_PE_sdata8:
                return skip(8);
            default:
                ok_ = false;
        }
    }

private:
    const std::uint8_t* at_;
    const std::uint8_t* const end_;
    bool ok_ = true;
};

struct Common {
    std::uint8_t encoding = DW_EH_PE_absptr;
    bool sized = false;                  // FDEs have a length before their augmentation data
    std::uint64_t augmentation_bytes = 0;  // of FDEs, where they have none
};

bool instructions_in_bounds(Bytes bytes, std::uint8_t encoding) {
    const auto registers = [&](int count) {
        for (; count > 0; --count) {
            if (bytes.leb128() >= kCfiRegistersMax) return false;
        }
        return bytes.ok();
    };
    while (bytes.more()) {
        const std::uint8_t opcode = bytes.byte();
        bool good = true;
        switch (opcode & 0xc0) {
            case DW_CFA_advance_loc:
            case DW_CFA_restore:  // a register below 64
                continue;
            case DW_CFA_offset:
                bytes.leb128();
                continue;
            default:
                break;
        }
        switch (opcode) {
            case DW_CFA_nop:
            case DW_CFA_remember_state:
            case DW_CFA_restore_state:
            case DW_CFA_GNU_window_save:
                break;
            case DW_CFA_set_loc:
                bytes.address(encoding);
                break;
            case DW_CFA_advance_loc1:
                bytes.skip(1);
                break;
            case DW_CFA_advance_loc2:
                bytes.skip(2);
                break;
            case DW_CFA_advance_loc4:
                bytes.skip(4);
                break;
            case DW_CFA_MIPS_advance_loc8:
                bytes.skip(8);
                break;
            case DW_CFA_restore_extended:
            case DW_CFA_undefined:
            case DW_CFA_same_value:
            case DW_CFA_def_cfa_register:
                good = registers(1);
                break;
            case DW_CFA_register:
                good = registers(2);
                break;
            case DW_CFA_offset_extended:
            case DW_CFA_offset_extended_sf:
            case DW_CFA_def_cfa:
            case DW_CFA_def_cfa_sf:
            case DW_CFA_val_offset:
            case DW_CFA_val_offset_sf:
            case DW_CFA_GNU_negative_offset_extended:
                good = registers(1);
                bytes.leb128();
                break;
            case DW_CFA_def_cfa_offset:
            case DW_CFA_def_cfa_offset_sf:
            case DW_CFA_GNU_args_size:
                bytes.leb128();
                break;
            case DW_CFA_def_cfa_expression:
                bytes.skip(bytes.leb128());
                break;
            case DW_CFA_expression:
            case DW_CFA_val_expression:
                good = registers(1);
                bytes.skip(bytes.leb128());
                break;
            default:
                return true;  // libdw stops at what it does not know, too
        }
        if (!good) return false;
    }
    return bytes.ok();
}

Common common_of(const Dwarf_CIE& cie, CfiSection section) {
    Common common;
    common.augmentation_bytes = cie.fde_augmentation_data_size;
    const char* letters = cie.augmentation;
    if (letters == nullptr || letters[0] != 'z') return common;
    common.sized = true;
    Bytes data(cie.augmentation_data, cie.augmentation_data == nullptr ? nullptr : cie.augmentation_data + cie.augmentation_data_size);
    for (const char* letter = letters + 1; *letter != '\0' && data.ok(); ++letter) {
        if (*letter == 'R') {
            common.encoding = data.byte();
        } else if (*letter == 'L') {
            data.byte();
        } else if (*letter == 'P') {
            data.address(data.byte());
        }
    }
    if (section == CfiSection::kDebugFrame) common.encoding = DW_EH_PE_absptr;
    return common;
}

bool fde_in_bounds(const Dwarf_FDE& fde, const Common& common) {
    Bytes bytes(fde.start, fde.end);
    bytes.address(common.encoding);
    bytes.address(common.encoding & kEncodingFormat);
    bytes.skip(common.sized ? bytes.leb128() : common.augmentation_bytes);
    // What is too short for its own head is refused by libdw as well.
    return !bytes.ok() || instructions_in_bounds(bytes, common.encoding);
}

struct Section {
    Elf_Data* data = nullptr;
    std::uint64_t address = 0;
    bool empty() const { return data == nullptr || data->d_buf == nullptr || data->d_size == 0; }
};

Section section_of(Elf* elf, const char* name) {
    std::size_t names = 0;
    if (elf_getshdrstrndx(elf, &names) != 0) return {};
    for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
        const char* text = elf_strptr(elf, names, header.sh_name);
        if (text == nullptr || std::strcmp(text, name) != 0) continue;
        return {elf_rawdata(section, nullptr), header.sh_addr};
    }
    return {};
}

// Where .eh_frame_hdr says that FDEs begin, one must have been seen: libdw goes where it points.
bool table_in_bounds(const Section& header, const Section& frames, const std::set<std::uint64_t>& fdes) {
    if (header.empty()) return true;
    constexpr std::size_t kHeadBytes = 12, kEntryBytes = 8;
    constexpr std::uint8_t kVersion = 1;
    const auto* bytes = static_cast<const std::uint8_t*>(header.data->d_buf);
    const std::size_t size = header.data->d_size;
    if (size < 4 || bytes[0] != kVersion) return true;  // not used
    const bool usual = bytes[1] == (DW_EH_PE_pcrel | DW_EH_PE_sdata4) && bytes[2] == DW_EH_PE_udata4 &&
                       bytes[3] == (DW_EH_PE_datarel | DW_EH_PE_sdata4);
    if (!usual || size < kHeadBytes) return bytes[2] == DW_EH_PE_omit || bytes[3] == DW_EH_PE_omit;
    std::uint32_t count = 0;
    std::memcpy(&count, bytes + 8, sizeof count);
    for (std::size_t at = kHeadBytes; count > 0 && at + kEntryBytes <= size; at += kEntryBytes, --count) {
        std::int32_t offset = 0;
        std::memcpy(&offset, bytes + at + 4, sizeof offset);
        const std::uint64_t fde = header.address + static_cast<std::uint64_t>(std::int64_t{offset});
        if (!fdes.contains(fde - frames.address)) return false;
    }
    return true;
}

}  // namespace

bool registers_exist(Elf* elf, CfiSection section) {
    const bool eh_frame = section == CfiSection::kEhFrame;
    const Section frames = section_of(elf, eh_frame ? ".eh_frame" : ".debug_frame");
    // Without sections libdw goes by the program header, to wherever that points: such a file is left to libunwind.
    if (frames.empty()) return !eh_frame;
    Elf_Data* data = frames.data;
    const auto* ident = reinterpret_cast<const unsigned char*>(elf_getident(elf, nullptr));
    std::map<Dwarf_Off, Common> commons;
    const auto common_at = [&](Dwarf_Off offset) -> const Common* {
        if (const auto known = commons.find(offset); known != commons.end()) return &known->second;
        Dwarf_CFI_Entry entry;
        Dwarf_Off next = 0;
        if (offset >= data->d_size || dwarf_next_cfi(ident, data, eh_frame, offset, &next, &entry) != 0 ||
            !dwarf_cfi_cie_p(&entry))
            return nullptr;
        return &commons.emplace(offset, common_of(entry.cie, section)).first->second;
    };
    std::set<std::uint64_t> fdes;
    Dwarf_Off offset = 0;
    while (offset < data->d_size) {
        Dwarf_CFI_Entry entry;
        Dwarf_Off next = 0;
        const int found = dwarf_next_cfi(ident, data, eh_frame, offset, &next, &entry);
        if (found != 0 && (next <= offset || found == 1)) break;  // the end, or nothing that anybody could go on from
        if (found == 0 && dwarf_cfi_cie_p(&entry)) {
            const Common& common = commons.insert_or_assign(offset, common_of(entry.cie, section)).first->second;
            if (!instructions_in_bounds({entry.cie.initial_instructions, entry.cie.initial_instructions_end}, common.encoding))
                return false;
        } else if (found == 0) {
            fdes.insert(offset);
            const Common* common = common_at(entry.fde.CIE_pointer);
            if (common != nullptr && !fde_in_bounds(entry.fde, *common)) return false;
        }
        offset = next;
    }
    return !eh_frame || table_in_bounds(section_of(elf, ".eh_frame_hdr"), frames, fdes);
}

}  // namespace coroscope::inspect
