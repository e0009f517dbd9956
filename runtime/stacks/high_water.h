// High water: how deep each stack was used, while somebody profiles.
//
// Micro and Small slots are painted whole at the spawn and scanned at every park and at the exit. Medium and Large slots are
// painted in their top page only; what lies deeper is read off the kernel's residency (mincore), after what an earlier coroutine left
// resident was given back, so that the measurement does not itself make 16 KiB of each stack resident. Within the deepest
// resident page the first word that is not zero counts.
//
// A frame that never writes its lowest words is seen too short by those; the stack pointer at parks is a second lower bound.
//
// A site's record always has a lower bound: the stack pointer at each first park and at one in 61 of the
// others, where the rest cost a countdown.
//
// Thread: the worker that spawns, runs or ends the coroutine. Tested in tests/unit/runtime/high_water_test.cpp.
#pragma once

#include <cstdint>

namespace cprime::detail {

// Before anything is put on the stack of a coroutine about to be spawned; sets kPrivatePainted.
void paint_stack(std::uint32_t index);

// The coroutine's stack reaches that deep, segments included, as its growth knows.
void raise_high_water(std::uint32_t index, std::uint32_t bytes);

// At a park, of those that are kPrivateScanned: painted, micro or small.
void note_high_water_at_park(std::uint32_t index);
// At a park, without painting: the stack pointer says what is in use now. Raises the high water of the coroutine's site.
void note_site_depth(std::uint32_t index);
// Of all. Bytes used at most; 0 = not painted.
std::uint32_t high_water_at_exit(std::uint32_t index);

}  // namespace cprime::detail
