// A chain of calls, drawn by a seed: each step notes where it was called from and calls another one, until one parks.
//
// Steps are compiled many times (steps.cpp): at each level of optimisation, with frame pointers and without, into the program, a library that is
// linked and one that is opened, as growable code, without exception tables. A chain goes from any to any. What is compared afterwards
// (compare.h) relies on one thing: each function of the steps is a frame of its own and notes its return address, nothing else of theirs is
// ever on the stack. Hence CHAINS_STEP on each, and what else they call is inlined always, or has returned before anybody parks.
//
// Thread: a chain belongs to one coroutine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "shadow.h"

#define CHAINS_STEP __attribute__((noinline, noclone))
#define CHAINS_INLINE __attribute__((always_inline)) inline
#define CHAINS_JOIN_(a, b) a##b
#define CHAINS_JOIN(a, b) CHAINS_JOIN_(a, b)
#define CHAINS_TEXT_(a) #a
#define CHAINS_TEXT(a) CHAINS_TEXT_(a)
// First in every step.
#define CHAINS_HERE(chain) \
    const ::chains::Entered CHAINS_JOIN(entered_, __LINE__)(chain, __builtin_return_address(0))

namespace chains {

struct Chain;
using Step = void (*)(Chain&);

// The steps of one build.
struct Steps {
    const char* build = "";
    std::span<const Step> all;
};

struct Chain {
    std::uint64_t random = 0;
    std::uint32_t left = 0;  // steps to take before one waits
    std::uint32_t depth = 0;
    std::uint64_t returns[kDepthMax] = {};
    std::span<const Step> steps, waits;  // to draw from
    void* world = nullptr;               // the program's (world.h)
    Place* place = nullptr;
    const std::atomic<std::uint32_t>* sequence = nullptr;  // of the coroutine's record
    std::uint64_t identity = 0;
};

struct Entered {
    CHAINS_INLINE Entered(Chain& its_chain, void* return_address) : chain(its_chain) {
        chain.returns[chain.depth++] = reinterpret_cast<std::uint64_t>(return_address);
    }
    CHAINS_INLINE ~Entered() { --chain.depth; }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;
    Chain& chain;
};

// Below `bound`, which is not 0.
CHAINS_INLINE std::uint32_t draw(Chain& chain, std::uint32_t bound) {
    chain.random ^= chain.random << 13;
    chain.random ^= chain.random >> 7;
    chain.random ^= chain.random << 17;
    return static_cast<std::uint32_t>((chain.random >> 32) * bound >> 32);
}

// The next step, or where the way ends one that waits.
CHAINS_INLINE void go_on(Chain& chain) {
    constexpr std::uint32_t kDeepestStep = 10;  // functions that one step enters at most
    Step next = nullptr;
    if (chain.left == 0 || chain.depth + kDeepestStep > kDepthMax) {
        next = chain.waits.data()[draw(chain, static_cast<std::uint32_t>(chain.waits.size()))];
    } else {
        --chain.left;
        next = chain.steps.data()[draw(chain, static_cast<std::uint32_t>(chain.steps.size()))];
    }
    next(chain);
    asm volatile("" ::: "memory");  // no jump: the caller stays a frame
}

}  // namespace chains
