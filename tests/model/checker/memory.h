// The memory of a model: for each atomic the list of all values that were stored in it, and for each thread what it must have seen.
//
// A view machine. The stores of a location form a list in the order in which they were executed (its modification order).
// A thread's *view* holds for each location the oldest store that it may still read; a load may answer with that or any newer
// one. Knowledge (a view, and a vector clock for happens-before) travels with stores:
//
//   store   release: carries all that the thread knows; relaxed: what it knew at its last release fence
//   load    acquire: takes over what the store carries; relaxed: kept aside until the next acquire fence
//   RMW     reads the newest store, and carries on what that one carried (release sequence)
//   fence   seq_cst: joins the thread's view with one that all such fences share, both ways. A seq_cst load, store or RMW does so for
//           its own location only: it is not a fence, although on x86 an RMW would be one
//   heavy   a seq_cst fence of the caller, of every other thread, and of the caller again
//   pause   time passes: the newest store of each location becomes visible (without happens-before)
//   futex   the kernel passes a full barrier: a seq_cst fence, then a relaxed load
//
// Not modelled: a load that sees a store which its own thread's later store made possible (load buffering), and a store that
// takes a place in the modification order before one that was executed earlier; neither happens on x86.
// Sources: ISO C++20 [atomics.order]; Kang, Hur, Lahav, Vafeiadis, Dreyer, "A Promising Semantics for Relaxed-Memory
// Concurrency", POPL 2017, without its promises.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "model.h"
#include "operation.h"

namespace model {

inline constexpr std::size_t kLocationsMost = 128;
inline constexpr std::size_t kClocks = kThreadsMost + 1;  // 0: setup and finally

struct View {
    std::array<std::uint16_t, kLocationsMost> oldest{};  // by location: index of the oldest store that may be read
};

struct Knowledge {
    View view;
    std::array<std::uint32_t, kClocks> clock{};
};

// Who used a plain object last; lives inside the object.
struct PlainUses {
    std::uint32_t write_time = 0;
    std::uint8_t writer = 0;
    std::array<std::uint32_t, kClocks> read_times{};
};

class Memory {
public:
    void reset();
    // A thread begins with what the setup knows; setup goes on with all that the threads know.
    void start_thread(int thread) {
        threads_[thread] = threads_[0];
        threads_[thread].now.clock[thread] = 1;
    }
    void join_all(int threads_count);

    // Made by `maker` when its clock showed `time`.
    std::uint32_t add_location(std::uint64_t value, int maker, std::uint32_t time);
    std::uint32_t time_of(int thread) const { return threads_[thread].now.clock[thread]; }
    std::size_t locations_count() const { return locations_count_; }
    bool full() const { return locations_count_ == kLocationsMost; }

    // Which stores the operation may read, by age: 0 = the newest, which is always first. Only {0} where nothing is read.
    void readable_ages(int thread, const Operation& operation, std::vector<std::uint32_t>& ages) const;
    // Whether the construction of the operation's atomic happened before.
    bool knows_location(int thread, const Operation& operation) const {
        const Made& made = made_[operation.location];
        return threads_[thread].now.clock[made.maker] >= made.time;
    }
    // Carries out everything of the operation but blocking and waking. `age`: which store is read, 0 = the newest.
    void execute(int thread, Operation& operation, std::uint32_t age, int threads_count);
    // Is there a store that the thread need not have seen?
    bool has_unseen(int thread) const;

    // Whether this use of a plain object races with an earlier one, which is then told.
    struct Race {
        bool found = false;
        int other = 0;
        bool other_wrote = false;
    };
    Race use_plain(int thread, PlainUses& uses, bool write);

private:
    struct Store {
        std::uint64_t value;
        Knowledge carried;
    };
    struct ThreadMemory {
        Knowledge now;
        Knowledge acquirable;  // carried by stores that were read relaxed
        Knowledge released;    // `now` at the last release fence
    };
    void join(Knowledge& into, const Knowledge& from) const;
    void join(View& into, const View& from) const;
    void load(ThreadMemory& thread, Operation& operation, std::memory_order order, std::uint32_t index);
    void store(ThreadMemory& thread, const Operation& operation, std::uint64_t value,
               const Knowledge* sequence);
    void fence(ThreadMemory& thread, std::memory_order order);
    std::uint32_t oldest_readable(int thread, const Operation& operation) const;

    struct Made {
        int maker;
        std::uint32_t time;
    };
    std::array<std::vector<Store>, kLocationsMost> locations_;
    std::array<Made, kLocationsMost> made_;
    std::size_t locations_count_ = 0;
    std::array<ThreadMemory, kClocks> threads_;
    View shared_;  // of all seq_cst fences and operations
};

}  // namespace model
