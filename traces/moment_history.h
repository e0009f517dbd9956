// MomentHistory: the Moments of a live session's last looks, as far as memory is meant for them.
//
// Thread: one at a time (the session's lock). Tested through the sessions, in tests/e2e/time_travel_test.py.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "traces/moment.h"

namespace coroscope::traces {

class MomentHistory {
public:
    // Holds `bytes_max`, but always the newest.
    explicit MomentHistory(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

    void add(std::shared_ptr<const Moment> moment);
    bool empty() const { return kept_.empty(); }
    std::uint64_t bytes() const { return bytes_; }
    // Of one that is not empty: the last at or before t, or the oldest.
    std::shared_ptr<const Moment> at(TimeNs t) const;
    std::shared_ptr<const Moment> oldest() const { return kept_.front().moment; }
    std::shared_ptr<const Moment> newest() const { return kept_.back().moment; }

private:
    struct Kept {
        std::shared_ptr<const Moment> moment;
        std::uint64_t bytes = 0;  // about
    };
    const std::uint64_t bytes_max_;
    std::deque<Kept> kept_;
    std::uint64_t bytes_ = 0;
};

}  // namespace coroscope::traces
