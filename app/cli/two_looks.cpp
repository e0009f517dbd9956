// See two_looks.h.
#include "app/cli/two_looks.h"

#include <condition_variable>
#include <mutex>

namespace coroscope::app {

namespace {

// Shared with the session's thread, which may be in the midst of calling when nobody listens any more.
struct Changes {
    std::mutex lock;
    std::condition_variable changed;
    std::uint64_t count = 0;  // under the lock
};

}  // namespace

base::Result<TwoLooks> two_looks(traces::Session& session, std::int64_t apart_ns) {
    const auto changes = std::make_shared<Changes>();
    session.on_change([changes] {
        const std::lock_guard held(changes->lock);
        ++changes->count;
        changes->changed.notify_all();
    });
    auto first = session.wait_moment();
    TwoLooks looks;
    while (first) {
        std::uint64_t seen = 0;
        {
            const std::lock_guard held(changes->lock);
            seen = changes->count;
        }
        const bool runs = session.info().status == traces::TargetStatus::kRunning;
        looks.now = session.moment();
        if (looks.now->t - (*first)->t >= apart_ns) {
            looks.before = *first;
            break;
        }
        if (!runs) {
            looks.now = *first;  // it has ended: what can be said is said of it as it ran
            break;
        }
        std::unique_lock held(changes->lock);
        changes->changed.wait(held, [&] { return changes->count != seen; });
    }
    session.on_change(nullptr);
    if (!first) return first.error();
    return looks;
}

void wait_for_select_names(traces::Session& session, const inspect::StateImage& state) {
    for (const inspect::SelectImage& select : state.selects)
        (void)session.wait_frames({select.address});
}

}  // namespace coroscope::app
