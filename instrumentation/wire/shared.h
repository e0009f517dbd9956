// The atomics of the records that viewers read.
//
// In the library both names mean std::atomic and nothing else: what they say is who else reads the field.
//
//   shared<T>   another thread of the target may read or write it at the same time: an atomic for the target's own sake
//   shown<T>    inside the target a lock, or one owner at a time, orders all uses; an atomic because viewers read it meanwhile
//
// In a model test (CPRIME_MODEL_ATOMICS names a header; runtime/scheduler/atomics.h, tests/model/checker/model.h) a use of a shared field is a
// step that may fall anywhere, and two uses of a shown field that nothing orders are reported. Records are larger there.
//
// Records that no model tries (rings, workers, pools, sites …) say std::atomic.
#pragma once

#ifdef CPRIME_MODEL_ATOMICS
#include CPRIME_MODEL_ATOMICS
#else
#include <atomic>
#endif

namespace coroscope::wire {

#ifdef CPRIME_MODEL_ATOMICS
inline constexpr bool kModelled = true;  // this is a model test: the sizes and offsets of records are others
template <typename T>
using shared = model::Atomic<T>;
template <typename T>
using shown = model::Guarded<T>;
#else
inline constexpr bool kModelled = false;
template <typename T>
using shared = std::atomic<T>;
template <typename T>
using shown = std::atomic<T>;
#endif

}  // namespace coroscope::wire
