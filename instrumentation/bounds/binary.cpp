// Reading symbols, segments and relocations through libelf.
#include "instrumentation/bounds/binary.h"

#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "instrumentation/bounds/unwind_ranges.h"
#include "instrumentation/inspect/function_index.h"

namespace coroscope::bounds {

namespace {

constexpr std::uint64_t kSeveral = ~std::uint64_t{0};  // versions of one name; no function begins there
constexpr std::string_view kTypeInfoVtable = "_ZTVN10__cxxabiv1";
constexpr std::int64_t kVtableHeaderBytes = 16;

}  // namespace

std::string readable(std::string_view name) {
    return inspect::demangle(std::string(name).c_str());
}

base::Result<std::unique_ptr<Binary>> Binary::open(const std::string& path) {
    auto file = inspect::ElfFile::open(path);
    if (!file) return file.error();
    std::unique_ptr<Binary> binary(new Binary);
    binary->path_ = path;
    binary->file_ = std::move(*file);
    struct stat status {};
    if (fstat(binary->file_->descriptor(), &status) == 0)
        binary->file_bytes_ = static_cast<std::uint64_t>(status.st_size);
    elf_version(EV_CURRENT);
    binary->elf_ = elf_begin(binary->file_->descriptor(), ELF_C_READ, nullptr);
    if (binary->elf_ == nullptr || elf_kind(binary->elf_) != ELF_K_ELF)
        return base::error(base::ErrorCode::kCorrupt, path + " is no ELF file that libelf can read");
    binary->read_segments();
    if (binary->code_.empty())
        return base::error(base::ErrorCode::kCorrupt,
                           path + " holds no code that is loaded: give a program or a shared library");
    // Relocations last: they name symbols.
    for (const bool relocations : {false, true}) {
        for (Elf_Scn* section = nullptr; (section = elf_nextscn(binary->elf_, section)) != nullptr;) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr) continue;
            if (relocations && header.sh_type == SHT_RELA) binary->read_relocations(section, header);
            if (relocations) continue;
            if (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM)
                binary->read_symbols(section, header);
            if (header.sh_type == SHT_DYNAMIC) binary->read_dynamic(section, header);
        }
    }
    binary->order_functions();
    binary->add_unnamed_functions();
    return binary;
}

Binary::~Binary() {
    elf_end(elf_);
}

void Binary::read_segments() {
    std::size_t count = 0;
    if (elf_getphdrnum(elf_, &count) != 0) return;
    GElf_Ehdr whole;
    if (gelf_getehdr(elf_, &whole) != nullptr) is_program_ = fixed_addresses_ = whole.e_type == ET_EXEC;
    for (std::size_t i = 0; i < count; ++i) {
        GElf_Phdr header;
        if (gelf_getphdr(elf_, static_cast<int>(i), &header) == nullptr || header.p_memsz > ~header.p_vaddr)
            continue;
        if (header.p_type == PT_INTERP) is_program_ = true;
        if (header.p_type == PT_GNU_RELRO)
            constant_.push_back({header.p_vaddr, header.p_vaddr + header.p_memsz});
        if (header.p_type != PT_LOAD) continue;
        const bool inside = header.p_offset <= file_bytes_ && header.p_filesz <= file_bytes_ - header.p_offset;
        if (!inside || header.p_filesz > ~header.p_vaddr) continue;
        segments_.push_back({header.p_vaddr, header.p_offset, header.p_filesz, {}, false});
        if ((header.p_flags & PF_W) == 0)
            constant_.push_back({header.p_vaddr, header.p_vaddr + header.p_filesz});
        if ((header.p_flags & PF_X) != 0) code_.push_back({header.p_vaddr, header.p_vaddr + header.p_filesz});
    }
}

void Binary::read_symbols(Elf_Scn* section, const GElf_Shdr& header) {
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || header.sh_entsize == 0) return;
    const bool dynamic = header.sh_type == SHT_DYNSYM;
    const std::size_t count = std::min<std::size_t>(header.sh_size / header.sh_entsize,
                                                    file_bytes_ / sizeof(Elf64_Sym));
    for (std::size_t i = 1; i < count; ++i) {
        GElf_Sym symbol;
        if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) return;
        const char* name = elf_strptr(elf_, header.sh_link, symbol.st_name);
        if (name == nullptr || name[0] == '\0') continue;
        if (std::strcmp(name, "__asan_init") == 0 || std::strcmp(name, "__tsan_init") == 0) sanitized_ = true;
        if (symbol.st_shndx == SHN_UNDEF) {
            const std::string_view asked = std::string_view(name).substr(0, std::string_view(name).find('@'));
            loads_libraries_ |= asked == "dlopen" || asked == "dlmopen";
            continue;
        }
        const int type = GELF_ST_TYPE(symbol.st_info);
        if (type == STT_OBJECT) objects_.push_back({symbol.st_value, symbol.st_size, name});
        if (type != STT_FUNC && type != STT_GNU_IFUNC) continue;
        const std::uint64_t bytes = std::min<std::uint64_t>(symbol.st_size, ~symbol.st_value);
        functions_.push_back({symbol.st_value, symbol.st_value + bytes, name, type == STT_GNU_IFUNC});
        GElf_Shdr around;
        if (bytes == 0 && gelf_getshdr(elf_getscn(elf_, symbol.st_shndx), &around) != nullptr)
            section_ends_[symbol.st_value] = around.sh_addr + std::min(around.sh_size, ~around.sh_addr);
        names_.emplace(name, symbol.st_value);
        if (!dynamic || GELF_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
        const auto [known, added] = exported_.emplace(name, symbol.st_value);
        if (!added && known->second != symbol.st_value) known->second = kSeveral;
    }
}

