// Eager binding: the first call through a lazily bound PLT entry takes 3.2 KiB of the caller's stack, more than a Micro or Small
// slot has. So everything should be bound at start: LD_BIND_NOW=1 (`coroscope launch` and `record` set it), or every loaded object
// linked with -z now.
//
// Thread: any. Tested in tests/unit/runtime/eager_binding_test.cpp.
#pragma once

#include <atomic>

namespace cprime::detail {

// Whether every loaded object is bound already. Looks at the dynamic section of each (microseconds).
bool binding_is_eager();

// Once a process, one line on stderr if binding is lazy; called when a Micro or Small slot is about to be used.
void warn_once_if_binding_is_lazy();

inline std::atomic<bool> binding_checked{false};  // relaxed: at worst two threads ask, one of them prints
inline void warn_if_binding_is_lazy() {
    if (!binding_checked.load(std::memory_order_relaxed)) warn_once_if_binding_is_lazy();
}

}  // namespace cprime::detail
