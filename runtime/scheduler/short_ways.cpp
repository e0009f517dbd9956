// Spawning's second half, and joining who has ended, without leaving the caller's stack.
//
// Tested in tests/unit/runtime/spawn_test.cpp and join_test.cpp.
#include "runtime/scheduler/short_ways.h"

#include "cprime/detail/spawn_request.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/short_ways_section.h"

// To the linker these functions keep to the room that growable code has below its limit (64 bytes): it need not ask for more.
asm(".section .note.GNU-split-stack, \"\", @progbits\n"
    ".section .note.GNU-no-split-stack, \"\", @progbits\n"
    ".text");

namespace cprime::detail {
namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}

ResumePoint tell_others(Worker* worker, std::uint32_t, void*) noexcept {
    g_runtime->scheduler.notify();
    return keep_running(*worker);
}

// What spawn_commit does for a coroutine of normal priority that may run anywhere.
extern "C" CPRIME_SHORT_WAY void cprime_spawn_commit(SpawnRequest* request) noexcept {
    Worker* worker = usual_worker();
    if (worker == nullptr || (request->flags & kSpawnChildFirst) != 0 || !worker->queue.has_room())
        return cprime_park(&spawn_commit, request);
    wire::CoroutineRecord& made = worker->records[request->coroutine];
    if (__builtin_expect((made.flags.load(kRelaxed) & wire::kCoroutineSpecial) != 0, 0))
        return cprime_park(&spawn_commit, request);
    std::uint64_t& word = detail(worker->current_index).private_word;
    word = (word & ~kPrivateAdopting) | request->adopting_before;
    made.sequence.store(made.sequence.load(kRelaxed) + 2, kRelaxed);
    // Release: who sees a live state sees the whole record, the identity first of all.
    made.state.store(wire::CoroutineState::kReady, std::memory_order_release);
    // Counted before it can run: [scheduler.finished].
    std::atomic<std::uint64_t>& spawned = worker->record->spawned;
    spawned.store(spawned.load(kRelaxed) + 1, kRelaxed);
    worker->queue.push_into_room(request->coroutine);
    if (others_want_notice(*worker)) cprime_park(&tell_others, nullptr);
}

// Without the lock of its target: who has an identity keeps it until it has ended, and gets no second one. With several workers as well.
extern "C" CPRIME_SHORT_WAY bool cprime_join_shortly(JoinRequest* request) noexcept {
    const Worker* worker = cprime_current_worker;
    if (worker == nullptr || request->identity == 0) return false;
    // [join.ended] acquire: what the coroutine did before its record was given back.
    const wire::CoroutineState state = worker->records[request->target].state.load(std::memory_order_acquire);
    const bool other = detail(request->target).identity.load(std::memory_order_acquire) != request->identity;
    if (state != wire::CoroutineState::kFree && !other) return false;
    request->may_have_failed = g_runtime->failures.any();
    return true;
}

}  // namespace cprime::detail
