// Coroutines that do nothing but let the next one run, and coroutines that end at once.
#include "asio/executor.h"
#include "asio/workloads.h"

namespace coroscope::bench::asio_peer {
namespace {

struct Clock {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
};

Awaitable<> yielder(Executor executor, Clock& clock, std::uint64_t count) {
    co_await asio::post(executor, kAwait);  // everybody has started when the clock does
    if (clock.begin_ns == 0) clock.begin_ns = now_ns();
    for (std::uint64_t n = 0; n < count; ++n)
        co_await asio::post(executor, kAwait);
    if (clock.end_ns == 0) clock.end_ns = now_ns();
}

Measured yield_among(std::size_t coroutines_count, std::uint64_t count) {
    const std::uint64_t each = count / coroutines_count + 1;
    Context context;
    Clock clock;
    for (std::size_t i = 0; i < coroutines_count; ++i)
        spawn(context.get_executor(), yielder(context.get_executor(), clock, each));
    context.run();
    return {.elapsed_ns = clock.end_ns - clock.begin_ns, .operations = each * coroutines_count, .extra = {}};
}

[[gnu::noinline]] Awaitable<> child(std::uint64_t& ran) {
    ++ran;
    co_return;
}

Awaitable<> one_at_a_time(Executor executor, std::uint64_t count, std::uint64_t& ran) {
    for (std::uint64_t i = 0; i < count; ++i)
        co_await asio::co_spawn(executor, child(ran), kAwait);
}

}  // namespace

Measured yield_2(std::uint64_t count) {
    return yield_among(2, count);
}
Measured yield_1000(std::uint64_t count) {
    return yield_among(1000, count);
}

Measured spawn_join(std::uint64_t count) {
    Context context;
    std::uint64_t ran = 0;
    spawn(context.get_executor(), one_at_a_time(context.get_executor(), count, ran));
    const std::uint64_t begin_ns = now_ns();
    context.run();
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

// Joined by the return of run(): nothing is left to do then.
Measured spawn_join_1000(std::uint64_t count) {
    constexpr std::size_t kBatch = 1000;
    const std::uint64_t batches = count / kBatch + 1;
    Context context;
    std::uint64_t ran = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        for (std::size_t i = 0; i < kBatch; ++i)
            spawn(context.get_executor(), child(ran));
        context.restart();
        context.run();
    }
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

}  // namespace coroscope::bench::asio_peer
