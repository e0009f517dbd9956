// Operation: one step of a model, as the replaced atomics describe it and as the trace keeps it.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

namespace model {

enum class Kind : std::uint8_t {
    kLoad,
    kStore,
    kExchange,  // and every other read-modify-write; see Change
    kCompareExchange,
    kFence,
    kHeavyFence,
    kPause,
    kFutexWait,
    kFutexWake,
    kWoken,  // a futex wait that returns
};

enum class Change : std::uint8_t { kSet, kAdd, kSubtract, kAnd, kOr, kXor };

inline constexpr std::uint32_t kNoLocation = 0xffffffffU;

struct Operation {
    Kind kind;
    Change change = Change::kSet;
    std::uint8_t bytes = 8;  // of the value
    std::memory_order order = std::memory_order_seq_cst;
    std::memory_order failure_order = std::memory_order_relaxed;  // of a compare-exchange that fails
    std::uint32_t location = 0;
    const void* address = nullptr;  // of the atomic
    std::uint64_t value = 0;        // stored, added …; how many a futex wake wakes
    std::uint64_t expected = 0;     // by a compare-exchange or a futex wait
    std::uint64_t result = 0;       // read
    bool success = false;           // of a compare-exchange; of a futex wait: it goes to sleep
    std::source_location where{};

    bool has_location() const {
        return kind != Kind::kFence && kind != Kind::kHeavyFence && kind != Kind::kPause;
    }
    bool is_futex() const { return kind == Kind::kFutexWait || kind == Kind::kFutexWake; }
    bool writes() const {
        return kind == Kind::kStore || kind == Kind::kExchange || kind == Kind::kCompareExchange ||
               kind == Kind::kFutexWake;
    }
    // May matter to somebody else only through its location.
    bool is_local() const {
        if (kind == Kind::kFence) return order != std::memory_order_seq_cst;
        return kind <= Kind::kCompareExchange && !is_total_access();
    }
    // Takes part in the order of all seq_cst fences as a fence.
    bool is_total_fence() const {
        return (kind == Kind::kFence && order == std::memory_order_seq_cst) || is_futex();
    }
    // Takes part in it with its location.
    bool is_total_access() const {
        return kind <= Kind::kCompareExchange &&
               (order == std::memory_order_seq_cst || failure_order == std::memory_order_seq_cst);
    }
};

// Whether the order of the two, by different threads, can make a difference to anything later.
inline bool dependent(const Operation& a, const Operation& b) {
    if (a.kind == Kind::kWoken || b.kind == Kind::kWoken) return false;
    if (a.kind == Kind::kHeavyFence || b.kind == Kind::kHeavyFence) return true;
    if (a.kind == Kind::kPause || b.kind == Kind::kPause) return a.writes() || b.writes();
    if (a.is_total_fence() && (b.is_total_fence() || b.is_total_access())) return true;
    if (b.is_total_fence() && a.is_total_access()) return true;
    if (!a.has_location() || !b.has_location() || a.location != b.location) return false;
    return a.writes() || b.writes() || (a.is_total_access() && b.is_total_access());
}

}  // namespace model
