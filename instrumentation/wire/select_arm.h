// Arms of waiting selects: which channels a coroutine waits for at once; and what became of the arms of each select in the source.
//
// A coroutine that is parked for kSelect names its first arm as wait_object; next_arm leads to the others, in no order. Arms of threads that
// are no workers look the same, without a coroutine; such a thread that waits for one channel only has one arm.
//
// Writers of an arm: whoever owns the select until it is published, then holders of the channel's lock (next, previous). Of a
// SelectRecord: workers, relaxed additions. Readers: viewers; an arm is believed only while its coroutine's sequence stays the same.
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/shared.h"

namespace coroscope::wire {

struct SelectArmRecord {             // 32 bytes
    shown<std::uint32_t> channel;    // kNone = free record
    shown<std::uint32_t> coroutine;  // kNone: a thread that is no worker
    shown<std::uint32_t> next_arm;   // of the same select; kNone
    shown<std::uint8_t> position;    // of the arm in its select
    shown<std::uint8_t> receives;    // 0: sends
    std::uint16_t reserved0;
    shown<std::uint32_t> next;       // links of the channel's wait list (private meaning)
    shared<std::uint32_t> previous;  // shared as the one of a coroutine: the list treats them alike
    std::uint32_t reserved1[2];
};
static_assert(kModelled || sizeof(SelectArmRecord) == 32);

// One select in the program's code, counted since it ran first. Arms from kSelectArmsCounted - 1 on share the last entry.
inline constexpr std::uint32_t kSelectArmsCounted = 8;
struct alignas(64) SelectRecord {   // 192 bytes
    shared<std::uint64_t> address;  // where the call returns to, in user code; 0 = free record
    shared<std::uint32_t> arms;     // of the call; more than kSelectArmsCounted: see above
    std::uint32_t receives;         // bit n: arm n receives; 0 bits send; constant once the address is there
    shared<std::uint64_t> parked;     // times that no arm was ready and it waited
    shared<std::uint64_t> timed_out;  // times that it waited as long as it should
    shared<std::uint64_t> declined;   // times that otherwise() fired
    std::uint32_t other_arm;  // position + 1 of on_timeout() or otherwise(), which has no channel; 0 = there is none; constant
    std::uint32_t reserved0;
    std::uint64_t reserved[2];
    shared<std::uint64_t> fired[kSelectArmsCounted];        // times that the arm happened
    shared<std::uint64_t> passed_over[kSelectArmsCounted];  // times that it was ready and another one was drawn
};
static_assert(kModelled || sizeof(SelectRecord) == 192);

}  // namespace coroscope::wire
