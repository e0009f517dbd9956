// Each probe's event, field by field, and silence where nobody listens.
#include "instrumentation/emit/signal_probes.h"
#include "ring_fixture.h"

namespace coroscope::emit {
namespace {

using wire::DecodedEvent;
using wire::EventType;

class probes : public RingTest {
protected:
    probes() : writer_(rings_->register_thread(wire::RingOwner::kWorker, 0, nullptr)) {}

    // The one event that `emit` writes.
    template <typename Emit>
    DecodedEvent event_of(Emit&& emit) {
        wire::RingReader reader(writer_->index());
        wire::EventDecoder decoder;
        drain(reader, decoder);
        emit();
        const auto events = drain(reader, decoder);
        EXPECT_FALSE(events.empty());
        return events.empty() ? DecodedEvent{} : events.back();
    }
    // How many events come out of one call of every probe.
    std::uint64_t emit_one_of_each() {
        const std::uint64_t before = events_written();
        probe::spawn(writer_, 0, {});
        probe::resume(writer_, 0, 1, 2, 3);
        probe::suspend(writer_, 0, 1, wire::WaitReason::kYield, 2, 3, 4);
        probe::wake(writer_, 0, 1, 2, wire::WakeCause::kTimer);
        probe::exit(writer_, 0, 1, 2, wire::ExitStatus::kFinished, 3, 4);
        probe::cancel(writer_, 0, 1, 2);
        probe::migrate(writer_, 0, 1, 2, 3, wire::MigrationForm::kWish, 4, 5, 6);
        probe::channel_create(writer_, 0, 1, 2, 3, 4, 5, 6, 7);
        probe::channel_send(writer_, 0, 1, 2);
        probe::channel_receive(writer_, 0, 1, 2, true, 9);
        probe::channel_block(writer_, 0, 1, 2, true);
        probe::channel_close(writer_, 0, 1, 2);
        probe::channel_destroy(writer_, 0, 1, 2, 3);
        probe::waitable_create(writer_, 0, {1, wire::WaitableKind::kMutex, 2, 3, 4, 5, 6, 7});
        probe::waitable_changed(writer_, 0, EventType::kLockAcquire, 1, 2, 3, 4);
        probe::waitable_destroy(writer_, 0, 1, 2, 3);
        probe::pool_allocate(writer_, 0, 1, 2);
        probe::pool_free(writer_, 0, 1, 2);
        probe::pool_grow(writer_, 0, 1, 2);
        probe::signal(writer_, 0, 1, 2, 3, 4);
        probe::signal_dropped(writer_, 0, 1, wire::SignalFate::kLost, 2, 3);
        probe::signal_handled(writer_, 0, 1, wire::ExitStatus::kFinished, 2, 3);
        probe::fault(writer_, 0, 1, wire::FaultOutcome::kAbandoned, 2, 3, 4);
        probe::raise(writer_, 0, 1, 2, 3, 4);
        probe::recover(writer_, 0, 1, true, 2);
        probe::timer_set(writer_, 0, 1, 2);
        probe::timer_fire(writer_, 0, 1, 2);
        probe::worker_park(writer_, 0, 1);
        probe::worker_unpark(writer_, 0, 1);
        return events_written() - before;
    }
    std::uint64_t events_written() const {
        std::uint64_t sum = 0;
        if (location(writer_->index()).header == nullptr) return 0;
        for (std::uint32_t type = 8; type < wire::kEventTypesMax; ++type) {
            sum += location(writer_->index()).header->emitted[type].load();
        }
        return sum;
    }

