// The second thread of Boost.Fiber with two workers: it steals fibers while a measurement runs, and sleeps in the kernel between them.
//
// A process can have one set of work-stealing schedulers, so the first measurement makes both and they stay. A scheduler that has nothing
// to do spins, which is the default of Boost; one that sleeps instead would not be woken by another thread that has too much to do.
// So the second thread's scheduler runs only from begin() to end().
//
// Thread: as each function says. Fibers change threads here: what is thread-local is looked up in functions that are not inlined.
#pragma once

#include <boost/context/stack_context.hpp>
#include <boost/fiber/all.hpp>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace coroscope::bench::boost_peer {

class TwoThreads {
public:
    // The only one; the first call makes it, on the main fiber of the thread that is to be the first of the two.
    static TwoThreads& instance();

    // Lets the second thread steal; end() stops it again, when every fiber has ended. On the first thread's main fiber.
    void begin();
    void end();

    // Counts a fiber that ends, on either thread. ended() is how many have; never too many, and exact once all have.
    static void note_end();
    static std::uint64_t ended();

private:
    TwoThreads();
    void second_thread();

    std::mutex mutex_;
    std::condition_variable changed_;
    bool stealing_ = false;  // under mutex_; set by the first thread, cleared by the second when it looks no more
    boost::fibers::mutex end_mutex_;
    boost::fibers::condition_variable
        ended_;  // what the second thread's main fiber waits for, so that its scheduler looks for others
    bool end_ = false;  // under end_mutex_
};

// The smallest stacks, pooled by thread: pooled_fixedsize_stack is not made for two. They are kept as long as the process lives.
class LocalStacks {
public:
    boost::context::stack_context allocate();
    void deallocate(boost::context::stack_context& stack) noexcept;
};

}  // namespace coroscope::bench::boost_peer
