// How the Asio runner runs coroutines: boost::asio::awaitable over Boost.Asio's own executors, no type erased, no locks where one thread
// is all there is.
//
// One worker: an io_context whose concurrency hint says that one thread only ever touches it (BOOST_ASIO_CONCURRENCY_HINT_UNSAFE, faster
// than the hint 1, which still locks), made anew by each workload. Two workers: a thread_pool. Both hand their executor's type to every
// awaitable and token, as the documentation advises, since the default one, any_io_executor, costs an indirect call each time.
//
// Thread: one; with a thread_pool whichever of its threads.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <cstdint>

namespace coroscope::bench::asio_peer {

namespace asio = boost::asio;
using boost::system::error_code;

using Executor = asio::io_context::executor_type;
template <typename T = void>
using Awaitable = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> kAwait;

// Numbers from one coroutine to another on one thread.
using Channel = asio::experimental::channel<Executor, void(error_code, std::uint64_t)>;

// An io_context for one thread.
struct Context : asio::io_context {
    Context() : asio::io_context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE) {}
};

// Makes a coroutine that nobody joins.
template <typename SomeExecutor, typename SomeAwaitable>
void spawn(const SomeExecutor& executor, SomeAwaitable coroutine) {
    asio::co_spawn(executor, std::move(coroutine), asio::detached);
}

}  // namespace coroscope::bench::asio_peer
