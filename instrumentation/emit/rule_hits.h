// Hits of armed rules on their way from the threads that emit to the agent.
//
// A bounded ring: any thread puts in, the agent takes out. Whoever puts in the first one since the agent looked rings its doorbell, an
// eventfd that lives as long as any thread might. What finds no room is counted.
//
// A cell's `sequence` says whose it is: position = free for that position's writer, position + 1 = written, and so on one lap later. push()
// tries a place a bounded number of times and then counts the hit as lost, so that nobody waits for another thread [hit.publish].
//
// Thread: push() any, never from a signal handler; the rest the agent's. Blocks: never. Tested in tests/unit/emit/rule_hits_test.cpp.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"
#include "instrumentation/wire/rule_program.h"

namespace coroscope::emit {

class RuleHits {
public:
    static constexpr std::uint32_t kRoom = wire::kRuleHitsPerNotice;

    // Errors: kRefused, when no descriptor is left.
    static base::Result<std::unique_ptr<RuleHits>> create();
    ~RuleHits();
    RuleHits(const RuleHits&) = delete;
    RuleHits& operator=(const RuleHits&) = delete;

    // False: there was no room, and it is counted. ring() has to follow, of several hits once.
    bool push(const wire::RuleHit& hit);
    void ring();

    int doorbell() const { return doorbell_.get(); }
    // Everything that is there. What is put in from here on rings again.
    void take(std::vector<wire::RuleHit>& to);
    std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

private:
    RuleHits();

    struct alignas(64) Cell {
        // Writers: whoever has claimed the position (release, after the hit), the agent (release, after it has copied it); each acquires the
        // other's store [hit.publish].
        std::atomic<std::uint64_t> sequence{0};
        wire::RuleHit hit{};
    };
    alignas(64) std::atomic<std::uint64_t> next_{0};  // position of the next hit; claimed by compare_exchange
    // Whether the doorbell rings already. Any thread sets it, the agent clears it before it looks: sequentially consistent, so that a hit
    // that is not seen by that look rings.
    std::atomic<bool> rings_{false};
    std::atomic<std::uint64_t> lost_{0};   // any thread, relaxed: a count
    alignas(64) std::uint64_t taken_ = 0;  // the agent's
    base::FileDescriptor doorbell_;
    std::array<Cell, kRoom> cells_;
};

}  // namespace coroscope::emit