void Binary::read_relocations(Elf_Scn* section, const GElf_Shdr& header) {
    Elf_Data* data = elf_getdata(section, nullptr);
    GElf_Shdr symbols_header;
    Elf_Scn* symbols_section = elf_getscn(elf_, header.sh_link);
    Elf_Data* symbols = elf_getdata(symbols_section, nullptr);
    if (data == nullptr || header.sh_entsize == 0) return;
    const bool named = symbols != nullptr && gelf_getshdr(symbols_section, &symbols_header) != nullptr;
    const std::size_t count = std::min<std::size_t>(header.sh_size / header.sh_entsize,
                                                    file_bytes_ / sizeof(Elf64_Rela));
    for (std::size_t i = 0; i < count; ++i) {
        GElf_Rela relocation;
        if (gelf_getrela(data, static_cast<int>(i), &relocation) == nullptr) return;
        Slot slot;
        const auto type = GELF_R_TYPE(relocation.r_info);
        // Elsewhere it is only what a variable begins with.
        const bool constant = std::any_of(constant_.begin(), constant_.end(), [&](const Range& range) {
            return relocation.r_offset >= range.low && relocation.r_offset < range.high;
        });
        slot.through_table = type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
        slot.constant = constant || slot.through_table || type == R_X86_64_IRELATIVE;
        switch (type) {
            case R_X86_64_RELATIVE:
                slot.kind = Slot::Kind::kAddress;
                slot.address = static_cast<std::uint64_t>(relocation.r_addend);
                break;
            case R_X86_64_IRELATIVE:
                slot.kind = Slot::Kind::kChosenAtStart;
                slot.address = static_cast<std::uint64_t>(relocation.r_addend);
                break;
            case R_X86_64_JUMP_SLOT:
            case R_X86_64_GLOB_DAT:
            case R_X86_64_64: {
                GElf_Sym symbol;
                const int index = static_cast<int>(GELF_R_SYM(relocation.r_info));
                if (!named || gelf_getsym(symbols, index, &symbol) == nullptr) continue;
                const char* name = elf_strptr(elf_, symbols_header.sh_link, symbol.st_name);
                if (name == nullptr || name[0] == '\0') continue;
                if (relocation.r_addend == kVtableHeaderBytes &&
                    std::string_view(name).starts_with(kTypeInfoVtable))
                    type_infos_.emplace_back(relocation.r_offset, name);
                if (relocation.r_addend != 0) continue;
                slot.kind = Slot::Kind::kImport;
                slot.import = name;
                break;
            }
            default:
                continue;
        }
        slots_.emplace(relocation.r_offset, slot);
    }
}

void Binary::read_dynamic(Elf_Scn* section, const GElf_Shdr& header) {
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || header.sh_entsize == 0) return;
    const std::size_t count = std::min<std::size_t>(header.sh_size / header.sh_entsize,
                                                    file_bytes_ / sizeof(Elf64_Dyn));
    for (std::size_t i = 0; i < count; ++i) {
        GElf_Dyn entry;
        if (gelf_getdyn(data, static_cast<int>(i), &entry) == nullptr || entry.d_tag == DT_NULL) return;
        if (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_PIE) != 0) is_program_ = true;
        if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RUNPATH && entry.d_tag != DT_RPATH) continue;
        const char* text = elf_strptr(elf_, header.sh_link, entry.d_un.d_val);
        if (text == nullptr) continue;
        if (entry.d_tag == DT_NEEDED) {
            needed_.emplace_back(text);
        } else {
            search_path_ = text;
        }
    }
}

