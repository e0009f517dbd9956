// MicroPool: slots in the program's memory, its end in every place where it can happen, and how viewers see it.
#include <cprime/micro_pool.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include <cprime/channel.h>

#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;
using coroscope::wire::SectionKind;
using coroscope::wire::SlabRecord;

const SlabRecord* slabs() {
    return detail::g_runtime->segment->records<SlabRecord>(
        static_cast<SectionKind>(static_cast<std::uint32_t>(SectionKind::kSlabsFirst) + detail::kPoolLocal));
}
// Slabs that say where their memory is.
int slabs_in_use() {
    const auto section = static_cast<std::uint32_t>(SectionKind::kSlabsFirst) + detail::kPoolLocal;
    const std::uint32_t count = detail::g_runtime->segment->header().sections[section].records_used.load();
    int used = 0;
    for (std::uint32_t i = 0; i < count; ++i)
        used += slabs()[i].owner.load() != coroscope::wire::kNone && slabs()[i].stack_base != 0 ? 1 : 0;
    return used;
}

class Micro : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Micro);

TEST_P(Micro, runs_coroutines_in_a_local_variable) {
    run([] {
        auto [out, in] = make_channel<int>("numbers");
        long sum = 0;
        {
            MicroPool<4> pool;
            std::vector<JoinHandle<void>> handles;
            for (int i = 0; i < 4; ++i) {
                handles.push_back(pool.spawn("sender", [&out, i] {
                    for (int k = 0; k < 50; ++k)
                        out.send(i);
                }));
            }
            for (int k = 0; k < 200; ++k)
                sum += *in.receive();
            for (auto& handle : handles)
                EXPECT_TRUE(handle.join());
        }
        EXPECT_EQ(sum, 50 * (0 + 1 + 2 + 3));
        EXPECT_EQ(slabs_in_use(), 0);
    });
}

TEST_P(Micro, a_child_stands_in_the_programs_memory_and_is_shown_in_the_pool_local) {
    run([] {
        MicroPool<2> pool;
        auto child = pool.spawn("child", [] { suspend(); });
        std::uint32_t index = 0;
        while (detail::detail(index).identity.load() != child.id())
            ++index;
        const auto& waiting = detail::record(index);
        while (waiting.state.load() != coroscope::wire::CoroutineState::kParked)
            yield();
        const auto rsp = waiting.rsp.load();
        EXPECT_GE(rsp, reinterpret_cast<std::uint64_t>(&pool));
        EXPECT_LT(rsp, reinterpret_cast<std::uint64_t>(&pool + 1));
        EXPECT_EQ(waiting.pool, detail::kPoolLocal);
        const auto& record = detail::g_runtime->segment->records<coroscope::wire::PoolRecord>(
            SectionKind::kPools)[waiting.pool];
        EXPECT_EQ(record.purpose, coroscope::wire::PoolPurpose::kLocal);
        EXPECT_EQ(record.size_class, coroscope::wire::SizeClass::kMicro);
        // What a viewer computes from the segment alone.
        const auto& slab = slabs()[waiting.slot / coroscope::wire::kSlotsPerSlab];
        const auto bounds = coroscope::wire::stack_bounds(record, slab.stack_base, waiting.slot);
        EXPECT_TRUE(rsp >= bounds.low && rsp < bounds.high);
        EXPECT_EQ(slab.owned[0].load() & ~slab.remote[0].load(), 1U << (waiting.slot % 64));
        EXPECT_EQ(slabs_in_use(), 1);
        EXPECT_EQ(child.size_class(), size_class::micro);
        EXPECT_EQ(child.name(), "child");
        while (!child.resume())
            yield();
        child.join();
    });
}

