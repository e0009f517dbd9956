// Look-ups over a Moment.
#include "traces/moment.h"

namespace coroscope::traces {

const inspect::StackRef* Moment::stack_of(const inspect::CoroutineImage& coroutine) const {
    const inspect::StackRef* ref = stacks.find(coroutine.identity);
    if (ref == nullptr || ref->sequence != coroutine.sequence || table == nullptr ||
        ref->stack >= table->size())
        return nullptr;
    return ref;
}

}  // namespace coroscope::traces
