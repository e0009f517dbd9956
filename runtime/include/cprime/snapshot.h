// Snapshot<T>: a state that is replaced as a whole, so that nobody ever sees half of a change, however long they look.
//
//   cprime::Snapshot<Config> config(load());
//   ...
//   const auto now = config.read();          // one version; stays as it is across suspensions, whatever is published meanwhile
//   cprime::sleep_for(1s);
//   use(now->limit, now->timeout);
//   ...
//   config.publish(load());                                       // the next read() sees all of it
//   config.update([](Config next) { next.limit *= 2; return next; });   // built from the current one, outside; again if somebody was faster
//
// A version is immutable, counted, and destroyed by whoever lets it go last, on that one's stack. Building a version, and destroying it, may wait;
// nothing of T runs while anything is locked.
//
// Thread: any, with or without a Runtime; nothing here waits for anybody who could be suspended: reading is a few instructions under a bit of
// a pointer. A SnapshotVersion object is one thread's (or coroutine's) at a time, as any handle; copies are free. Tested in
// tests/unit/runtime/snapshot_test.cpp.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "cprime/detail/channel_calls.h"
#include "cprime/detail/park.h"

namespace cprime {

namespace detail {

template <typename T>
struct Version {
    template <typename... Arguments>
    explicit Version(Arguments&&... arguments) : value(std::forward<Arguments>(arguments)...) {}
    // Writers: whoever takes or lets go a reference. Relaxed to add (it is done by who has one, or under the bit); acq_rel to let go, so that the
    // last one sees that all others have done reading.
    std::atomic<std::uint32_t> references{1};
    const T value;
};

// Memory is taken and given back on the worker's stack: malloc would not fit on a Micro one.
template <typename T, typename... Arguments>
Version<T>* make_version(Arguments&&... arguments) {
    NodeRequest memory{sizeof(Version<T>), alignof(Version<T>), nullptr};
    park<&channel_take_node>(&memory);
    struct GiveBack {
        void* node;
        ~GiveBack() {
            if (node != nullptr) park<&channel_give_node>(node);
        }
    } end{memory.node};
    auto* const made = ::new (memory.node) Version<T>(std::forward<Arguments>(arguments)...);
    end.node = nullptr;
    return made;
}
template <typename T>
void let_version_go(Version<T>* version) noexcept {
    if (version->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    version->~Version();
    park<&channel_give_node>(version);
}

}  // namespace detail

template <typename T>
class Snapshot;

// One version. Never empty, but where it was moved from.
template <typename T>
class [[nodiscard]] SnapshotVersion {
public:
    SnapshotVersion(const SnapshotVersion& other) noexcept : version_(other.version_) {
        version_->references.fetch_add(1, std::memory_order_relaxed);
    }
    SnapshotVersion(SnapshotVersion&& other) noexcept : version_(std::exchange(other.version_, nullptr)) {}
    SnapshotVersion& operator=(SnapshotVersion other) noexcept {
        std::swap(version_, other.version_);
        return *this;
    }
    ~SnapshotVersion() {
        if (version_ != nullptr) detail::let_version_go(version_);
    }
    const T& operator*() const noexcept { return version_->value; }
    const T* operator->() const noexcept { return &version_->value; }
    // Whether both are the same version.
    friend bool operator==(const SnapshotVersion& a, const SnapshotVersion& b) noexcept {
        return a.version_ == b.version_;
    }

private:
    friend class Snapshot<T>;
    explicit SnapshotVersion(detail::Version<T>* version) noexcept : version_(version) {}
    detail::Version<T>* version_;
};

template <typename T>
class Snapshot {
    static_assert(std::is_object_v<T> && std::is_nothrow_destructible_v<T>,
                  "a snapshot holds objects that are destroyed without throwing");

public:
    // The first version.
    explicit Snapshot(T first) : word_(address(detail::make_version<T>(std::move(first)))) {}
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    // Nobody may read or publish any more; versions that were read stay.
    ~Snapshot() { detail::let_version_go(version(word_.load(std::memory_order_relaxed))); }

    // The current version.
    SnapshotVersion<T> read() const noexcept {
        detail::Version<T>* const current = lock();
        current->references.fetch_add(1, std::memory_order_relaxed);
        unlock(current);
        return SnapshotVersion<T>(current);
    }
    // `next` becomes the current version. Whoever reads from now on gets it.
    void publish(T next) {
        detail::Version<T>* const made = detail::make_version<T>(std::move(next));
        detail::Version<T>* const before = lock();
        unlock(made);
        detail::let_version_go(before);
    }
    // The same, if the current version is still `expected`; false: it is not, and nothing has happened.
    bool publish_if(const SnapshotVersion<T>& expected, T next) {
        detail::Version<T>* const made = detail::make_version<T>(std::move(next));
        detail::Version<T>* const before = lock();
        const bool is_expected = before == expected.version_;
        unlock(is_expected ? made : before);
        detail::let_version_go(is_expected ? before : made);
        return is_expected;
    }
    // Publishes change(T) of the current version, again for each time that somebody else was faster. `change` takes a const T& or a T.
    template <typename Change>
    void update(Change&& change) {
        while (true) {
            const SnapshotVersion<T> current = read();
            if (publish_if(current, T(change(*current)))) return;
        }
    }

private:
    static constexpr std::uintptr_t kLocked = 1;
    static std::uintptr_t address(const detail::Version<T>* version) noexcept {
        return reinterpret_cast<std::uintptr_t>(version);
    }
    static detail::Version<T>* version(std::uintptr_t word) noexcept {
        return reinterpret_cast<detail::Version<T>*>(word & ~kLocked);
    }

    // Takes the bit; the current version. Held for an addition, or a comparison: but its holder's thread may be preempted, so that after a while the
    // processor is given away.
    detail::Version<T>* lock() const noexcept {
        for (int tries = 1;; ++tries) {
            // [snapshot.word] acquire: what its publisher built, and what the last holder counted.
            const std::uintptr_t before = word_.fetch_or(kLocked, std::memory_order_acquire);
            if ((before & kLocked) == 0) return version(before);
            for (int spins = 0; spins < 128 && (word_.load(std::memory_order_relaxed) & kLocked) != 0; ++spins)
                __builtin_ia32_pause();
            if (tries % 4 == 0) sched_yield();
        }
    }
    // Gives the bit back; the current version is that one.
    void unlock(detail::Version<T>* current) const noexcept {
        word_.store(address(current), std::memory_order_release);  // [snapshot.word]
    }

    // Address of the current version, which holds a reference to it; and the bit. Writers, and readers: who holds the bit, who wants it.
    mutable std::atomic<std::uintptr_t> word_;
};

}  // namespace cprime
