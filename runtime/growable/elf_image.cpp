// libelf, as far as the check needs it.
#include "runtime/growable/elf_image.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cprime::growable {

namespace {

// Whether the 4 bytes at `offset` belong to a call or a jump: e8, e9, 0f 80..8f.
bool is_jump(const Elf_Data* code, std::uint64_t offset) {
    if (code == nullptr || offset < 2 || offset > code->d_size) return false;
    const auto* before = static_cast<const std::uint8_t*>(code->d_buf) + offset;
    return before[-1] == 0xe8 || before[-1] == 0xe9 || (before[-2] == 0x0f && (before[-1] & 0xf0) == 0x80);
}

}  // namespace

std::unique_ptr<ElfImage> ElfImage::open(const std::string& path, std::string* error) {
    elf_version(EV_CURRENT);
    std::unique_ptr<ElfImage> image(new ElfImage);
    image->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (image->fd_ < 0) {
        *error = "cannot open " + path + ": " + std::strerror(errno);
        return nullptr;
    }
    image->elf_ = elf_begin(image->fd_, ELF_C_READ_MMAP, nullptr);
    GElf_Ehdr header;
    if (image->elf_ == nullptr || elf_kind(image->elf_) != ELF_K_ELF ||
        gelf_getehdr(image->elf_, &header) == nullptr || header.e_machine != EM_X86_64 ||
        elf_getshdrstrndx(image->elf_, &image->names_) != 0) {
        *error = path + " is no ELF file for x86-64";
        return nullptr;
    }
    image->read_functions();
    return image;
}

ElfImage::~ElfImage() {
    if (elf_ != nullptr) elf_end(elf_);
    if (fd_ >= 0) close(fd_);
}

std::string_view ElfImage::section_name(Elf_Scn* section) const {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) return {};
    const char* name = elf_strptr(elf_, names_, header.sh_name);
    return name != nullptr ? name : std::string_view{};
}

bool ElfImage::has_section(std::string_view name) const {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
        if (section_name(section).starts_with(name)) return true;
    }
    return false;
}

void ElfImage::read_functions() {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB ||
            header.sh_entsize == 0)
            continue;
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr) continue;
        has_symbols_ = true;
        std::string file;
        for (std::size_t i = 0; i < header.sh_size / header.sh_entsize; ++i) {
            GElf_Sym symbol;
            if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
            const char* name = elf_strptr(elf_, header.sh_link, symbol.st_name);
            if (name == nullptr) continue;
            const auto type = GELF_ST_TYPE(symbol.st_info);
            const auto binding = GELF_ST_BIND(symbol.st_info);
            if (type == STT_FILE) file = name;
            if (type != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
            functions_.push_back({name, binding == STB_LOCAL ? file : std::string{}, symbol.st_value,
                                  symbol.st_size, symbol.st_shndx, binding == STB_LOCAL, binding == STB_WEAK});
        }
    }
}

std::vector<Call> ElfImage::calls() const {
    std::vector<Call> calls;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_RELA || header.sh_entsize == 0)
            continue;
        GElf_Shdr code_header;
        Elf_Scn* code = elf_getscn(elf_, header.sh_info);
        Elf_Scn* symbols = elf_getscn(elf_, header.sh_link);
        GElf_Shdr symbols_header;
        if (code == nullptr || symbols == nullptr || gelf_getshdr(code, &code_header) == nullptr ||
            gelf_getshdr(symbols, &symbols_header) == nullptr || (code_header.sh_flags & SHF_EXECINSTR) == 0)
            continue;
        Elf_Data* code_data = elf_getdata(code, nullptr);
        Elf_Data* data = elf_getdata(section, nullptr);
        Elf_Data* symbols_data = elf_getdata(symbols, nullptr);
        for (std::size_t i = 0; data != nullptr && i < header.sh_size / header.sh_entsize; ++i) {
            GElf_Rela relocation;
            GElf_Sym symbol;
            if (gelf_getrela(data, static_cast<int>(i), &relocation) == nullptr) break;
            const auto type = GELF_R_TYPE(relocation.r_info);
            if ((type != R_X86_64_PLT32 && type != R_X86_64_PC32) || !is_jump(code_data, relocation.r_offset))
                continue;
            const auto number = static_cast<int>(GELF_R_SYM(relocation.r_info));
            if (gelf_getsym(symbols_data, number, &symbol) == nullptr) continue;
            const auto kind = GELF_ST_TYPE(symbol.st_info);
            if (kind != STT_FUNC && kind != STT_NOTYPE) continue;
            const char* name = elf_strptr(elf_, symbols_header.sh_link, symbol.st_name);
            if (name != nullptr && *name != '\0')
                calls.push_back({relocation.r_offset, header.sh_info, name});
        }
    }
    return calls;
}

std::basic_string_view<std::uint8_t> ElfImage::code(std::uint64_t address, std::size_t bytes) const {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || (header.sh_flags & SHF_EXECINSTR) == 0) continue;
        if (address < header.sh_addr || address - header.sh_addr >= header.sh_size) continue;
        Elf_Data* data = elf_getdata(section, nullptr);
        const std::uint64_t offset = address - header.sh_addr;
        if (data == nullptr || offset >= data->d_size) return {};
        return {static_cast<const std::uint8_t*>(data->d_buf) + offset,
                std::min<std::size_t>(bytes, data->d_size - offset)};
    }
    return {};
}

}  // namespace cprime::growable
