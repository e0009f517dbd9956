// PolicyQueue: where ready coroutines stand when the program brings an order of its own (cprime/scheduling_policy.h).
//
// It takes the place of the Scheduler's shared queue of normal priority. Every coroutine but those of signals is flagged kCoroutineSpecial at its
// spawn, so that whoever makes one ready comes to Scheduler::inject() and no worker's own queue ever holds it.
//
// The policy is not believed: who was given to it is noted by coroutine index, and a policy that does not keep its contract ends the program
// with a sentence before a coroutine is lost or runs twice.
//
// Thread: add() and take() under the Scheduler's lock; the others as marked. Tested in tests/unit/runtime/scheduling_policy_test.cpp.
#pragma once

#include <cstdint>
#include <utility>

#include "cprime/scheduling_policy.h"
#include "instrumentation/wire/limits.h"
#include "runtime/scheduler/zero_pages.h"

namespace cprime::detail {

class PolicyQueue {
public:
    // `policy`: not null. Ends the program when it is not empty.
    explicit PolicyQueue(AnyPolicy policy);

    void add(std::uint32_t index);
    // Whom the policy names for this worker. Not while length() is 0.
    std::uint32_t take(std::uint32_t worker);
    std::uint32_t length() const { return length_; }

    // A coroutine is being spawned with that index: its spawner, before it is published. `deadline_ns`: steady_clock's; 0 = none.
    void spawned(std::uint32_t index, std::int64_t deadline_ns);
    // The running coroutine itself; what it says is carried to add() by whatever carries the coroutine there.
    void set_deadline(std::uint32_t index, std::int64_t deadline_ns) {
        entry(index).deadline_ns = deadline_ns;
    }

private:
    struct Entry {
        std::uint64_t given = 0;       // identity, while the policy has it; else 0
        std::int64_t deadline_ns = 0;  // steady_clock's; INT64_MAX = none
        std::uint64_t times_run = 0;
    };
    Entry& entry(std::uint32_t index) { return entries_.at<Entry>(index); }

    AnyPolicy policy_;
    std::uint32_t length_ = 0;                                                         // given and not named
    ZeroPages entries_{sizeof(Entry) * std::size_t{coroscope::wire::kCoroutinesMax}};  // by coroutine index
};

}  // namespace cprime::detail