void Binary::order_functions() {
    // Of aliases the longest covers most, then the shortest name reads best. A symbol without a size reaches to the next one, or its section's end.
    std::sort(functions_.begin(), functions_.end(), [](const Function& a, const Function& b) {
        if (a.low != b.low) return a.low < b.low;
        if (a.high != b.high) return a.high > b.high;
        const int shorter = static_cast<int>(std::strlen(a.name)) - static_cast<int>(std::strlen(b.name));
        return shorter != 0 ? shorter < 0 : std::strcmp(a.name, b.name) < 0;
    });
    std::vector<Function> distinct;
    for (const Function& function : functions_) {
        if (!distinct.empty() && distinct.back().low == function.low) {
            distinct.back().chosen_at_start |= function.chosen_at_start;
        } else {
            distinct.push_back(function);
        }
    }
    for (std::size_t i = 0; i < distinct.size(); ++i) {
        if (distinct[i].high != distinct[i].low) continue;
        for (const Range& range : code_) {
            if (distinct[i].low < range.low || distinct[i].low >= range.high) continue;
            distinct[i].high = i + 1 < distinct.size() ? std::min(distinct[i + 1].low, range.high)
                                                       : range.high;
            const auto end = section_ends_.find(distinct[i].low);
            if (end != section_ends_.end() && end->second > distinct[i].low)
                distinct[i].high = std::min(distinct[i].high, end->second);
        }
    }
    functions_ = std::move(distinct);
}

// Where a symbol knows the code, it knows better: the unwind tables tell apart what is one function in several places.
void Binary::add_unnamed_functions() {
    std::vector<Function> unnamed;
    for (const CodeRange& range : unwind_ranges(elf_)) {
        const bool executable = std::any_of(code_.begin(), code_.end(), [&](const Range& one) {
            return range.low >= one.low && range.high <= one.high;
        });
        if (executable && !function_around(range.low)) unnamed.push_back({range.low, range.high, "", false});
    }
    const auto before = [](const Function& a, const Function& b) { return a.low < b.low; };
    std::stable_sort(unnamed.begin(), unnamed.end(), before);
    const auto same = [](const Function& a, const Function& b) { return a.low == b.low; };
    unnamed.erase(std::unique(unnamed.begin(), unnamed.end(), same), unnamed.end());
    for (Function& function : unnamed) {
        char digits[16];
        const auto end = std::to_chars(std::begin(digits), std::end(digits), function.low, 16).ptr;
        function.name = made_names_.emplace_back("at_0x" + std::string(digits, end)).c_str();
    }
    const auto named = static_cast<std::ptrdiff_t>(functions_.size());
    functions_.insert(functions_.end(), unnamed.begin(), unnamed.end());
    std::inplace_merge(functions_.begin(), functions_.begin() + named, functions_.end(), before);
}

std::optional<std::uint32_t> Binary::function_around(std::uint64_t address) const {
    const auto after = std::upper_bound(functions_.begin(), functions_.end(), address,
                                        [](std::uint64_t at, const Function& one) { return at < one.low; });
    if (after == functions_.begin() || address >= std::prev(after)->high) return std::nullopt;
    return static_cast<std::uint32_t>(std::prev(after) - functions_.begin());
}

std::optional<std::uint32_t> Binary::function_at(std::uint64_t address) const {
    const auto found = function_around(address);
    return found && functions_[*found].low == address ? found : std::nullopt;
}

std::optional<std::uint32_t> Binary::function_named(std::string_view name, bool exported) const {
    const auto& names = exported ? exported_ : names_;
    const auto found = names.find(name);
    return found != names.end() ? function_at(found->second) : std::nullopt;
}

std::vector<Object> Binary::objects_named(std::string_view beginning) const {
    std::vector<Object> found;
    for (const Object& object : objects_) {
        if (std::string_view(object.name).substr(0, beginning.size()) == beginning) found.push_back(object);
    }
    return found;
}

std::string_view Binary::object_at(std::uint64_t address) {
    if (object_names_.empty()) {
        for (const Object& object : objects_)
            object_names_.emplace(object.address, object.name);
    }
    const auto found = object_names_.find(address);
    return found != object_names_.end() ? found->second : "";
}

std::optional<Object> Binary::object_around(std::uint64_t address) {
    const auto before = [](const Object& a, const Object& b) {
        return a.address != b.address ? a.address < b.address : a.bytes < b.bytes;
    };
    if (!objects_ordered_) std::stable_sort(objects_.begin(), objects_.end(), before);
    objects_ordered_ = true;
    const auto after = std::upper_bound(objects_.begin(), objects_.end(), address,
                                        [](std::uint64_t at, const Object& one) { return at < one.address; });
    if (after == objects_.begin() || address - std::prev(after)->address >= std::prev(after)->bytes)
        return std::nullopt;
    return *std::prev(after);
}

Binary::Slot Binary::slot(std::uint64_t address) const {
    const auto found = slots_.find(address);
    return found != slots_.end() && found->second.constant ? found->second : Slot{};
}

