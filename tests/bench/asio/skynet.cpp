// The skynet program: each coroutine makes ten others, down to `count` leaves; each leaf sends its number to its parent, each
// parent the sum of what its ten sent.
#include "runner/skynet.h"
#include "asio/executor.h"
#include "asio/workloads.h"

namespace coroscope::bench::asio_peer {
namespace {

template <typename SomeExecutor, typename SomeChannel>
struct Skynet {
    static constexpr asio::use_awaitable_t<SomeExecutor> kToken{};

    static asio::awaitable<void, SomeExecutor> node(SomeExecutor executor, SomeChannel& out,
                                                    std::uint64_t first, std::uint64_t leaves) {
        std::uint64_t sum = first;
        if (leaves > 1) sum = co_await children(executor, first, leaves);
        if (!out.try_send(error_code{}, sum)) co_await out.async_send(error_code{}, sum, kToken);
    }

    static asio::awaitable<std::uint64_t, SomeExecutor> children(SomeExecutor executor, std::uint64_t first,
                                                                 std::uint64_t leaves) {
        SomeChannel in(executor, 0);
        const std::uint64_t each = leaves / kSkynetChildren;
        for (std::uint64_t i = 0; i < kSkynetChildren; ++i)
            spawn(executor, node(executor, in, first + i * each, each));
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < kSkynetChildren; ++i) {
            const auto add = [&sum](error_code, std::uint64_t value) { sum += value; };
            if (!in.try_receive(add)) sum += co_await in.async_receive(kToken);
        }
        co_return sum;
    }

    static asio::awaitable<void, SomeExecutor> root(SomeExecutor executor, std::uint64_t leaves,
                                                    std::uint64_t& sum, std::uint64_t& end_ns) {
        sum = co_await children(executor, 0, leaves);
        end_ns = now_ns();
    }
};

Measured checked(std::uint64_t sum, std::uint64_t leaves, std::uint64_t elapsed_ns) {
    if (sum != skynet_sum(leaves)) return {};
    return {.elapsed_ns = elapsed_ns, .operations = leaves, .extra = {}};
}

}  // namespace

Measured skynet_1_worker(std::uint64_t count) {
    const std::uint64_t leaves = skynet_leaves(count);
    Context context;
    std::uint64_t sum = 0;
    std::uint64_t end_ns = 0;
    const std::uint64_t begin_ns = now_ns();
    spawn(context.get_executor(),
          Skynet<Executor, Channel>::root(context.get_executor(), leaves, sum, end_ns));
    context.run();
    return checked(sum, leaves, end_ns - begin_ns);
}

Measured skynet_2_workers(std::uint64_t count) {
    using PoolExecutor = asio::thread_pool::executor_type;
    using PoolChannel = asio::experimental::concurrent_channel<PoolExecutor, void(error_code, std::uint64_t)>;
    const std::uint64_t leaves = skynet_leaves(count);
    asio::thread_pool pool(2);
    std::uint64_t sum = 0;
    std::uint64_t end_ns = 0;
    const std::uint64_t begin_ns = now_ns();
    spawn(pool.get_executor(),
          Skynet<PoolExecutor, PoolChannel>::root(pool.get_executor(), leaves, sum, end_ns));
    pool.join();
    return checked(sum, leaves, end_ns - begin_ns);
}

}  // namespace coroscope::bench::asio_peer
