// What the tests of synchronisation objects share: the record of an object, and waiting until so many wait for it.
#pragma once

#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "runtime/sync/waitable_tables.h"
#include "workers_fixture.h"

namespace cprime::test {

using namespace std::chrono_literals;
namespace wire = coroscope::wire;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr int kRounds = 500;
#else
inline constexpr int kRounds = 5000;
#endif

// The index of an object's record; it must have been used. The base is private, which this cast passes by.
template <typename Object>
std::uint32_t index_of(Object& object) {
    return detail::g_waitables.find_existing((detail::Waitable&)object);
}
template <typename Object>
wire::WaitableRecord& record_of(Object& object) {
    return detail::g_waitables.record(index_of(object));
}

// Those who wait for the object now, coroutines and threads.
template <typename Object>
std::uint32_t waiting_for(Object& object) {
    if (index_of(object) == wire::kNone) return 0;
    return record_of(object).waiting + record_of(object).threads_waiting;
}

// Waits, by yielding (the coroutine, or the thread that is no worker), until so many wait for the object.
template <typename Object>
void until_waiting(Object& object, std::uint32_t count) {
    while (waiting_for(object) != count)
        static_cast<void>(cprime::yield());
}

class Synchronised : public WithWorkers {};

}  // namespace cprime::test
