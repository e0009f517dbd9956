// The table of heads; in and out of lists; and what runs when a scope does not end.
#include "runtime/signals/nests.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "cprime/catch_signals.h"
#include "cprime/defer.h"
#include "cprime/this_coroutine.h"
#include "instrumentation/wire/limits.h"
#include "runtime/by_hand/whereabouts.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/worker.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {
namespace {

constexpr std::uint32_t kChunk = 1U << 16;  // entries
constexpr std::uint32_t kChunks = wire::kCoroutinesMax / kChunk;
// Writer: whoever first needs the chunk (compare_exchange, release); readers acquire [nests.chunk].
constinit std::atomic<Nest**> g_chunks[kChunks];
thread_local constinit Nest* g_of_thread = nullptr;

Nest** map_chunk(std::atomic<Nest**>& place) {
    void* memory = mmap(nullptr, kChunk * sizeof(Nest*), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::fputs("cprime: there is no address space to note scopes and defers in; raise RLIMIT_AS\n",
                   stderr);
        std::abort();
    }
    auto* mine = static_cast<Nest**>(memory);
    Nest** there = nullptr;
    if (place.compare_exchange_strong(there, mine, std::memory_order_acq_rel, std::memory_order_acquire))
        return mine;
    munmap(memory, kChunk * sizeof(Nest*));
    return there;
}

Nest*& nests_of(std::uint32_t index) {
    std::atomic<Nest**>& place = g_chunks[index / kChunk];
    Nest** chunk = place.load(std::memory_order_acquire);  // [nests.chunk]
    if (__builtin_expect(chunk == nullptr, 0)) chunk = map_chunk(place);
    return chunk[index % kChunk];
}

std::uint64_t word_of(const Nest& nest) {
    std::uint64_t word = 0;
    static_assert(sizeof nest.run == sizeof word);
    std::memcpy(&word, &nest.run, sizeof word);
    return word;
}

// Of a node that lies at `address`.
std::uint64_t seal_of(const Nest& nest, const Nest* address) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
    return ((reinterpret_cast<std::uint64_t>(address) ^ kOdd) * kOdd) ^
           reinterpret_cast<std::uint64_t>(nest.outer) ^ (word_of(nest) << 16) ^
           (static_cast<std::uint64_t>(nest.kind) << 60);
}

// What stands at `address`, wherever that is. False: nothing that is whole.
bool read_nest(const Nest* address, void* copy) {
    iovec to{copy, sizeof(Nest)};
    iovec from{const_cast<Nest*>(address), sizeof(Nest)};
    const ssize_t length = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    if (length < 0 && errno != EFAULT)
        std::memcpy(copy, static_cast<const void*>(address), sizeof(Nest));  // forbidden here
    if (length != static_cast<ssize_t>(sizeof(Nest)) && (length >= 0 || errno == EFAULT)) return false;
    const Nest& read = *static_cast<const Nest*>(copy);
    return read.seal == seal_of(read, address);
}

// Runs one defer. False: it threw, which is said.
bool run_guarded(Nest* nest) noexcept {
    try {
        nest->run(nest);
        return true;
    } catch (const std::exception& known) {
        std::fprintf(stderr, "cprime: what was deferred threw: %s\n", known.what());
    } catch (...) {
        std::fputs("cprime: what was deferred threw an exception that is no std::exception\n", stderr);
    }
    return false;
}

void run_list(Nest* nest, RanDefers& so_far) {
    alignas(Nest) std::byte copy[sizeof(Nest)];
    while (nest != nullptr) {
        if (!read_nest(nest, copy)) {
            std::fprintf(stderr,
                         "cprime: what an abandoned coroutine deferred is damaged at %p: it and those before "
                         "it do not run\n",
                         static_cast<void*>(nest));
            so_far.whole = false;
            return;
        }
        Nest* const outer = reinterpret_cast<const Nest*>(copy)->outer;
        if (nest->kind == NestKind::kDefer) {
            ++so_far.ran;
            if (!run_guarded(nest)) ++so_far.failed;
        } else if (nest->kind == NestKind::kRecovering) {
            Recovering::abandoned(nest);
        }
        nest = outer;
    }
}

[[noreturn, gnu::cold]] void not_in_list() {
    std::fputs(
        "cprime: a defer or a catch_signals ended in another coroutine than the one that made it; keep it on "
        "the stack of "
        "the function that makes it\n",
        stderr);
    std::abort();
}

// One that does not end in order: a Defer that was dismissed while others stand in front of it.
[[gnu::cold, gnu::noinline]] void take_from_midst(Nest*& first, Nest* nest) {
    for (Nest* at = first; at != nullptr; at = at->outer) {
        if (at->outer != nest) continue;
        at->outer = nest->outer;
        at->seal = seal_of(*at, at);
        return;
    }
    not_in_list();
}

inline Nest*& own_nests() {
    const Worker* worker = cprime_current_worker;
    if (worker == nullptr || worker->current_index == wire::kNone) return g_of_thread;
    return nests_of(worker->current_index);
}

}  // namespace

[[gnu::noinline]] Nest*& running_nests() {
    return own_nests();
}

void map_nests() {
    const std::uint64_t used = g_runtime->segment->header()
                                   .sections[static_cast<std::uint32_t>(wire::SectionKind::kCoroutineDetails)]
                                   .records_used.load(std::memory_order_acquire);
    for (std::uint64_t index = 0; index < used + kChunk && index < wire::kCoroutinesMax; index += kChunk)
        nests_of(static_cast<std::uint32_t>(index));
}

extern "C" void cprime_nest_enter(Nest* nest) noexcept {
    Nest*& first = own_nests();
    nest->outer = first;
    nest->seal = seal_of(*nest, nest);
    first = nest;
}

extern "C" void cprime_nest_leave(Nest* nest) noexcept {
    Nest*& first = own_nests();
    if (__builtin_expect(first == nest, 1)) {
        first = nest->outer;
    } else {
        take_from_midst(first, nest);
    }
    nest->seal = 0;
}

void run_defer(Nest* nest) noexcept {
    static_cast<void>(run_guarded(nest));
}

RanDefers run_defers(std::uint32_t coroutine) {
    RanDefers done;
    Nest*& first = nests_of(coroutine);
    Nest* const innermost = first;
    first = nullptr;
    run_list(innermost, done);
    // The one by hand that it stood on has kept the list of whoever resumed it; and so outwards.
    for (ByHand* hand = by_hand_of(coroutine); hand != nullptr && done.whole; hand = hand->outer) {
        Nest* const outer = hand->nests;
        hand->nests = nullptr;
        run_list(outer, done);
    }
    return done;
}

}  // namespace cprime::detail
