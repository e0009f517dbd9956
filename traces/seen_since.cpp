#include "traces/seen_since.h"

namespace coroscope::traces {

void SeenSince::complete(inspect::StateImage& image) {
    for (inspect::CoroutineImage& coroutine : image.coroutines) {
        if (coroutine.index >= wire::kCoroutinesMax) continue;
        if (coroutine.index >= seen_.size()) seen_.resize(coroutine.index + 1);
        Seen& seen = seen_[coroutine.index];
        if (seen.identity != coroutine.identity || seen.sequence != coroutine.sequence) {
            seen.identity = coroutine.identity;
            seen.sequence = coroutine.sequence;
            seen.since_ticks = looked_ ? image.read_begin_ticks : 0;
        }
        if (coroutine.since_ticks == 0) coroutine.since_ticks = seen.since_ticks;
    }
    looked_ = true;
}

}  // namespace coroscope::traces
