// Search: how far a long look through the past has come, and whether it is still wanted.
//
// One owner sets `cancelled` and reads `share`; whoever searches looks at the former every few milliseconds, and ends with nothing found. Both are
// hints to one other thread: nothing is published through them.
#pragma once

#include <atomic>

namespace coroscope::traces {

struct Search {
    std::atomic<bool> cancelled{false};  // written by who waits, read by who searches
    std::atomic<float> share{0};         // 0..1 of what may have to be looked through; the other way round

    bool wanted() const { return !cancelled.load(std::memory_order_relaxed); }
    void reached(std::size_t done, std::size_t of) {
        share.store(of == 0 ? 1.0F : static_cast<float>(done) / static_cast<float>(of),
                    std::memory_order_relaxed);
    }
};

}  // namespace coroscope::traces
