// The clock of a frame loop: parties think, all at once; when the last of them has, whoever leads the frames goes on.
//
// Thread: next() by each party, all at once; the rest by whoever leads.
#pragma once

#include <cprime/cprime.h>

#include <atomic>
#include <cstdint>

namespace skirmish {

class FrameClock {
public:
    explicit FrameClock(std::uint32_t parties) : parties_(parties), thinking_(parties) {}

    // The party is done with this frame. Waits for the next one, and says whether there is one.
    bool next() {
        // Read before the count: once all have thought the number belongs to the leader. acq_rel: what each party wrote in this frame
        // is seen by the leader.
        cprime::Event& begun = begun_[(frame_ + 1) % 2];
        if (thinking_.fetch_sub(1, std::memory_order_acq_rel) == 1) all_thought_.set();
        return begun.wait() && !over_;
    }

    // Waits until all parties are done with the frame. False: cancelled.
    bool wait_for_all() { return static_cast<bool>(all_thought_.wait()); }
    // The next frame begins. Its event stays set until the one after it: nobody comes too late for it.
    void begin_next() {
        thinking_.store(parties_, std::memory_order_relaxed);
        begun_[frame_ % 2].reset();
        ++frame_;
        begun_[frame_ % 2].set();
    }
    // There is no next frame.
    void end() {
        over_ = true;
        begin_next();
    }

private:
    const std::uint32_t parties_;
    std::uint32_t frame_ = 0;  // this and over_: written by the leader while all parties wait
    bool over_ = false;
    std::atomic<std::uint32_t> thinking_;
    cprime::Event all_thought_{"all have thought", cprime::Event::resets_itself};
    cprime::Event begun_[2] = {cprime::Event("even frame"), cprime::Event("odd frame")};
};

}  // namespace skirmish
