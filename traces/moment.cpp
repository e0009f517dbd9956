// Look-ups over a Moment.
#include "traces/moment.h"

#include <algorithm>

namespace coroscope::traces {

const inspect::StackRef* Moment::stack_of(const inspect::CoroutineImage& coroutine) const {
    const inspect::StackRef* ref = stacks.find(coroutine.identity);
    if (ref == nullptr || ref->sequence != coroutine.sequence || table == nullptr ||
        ref->stack >= table->size())
        return nullptr;
    return ref;
}

std::uint64_t Moment::high_water_of(const inspect::CoroutineImage& coroutine) const {
    if (coroutine.high_water_bytes == 0) return 0;
    const inspect::StackRef* stack = stack_of(coroutine);
    const bool exact = stack != nullptr && stack->consistency == inspect::Consistency::kExact;
    return std::max<std::uint64_t>(coroutine.high_water_bytes, exact ? stack->used_bytes : 0);
}

}  // namespace coroscope::traces
