// Reads DT_FLAGS, DT_FLAGS_1 and DT_BIND_NOW of every loaded object.
#include "runtime/entry/eager_binding.h"

#include <elf.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace cprime::detail {
namespace {

// Calls made through its PLT are resolved when first made.
bool is_lazy(const dl_phdr_info& object) {
    for (int i = 0; i < object.dlpi_phnum; ++i) {
        if (object.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
        bool has_plt = false;
        bool now = false;
        for (auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
             entry->d_tag != DT_NULL; ++entry) {
            if (entry->d_tag == DT_PLTRELSZ) has_plt = entry->d_un.d_val != 0;
            if (entry->d_tag == DT_BIND_NOW) now = true;
            if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_BIND_NOW) != 0) now = true;
            if (entry->d_tag == DT_FLAGS_1 && (entry->d_un.d_val & DF_1_NOW) != 0) now = true;
        }
        return has_plt && !now;
    }
    return false;
}

// The dynamic loader binds itself, and the vDSO calls nobody.
bool is_the_loaders_own(std::string_view name) {
    return name.find("/ld-linux") != std::string_view::npos || name.find("vdso") != std::string_view::npos;
}

}  // namespace

bool binding_is_eager() {
    const char* variable = std::getenv("LD_BIND_NOW");
    if (variable != nullptr && *variable != '\0') return true;
    bool lazy = false;
    dl_iterate_phdr(
        [](dl_phdr_info* object, std::size_t, void* found) {
            if (!is_the_loaders_own(object->dlpi_name) && is_lazy(*object)) *static_cast<bool*>(found) = true;
            return 0;
        },
        &lazy);
    return !lazy;
}

void warn_once_if_binding_is_lazy() {
    if (binding_checked.exchange(true, std::memory_order_relaxed) || binding_is_eager()) return;
    std::fprintf(
        stderr,
        "cprime: library calls are bound lazily, and the first call of each takes 3.2 KiB of stack, more "
        "than a micro or small "
        "coroutine has; start the program with LD_BIND_NOW=1 ('coroscope launch' and 'record' do)\n");
}

}  // namespace cprime::detail
