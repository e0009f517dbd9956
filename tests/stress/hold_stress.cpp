// Pauses, resumes and steps at random, while coroutines do everything else under chaos: no wake-up is lost and no result changes.
//
// A world of coroutines exchanges items over channels, locks, sleeps, is cancelled and spawned; a thread plays the viewer: pauses everything, or
// some, steps the program or one of them, lets go. Every world ends by itself, with the same books as without a viewer:
//   items    each that was sent was received once
//   locks    a count under a mutex is what was added
//   joins    each coroutine that was spawned has ended
// While everything is held nobody runs: the sum of all that the coroutines count stands still.
//
// COROSCOPE_HOLDS=N: how many requests (10,000 for a release; some hundreds where nothing is said). The seed is printed; COROSCOPE_SEED sets it.
#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/hold.h"
#include "runtime/switch/sanitizer.h"

namespace cprime {
namespace {

using coroscope::wire::CoroutineName;
using coroscope::wire::CoroutineState;
using coroscope::wire::ReplyStatus;
using coroscope::wire::WorkerState;
using std::chrono::microseconds;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int kPairs = 6;
constexpr std::uint64_t kItems = 300;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

class Random {
public:
    explicit Random(std::uint64_t seed) : state_((seed + 1) * 0x9e3779b97f4a7c15ULL | 1) {}
    std::uint32_t below(std::uint32_t bound) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::uint32_t>((state_ >> 32) * bound >> 32);
    }

private:
    std::uint64_t state_;
};

// What the coroutines of one world have done.
struct Books {
    std::atomic<std::uint64_t> sent{0}, received{0}, ended{0}, steps{0};
    std::uint64_t under_lock = 0;
};

// One world: kPairs senders and receivers over channels of several capacities, who also meet at a mutex and a semaphore, sleep and spawn.
void play(Books& books) {
    Mutex mutex("books");
    Semaphore tables(2, "tables");
    Nursery nursery;
    for (int pair = 0; pair < kPairs; ++pair) {
        auto [sender, receiver] = make_channel<std::uint64_t>("items", static_cast<std::size_t>(pair % 3));
        static_cast<void>(nursery.spawn("sender", [&books, &mutex, sender = std::move(sender)] {
            for (std::uint64_t i = 1; i <= kItems; ++i) {
                if (sender.send(i).status() != Status::ok) break;
                books.sent.fetch_add(i, kRelaxed);
                books.steps.fetch_add(1, kRelaxed);
                if (i % 16 == 0) {
                    const std::lock_guard<Mutex> hold(mutex);
                    ++books.under_lock;
                    static_cast<void>(yield());
                }
                if (i % 64 == 0) static_cast<void>(sleep_for(microseconds(50)));
            }
            books.ended.fetch_add(1, kRelaxed);
        }));
        static_cast<void>(nursery.spawn("receiver", [&books, &tables, receiver = std::move(receiver)] {
            while (auto item = receiver.receive()) {
                books.received.fetch_add(*item, kRelaxed);
                books.steps.fetch_add(1, kRelaxed);
                if (*item % 50 == 0) {
                    static_cast<void>(tables.acquire());
                    spawn("helper", [&books] { books.steps.fetch_add(1, kRelaxed); }).join();
                    tables.release();
                }
            }
            books.ended.fetch_add(1, kRelaxed);
        }));
    }
    static_cast<void>(nursery.wait());
}

class Viewer {
public:
    Viewer(std::uint64_t seed, unsigned workers, const Books& books) : random_(seed), workers_(workers), books_(books) {}

