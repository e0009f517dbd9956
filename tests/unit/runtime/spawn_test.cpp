// Spawning: what runs, where closures live, who is whose child.
#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/scheduler/parking.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

// Both batches of records that a test's runtime makes: one for outside threads, one a worker.
constexpr std::uint32_t kRecordsLookedAt = 64 * 10;

class Spawn : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Spawn);

TEST_P(Spawn, runs_the_function_once) {
    std::atomic<int> runs{0};
    run([&] { spawn("child", [&] { runs.fetch_add(1); }).join(); });
    EXPECT_EQ(runs.load(), 1);
}

TEST_P(Spawn, run_returns_only_when_detached_children_have_ended) {
    std::atomic<int> runs{0};
    run([&] {
        for (int i = 0; i < 100; ++i) {
            spawn_detached("child", [&] {
                for (int step = 0; step < 10; ++step)
                    yield();
                runs.fetch_add(1);
            });
        }
    });
    EXPECT_EQ(runs.load(), 100);
}

TEST_P(Spawn, moves_captures_once_onto_the_childs_stack_and_destroys_them_there) {
    struct Counted {
        std::atomic<int>* moves;
        std::atomic<int>* alive;
        Counted(std::atomic<int>* m, std::atomic<int>* a) : moves(m), alive(a) { alive->fetch_add(1); }
        Counted(Counted&& other) noexcept : moves(other.moves), alive(other.alive) {
            moves->fetch_add(1);
            alive->fetch_add(1);
        }
        ~Counted() { alive->fetch_sub(1); }
    };
    std::atomic<int> moves{0};
    std::atomic<int> alive{0};
    run([&] {
        auto function = [counted = Counted(&moves, &alive)] { EXPECT_GE(counted.alive->load(), 1); };
        const int before = moves.load();
        spawn("child", std::move(function)).join();
        EXPECT_EQ(moves.load() - before, 1);
    });
    EXPECT_EQ(alive.load(), 0);
}

TEST_P(Spawn, gives_everything_back_when_a_capture_cannot_be_copied) {
    struct Refuses {
        Refuses() = default;
        Refuses(const Refuses&) { throw std::runtime_error("no copy"); }
    };
    run([&] {
        Refuses refuses;
        const auto function = [refuses = std::make_shared<Refuses>(), &refuses_again = refuses] {
            static_cast<void>(refuses_again);
        };
        spawn("fine", function).join();
        struct Bad {
            Refuses member;
            void operator()() const {}
        };
        const Bad* bad = nullptr;
        std::array<char, sizeof(Bad)> memory{};
        bad = reinterpret_cast<const Bad*>(memory.data());
        EXPECT_THROW(static_cast<void>(spawn("bad", *bad)), std::runtime_error);
        spawn("after", [] {}).join();
    });
}

TEST_P(Spawn, a_closure_too_large_for_its_class_gets_the_next_one) {
    run([] {
        std::array<char, 1000> big{};
        big[999] = 7;
        auto handle = spawn({.name = "big", .size_class = size_class::micro}, [big] { return int{big[999]}; });
        EXPECT_EQ(*handle.join(), 7);
    });
}

TEST_P(Spawn, every_size_class_runs_code) {
    run([] {
        for (const auto wish : {size_class::micro, size_class::small, size_class::medium, size_class::large}) {
            int value = 0;
            spawn({.name = "sized", .size_class = wish}, [&value] {
                yield();
                value = 42;
            }).join();
            EXPECT_EQ(value, 42);
        }
    });
}

TEST_P(Spawn, stacks_are_aligned_for_sse) {
    run([] {
        for (const auto wish : {size_class::micro, size_class::medium}) {
            std::uintptr_t address = 1;
            spawn({.name = "aligned", .size_class = wish}, [&address] {
                alignas(16) volatile char local[16];
                address = reinterpret_cast<std::uintptr_t>(&local);
            }).join();
            EXPECT_EQ(address % 16, 0U);
        }
        struct alignas(64) Wide {
            char bytes[64];
        };
        Wide wide{};
        std::uintptr_t address = 1;
        spawn("wide", [wide, &address] { address = reinterpret_cast<std::uintptr_t>(&wide); }).join();
        EXPECT_EQ(address % 64, 0U);
    });
}

TEST_P(Spawn, identities_are_never_reused_not_even_by_the_next_runtime) {
    std::set<std::uint64_t> seen;
    for (int round = 0; round < 2; ++round) {
        run([&] {
            for (int i = 0; i < 500; ++i) {
                std::uint64_t id = 0;
                auto handle = spawn("one", [&id] { id = this_id(); });
                const std::uint64_t named = handle.id();
                handle.join();
                EXPECT_EQ(id, named);
                EXPECT_NE(id, 0U);
                EXPECT_TRUE(seen.insert(id).second);
            }
        });
    }
}

