// Coroutines that send numbers to another one. Each side tries before it waits, as the channel's documentation offers: a wait that
// could be answered at once costs a trip through the scheduler all the same.
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

#include "asio/executor.h"
#include "asio/workloads.h"

namespace coroscope::bench::asio_peer {
namespace {

Awaitable<> send_numbers(Channel& channel, std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t i = first; i < end; ++i) {
        if (!channel.try_send(error_code{}, i)) co_await channel.async_send(error_code{}, i, kAwait);
    }
}

Awaitable<> receive_numbers(Channel& channel, std::uint64_t count, std::uint64_t& sum) {
    for (std::uint64_t received = 0; received < count; ++received) {
        const auto add = [&sum](error_code, std::uint64_t value) { sum += value; };
        if (!channel.try_receive(add)) sum += co_await channel.async_receive(kAwait);
    }
}

Measured pass_through(std::size_t capacity, std::uint64_t count) {
    Context context;
    Channel channel(context.get_executor(), capacity);
    std::uint64_t sum = 0;
    const std::uint64_t begin_ns = now_ns();
    spawn(context.get_executor(), send_numbers(channel, 0, count));
    spawn(context.get_executor(), receive_numbers(channel, count, sum));
    context.run();
    const std::uint64_t end_ns = now_ns();
    if (sum != count * (count - 1) / 2) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

// Waits for whichever of the two comes first and cancels the other wait. When both have come at once, both are counted: the group hands out
// both results, where `operator||` would lose one.
Awaitable<> receive_either(Channel& one, Channel& other, std::uint64_t count, std::uint64_t& sum) {
    std::uint64_t received = 0;
    while (received < count) {
        const auto [order, one_error, one_value, other_error,
                    other_value] = co_await asio::experimental::make_parallel_group(one
                                                                                        .async_receive(
                                                                                            asio::deferred),
                                                                                    other.async_receive(
                                                                                        asio::deferred))
                                       .async_wait(asio::experimental::wait_for_one(), kAwait);
        if (!one_error) {
            sum += one_value;
            ++received;
        }
        if (!other_error) {
            sum += other_value;
            ++received;
        }
    }
}

struct FanIn {
    std::uint64_t senders_ready = 0;
    std::uint64_t sum = 0;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
};

Awaitable<> fan_in_sender(Channel& channel, FanIn& state, std::uint64_t first, std::uint64_t each) {
    ++state.senders_ready;
    co_await send_numbers(channel, first, first + each);
}

Awaitable<> fan_in_receiver(Executor executor, Channel& channel, FanIn& state, std::uint64_t senders,
                            std::uint64_t each) {
    while (state.senders_ready != senders)
        co_await asio::post(executor, kAwait);
    state.begin_ns = now_ns();
    co_await receive_numbers(channel, senders * each, state.sum);
    state.end_ns = now_ns();
}

}  // namespace

Measured channel_unbuffered(std::uint64_t count) {
    return pass_through(0, count);
}
Measured channel_buffered_128(std::uint64_t count) {
    return pass_through(128, count);
}

Measured select_2(std::uint64_t count) {
    const std::uint64_t each = count / 2 + 1;
    Context context;
    Channel one(context.get_executor(), 0);
    Channel other(context.get_executor(), 0);
    std::uint64_t sum = 0;
    const std::uint64_t begin_ns = now_ns();
    spawn(context.get_executor(), send_numbers(one, 0, each));
    spawn(context.get_executor(), send_numbers(other, each, 2 * each));
    spawn(context.get_executor(), receive_either(one, other, 2 * each, sum));
    context.run();
    const std::uint64_t end_ns = now_ns();
    if (sum != each * (2 * each - 1)) return {};
    return {.elapsed_ns = end_ns - begin_ns, .operations = 2 * each, .extra = {}};
}

Measured fan_in_10k(std::uint64_t count) {
    constexpr std::uint64_t kSenders = 10'000;
    const std::uint64_t each = count / kSenders + 1;
    const std::uint64_t messages = kSenders * each;
    Context context;
    Channel channel(context.get_executor(), 0);
    FanIn state;
    for (std::uint64_t i = 0; i < kSenders; ++i)
        spawn(context.get_executor(), fan_in_sender(channel, state, i * each, each));
    spawn(context.get_executor(), fan_in_receiver(context.get_executor(), channel, state, kSenders, each));
    context.run();
    if (state.sum != messages * (messages - 1) / 2) return {};
    return {.elapsed_ns = state.end_ns - state.begin_ns, .operations = messages, .extra = {}};
}

}  // namespace coroscope::bench::asio_peer