TEST_P(Micro, a_full_pool_says_so_and_has_room_again_after_an_end) {
    run([] {
        MicroPool<3> pool;
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 3; ++i)
            handles.push_back(pool.spawn([] { suspend(); }));
        EXPECT_FALSE(pool.try_spawn("one too many", [] {}));
        EXPECT_THROW(pool.spawn("one too many", [] {}), MicroPoolFull);
        while (!handles[1].resume())
            yield();
        handles[1].join();
        std::optional<JoinHandle<int>> late;
        while (!late) {
            late = pool.try_spawn("late", [] { return 5; });
            yield();
        }
        EXPECT_EQ(*late->join(), 5);
    });
}

TEST_P(Micro, its_destructor_cancels_everybody_and_waits) {
    run([] {
        std::atomic<int> told{0};
        {
            MicroPool<8> pool;
            for (int i = 0; i < 8; ++i) {
                pool.spawn("waiter",
                           [&told] {
                               if (suspend().status() != Status::cancelled) return;
                               yield();
                               ++told;
                           })
                    .detach();
            }
            if (GetParam() == 1) yield();
        }
        EXPECT_EQ(told, 8);
        EXPECT_EQ(detail::g_runtime->pools.used(detail::kPoolLocal), 0U);
    });
}

TEST_P(Micro, an_owner_that_leaves_by_an_exception_waits_as_well) {
    run([] {
        auto owner = spawn("owner", [] {
            std::atomic<int> told{0};
            try {
                MicroPool<4> pool;
                for (int i = 0; i < 4; ++i) {
                    pool.spawn("waiter",
                               [&told] {
                                   if (sleep_for(1h).status() == Status::cancelled) ++told;
                               })
                        .detach();
                }
                yield();
                throw std::runtime_error("leaves");
            } catch (const std::runtime_error& failure) {
                EXPECT_STREQ(failure.what(), "leaves");
            }
            return told.load();
        });
        EXPECT_EQ(*owner.join(), 4);
    });
}

TEST_P(Micro, a_cancelled_owner_waits_all_the_same) {
    std::atomic<int> ended{0};
    run([&ended] {
        for (int i = 0; i < 10; ++i) {
            spawn_detached("owner", [&ended] {
                MicroPool<4> pool;
                for (int k = 0; k < 4; ++k) {
                    pool.spawn("waiter",
                               [&ended] {
                                   suspend();
                                   for (int turns = 0; turns < 5; ++turns)
                                       yield();
                                   ++ended;
                               })
                        .detach();
                }
                EXPECT_EQ(suspend().status(), Status::cancelled);
            });
        }
        for (int i = 0; i < 10; ++i)
            yield();
        shutdown();
    });
    EXPECT_EQ(ended, 40);
}

TEST_P(Micro, a_thread_that_is_no_worker_owns_one_and_blocks) {
    Runtime runtime({.workers = GetParam()});
    std::atomic<int> told{0};
    {
        MicroPool<6> pool;
        for (int i = 0; i < 6; ++i) {
            pool.spawn("waiter",
                       [&told] {
                           if (sleep_for(1h).status() == Status::cancelled) ++told;
                       })
                .detach();
        }
    }
    EXPECT_EQ(told, 6);
    runtime.wait();
    EXPECT_EQ(detail::g_runtime->pools.used(detail::kPoolLocal), 0U);
}

TEST_P(Micro, pools_come_and_go_and_their_records_are_used_again) {
    run([] {
        for (int round = 0; round < 200; ++round) {
            MicroPool<5> pool;
            std::vector<JoinHandle<int>> handles;
            for (int i = 0; i < 5; ++i)
                handles.push_back(pool.spawn("short", [round, i] { return round + i; }));
            for (int i = 0; i < 5; ++i)
                EXPECT_EQ(*handles[static_cast<std::size_t>(i)].join(), round + i);
        }
        const auto section = static_cast<std::uint32_t>(SectionKind::kSlabsFirst) + detail::kPoolLocal;
        EXPECT_EQ(detail::g_runtime->segment->header().sections[section].records_used.load(), 1U);
    });
}

