// Guard pages: unreadable pages below stacks, thousands of them.
//
// MADV_GUARD_INSTALL (Linux 6.13) marks pages in the page table and splits no mapping: 100,000 guards cost 41 lines of
// /proc/PID/maps. Older kernels get mprotect, which splits the mapping at each guard: two maps a guard, of vm.max_map_count (65,530)
// that a process may have. Guards stop at seven eighths of that, about 28,600 of them: the rest of the program needs maps, too, were it
// only for malloc. Past it the caller is told, and says so to the user.
//
// Thread: any. Enters the kernel. Tested in tests/unit/runtime/guards_test.cpp.
#pragma once

#include <cstdint>

namespace cprime::detail {

enum class GuardKind { kMarked, kProtected };

struct GuardsMade {
    GuardKind kind;
    std::uint32_t count;  // from the lowest one on; fewer than wanted: the kernel, or the limit above, refused the others
};

// Makes `bytes` at base, base + stride, ... (count of them) fault on any access. `base` is page aligned, memory private and
// anonymous.
GuardsMade install_guards(std::uint64_t base, std::uint64_t stride_bytes, std::uint32_t count,
                          std::uint64_t bytes);

// Makes `bytes` at base usable again, whichever way they were guarded. They are zero then. Async-signal-safe. False: the kernel
// would not (mprotect at vm.max_map_count).
bool remove_guards(std::uint64_t base, std::uint64_t bytes);
// Guards what remove_guards() made usable. False: the kernel would not.
bool restore_guards(std::uint64_t base, std::uint64_t bytes);

// All guards went with their mappings: the count against the limit starts anew.
void forget_guards();

// For tests: pretend that the kernel has no MADV_GUARD_INSTALL.
void set_guard_marking(bool enabled);

}  // namespace cprime::detail
