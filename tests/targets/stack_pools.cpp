// Stacks of every kind at once, standing still: what viewers must say about slots, guards, growth and memory given back.
//
//   stack_pools
//
// A MicroPool of 5 slots, 3 of them taken; 2,000 stacks that came and went, then trim(); one stack that has grown in place. Prints one line
// of JSON with what the program knows itself, and stays as it is until a byte arrives on stdin, or its end.
#include <cprime/cprime.h>

#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

constexpr int kVisitors = 2000;
constexpr std::size_t kDeepBytes = 30 << 10;  // more than a Medium slot has, less than its window

__attribute__((noinline)) void wait_deep_down(const cprime::Receiver<int>& in) {
    volatile char room[kDeepBytes];
    for (std::size_t i = 0; i < sizeof room; i += 512)
        room[sizeof room - 1 - i] = 1;
    in.receive();
    room[0] = 2;
}

int stand_still() {
    auto [tx, rx] = cprime::make_channel<int>("nothing comes", 0);
    auto [visit_tx, visit_rx] = cprime::make_channel<int>("visits end", 0);
    cprime::MicroPool<5> pool;
    for (int i = 0; i < 3; ++i)
        pool.spawn("lodger", [&in = rx] { in.receive(); }).detach();
    auto deep = cprime::spawn({.name = "deep", .size_class = cprime::size_class::medium},
                              [in = rx] { wait_deep_down(in); });
    std::vector<cprime::JoinHandle<void>> visitors;
    for (int i = 0; i < kVisitors; ++i)
        visitors.push_back(cprime::spawn({.name = "visitor", .size_class = cprime::size_class::medium},
                                         [in = visit_rx] { in.receive(); }));
    while (cprime::pool_statistics(cprime::size_class::medium).used < kVisitors + 1)
        cprime::yield();
    visit_tx.close();
    for (auto& visitor : visitors)
        visitor.join();
    const std::uint64_t trimmed = cprime::trim();
    const cprime::PoolStatistics medium = cprime::pool_statistics(cprime::size_class::medium);
    std::printf("{\"trimmed_bytes\": %llu, \"medium_slots\": %llu, \"medium_guarded\": %llu}\n",
                static_cast<unsigned long long>(trimmed), static_cast<unsigned long long>(medium.slots),
                static_cast<unsigned long long>(medium.guarded));
    std::fflush(stdout);
    std::getchar();  // holds the one worker: nothing moves
    tx.close();
    deep.join();
    return 0;
}

}  // namespace

int main() {
    return cprime::run({.workers = 1, .pools = {.trim_after_ms = 0}}, [] { return stand_still(); });
}
