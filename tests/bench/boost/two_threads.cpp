// Two work-stealing schedulers, one of them on a thread of its own; and stacks that either thread may give back.
#include "boost/two_threads.h"

#include <array>
#include <atomic>
#include <boost/fiber/algo/work_stealing.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {
namespace {

// One writer each, its thread; read by the first. Release and acquire: whoever sees a fiber counted sees what it did.
struct alignas(64) Count {
    std::atomic<std::uint64_t> fibers{0};
};
std::array<Count, 2> counts;
thread_local Count* own_count = &counts[0];

struct alignas(kSmallestStackBytes) Stack {
    char bytes[kSmallestStackBytes];
};
// A free stack holds the next one's address where a fiber has written before: at its top.
struct FreeStack {
    FreeStack* next;
};
constexpr std::size_t kStacksAtOnce = 512;
thread_local FreeStack* free_stacks = nullptr;
thread_local std::vector<std::unique_ptr<Stack[]>> chunks;

FreeStack* as_free(void* top) {
    return static_cast<FreeStack*>(top) - 1;
}

void more_stacks() {
    chunks.push_back(std::make_unique_for_overwrite<Stack[]>(kStacksAtOnce));
    for (std::size_t i = 1; i <= kStacksAtOnce; ++i)
        free_stacks = ::new (as_free(chunks.back().get() + i)) FreeStack{free_stacks};
}

}  // namespace

TwoThreads& TwoThreads::instance() {
    static auto* const only = new TwoThreads;  // for as long as the second thread, which is until exit
    return *only;
}

TwoThreads::TwoThreads() {
    std::thread([this] { second_thread(); }).detach();
    boost::fibers::use_scheduling_algorithm<boost::fibers::algo::work_stealing>(
        2U);  // waits for the other scheduler
}

void TwoThreads::second_thread() {
    own_count = &counts[1];
    boost::fibers::use_scheduling_algorithm<boost::fibers::algo::work_stealing>(2U);
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stealing_; });
        lock.unlock();
        {
            std::unique_lock end_lock(end_mutex_);
            ended_.wait(end_lock, [this] { return end_; });
        }
        lock.lock();
        stealing_ = false;
        changed_.notify_one();
    }
}

void TwoThreads::begin() {
    // The first search for something to steal makes a random number generator that no small stack has room for: let it be the main fiber's.
    boost::this_fiber::sleep_for(std::chrono::microseconds(100));
    end_ = false;  // the second thread is not looking
    const std::lock_guard lock(mutex_);
    stealing_ = true;
    changed_.notify_one();
}

void TwoThreads::end() {
    {
        const std::lock_guard lock(end_mutex_);
        end_ = true;
    }
    ended_.notify_one();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !stealing_; });
}

[[gnu::noinline]] void TwoThreads::note_end() {
    std::atomic<std::uint64_t>& fibers = own_count->fibers;
    fibers.store(fibers.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

std::uint64_t TwoThreads::ended() {
    return counts[0].fibers.load(std::memory_order_acquire) + counts[1].fibers.load(std::memory_order_acquire);
}

[[gnu::noinline]] boost::context::stack_context LocalStacks::allocate() {
    if (free_stacks == nullptr) more_stacks();
    FreeStack* const taken = free_stacks;
    free_stacks = taken->next;
    boost::context::stack_context stack;
    stack.size = kSmallestStackBytes;
    stack.sp = taken + 1;
    return stack;
}

[[gnu::noinline]] void LocalStacks::deallocate(boost::context::stack_context& stack) noexcept {
    free_stacks = ::new (as_free(stack.sp)) FreeStack{free_stacks};
}

}  // namespace coroscope::bench::boost_peer