    RingWriter* writer_;
};

TEST_F(probes, they_are_silent_while_nobody_listens_and_heard_by_category) {
    EXPECT_EQ(emit_one_of_each(), 0U);
    EXPECT_EQ(stamp(), 0U);
    EXPECT_EQ(stamp_ordered(), 0U);
    listen_overwrite(wire::kProfileStacks | wire::kProfileSwitches);
    EXPECT_EQ(emit_one_of_each(), 0U);
    EXPECT_EQ(stamp(), 0U);
    EXPECT_TRUE(listening(wire::kProfileStacks));
    listen_overwrite(wire::kEventCategories);
    EXPECT_NE(stamp(), 0U);
    EXPECT_EQ(emit_one_of_each(), 29U);
    const std::pair<std::uint32_t, std::uint64_t> parts[] = {
        {wire::kCategoryCoroutine, 7}, {wire::kCategoryChannel, 6}, {wire::kCategoryPool, 3},
        {wire::kCategorySignal, 6},    {wire::kCategoryTimer, 2},   {wire::kCategoryWorker, 2},
        {wire::kCategoryLock, 3},      {wire::kCategoryUser, 0}};
    for (const auto& [category, count] : parts) {
        listen_overwrite(category);
        EXPECT_EQ(emit_one_of_each(), count) << category;
    }
    rings_->listen(0, wire::RingMode::kOff, 0);
    EXPECT_EQ(emit_one_of_each(), 0U);
}

TEST_F(probes, coroutine_events_carry_their_fields) {
    listen_overwrite();
    const DecodedEvent spawn = event_of([&] {
        probe::spawn(writer_, 0,
                     {.coroutine = 1,
                      .site = 2,
                      .identity = 0x8765'4321'0fedULL,
                      .slot = 4,
                      .pool = 5,
                      .flags = 6,
                      .priority = 7,
                      .spawner = 8,
                      .name = 9,
                      .sequence = 10});
    });
    EXPECT_EQ(spawn.object, 1U);
    EXPECT_EQ(spawn.argument, 2U);
    EXPECT_EQ(wire::spawn_identity(spawn), 0x8765'4321'0fedULL);
    EXPECT_EQ(wire::spawn_slot(spawn), 4U);
    EXPECT_EQ(wire::spawn_pool(spawn), 5);
    EXPECT_EQ(wire::spawn_flags(spawn), 6);
    EXPECT_EQ(wire::spawn_priority(spawn), 7);
    EXPECT_EQ(wire::spawn_spawner(spawn), 8U);
    EXPECT_EQ(wire::spawn_name(spawn), 9U);
    EXPECT_EQ(wire::spawn_sequence(spawn), 10U);

    const DecodedEvent resume = event_of([&] { probe::resume(writer_, 0, 1, 0x12000005, 0x1ff); });
    EXPECT_EQ(wire::low24(resume.argument), 5U);
    EXPECT_EQ(wire::high8(resume.argument), 0xff);

    const DecodedEvent suspend = event_of(
        [&] { probe::suspend(writer_, 0, 6, wire::WaitReason::kJoin, 7, 0x7fff'1234'5678, 99); });
    EXPECT_EQ(suspend.current, 1U);
    EXPECT_EQ(suspend.object, 7U);
    EXPECT_EQ(wire::low24(suspend.argument), 6U);
    EXPECT_EQ(wire::high8(suspend.argument), static_cast<std::uint8_t>(wire::WaitReason::kJoin));
    EXPECT_EQ(suspend.ext48[0], 0x7fff'1234'5678U);
    EXPECT_EQ(suspend.ext64[0], 99U);

    const DecodedEvent wake = event_of([&] { probe::wake(writer_, 0, 3, 8, wire::WakeCause::kClose); });
    EXPECT_EQ(wake.object, 3U);
    EXPECT_EQ(wire::high8(wake.argument), static_cast<std::uint8_t>(wire::WakeCause::kClose));

    const DecodedEvent exit = event_of(
        [&] { probe::exit(writer_, 0, 3, 9, wire::ExitStatus::kCancelled, 0x42, 1000); });
    EXPECT_EQ(wire::high8(exit.argument), static_cast<std::uint8_t>(wire::ExitStatus::kCancelled));
    EXPECT_EQ(exit.ext48[0], 0x42U);
    EXPECT_EQ(exit.ext64[0], 1000U);

    const DecodedEvent migrate = event_of(
        [&] { probe::migrate(writer_, 0, 3, 1, 2, wire::MigrationForm::kSiteRaised, 0xabc, 500, 600); });
    EXPECT_EQ(migrate.argument, 1U | 2U << 8 | 3U << 16);
    EXPECT_EQ(migrate.ext48[0], 0xabcU);
    EXPECT_EQ(migrate.ext64[0], wire::make_word1(500, 600));
}

TEST_F(probes, channel_events_carry_their_fields) {
    listen_overwrite();
    const DecodedEvent create = event_of([&] { probe::channel_create(writer_, 0, 1, 2, 3, 4, 5, 6, 7); });
    EXPECT_EQ(create.object, 1U);
    EXPECT_EQ(create.argument, 2U);
    EXPECT_EQ(create.ext48[0], 3U);
    EXPECT_EQ(create.ext64[0], wire::make_word1(4, 5));
    EXPECT_EQ(create.ext48[1], 6U);
    EXPECT_EQ(create.ext64[1], 7U);

    const DecodedEvent send = event_of([&] { probe::channel_send(writer_, 0, 1, 8); });
    EXPECT_EQ(send.argument, 8U);
    EXPECT_EQ(send.exts_count, 0);
    const DecodedEvent handed = event_of([&] { probe::channel_send(writer_, 0, 1, 9, true); });
    EXPECT_EQ(wire::high8(handed.argument), wire::kHandOver);
    EXPECT_EQ(handed.exts_count, 0);
    const DecodedEvent received = event_of([&] { probe::channel_receive(writer_, 0, 1, 10, true, 77); });
    EXPECT_EQ(received.type, EventType::kChannelReceive);
    EXPECT_EQ(wire::high8(received.argument), wire::kHandOver | wire::kOtherParty);
    EXPECT_EQ(received.ext48[0], 77U);
    const DecodedEvent block = event_of([&] { probe::channel_block(writer_, 0, 1, 11, true); });
    EXPECT_EQ(wire::high8(block.argument), 1);
    const DecodedEvent destroy = event_of([&] { probe::channel_destroy(writer_, 0, 1, 12, 3); });
    EXPECT_EQ(destroy.ext48[0], 3U);
}

TEST_F(probes, events_of_waitables_carry_their_fields) {
    listen_overwrite();
    const DecodedEvent create = event_of([&] {
        probe::waitable_create(writer_, 0, {1, wire::WaitableKind::kSemaphore, 2, 3, 4, 5, 6, 7});
    });
    EXPECT_EQ(create.object, 1U);
    EXPECT_EQ(create.argument, static_cast<std::uint32_t>(wire::WaitableKind::kSemaphore));
    EXPECT_EQ(create.ext48[0], 2U);
    EXPECT_EQ(create.ext64[0], wire::make_word1(3, 4));
    EXPECT_EQ(create.ext48[1], 5U);
    EXPECT_EQ(create.ext64[1], wire::make_word1(6, 7));
    for (const EventType type : {EventType::kLockAcquire, EventType::kLockRelease, EventType::kNotify}) {
        const DecodedEvent changed = event_of(
            [&] { probe::waitable_changed(writer_, 0, type, 1, 0x12000005, wire::kOwnerThread | 77U, 9); });
        EXPECT_EQ(changed.type, type);
        EXPECT_EQ(changed.argument, 5U);
        EXPECT_EQ(changed.ext48[0], wire::kOwnerThread | 77U);
        EXPECT_EQ(changed.ext64[0], 9U);
    }
    const DecodedEvent destroy = event_of([&] { probe::waitable_destroy(writer_, 0, 1, 6, 42); });
    EXPECT_EQ(destroy.argument, 6U);
    EXPECT_EQ(destroy.ext48[0], 42U);
}

TEST_F(probes, what_happens_in_one_switch_shares_one_stamp) {
    listen_overwrite();
    const std::uint64_t shared = stamp_ordered();
    probe::suspend(writer_, shared, 2, wire::WaitReason::kYield, wire::kNone, 0, 0);
    probe::resume(writer_, shared, 1, 3, 1);
    const auto events = drain(writer_->index());
    ASSERT_EQ(events.size(), 4U);
    EXPECT_EQ(events[2].tsc, shared);
    EXPECT_EQ(events[3].tsc, shared);
}

}  // namespace
}  // namespace coroscope::emit
