// What CPRIME_CORO said of plain functions: a list that only grows, kept by the library so that an unloaded plugin leaves nothing wild.
//
// Thread: any. Additions happen before main or while a library is loaded; lookups at spawns of function pointers. Tested in
// tests/unit/runtime/metadata_test.cpp.
#include <atomic>

#include "cprime/metadata.h"

namespace cprime::detail {
namespace {

struct Declared {
    const void* function;
    coro_metadata said;
    const Declared* next;
};

// Writers: declare_function(), release; readers: spawns, acquire: who sees an entry sees all of it [declared.publish].
constinit std::atomic<const Declared*> newest{nullptr};

}  // namespace

bool declare_function(const void* function, const coro_metadata& said) {
    auto* entry = new Declared{function, said, newest.load(std::memory_order_relaxed)};
    // [declared.publish]
    while (!newest.compare_exchange_weak(entry->next, entry, std::memory_order_release,
                                         std::memory_order_relaxed)) {
    }
    return true;
}

const coro_metadata* declared_metadata(const void* function) noexcept {
    for (const Declared* entry = newest.load(std::memory_order_acquire); entry != nullptr;
         entry = entry->next) {
        if (entry->function == function) return &entry->said;
    }
    return nullptr;
}

}  // namespace cprime::detail
