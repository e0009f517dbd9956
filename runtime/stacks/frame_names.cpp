// _dl_find_object, and a walk over the dynamic symbol table it leads to.
#include "runtime/stacks/frame_names.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace cprime::detail {
namespace {

struct SymbolTable {
    const ElfW(Sym) * symbols = nullptr;
    const char* names = nullptr;
    std::uint32_t count = 0;
};

// Symbols are not counted where DT_GNU_HASH replaces DT_HASH: the last one is the end of the chain that begins highest.
std::uint32_t count_by_gnu_hash(const std::uint32_t* table) {
    const std::uint32_t buckets_count = table[0], first_hashed = table[1], bloom_words = table[2];
    const auto* bloom = reinterpret_cast<const ElfW(Addr)*>(table + 4);
    const auto* buckets = reinterpret_cast<const std::uint32_t*>(bloom + bloom_words);
    const std::uint32_t* chains = buckets + buckets_count;
    std::uint32_t last = 0;
    for (std::uint32_t bucket = 0; bucket < buckets_count; ++bucket)
        last = std::max(last, buckets[bucket]);
    if (last < first_hashed) return first_hashed;
    while ((chains[last - first_hashed] & 1) == 0)
        ++last;
    return last + 1;
}

SymbolTable symbols_of(const link_map& module) {
    SymbolTable found;
    for (const ElfW(Dyn)* entry = module.l_ld; entry->d_tag != DT_NULL; ++entry) {
        // The loader has made these absolute in place, but in the vDSO, which it may not write.
        const ElfW(Addr) value = entry->d_un.d_ptr;
        const ElfW(Addr) address = value < module.l_addr ? value + module.l_addr : value;
        if (entry->d_tag == DT_SYMTAB) found.symbols = reinterpret_cast<const ElfW(Sym)*>(address);
        if (entry->d_tag == DT_STRTAB) found.names = reinterpret_cast<const char*>(address);
        if (entry->d_tag == DT_HASH) found.count = reinterpret_cast<const std::uint32_t*>(address)[1];
        if (entry->d_tag == DT_GNU_HASH)
            found.count = count_by_gnu_hash(reinterpret_cast<const std::uint32_t*>(address));
    }
    if (found.symbols == nullptr || found.names == nullptr) found.count = 0;
    return found;
}

}  // namespace

void find_frame_name(std::uint64_t address, FrameName* found) {
    dl_find_object object;
    if (_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return;
    const link_map& module = *object.dlfo_link_map;
    found->offset = address - module.l_addr;
    found->module = module.l_name;
    if (*found->module == '\0') {  // the program itself
        const ssize_t length = readlink("/proc/self/exe", found->own_path, sizeof found->own_path - 1);
        if (length > 0) {
            found->own_path[length] = '\0';
            found->module = found->own_path;
        } else {
            found->module = "/proc/self/exe";
        }
    }
    const SymbolTable table = symbols_of(module);
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const ElfW(Sym)& symbol = table.symbols[i];
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
        if (found->offset - symbol.st_value >= symbol.st_size) continue;
        found->symbol = table.names + symbol.st_name;
        return;
    }
}

}  // namespace cprime::detail
