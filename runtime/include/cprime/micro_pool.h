// MicroPool<N>: N micro slots where you want them, in static memory or in a local variable of the spawner.
//
//   cprime::MicroPool<8> pool;                       // 8 x 256 bytes of stack, and 16 bytes a slot beside
//   for (auto& source : sources)
//       pool.spawn("reader", [&source] { read(source); });
//   // the destructor asks whoever is left to end and waits: nobody outlives what the pool's owner has on its stack
//
// Its coroutines are like all others of class micro (256 bytes: loops that send, receive and compute) but need no memory from the runtime's
// pools. Viewers show the slots in the pool "local". Below the lowest slot lies memory of yours and no guard page, only the
// canary.
//
// The destructor cancels all its coroutines, then waits for them: a coroutine parks, a thread that is no worker blocks; also while an exception
// unwinds the owner. It ends the program with a sentence when it is called by a coroutine that lives in the pool, which could wait for
// ever. When the Runtime has ended before it, there is nobody left to wait for: a static MicroPool may outlive the Runtime, and be used again
// with the next one. A cancelled coroutine that destroys one waits all the same, yielding.
//
// As a local variable of a coroutine it takes (256 + 16) x N bytes of that coroutine's stack: N <= 32 or so on Medium.
//
// Thread: spawn: any, several at once. Constructor and destructor: one thread, with no spawn going on from outside the pool.
// Tested in tests/unit/runtime/micro_pool_test.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/detail/local_pool.h"
#include "cprime/spawn.h"

namespace cprime {

// All slots of a MicroPool are taken (or there is no memory for another control block).
struct MicroPoolFull : std::bad_alloc {
    const char* what() const noexcept override { return "no free slot in the MicroPool"; }
};

template <std::size_t N>
class MicroPool {
    static_assert(N >= 1 && N <= 512, "cprime::MicroPool: 1 to 512 slots");

public:
    MicroPool() noexcept {
        // Where this is a local variable its owner's stack may have to grow for it, which only code on that stack can do: spawns
        // write to the slots from elsewhere.
        for (std::size_t page = 0; page < memory_.size(); page += 4096)
            static_cast<volatile std::byte&>(memory_[memory_.size() - 1 - page]) = std::byte{};
        static_cast<volatile std::byte&>(memory_[0]) = std::byte{};
    }
    MicroPool(const MicroPool&) = delete;
    MicroPool& operator=(const MicroPool&) = delete;
    ~MicroPool() { detail::end_local_pool(pool_); }

    static constexpr std::size_t slots() { return N; }

    // Makes a coroutine in a slot of this pool. Empty when all slots are taken; `function` is untouched then. Throws what moving the
    // function throws.
    template <typename F>
    std::optional<JoinHandle<std::invoke_result_t<std::decay_t<F>&>>> try_spawn(std::string_view name,
                                                                                F&& function,
                                                                                Place place = CPRIME_HERE) {
        using T = std::invoke_result_t<std::decay_t<F>&>;
        using Closure = detail::Closure<std::decay_t<F>, T>;
        static_assert(
            sizeof(Closure) + alignof(Closure) + detail::kRoomBesideLocalClosure <= kMicroSlotBytes,
            "cprime::MicroPool: this closure is too large for a micro slot; capture less, or a reference");
        detail::SpawnRequest request;
        request.name = name;
        request.place = place;
        request.flags = detail::kSpawnHandle;
        request.local = &pool_;
        if (!detail::try_spawn_closure(request, std::forward<F>(function))) return std::nullopt;
        return JoinHandle<T>(request);
    }
    // The same, but throws MicroPoolFull.
    template <typename F>
    auto spawn(std::string_view name, F&& function, Place place = CPRIME_HERE) {
        auto handle = try_spawn(name, std::forward<F>(function), place);
        if (!handle) throw MicroPoolFull();
        return std::move(*handle);
    }
    template <std::invocable F>
    auto spawn(F&& function, Place place = CPRIME_HERE) {
        return spawn(std::string_view{}, std::forward<F>(function), place);
    }

private:
    alignas(64) std::array<std::byte, N * kMicroSlotBytes> memory_;
    std::array<detail::LocalEntry, N> entries_{};
    detail::LocalPool pool_{memory_.data(), entries_.data(), N, kMicroSlotBytes};
};

}  // namespace cprime
