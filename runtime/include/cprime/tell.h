// What a program says itself, for whoever looks at it: zones, messages, counters, and notes on coroutines.
//
//   void Parser::run() {
//       CPRIME_ZONE("parse");                          // from here to the end of the block
//       cprime::note("file " + path);                  // what this coroutine is about, until it says something else
//       if (!valid()) cprime::message("not valid: " + path);
//       CPRIME_COUNTER("parsed bytes", total);         // a curve by that name
//   }
//
// They travel in the same rings as the runtime's own events, so their place among them is exact, and they cost what those cost: a load and a
// branch while nobody listens, about ten nanoseconds while somebody does. A zone belongs to the coroutine that entered it, wherever it goes on;
// on a thread that is no worker, to that thread. Texts are cut at kTextBytesMost. Names of zones and counters are kept once, so they must be
// literals or live as long as the program; there may be some thousands of them, not millions.
//
// Nothing here waits, fails or allocates in the program; where there is no Runtime it does nothing.
//
// Thread: any; never from a signal handler. Tested in tests/unit/runtime/tell_test.cpp.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cprime/detail/park.h"

namespace cprime {

inline constexpr std::size_t kTextBytesMost = 252;

namespace detail {

inline constexpr std::uint32_t kUserCategory = 1U << 8;  // wire::kCategoryUser; the runtime checks that

// What is listened to at the moment. Writer: the agent's thread; relaxed: who sees it late tells late, nothing more.
extern "C" const std::atomic<std::uint32_t>* const cprime_listened;

[[gnu::always_inline]] inline bool told_to_somebody() noexcept {
    return __builtin_expect((cprime_listened->load(std::memory_order_relaxed) & kUserCategory) != 0, 0);
}

// A name and where the Runtime that lives now keeps it.
struct TellName {
    constexpr explicit TellName(const char* the_text) noexcept : text(the_text) {}
    const char* const text;
    // Low half: its string, plus one; high half: which Runtime's. 0 = not kept yet. Writers: whoever tells it first, all the same value; relaxed:
    // it stands for nothing else.
    std::atomic<std::uint64_t> kept{0};
};

enum class Telling : std::uint8_t { zone_begin, zone_end, counter, real_counter, message, note };

struct TellRequest {
    TellName* name;
    std::uint64_t value;  // of a counter, its bits
    std::string_view text;
    Telling what;
};
ResumePoint tell(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

[[gnu::always_inline]] inline void say(Telling what, TellName* name, std::uint64_t value, std::string_view text) noexcept {
    TellRequest request{name, value, text, what};
    park<&tell>(&request);
}

}  // namespace detail

// One stretch of one coroutine's time, from its making to its end: CPRIME_ZONE makes one. Its end is told only if its begin was.
class Zone {
public:
    [[gnu::always_inline]] explicit Zone(detail::TellName& name) noexcept
        : name_(detail::told_to_somebody() ? &name : nullptr) {
        if (name_ != nullptr) detail::say(detail::Telling::zone_begin, name_, 0, {});
    }
    [[gnu::always_inline]] ~Zone() {
        if (__builtin_expect(name_ != nullptr, 0)) detail::say(detail::Telling::zone_end, name_, 0, {});
    }
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;

private:
    detail::TellName* const name_;
};

// A line of text at this moment, by the coroutine (or thread) that says it.
[[gnu::always_inline]] inline void message(std::string_view text) noexcept {
    if (detail::told_to_somebody()) detail::say(detail::Telling::message, nullptr, 0, text);
}

// What the running coroutine is about from now on; "" = nothing any more. On a thread that is no worker: a message.
[[gnu::always_inline]] inline void note(std::string_view text) noexcept {
    if (detail::told_to_somebody()) detail::say(detail::Telling::note, nullptr, 0, text);
}

// A number that changes over time. Make it static; set() tells its new value.
class Counter {
public:
    constexpr explicit Counter(const char* name) noexcept : name_(name) {}
    template <std::integral T>
    [[gnu::always_inline]] void set(T value) noexcept {
        if (detail::told_to_somebody())
            detail::say(detail::Telling::counter, &name_, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), {});
    }
    [[gnu::always_inline]] void set(double value) noexcept {
        if (detail::told_to_somebody())
            detail::say(detail::Telling::real_counter, &name_, __builtin_bit_cast(std::uint64_t, value), {});
    }

private:
    detail::TellName name_;
};

}  // namespace cprime

#define CPRIME_TELL_JOIN_(a, b) a##b
#define CPRIME_TELL_NAME_(a, b) CPRIME_TELL_JOIN_(a, b)

// The rest of the block is a zone of that name, which is a literal.
#define CPRIME_ZONE(name)                                                                            \
    static constinit ::cprime::detail::TellName CPRIME_TELL_NAME_(cprime_zone_name_, __LINE__){name}; \
    const ::cprime::Zone CPRIME_TELL_NAME_(cprime_zone_, __LINE__) {                                  \
        CPRIME_TELL_NAME_(cprime_zone_name_, __LINE__)                                                \
    }

// The counter of that name, which is a literal, has this value now.
#define CPRIME_COUNTER(name, value)                               \
    do {                                                          \
        static constinit ::cprime::Counter cprime_counter_{name}; \
        cprime_counter_.set(value);                               \
    } while (false)
