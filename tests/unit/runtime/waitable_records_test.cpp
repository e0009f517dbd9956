// What a viewer sees of synchronisation objects: their records, and the events of their changes.
#include <unistd.h>

#include <map>
#include <utility>

#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring_reader.h"
#include "sync_fixture.h"

namespace cprime::test {
namespace {

TEST(WaitableRecords, say_kind_name_place_owner_and_who_waits) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        Mutex mutex("purse");
        EXPECT_EQ(index_of(mutex), wire::kNone) << "before its first use it has no record";
        ASSERT_TRUE(mutex.lock());
        const wire::WaitableRecord& record = record_of(mutex);
        EXPECT_EQ(record.kind, wire::WaitableKind::kMutex);
        EXPECT_EQ(detail::g_runtime->segment->string(record.name), "purse");
        EXPECT_NE(detail::g_runtime->sites.text(record.site).find("waitable_records_test.cpp:"),
                  std::string::npos);
        EXPECT_EQ(record.owner, this_id());
        EXPECT_EQ(record.sequence % 2, 0U);
        std::vector<JoinHandle<void>> waiters;
        for (int i = 0; i < 3; ++i)
            waiters.push_back(spawn("wait", [&] { const MutexLock hold(mutex); }));
        until_waiting(mutex, 3);
        const std::uint32_t first = record.first, second = detail::record(first).next;
        EXPECT_EQ(detail::record(second).next, record.last);
        EXPECT_EQ(detail::record(first).reason, wire::WaitReason::kMutex);
        EXPECT_EQ(detail::record(first).wait_object, index_of(mutex));
        EXPECT_EQ(record.waited, 3U);
        mutex.unlock();
        EXPECT_EQ(record.owner, detail::detail(first).identity) << "handed over";
        for (auto& waiter : waiters)
            EXPECT_TRUE(waiter.join());
        EXPECT_EQ(record.served, 4U);
    });
}

TEST(WaitableRecords, are_used_again_under_a_new_identity) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        std::uint32_t index = 0;
        std::uint64_t identity = 0;
        {
            Event event("first");
            event.set();
            index = index_of(event);
            identity = record_of(event).identity;
        }
        EXPECT_EQ(detail::g_waitables.record(index).kind, wire::WaitableKind::kFree);
        Semaphore semaphore(4);
        semaphore.release();
        EXPECT_EQ(index_of(semaphore), index);
        EXPECT_GT(record_of(semaphore).identity, identity);
        EXPECT_EQ(record_of(semaphore).value, 5U);
        EXPECT_EQ(record_of(semaphore).limit, Semaphore::kLimitMax);
    });
}

TEST(WaitableRecords, a_thread_that_is_no_worker_is_named_by_its_kernel_id) {
    Runtime runtime({.workers = 1});
    Mutex mutex;
    ASSERT_TRUE(mutex.lock());
    EXPECT_EQ(record_of(mutex).owner, wire::kOwnerThread | static_cast<std::uint64_t>(gettid()));
    mutex.unlock();
}

// Events of all rings about waitables, by operation number.
std::map<std::uint32_t, wire::DecodedEvent> events_of_waitables() {
    std::map<std::uint32_t, wire::DecodedEvent> found;
    const auto view = wire::RingSegmentView::open(detail::g_runtime->rings->data(),
                                                  detail::g_runtime->rings->file_bytes());
    EXPECT_TRUE(view);
    for (std::uint32_t ring = 0; ring < view->rings_count(); ++ring) {
        const auto location = view->ring(ring);
        if (location.slots_count == 0) continue;
        wire::RingReader reader(ring);
        wire::EventDecoder decoder;
        std::vector<wire::EventSlot> slots(4096);
        while (const std::uint64_t accepted = reader.read(location, slots).accepted) {
            decoder.feed({slots.data(), accepted}, [&](const wire::DecodedEvent& event) {
                const auto type = static_cast<int>(event.type);
                if (type < static_cast<int>(wire::EventType::kLockAcquire) ||
                    type > static_cast<int>(wire::EventType::kWaitableDestroy))
                    return;
                const std::uint32_t operation = event.type == wire::EventType::kWaitableCreate
                                                    ? static_cast<std::uint32_t>(event.ext64[0] >> 32)
                                                    : wire::low24(event.argument);
                EXPECT_TRUE(found.emplace(operation, event).second) << operation << " twice";
            });
        }
        EXPECT_EQ(decoder.undecodable(), 0U);
    }
    return found;
}

TEST(WaitableEvents, tell_every_change_with_owner_and_value_after_it) {
    Runtime runtime({.workers = 1});
    detail::g_runtime->rings->listen(wire::kEventCategories, wire::RingMode::kOverwrite, 2);
    std::uint64_t owner_id = 0, waiter_id = 0, identity = 0;
    runtime.run([&] {
        Mutex mutex("purse");
        ASSERT_TRUE(mutex.lock());
        owner_id = this_id();
        identity = record_of(mutex).identity;
        auto waiter = spawn("wait", [&] {
            waiter_id = this_id();
            const MutexLock hold(mutex);
        });
        until_waiting(mutex, 1);
        mutex.unlock();
        EXPECT_TRUE(waiter.join());
    });
    detail::g_runtime->rings->listen(0, wire::RingMode::kOverwrite, 2);
    const auto events = events_of_waitables();
    using wire::EventType;
    const std::vector<std::pair<EventType, std::uint64_t>> expected = {
        {EventType::kWaitableCreate, identity}, {EventType::kLockAcquire, owner_id},
        {EventType::kLockRelease, 0},           {EventType::kLockAcquire, waiter_id},
        {EventType::kLockRelease, 0},           {EventType::kWaitableDestroy, identity}};
    ASSERT_EQ(events.size(), expected.size());
    std::uint32_t operation = 0;
    for (const auto& [type, first] : expected) {
        ASSERT_TRUE(events.contains(++operation));
        EXPECT_EQ(events.at(operation).type, type) << operation;
        EXPECT_EQ(events.at(operation).ext48[0], first) << operation;
    }
    EXPECT_EQ(events.at(1).argument, static_cast<std::uint32_t>(wire::WaitableKind::kMutex));
    EXPECT_EQ(detail::g_runtime->segment->string(static_cast<std::uint32_t>(events.at(1).ext64[0])), "purse");
}

}  // namespace
}  // namespace cprime::test
