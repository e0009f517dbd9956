// Locks and semaphores fit a Micro stack of 256 bytes, also when its code is not optimised.
#include <ostream>

#include "instrumentation/wire/pool.h"
#include "micro_body.h"
#include "runtime/switch/sanitizer.h"
#include "sync_fixture.h"

namespace cprime::test {
namespace {

struct Level {
    const char* name;
    MicroBodies (*bodies)();
};
void PrintTo(const Level& level, std::ostream* out) {
    *out << level.name;
}

class MicroLocks : public testing::TestWithParam<Level> {};
INSTANTIATE_TEST_SUITE_P(levels, MicroLocks,
                         testing::Values(Level{"O0", &micro_bodies_O0}, Level{"Og", &micro_bodies_Og},
                                         Level{"O1", &micro_bodies_O1}, Level{"O2", &micro_bodies_O2},
                                         Level{"O3", &micro_bodies_O3}),
                         [](const auto& level) { return level.param.name; });

// Bytes of its slot that whoever waits first has in use.
template <typename Object>
std::uint64_t parked_bytes(Object& object) {
    const wire::CoroutineRecord& parked = detail::record(record_of(object).first);
    EXPECT_EQ(parked.pool, static_cast<std::uint8_t>(wire::SizeClass::kMicro));
    return detail::g_runtime->pools.bounds(parked.pool, parked.slot).high - parked.rsp;
}

template <typename Object>
void expect_to_fit(Object& object, const char* call) {
    until_waiting(object, 2);
    const std::uint64_t used_bytes = parked_bytes(object);
    testing::Test::RecordProperty(call, static_cast<int>(used_bytes));
    if (!detail::kSanitizer) {
        EXPECT_LE(used_bytes, 256U - 16U) << call;
    }
}

TEST_P(MicroLocks, waiting_and_giving_back_fit) {
    Runtime runtime({.workers = 1});
    const MicroBodies bodies = GetParam().bodies();
    LockedCount locked;
    PermittedCount permitted;
    runtime.run([&] {
        ASSERT_TRUE(locked.mutex.lock());
        std::vector<JoinHandle<void>> all;
        for (int i = 0; i < 2; ++i) {
            all.push_back(bodies.add_locked(locked, 100));
            all.push_back(bodies.add_permitted(permitted, 100));
        }
        expect_to_fit(locked.mutex, "lock");
        expect_to_fit(permitted.permits, "acquire");
        locked.mutex.unlock();
        permitted.permits.release();
        for (auto& one : all)
            EXPECT_TRUE(one.join());
    });
    EXPECT_EQ(locked.count, 200);
    EXPECT_EQ(permitted.count, 200);
}

}  // namespace
}  // namespace cprime::test
