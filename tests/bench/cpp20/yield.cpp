// Stackless coroutines that do nothing but let the next one run.
#include "cpp20/task.h"
#include "cpp20/workloads.h"

namespace coroscope::bench::cpp20_peer {
namespace {

struct Clock {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
};

Task yielder(Scheduler& scheduler, Clock& clock, std::uint64_t count) {
    co_await scheduler.yield();  // everybody has started when the clock does
    if (clock.begin_ns == 0) clock.begin_ns = now_ns();
    for (std::uint64_t n = 0; n < count; ++n)
        co_await scheduler.yield();
    if (clock.end_ns == 0) clock.end_ns = now_ns();
}

Measured yield_among(std::size_t tasks_count, std::uint64_t count) {
    const std::uint64_t each = count / tasks_count + 1;
    Scheduler scheduler(1024);
    Clock clock;
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < tasks_count; ++i) {
        tasks.push_back(yielder(scheduler, clock, each));
        scheduler.push(tasks.back().handle());
    }
    scheduler.run();
    return {.elapsed_ns = clock.end_ns - clock.begin_ns, .operations = each * tasks_count, .extra = {}};
}

}  // namespace

Measured yield_2(std::uint64_t count) {
    return yield_among(2, count);
}
Measured yield_1000(std::uint64_t count) {
    return yield_among(1000, count);
}

}  // namespace coroscope::bench::cpp20_peer