    void request() {
        switch (random_.below(8)) {
            case 0:
            case 1:
                pause_and_look();
                break;
            case 2:
                ask(everything_, some());
                break;
            case 3:
            case 4:
            case 5:
                step();
                break;
            default:
                ask(random_.below(4) == 0, random_.below(2) == 0 ? some() : std::vector<CoroutineName>());
                break;
        }
        ++requests_;
    }
    void let_go() { ask(false, {}); }
    std::uint64_t requests() const { return requests_; }
    std::uint64_t steps_done() const { return steps_done_; }

private:
    void ask(bool everything, const std::vector<CoroutineName>& names) {
        ASSERT_EQ(detail::Hold::hold(&detail::g_hold, everything, names), ReplyStatus::kOk);
        everything_ = everything;
        chosen_ = names;
    }
    // Some of those that live.
    std::vector<CoroutineName> some() {
        std::vector<CoroutineName> names;
        for (std::uint32_t left = random_.below(5); left > 0; --left) {
            const std::uint32_t index = random_.below(2 * kPairs + 4);
            const std::uint64_t identity = detail::detail(index).identity.load(std::memory_order_acquire);
            const CoroutineState state = detail::record(index).state.load(std::memory_order_acquire);
            if (state != CoroutineState::kFree && identity != 0) names.push_back({index, 0, identity});
        }
        return names;
    }
    bool all_held() const {
        for (unsigned i = 0; i < workers_; ++i) {
            if (detail::g_runtime->workers[i].record->state.load(std::memory_order_acquire) != WorkerState::kHeld)
                return false;
        }
        return true;
    }
    void pause_and_look() {
        ask(true, chosen_);
        finish_step();
        while (!all_held())
            std::this_thread::yield();
        const std::uint64_t before = books_.steps.load();
        for (std::uint32_t left = random_.below(100); left > 0; --left)
            std::this_thread::yield();
        EXPECT_EQ(books_.steps.load(), before) << "somebody ran while everything was held";
    }
    void step() {
        CoroutineName name{};
        if (random_.below(2) == 0) {
            const auto names = some();
            if (!names.empty()) name = names.front();
        }
        std::uint32_t number = 0;
        const ReplyStatus status = detail::Hold::step(&detail::g_hold, name, &number);
        if (status != ReplyStatus::kOk || number == 0) return;
        last_step_ = number;
        // Most of them to their end; some are overtaken by the next request.
        if (random_.below(4) == 0) return;
        finish_step();
        ++steps_done_;
    }
    void finish_step() const {
        const auto& header = detail::g_runtime->segment->header();
        while (header.steps_done.load(std::memory_order_acquire) < last_step_)
            std::this_thread::yield();
    }

    Random random_;
    unsigned workers_;
    const Books& books_;
    bool everything_ = false;
    std::vector<CoroutineName> chosen_;
    std::uint64_t requests_ = 0, steps_done_ = 0, last_step_ = 0;
};

class HoldStress : public testing::TestWithParam<unsigned> {};

TEST_P(HoldStress, no_wake_up_is_lost_and_no_result_changes) {
    const std::uint64_t first = from_environment("COROSCOPE_SEED", std::random_device{}());
    const std::uint64_t wanted = from_environment("COROSCOPE_HOLDS", detail::kSanitizer ? 300 : 1000);
    std::printf("COROSCOPE_SEED=%llu\n", static_cast<unsigned long long>(first));
    Runtime runtime({.workers = GetParam()});
    std::uint64_t requests = 0;
    std::uint64_t steps = 0;
    for (std::uint64_t round = 0; requests < wanted; ++round) {
        const bool calm = round % 4 == 3;
        detail::g_chaos.change(calm ? std::nullopt : std::optional(first + round), false);
        Books books;
        std::atomic<bool> over{false};
        std::thread program([&] {
            runtime.run([&] { play(books); });
            over.store(true);
        });
        Viewer viewer(first + round, GetParam(), books);
        Random pace(first * 31 + round);
        while (!over.load() && viewer.requests() < 400) {
            viewer.request();
            for (std::uint32_t left = pace.below(200); left > 0; --left)
                std::this_thread::yield();
        }
        viewer.let_go();
        program.join();
        requests += viewer.requests();
        steps += viewer.steps_done();
        ASSERT_EQ(books.sent.load(), kPairs * kItems * (kItems + 1) / 2) << "in round " << round;
        ASSERT_EQ(books.received.load(), books.sent.load()) << "in round " << round;
        ASSERT_EQ(books.under_lock, kPairs * (kItems / 16));
        ASSERT_EQ(books.ended.load(), 2U * kPairs);
        ASSERT_EQ(detail::g_runtime->scheduler.alive(), 0U);
    }
    std::printf("%llu requests, %llu steps\n", static_cast<unsigned long long>(requests),
                static_cast<unsigned long long>(steps));
    EXPECT_GT(steps, 0U);
}

INSTANTIATE_TEST_SUITE_P(Workers, HoldStress, testing::Values(1U, 2U, 4U), testing::PrintToStringParamName());

}  // namespace
}  // namespace cprime
