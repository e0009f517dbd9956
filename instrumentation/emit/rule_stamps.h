// How long coroutines were blocked, ready and running, as an armed rule knows it: from events since it was armed.
//
// An entry a coroutine, by index, in private memory that is touched where a coroutine is heard of (128 bytes each, given back with the
// rule). A length of time comes from two events whose sequence numbers follow each other, exactly as in traces/rules/event_context.h, which
// answers the same for traces: WAKE and RESUME know the wait that is over, RESUME how long it was ready, SUSPEND and EXIT how long it ran.
//
// A SUSPEND that is told by what comes of it is set aside in the entry, as bits of its terms, until its WAKE.
//
// Writers: whoever emits the coroutine's event, one after the other; the runtime orders them as it orders their writes to its record, so that
// relaxed atomics do: what is torn by a wild event gives a wrong length, no more. Thread: take() any that emits. Blocks: never.
// Tested in tests/unit/rules/break_program_test.cpp against event_context.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "instrumentation/base/result.h"
#include "instrumentation/emit/rule_values.h"

namespace coroscope::emit {

class RuleStamps {
public:
    // Room for so many coroutines. Errors: kRefused, when there is no address space.
    static base::Result<std::unique_ptr<RuleStamps>> create(std::uint32_t coroutines);
    ~RuleStamps();
    RuleStamps(const RuleStamps&) = delete;
    RuleStamps& operator=(const RuleStamps&) = delete;

    // Takes the event of this coroutine in.
    RuleSpans take(const Happened& event, std::uint32_t coroutine);

    // A SUSPEND, set aside. `sequence24`: its own.
    struct Aside {
        std::uint32_t sequence24;
        std::uint32_t object, argument, worker;
        std::uint64_t ticks;
        RuleBits bits;
    };
    void set_aside(std::uint32_t coroutine, const Aside& aside);
    // What was set aside for the wait that this WAKE ends; false: nothing.
    bool take_aside(std::uint32_t coroutine, std::uint32_t wake_sequence24, Aside* aside);

    // Gives the memory back; entries are empty then.
    void forget();

private:
    struct Entry;
    RuleStamps(void* memory, std::uint32_t coroutines)
        : entries_(static_cast<Entry*>(memory)), count_(coroutines) {}
    Entry* entries_;
    std::uint32_t count_;
};

}  // namespace coroscope::emit
