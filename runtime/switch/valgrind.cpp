// Client requests; valgrind's names of the stacks stand in an array by coroutine index, touched only under valgrind.
#include "runtime/switch/valgrind.h"

#ifdef CPRIME_VALGRIND

#include <sys/mman.h>
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

#include "instrumentation/base/check.h"
#include "instrumentation/wire/limits.h"

namespace cprime::detail {

const bool g_on_valgrind = [] { return RUNNING_ON_VALGRIND != 0; }();

namespace {

// An entry belongs to whoever spawns or ends that coroutine, or has that segment.
unsigned& name_of(ValgrindStack kind, std::uint32_t number) {
    const auto make = [](std::uint64_t entries) {
        void* memory = mmap(nullptr, sizeof(unsigned) * entries, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(memory != MAP_FAILED);
        return static_cast<unsigned*>(memory);
    };
    static unsigned* const coroutines = make(coroscope::wire::kCoroutinesMax);
    static unsigned* const segments = make(coroscope::wire::kStackSegmentsMax);
    return (kind == ValgrindStack::kCoroutine ? coroutines : segments)[number];
}

}  // namespace

unsigned add_valgrind_stack(const coroscope::wire::StackBounds& bounds) {
    // Defined: a canary may lie there. Frames make what they push undefined themselves.
    VALGRIND_MAKE_MEM_DEFINED(bounds.low, bounds.high - bounds.low);
    return VALGRIND_STACK_REGISTER(bounds.low,
                                   bounds.high);  // an empty segment's stack pointer is its high end
}

void remove_valgrind_stack(unsigned name) {
    VALGRIND_STACK_DEREGISTER(name);
}

void register_valgrind_stack(ValgrindStack kind, std::uint32_t number,
                             const coroscope::wire::StackBounds& bounds) {
    name_of(kind, number) = add_valgrind_stack(bounds);
}

void deregister_valgrind_stack(ValgrindStack kind, std::uint32_t number) {
    remove_valgrind_stack(name_of(kind, number));
}

void allow_valgrind_reads(std::uint64_t low, std::uint64_t high) {
    VALGRIND_MAKE_MEM_DEFINED(low, high - low);
}

}  // namespace cprime::detail

#endif
