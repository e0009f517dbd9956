// What valgrind must be told of stacks: that each slot is one, and that what an earlier coroutine left there may be written again.
//
// Without it valgrind takes a switch between neighbouring slots for a push or pop of what lies between. Compiled in where its header
// was found at build time; costs a branch at spawn and exit then. Classes are not raised: the program's own frames run there. But
// valgrind counts 128 bytes below each stack pointer as the frame's, a neighbour's slot among them, so that of slots without guard
// pages every second one is left free. Those bytes may also be the words at a slot's low end by which segments are found; so there
// each growth asks new_segment(), which says that they are defined, and a suppression (runtime/valgrind.supp, installed with
// the library) is about the one look at them before.
//
// Thread: whoever spawns or ends the coroutine, or runs it and takes or gives back its segment. Tested by running programs under
// valgrind (tests/unit/runtime/valgrind_test.py).
#pragma once

#include <cstdint>

#include "instrumentation/wire/pool.h"

#if __has_include(<valgrind/memcheck.h>)
#define CPRIME_VALGRIND 1
#endif

namespace cprime::detail {

#ifdef CPRIME_VALGRIND

[[gnu::visibility("hidden")]] extern const bool g_on_valgrind;  // constant from the program's start

enum class ValgrindStack : std::uint8_t {
    kCoroutine,
    kSegment
};  // whose number the stack has: a coroutine's, a segment record's
unsigned add_valgrind_stack(const coroscope::wire::StackBounds& bounds);  // valgrind's name of it
void remove_valgrind_stack(unsigned name);
void register_valgrind_stack(ValgrindStack kind, std::uint32_t number,
                             const coroscope::wire::StackBounds& bounds);
void deregister_valgrind_stack(ValgrindStack kind, std::uint32_t number);
void allow_valgrind_reads(std::uint64_t low, std::uint64_t high);

inline void valgrind_create(std::uint32_t coroutine, const coroscope::wire::StackBounds& bounds) {
    if (__builtin_expect(g_on_valgrind, 0))
        register_valgrind_stack(ValgrindStack::kCoroutine, coroutine, bounds);
}
inline void valgrind_destroy(std::uint32_t coroutine) {
    if (__builtin_expect(g_on_valgrind, 0)) deregister_valgrind_stack(ValgrindStack::kCoroutine, coroutine);
}
inline void valgrind_create_segment(std::uint32_t record, const coroscope::wire::StackBounds& bounds) {
    if (__builtin_expect(g_on_valgrind, 0)) register_valgrind_stack(ValgrindStack::kSegment, record, bounds);
}
inline void valgrind_destroy_segment(std::uint32_t record) {
    if (__builtin_expect(g_on_valgrind, 0)) deregister_valgrind_stack(ValgrindStack::kSegment, record);
}
// The same for stacks whose owner keeps valgrind's name; 0 = none.
inline unsigned valgrind_add(const coroscope::wire::StackBounds& bounds) {
    return __builtin_expect(g_on_valgrind, 0) ? add_valgrind_stack(bounds) : 0;
}
inline void valgrind_remove(unsigned name) {
    if (__builtin_expect(g_on_valgrind, 0)) remove_valgrind_stack(name);
}
// Memory that frames have left, or whose red zone covered it, and which the runtime is about to look at: paint, canaries.
inline void valgrind_readable(std::uint64_t low, std::uint64_t high) {
    if (__builtin_expect(g_on_valgrind, 0)) allow_valgrind_reads(low, high);
}

inline bool on_valgrind() {
    return __builtin_expect(g_on_valgrind, 0);
}
// Slots of a word of a bitmap that stay free, in pools whose slots touch each other.
inline std::uint64_t valgrind_spaces() {
    return __builtin_expect(g_on_valgrind, 0) ? 0xaaaa'aaaa'aaaa'aaaaULL : 0;
}

#else

inline bool on_valgrind() {
    return false;
}
inline std::uint64_t valgrind_spaces() {
    return 0;
}
inline void valgrind_create(std::uint32_t, const coroscope::wire::StackBounds&) {}
inline void valgrind_destroy(std::uint32_t) {}
inline void valgrind_create_segment(std::uint32_t, const coroscope::wire::StackBounds&) {}
inline void valgrind_destroy_segment(std::uint32_t) {}
inline unsigned valgrind_add(const coroscope::wire::StackBounds&) {
    return 0;
}
inline void valgrind_remove(unsigned) {}
inline void valgrind_readable(std::uint64_t, std::uint64_t) {}

#endif

}  // namespace cprime::detail
