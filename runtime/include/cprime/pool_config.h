// PoolConfig: how many stacks a program may have at once, how many of them stand ready before it begins, and when memory goes back.
//
//   cprime::run({.pools = {.micro = {.slots_ahead = 100'000},
//                          .medium = {.slots_max = 512, .when_full = cprime::WhenFull::wait}}}, main);
//
// A pool is *full* for a spawn when slots_max of its class are in use, or when the kernel gives no memory for more and the spawning worker
// has no free slot left. What happens then is the class's own `when_full`.
//
// A value that cannot work ends the process when the Runtime is made: one sentence that names the field, exit code 2; 1 when there
// was no memory for what was asked ahead.
//
// Thread: plain data, read once. Tested in tests/unit/runtime/pool_config_test.cpp.
#pragma once

#include <cstdint>

namespace cprime {

enum class WhenFull : std::uint8_t {
    // The coroutine gets a slot of the next larger class; if that is full, what that class says. After Large: as `error`.
    next_class = 0,
    // The spawn waits until a slot of the class comes back; who has waited longest gets it. A coroutine parks, a thread that is no worker
    // blocks. A coroutine that is asked to end while it waits, or before, leaves the spawn by cprime::Cancelled. Where nobody
    // has a slot that could come back, as `error`.
    wait = 1,
    // spawn() throws std::bad_alloc.
    error = 2,
};

struct ClassPool {
    // Mapped, guarded and owned by the workers before the first coroutine runs, divided evenly over them; rounded up to whole slabs of 512
    // slots a worker. Address space and page tables, no memory yet. 0 = on demand.
    std::uint64_t slots_ahead = 0;
    // In use at once at most, exactly, whoever took them (Medium: those with wider windows included). 0 = as many as there is memory for.
    std::uint64_t slots_max = 0;
    WhenFull when_full = WhenFull::next_class;
};

struct PoolConfig {
    ClassPool micro = {}, small = {}, medium = {}, large = {};
    // Stacks of coroutines made by signals, which ordinary spawns never get: at once at most (0 = no limit); and how many stand by, backed by
    // memory, for when that limit is reached or memory is refused. At most 512.
    std::uint64_t signal_slots_max = 0;
    std::uint32_t emergency_slots = 16;
    // Stacks that were free and untouched for this long go back to the kernel when a worker has nothing to do (after one to two of
    // these, in milliseconds). 0 = only when cprime::trim() is called.
    std::uint32_t trim_after_ms = 500;
};

}  // namespace cprime
