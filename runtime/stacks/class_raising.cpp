// Two sentences.
#include "runtime/stacks/class_raising.h"

#include <atomic>
#include <cstdio>

#include "runtime/entry/runtime_state.h"
#include "runtime/switch/sanitizer.h"

namespace cprime::detail {
namespace {

// Writer: the runtime's start, before there are workers; readers: spawns; relaxed.
std::atomic<bool> silent{false};
std::atomic<bool> build_said{false}, unoptimised_said{false};  // exchanged by whoever is first

}  // namespace

void say_classes_of_this_build(bool quiet) {
    silent.store(quiet, std::memory_order_relaxed);
    if (!kSanitizer || quiet || build_said.exchange(true, std::memory_order_relaxed)) return;
    const Pools& pools = g_runtime->pools;
#if defined(__SANITIZE_THREAD__)
    constexpr const char* kSanitizerName = "TSan";
#else
    constexpr const char* kSanitizerName = "ASan";
#endif
    std::fprintf(stderr,
                 "cprime: built with %s: micro, small and medium stacks have %u, %u and %u bytes here "
                 "(CPRIME_QUIET=1 leaves this line out)\n",
                 kSanitizerName, pools.geometry(kPoolMicro).slot_bytes, pools.geometry(kPoolSmall).slot_bytes,
                 pools.geometry(kPoolMedium).slot_bytes);
}

void say_unoptimised(const Place& place) {
    if (silent.load(std::memory_order_relaxed) || unoptimised_said.load(std::memory_order_relaxed) ||
        unoptimised_said.exchange(true, std::memory_order_relaxed))
        return;
    std::fprintf(
        stderr,
        "cprime: %s:%u was compiled without optimisation: micro and small stacks that were not wished for "
        "by name are one class larger in such code (CPRIME_QUIET=1 leaves this line out)\n",
        place.file, place.line);
}

}  // namespace cprime::detail