TEST_P(Micro, several_coroutines_spawn_into_one_pool) {
    run([] {
        static MicroPool<512> pool;
        std::atomic<int> ran{0};
        std::vector<JoinHandle<void>> spawners;
        for (int i = 0; i < 4; ++i) {
            spawners.push_back(spawn("spawner", [&ran] {
                for (int k = 0; k < 500;) {
                    auto child = pool.try_spawn("child", [&ran] { ++ran; });
                    if (child) {
                        ++k;
                        child->detach();
                    }
                    yield();
                }
            }));
        }
        for (auto& spawner : spawners)
            spawner.join();
        while (detail::g_runtime->pools.used(detail::kPoolLocal) != 0)
            yield();
        EXPECT_EQ(ran, 2000);
    });
}

TEST_P(Micro, one_that_is_larger_than_a_medium_slot_has_its_owner_grow) {
    run([] {
        auto owner = spawn("owner", [] {
            constexpr int kSlots = kMicroSlotBytes == 256 ? 80 : 6;  // more than 16 (sanitizers: 64) KiB
            MicroPool<kSlots> pool;
            int sum = 0;
            std::vector<JoinHandle<int>> handles;
            for (int i = 0; i < kSlots; ++i)
                handles.push_back(pool.spawn("one", [] { return 1; }));
            for (auto& handle : handles)
                sum += *handle.join();
            return sum;
        });
        EXPECT_EQ(*owner.join(), kMicroSlotBytes == 256 ? 80 : 6);
    });
}

TEST_P(Micro, exceptions_and_results_as_from_any_other) {
    run([] {
        MicroPool<2> pool;
        auto gone = pool.spawn("checks", [] { return cancel_requested(); });
        EXPECT_FALSE(*gone.join());
        struct Throws {
            Throws() = default;
            Throws(const Throws&) { throw std::runtime_error("copy"); }
            void operator()() const {}
        };
        const Throws throws;
        for (int i = 0; i < 10; ++i) {
            EXPECT_THROW(pool.spawn("never", throws), std::runtime_error);
        }
    });
}

// A pool in static memory: used by one Runtime after the other, destroyed when none is left.
TEST(MicroStatic, is_used_by_one_runtime_after_the_other) {
    static MicroPool<3> pool;
    for (unsigned round = 1; round <= 3; ++round) {
        cprime::run({.workers = round}, [] {
            std::vector<JoinHandle<int>> handles;
            for (int i = 0; i < 3; ++i)
                handles.push_back(pool.spawn("static", [i] { return i; }));
            for (int i = 0; i < 3; ++i)
                EXPECT_EQ(*handles[static_cast<std::size_t>(i)].join(), i);
            EXPECT_EQ(slabs_in_use(), 1);
        });
    }
    EXPECT_EQ(pool.slots(), 3U);
}

TEST(MicroStatic, one_that_never_spawned_needs_no_runtime) {
    const MicroPool<3> pool;
    EXPECT_EQ(pool.slots(), 3U);
}

class MicroMisused : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(MicroMisused, destroyed_by_one_who_lives_in_it_ends_the_program) {
    EXPECT_DEATH(cprime::run({.workers = 2},
                             [] {
                                 auto pool = std::make_unique<MicroPool<2>>();
                                 pool->spawn("suicide", [&pool] { pool.reset(); }).join();
                             }),
                 "a MicroPool was destroyed by a coroutine that lives in it");
}

TEST_F(MicroMisused, spawning_without_a_runtime_ends_the_program) {
    EXPECT_DEATH(
        {
            MicroPool<2> pool;
            pool.spawn("nobody", [] {}).detach();
        },
        "spawn was called while there is no cprime::Runtime");
}

TEST_F(MicroMisused, a_static_pool_at_exit_waits_while_the_runtime_lives) {
    EXPECT_EXIT(
        {
            static Runtime runtime({.workers = 1});
            static MicroPool<2> pool;
            pool.spawn("left over",
                       [] {
                           if (sleep_for(1h).status() == Status::cancelled) std::_Exit(7);
                       })
                .detach();
            std::exit(3);
        },
        testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace cprime
