// Rings come with threads and go with them.
#include <set>
#include <thread>

#include "ring_fixture.h"

namespace coroscope::emit {
namespace {

using wire::EventType;
using wire::RingMode;
using wire::RingOwner;

class ring_threads : public RingTest {};

TEST_F(ring_threads, an_outside_thread_gets_a_ring_on_its_first_event_and_the_next_thread_reuses_it) {
    listen_overwrite();
    std::uint32_t first = wire::kNone;
    std::thread([&] {
        first = thread_writer()->index();
        EXPECT_EQ(thread_writer()->index(), first);
        write_event(thread_writer(), 0, EventType::kWake, 1);
        EXPECT_EQ(location(first).owner, RingOwner::kThread);
        EXPECT_EQ(location(first).thread_id, static_cast<std::uint32_t>(gettid()));
        EXPECT_EQ(location(first).slots_count, wire::kThreadRingBytes / wire::kEventSlotBytes);
    }).join();
    EXPECT_EQ(location(first).owner, RingOwner::kFree);
    std::thread([&] {
        write_event(thread_writer(), 0, EventType::kWake, 2);
        EXPECT_EQ(thread_writer()->index(), first);
    }).join();
    EXPECT_EQ(rings_->header().rings_count.load(), 1U);
    const auto events = drain(first);
    ASSERT_EQ(events.size(), 5U);  // SYNC MASK WAKE, then the next thread's SYNC and WAKE
    EXPECT_EQ(events[2].object, 1U);
    EXPECT_EQ(events[3].type, EventType::kSync);
    EXPECT_EQ(events[4].object, 2U);
}

TEST_F(ring_threads, threads_that_live_at_once_have_rings_of_their_own) {
    std::set<std::uint32_t> rings;
    std::vector<RingWriter*> writers;
    for (std::uint32_t i = 0; i < 5; ++i) {
        writers.push_back(rings_->register_thread(i < 3 ? RingOwner::kWorker : RingOwner::kThread, i, nullptr));
        rings.insert(writers.back()->index());
    }
    EXPECT_EQ(rings.size(), 5U);
    rings_->unregister_thread(writers[1]);
    rings_->unregister_thread(writers[4]);
    // A worker gets a worker's ring back, not a thread's small one.
    EXPECT_EQ(rings_->register_thread(RingOwner::kWorker, 9, nullptr)->index(), writers[1]->index());
    EXPECT_EQ(rings_->register_thread(RingOwner::kThread, 9, nullptr)->index(), writers[4]->index());
    EXPECT_EQ(location(writers[1]->index()).owner_index, 9U);
}

TEST_F(ring_threads, events_of_threads_without_a_ring_are_counted) {
    listen_overwrite();
    std::uint32_t registered = 0;
    while (rings_->register_thread(RingOwner::kThread, registered, nullptr) != nullptr)
        ++registered;
    EXPECT_EQ(registered, wire::kRingsMax);
    std::thread([&] {
        EXPECT_EQ(thread_writer(), nullptr);
        probe::worker_park(thread_writer(), 0, 1);
        probe::wake(thread_writer(), 0, 1, 2, wire::WakeCause::kOutside);
    }).join();
    EXPECT_EQ(rings_->header().events_without_ring.load(), 2U);
}

TEST_F(ring_threads, a_thread_outlives_the_segment_its_ring_was_in_and_gets_one_in_the_next) {
    listen_overwrite();
    EXPECT_NE(thread_writer(), nullptr);
    rings_.reset();
    EXPECT_EQ(thread_writer(), nullptr);
    EXPECT_FALSE(listening(wire::kEverything));
    rings_ = RingSegment::create(2, true).value();
    listen_overwrite();
    ASSERT_NE(thread_writer(), nullptr);
    write_event(thread_writer(), 0, EventType::kWake, 3);
    EXPECT_EQ(drain(thread_writer()->index()).back().object, 3U);
}

TEST_F(ring_threads, a_ring_registered_while_somebody_listens_has_memory_at_once) {
    listen_overwrite();
    RingWriter* late = rings_->register_thread(RingOwner::kWorker, 0, nullptr);
    EXPECT_NE(location(late->index()).slots_count, 0U);
    late->write(0, EventType::kWake, 1);
    EXPECT_EQ(drain(late->index()).size(), 3U);
}

}  // namespace
}  // namespace coroscope::emit
