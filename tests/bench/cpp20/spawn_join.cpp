// Stackless coroutines that end at once. The frame is allocated each time: the maker is not inlined, as it would not be when the
// coroutine is defined in another file.
#include <memory>

#include "cpp20/task.h"
#include "cpp20/workloads.h"

namespace coroscope::bench::cpp20_peer {
namespace {

[[gnu::noinline]] Task child(std::uint64_t& ran) {
    ++ran;
    co_return;
}

Task one_at_a_time(std::uint64_t count, std::uint64_t& ran) {
    for (std::uint64_t i = 0; i < count; ++i)
        co_await child(ran);
}

}  // namespace

Measured spawn_join(std::uint64_t count) {
    std::uint64_t ran = 0;
    const Task parent = one_at_a_time(count, ran);
    const std::uint64_t begin_ns = now_ns();
    parent.handle().resume();
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

Measured spawn_join_1000(std::uint64_t count) {
    constexpr std::size_t kBatch = 1000;
    const std::uint64_t batches = count / kBatch + 1;
    std::uint64_t ran = 0;
    Scheduler scheduler(1024);
    std::vector<Task> tasks;
    tasks.reserve(kBatch);
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            tasks.push_back(child(ran));
            scheduler.push(tasks.back().handle());
        }
        scheduler.run();
        tasks.clear();
    }
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

}  // namespace coroscope::bench::cpp20_peer