TEST_P(Spawn, the_record_tells_site_name_and_spawner) {
    run([] {
        const std::uint64_t parent = this_id();
        auto handle = spawn("first name", [] { sleep_for(std::chrono::hours(1)); });
        auto other = spawn("first name", [] { sleep_for(std::chrono::hours(1)); });
        std::uint32_t found = 0;
        for (std::uint32_t i = 0; i < kRecordsLookedAt; ++i) {
            const auto& about = detail::detail(i);
            if (about.identity.load() != handle.id()) continue;
            ++found;
            EXPECT_EQ(about.spawner.load(), parent);
            const auto& site = detail::g_runtime->sites.record(about.site.load());
            EXPECT_EQ(detail::g_runtime->segment->string(site.name), "first name");
            EXPECT_EQ(detail::g_runtime->segment->string(site.file), "tests/unit/runtime/spawn_test.cpp");
            EXPECT_EQ(about.name.load(), coroscope::wire::kNone);
        }
        EXPECT_EQ(found, 1U);
        handle.cancel();
        other.cancel();
        handle.join();
        other.join();
    });
}

TEST_P(Spawn, sequence_is_even_at_rest_and_odd_while_running) {
    run([] {
        auto& me = *std::find_if(
            detail::g_tables.records, detail::g_tables.records + kRecordsLookedAt,
            [index = 0](const auto&) mutable {
                return detail::detail(static_cast<std::uint32_t>(index++)).identity.load() == this_id();
            });
        const std::uint32_t running = me.sequence.load();
        EXPECT_EQ(running % 2, 1U);
        sleep_for(std::chrono::microseconds(1));
        EXPECT_EQ(me.sequence.load(), running + 4) << "suspend + 1, wake + 2, resume + 1";
        auto child = spawn("child", [] { sleep_for(std::chrono::hours(1)); });
        std::uint32_t index = 0;
        while (detail::detail(index).identity.load() != child.id())
            ++index;
        // The state says so first, the sequence becomes even when all else has been written: it must come to rest.
        while (detail::record(index).state.load() != coroscope::wire::CoroutineState::kParked ||
               detail::record(index).sequence.load() % 2 != 0)
            yield();
        child.cancel();
        child.join();
        EXPECT_EQ(detail::record(index).sequence.load() % 2, 0U);
    });
}

TEST_P(Spawn, many_parked_coroutines_all_come_back) {
    run([] {
        std::vector<JoinHandle<void>> handles;
        std::atomic<int> ended{0};
        for (int i = 0; i < kManyCoroutines; ++i) {
            handles.push_back(spawn({.name = "parked", .size_class = size_class::micro}, [&ended] {
                sleep_for(std::chrono::hours(1));
                ended.fetch_add(1, std::memory_order_relaxed);
            }));
        }
        for (auto& handle : handles)
            handle.cancel();
        for (auto& handle : handles)
            handle.join();
        EXPECT_EQ(ended.load(), kManyCoroutines);
    });
}

TEST_P(Spawn, threads_that_are_no_workers_may_spawn_and_join) {
    Runtime runtime({.workers = GetParam()});
    std::atomic<int> sum{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 100; ++i) {
                auto handle = spawn("from outside", [&sum, i] {
                    yield();
                    sum.fetch_add(i);
                    return i;
                });
                EXPECT_EQ(*handle.join(), i);
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    runtime.wait();
    EXPECT_EQ(sum.load(), 4 * 4950);
    for (std::uint8_t pool = 0; pool < detail::kPoolsCount; ++pool)
        EXPECT_EQ(detail::g_runtime->pools.used(pool), 0U);
}

TEST_P(Spawn, handles_made_while_a_closure_moves_belong_to_the_child) {
    // What channel handles ask when they are moved: holder_identity().
    struct Asks {
        std::uint64_t* answer;
        explicit Asks(std::uint64_t* a) : answer(a) {}
        Asks(Asks&& other) noexcept : answer(other.answer) {
            detail::park(
                [](detail::Worker* worker, std::uint32_t index, void* to) noexcept -> detail::ResumePoint {
                    *static_cast<std::uint64_t*>(to) = detail::holder_identity(worker, index);
                    return detail::keep_running(*worker);
                },
                answer);
        }
    };
    run([] {
        std::uint64_t holder = 0;
        Asks asks(&holder);
        Asks moved(std::move(asks));
        EXPECT_EQ(holder, this_id());
        auto function = [moved = std::move(moved)] {};
        auto handle = spawn("child", std::move(function));
        EXPECT_EQ(holder, handle.id());
        Asks again(&holder);
        Asks after(std::move(again));
        EXPECT_EQ(holder, this_id());
        handle.join();
    });
}

}  // namespace
}  // namespace cprime