std::uint64_t Binary::first_address_in(std::uint64_t address) {
    const auto found = slots_.find(address);
    if (found != slots_.end()) return found->second.kind == Slot::Kind::kAddress ? found->second.address : 0;
    return word(address).value_or(0);
}

Binary::Slot Binary::pointer(std::uint64_t address) {
    const auto found = slots_.find(address);
    if (found != slots_.end()) return found->second;
    Slot slot;
    if (!fixed_addresses_) return slot;
    slot.address = word(address).value_or(0);
    const bool inside = std::any_of(segments_.begin(), segments_.end(), [&](const Segment& segment) {
        return slot.address >= segment.address && slot.address - segment.address < segment.bytes;
    });
    if (inside) slot.kind = Slot::Kind::kAddress;
    return slot;
}

std::vector<std::pair<std::uint64_t, Binary::Slot>> Binary::pointers() {
    std::vector<std::pair<std::uint64_t, Slot>> found(slots_.begin(), slots_.end());
    for (std::size_t i = 0; fixed_addresses_ && i < segments_.size(); ++i) {
        const std::uint64_t low = segments_[i].address;
        const bool executable = std::any_of(code_.begin(), code_.end(),
                                            [low](const Range& range) { return range.low == low; });
        if (executable) continue;
        constexpr std::uint64_t kWordBytes = 8;
        for (std::uint64_t at = (low + kWordBytes - 1) / kWordBytes * kWordBytes;
             at - low + kWordBytes <= segments_[i].bytes; at += kWordBytes) {
            const Slot slot = slots_.contains(at) ? Slot{} : pointer(at);
            if (slot.kind == Slot::Kind::kAddress) found.emplace_back(at, slot);
        }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return found;
}

std::vector<std::uint32_t> Binary::functions_with_distance_to(std::uint64_t address) {
    std::vector<std::uint32_t> found;
    for (const Range& range : code_) {
        const auto code = bytes(range.low, range.high);
        for (std::size_t i = 0; i + 4 <= code.size(); ++i) {
            std::int32_t distance = 0;
            std::memcpy(&distance, code.data() + i, sizeof distance);
            if (range.low + i + 4 + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance)) != address)
                continue;
            const auto function = function_around(range.low + i);
            if (function && (found.empty() || found.back() != *function)) found.push_back(*function);
        }
    }
    return found;
}

std::string Binary::text(std::uint64_t address) {
    constexpr std::uint64_t kTextBytesMax = 4096;
    const auto found = bytes(address, std::min(address, ~kTextBytesMax) + kTextBytesMax);
    const std::size_t end = found.find(std::uint8_t{0});
    if (end == std::basic_string_view<std::uint8_t>::npos) return "";
    return {reinterpret_cast<const char*>(found.data()), end};
}

std::basic_string_view<std::uint8_t> Binary::bytes(std::uint64_t low, std::uint64_t high) {
    for (Segment& segment : segments_) {
        if (low >= high || low < segment.address || low - segment.address >= segment.bytes) continue;
        if (!segment.loaded) {
            segment.loaded = true;
            // Segments that overlap would become more than the file is.
            if (segment.bytes > file_bytes_ + segments_.size() * 4096 - loaded_bytes_) return {};
            loaded_bytes_ += segment.bytes;
            const Elf_Data* data = elf_getdata_rawchunk(elf_, static_cast<std::int64_t>(segment.file_offset),
                                                        segment.bytes, ELF_T_BYTE);
            if (data == nullptr || data->d_buf == nullptr || data->d_size < segment.bytes) return {};
            const auto* from = static_cast<const std::uint8_t*>(data->d_buf);
            segment.content.assign(from, from + segment.bytes);
        }
        const std::uint64_t offset = low - segment.address;
        if (offset >= segment.content.size()) return {};
        return {segment.content.data() + offset, static_cast<std::size_t>(std::min<std::uint64_t>(
                                                     high - low, segment.content.size() - offset))};
    }
    return {};
}

std::optional<std::uint64_t> Binary::word(std::uint64_t address) {
    if (address > ~std::uint64_t{8}) return std::nullopt;
    const auto found = bytes(address, address + sizeof(std::uint64_t));
    std::uint64_t value = 0;
    if (found.size() < sizeof value) return std::nullopt;
    std::memcpy(&value, found.data(), sizeof value);
    return value;
}

bool Binary::is_constant(std::uint64_t low, std::uint64_t high) const {
    return std::any_of(constant_.begin(), constant_.end(), [&](const Range& range) {
        return low >= range.low && low < high && high <= range.high;
    });
}

std::optional<std::uint64_t> Binary::constant_word(std::uint64_t address) {
    return is_constant(address, address + 1) ? word(address) : std::nullopt;
}

}  // namespace coroscope::bounds
