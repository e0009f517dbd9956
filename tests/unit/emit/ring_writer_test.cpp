// One writer and one reader on one thread: what is written, in which order, and how it is accounted for.
#include <ctime>
#include <thread>

#include "ring_fixture.h"

namespace coroscope::emit {
namespace {

using wire::DecodedEvent;
using wire::EventType;
using wire::RingMode;
using wire::RingOwner;

constexpr std::uint64_t kThreadSlots = wire::kThreadRingBytes / wire::kEventSlotBytes;
constexpr std::uint64_t kBlockSlots = wire::kRingBlockBytes / wire::kEventSlotBytes;

class ring_writer : public RingTest {
protected:
    RingWriter* worker(std::uint32_t index = 0) {
        return rings_->register_thread(RingOwner::kWorker, index, &current_);
    }
    RingWriter* thread() { return rings_->register_thread(RingOwner::kThread, 7, nullptr); }
    // emitted = written + dropped, per type and in slots.
    void expect_books_balance(std::uint32_t ring, const std::vector<DecodedEvent>& events, std::uint64_t pads) {
        const wire::RingHeader& header = *location(ring).header;
        std::uint64_t written[wire::kEventTypesMax] = {};
        for (const DecodedEvent& event : events)
            ++written[static_cast<std::uint8_t>(event.type)];
        written[0] = pads;
        std::uint64_t dropped = 0;
        for (std::uint32_t type = 0; type < wire::kEventTypesMax; ++type) {
            EXPECT_EQ(header.emitted[type].load(), written[type] + header.dropped[type].load())
                << wire::event_name(static_cast<EventType>(type));
            dropped += header.dropped[type].load();
        }
        EXPECT_EQ(header.dropped_total.load(), dropped);
    }

    std::atomic<std::uint32_t> current_{wire::kNone};
};

TEST_F(ring_writer, dormant_rings_have_no_memory_and_take_no_events) {
    RingWriter* writer = worker();
    EXPECT_EQ(location(writer->index()).slots_count, 0U);
    writer->write(0, EventType::kWake, 1);
    EXPECT_EQ(location(writer->index()).slots_count, 0U);
    EXPECT_EQ(rings_->header().rings_count.load(), 1U);
    listen_overwrite();
    EXPECT_EQ(location(writer->index()).slots_count, wire::kWorkerRingBytes / wire::kEventSlotBytes);
    EXPECT_TRUE(drain(writer->index()).empty());
}

TEST_F(ring_writer, what_is_written_is_read_after_a_sync_and_the_mask) {
    RingWriter* writer = worker();
    current_ = 55;
    listen_overwrite(wire::kCategoryCoroutine);
    const std::uint64_t stamp = base::read_tsc();
    writer->write(stamp, EventType::kWake, wire::make_word1(1, 2));
    writer->write(stamp + 1, EventType::kSuspend, wire::make_word1(3, 4), 5, 6);
    writer->write(stamp + 2, EventType::kSpawn, wire::make_word1(7, 8), 9, 10, 11, 12);
    const auto events = drain(writer->index());
    ASSERT_EQ(events.size(), 5U);
    EXPECT_EQ(events[0].type, EventType::kSync);
    EXPECT_EQ(events[0].tsc, stamp);
    EXPECT_EQ(events[0].object, 55U);
    EXPECT_EQ(events[0].argument, wire::kCategoryCoroutine);
    EXPECT_EQ(events[1].type, EventType::kMask);
    EXPECT_EQ(events[1].object, wire::kCategoryCoroutine);
    EXPECT_EQ(events[1].argument, 0U);
    EXPECT_EQ(events[2].type, EventType::kWake);
    EXPECT_EQ(events[2].object, 1U);
    EXPECT_EQ(events[2].argument, 2U);
    EXPECT_EQ(events[2].current, 55U);
    EXPECT_EQ(events[3].tsc, stamp + 1);
    EXPECT_EQ(events[3].ext48[0], 5U);
    EXPECT_EQ(events[3].ext64[0], 6U);
    EXPECT_EQ(events[4].ext48[1], 11U);
    EXPECT_EQ(events[4].ext64[1], 12U);
    expect_books_balance(writer->index(), events, 0);
}

TEST_F(ring_writer, a_stamp_of_zero_is_taken_by_the_writer) {
    RingWriter* writer = worker();
    listen_overwrite();
    const std::uint64_t before = base::read_tsc_fenced();
    writer->write(0, EventType::kWake, 0);
    const std::uint64_t after = base::read_tsc_fenced();
    const auto events = drain(writer->index());
    ASSERT_EQ(events.size(), 3U);
    EXPECT_GE(events[2].tsc, before);
    EXPECT_LE(events[2].tsc, after);
}

TEST_F(ring_writer, nothing_is_written_once_listening_has_stopped_and_a_new_mask_is_told) {
    RingWriter* writer = worker();
    listen_overwrite(wire::kCategoryCoroutine);
    writer->write(0, EventType::kWake, 1);
    rings_->listen(0, RingMode::kOff, 0);
    EXPECT_FALSE(listening(wire::kEverything));
    writer->write(0, EventType::kWake, 2);
    const std::uint64_t head = location(writer->index()).header->head.load();
    EXPECT_EQ(head, 4U);  // SYNC (2), MASK, WAKE
    listen_overwrite(wire::kCategoryCoroutine | wire::kCategoryPool);
    writer->write(0, EventType::kWake, 3);
    const auto events = drain(writer->index());
    ASSERT_EQ(events.size(), 6U);
    EXPECT_EQ(events[3].type, EventType::kSync);
    EXPECT_EQ(events[4].type, EventType::kMask);
    EXPECT_EQ(events[4].object, wire::kCategoryCoroutine | wire::kCategoryPool);
    EXPECT_EQ(events[4].argument, wire::kCategoryCoroutine);
    EXPECT_EQ(events[5].object, 3U);
    EXPECT_EQ(location(writer->index()).header->epoch_seen.load(), rings_->header().epoch.load());
}

TEST_F(ring_writer, every_block_opens_with_a_sync_and_no_group_crosses_it) {
    RingWriter* writer = worker();
    listen_overwrite();
    for (std::uint32_t i = 0; i < 3 * kBlockSlots; ++i) {
        current_ = i;
        if (i % 3 == 0) writer->write(0, EventType::kSpawn, i, i, i, i, i);
        if (i % 3 == 1) writer->write(0, EventType::kSuspend, i, i, i);
        if (i % 3 == 2) writer->write(0, EventType::kWake, i);
    }
    const wire::RingLocation ring = location(writer->index());
    const std::uint64_t head = ring.header->head.load();
    ASSERT_GT(head, 5 * kBlockSlots);
    for (std::uint64_t block = 0; block < head; block += kBlockSlots) {
        EXPECT_EQ(wire::slot_type(ring.slots[block]), EventType::kSync);
        EXPECT_EQ(wire::slot_type(ring.slots[block + 1]), EventType::kExt);
        // Decodes from any block, whole.
        wire::EventDecoder decoder;
        const std::uint64_t until = std::min(head, block + kBlockSlots);
        std::uint64_t slots = 0;
        decoder.feed({&ring.slots[block], until - block},
                     [&](const DecodedEvent& e) { slots += 1U + e.exts_count; });
        EXPECT_EQ(decoder.undecodable() + decoder.before_sync(), 0U);
        EXPECT_EQ(slots + decoder.pads(), until - block);
    }
    wire::RingReader reader(writer->index());
    wire::EventDecoder decoder;
    const auto events = drain(reader, decoder);
    EXPECT_GT(decoder.pads(), 0U);
    expect_books_balance(writer->index(), events, decoder.pads());
}

TEST_F(ring_writer, a_switch_is_one_group_wherever_nothing_comes_before_it) {
    RingWriter* writer = worker();
    EXPECT_FALSE(writer->write_switch(1, 1, 2, 3, 4)) << "nobody listens";
    listen_overwrite();
    EXPECT_FALSE(writer->write_switch(1, 1, 2, 3, 4)) << "SYNC and MASK come first";
    std::uint64_t at_once = 0, one_by_one = 0;
    for (std::uint32_t i = 0; i < 2 * kBlockSlots; ++i) {
        const std::uint64_t stamp = 1000 + i;
        if (writer->write_switch(stamp, i, i + 1, i + 2, i + 3)) {
            ++at_once;
            continue;
        }
        ++one_by_one;
        writer->write(stamp, EventType::kSuspend, i, i + 1, i + 2);
        writer->write(stamp, EventType::kResume, i + 3);
    }
    EXPECT_GT(at_once, 100 * one_by_one);
    wire::RingReader reader(writer->index());
    wire::EventDecoder decoder;
    const auto events = drain(reader, decoder);
    std::uint32_t suspends = 0, resumes = 0;
    for (const DecodedEvent& event : events) {
        if (event.type == EventType::kSuspend) {
            EXPECT_EQ(event.object, suspends);
            EXPECT_EQ(event.tsc, 1000 + suspends);
            EXPECT_EQ(event.ext48[0], suspends + 1);
            EXPECT_EQ(event.ext64[0], suspends + 2);
            ++suspends;
        } else if (event.type == EventType::kResume) {
            EXPECT_EQ(event.object, resumes + 3);
            EXPECT_EQ(event.tsc, 1000 + resumes);
            ++resumes;
        }
    }
    EXPECT_EQ(suspends, 2 * kBlockSlots);
    EXPECT_EQ(resumes, 2 * kBlockSlots);
    EXPECT_EQ(decoder.undecodable(), 0U);
    expect_books_balance(writer->index(), events, decoder.pads());
}

TEST_F(ring_writer, a_sync_is_due_before_48_bits_can_wrap) {
    RingWriter* writer = worker();
    listen_overwrite();
    std::uint64_t stamp = 1'000'000;
    std::vector<std::uint64_t> stamps;
    for (int i = 0; i < 20; ++i) {
        writer->write(stamp, EventType::kWake, 0);
        stamps.push_back(stamp);
        stamp += (1ULL << 45) + 12345;
    }
    std::vector<std::uint64_t> seen;
    int syncs = 0;
    for (const DecodedEvent& event : drain(writer->index())) {
        if (event.type == EventType::kWake) seen.push_back(event.tsc);
        syncs += event.type == EventType::kSync;
    }
    EXPECT_EQ(seen, stamps);
    EXPECT_GE(syncs, 9);
}

TEST_F(ring_writer, overwriting_the_oldest_keeps_the_newest_readable) {
    RingWriter* writer = thread();
    listen_overwrite();
    for (std::uint32_t i = 0; i < 50'000; ++i)
        writer->write(0, EventType::kWake, i);
    wire::RingReader reader(writer->index());
    wire::EventDecoder decoder;
    const auto events = drain(reader, decoder);
    ASSERT_GT(events.size(), kThreadSlots / 4);
    EXPECT_EQ(events.back().object, 49'999U);
    EXPECT_EQ(reader.accepted() + reader.overtaken(), location(writer->index()).header->head.load());
    EXPECT_GT(reader.overtaken(), 40'000U);
    EXPECT_EQ(reader.foreign(), 0U);
    EXPECT_EQ(location(writer->index()).header->dropped_total.load(), 0U);
}

TEST_F(ring_writer, a_slow_recorder_loses_the_newest_and_each_run_of_losses_is_told) {
    RingWriter* writer = thread();
    ReaderPageFile file;
    ASSERT_TRUE(rings_->attach_reader(file.fd()).ok());
    rings_->listen(wire::kEventCategories, RingMode::kDropAndCount, 64);
    wire::RingReader reader(writer->index());
    wire::EventDecoder decoder;
    std::vector<DecodedEvent> events;
    std::uint64_t told = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        if (i % 3 == 0) {
            writer->write(i + 1, EventType::kWake, i);
        } else {
            writer->write(i + 1, EventType::kSuspend, i, 1, 2);
        }
        if (i % 10'000 != 9'999) continue;
        const auto more = drain(reader, decoder);
        events.insert(events.end(), more.begin(), more.end());
        reader.publish_tail(file.page());
    }
    writer->write(200'000, EventType::kWake, 0);
    const auto more = drain(reader, decoder);
    events.insert(events.end(), more.begin(), more.end());

    std::uint32_t next = 0;  // every event is there, or in a loss that is told where it began
    for (const DecodedEvent& event : events) {
        if (event.type == EventType::kLoss) {
            EXPECT_EQ(event.ext64[0], std::uint64_t{next} + 1);
            next += event.object;
            told += event.object;
        } else if (event.type == EventType::kWake || event.type == EventType::kSuspend) {
            if (event.tsc == 200'000) continue;
            EXPECT_EQ(event.object, next++);
        }
    }
    EXPECT_EQ(next, 100'000U);
    EXPECT_GT(told, 50'000U);
    EXPECT_EQ(told, location(writer->index()).header->dropped_total.load());
    EXPECT_EQ(reader.overtaken() + reader.foreign(), 0U);
    expect_books_balance(writer->index(), events, decoder.pads());
}

TEST_F(ring_writer, a_tail_that_is_none_is_not_believed) {
    RingWriter* writer = thread();
    ReaderPageFile file;
    ASSERT_TRUE(rings_->attach_reader(file.fd()).ok());
    rings_->listen(wire::kEventCategories, RingMode::kDropAndCount, 64);
    std::atomic<std::uint64_t>& tail = file.page().lines[writer->index()].tail;
    for (std::uint32_t i = 0; i < 10'000; ++i)
        writer->write(0, EventType::kWake, i);
    const auto& head = location(writer->index()).header->head;
    const std::uint64_t full = head.load();
    EXPECT_LE(full, wire::ring_usable_slots(kThreadSlots));
    tail = ~0ULL;  // past head
    writer->write(0, EventType::kWake, 1);
    EXPECT_EQ(head.load(), full);
    tail = full + 1;
    writer->write(0, EventType::kWake, 1);
    EXPECT_EQ(head.load(), full);
    tail = full;
    writer->write(0, EventType::kWake, 1);
    EXPECT_GT(head.load(), full);
    tail = 5;  // back again: what was given is given
    for (std::uint32_t i = 0; i < 1'000; ++i)
        writer->write(0, EventType::kWake, i);
    EXPECT_GT(head.load(), full + 1'000);
}

TEST_F(ring_writer, the_tails_of_a_recorder_that_left_hold_nothing_back) {
    RingWriter* writer = thread();
    {
        ReaderPageFile file;
        ASSERT_TRUE(rings_->attach_reader(file.fd()).ok());
        rings_->listen(wire::kEventCategories, RingMode::kDropAndCount, 64);
        for (std::uint32_t i = 0; i < 10'000; ++i)
            writer->write(0, EventType::kWake, i);
    }
    const auto& ring = *location(writer->index()).header;
    EXPECT_GT(ring.dropped_total.load(), 0U);
    listen_overwrite();
    rings_->detach_reader();
    const std::uint64_t dropped = ring.dropped_total.load();
    for (std::uint32_t i = 0; i < 10'000; ++i)
        writer->write(0, EventType::kWake, i);
    EXPECT_EQ(ring.dropped_total.load(), dropped);
    // The next recorder begins at the present and loses nothing while it keeps up.
    ReaderPageFile next;
    wire::RingReader reader(writer->index());
    reader.skip_to_head(location(writer->index()));
    reader.publish_tail(next.page());
    ASSERT_TRUE(rings_->attach_reader(next.fd()).ok());
    rings_->listen(wire::kEventCategories, RingMode::kDropAndCount, 64);
    for (std::uint32_t i = 0; i < 1'000; ++i)
        writer->write(0, EventType::kWake, i);
    EXPECT_EQ(ring.dropped_total.load(), dropped);
}

TEST_F(ring_writer, drop_mode_without_a_recorder_overwrites) {
    rings_->listen(wire::kEventCategories, RingMode::kDropAndCount, 64);
    EXPECT_EQ(rings_->header().mode.load(), static_cast<std::uint32_t>(RingMode::kOverwrite));
    rings_->listen(0, RingMode::kDropAndCount, 64);
    EXPECT_EQ(rings_->header().mode.load(), static_cast<std::uint32_t>(RingMode::kOff));
}

std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

TEST_F(ring_writer, block_mode_gives_up_on_a_reader_without_a_heartbeat_and_waits_for_it_once) {
    RingWriter* writer = thread();
    ReaderPageFile file;
    ASSERT_TRUE(rings_->attach_reader(file.fd()).ok());
    file.page().heartbeat_ns = monotonic_ns();
    rings_->listen(wire::kEventCategories, RingMode::kBlock, 64);
    const wire::RingLocation ring = location(writer->index());
    std::uint32_t written = 0;
    for (; ring.header->dropped_total.load() == 0; ++written)
        writer->write(0, EventType::kWake, written);
    EXPECT_GT(written, kThreadSlots / 2);
    EXPECT_GE(ring.header->blocked_ns.load(), 900'000'000U);
    const std::uint64_t blocked_ns = ring.header->blocked_ns.load();
    for (std::uint32_t i = 0; i < 1'000; ++i)
        writer->write(0, EventType::kWake, i);
    EXPECT_EQ(ring.header->blocked_ns.load(), blocked_ns) << "it still does not beat";
    EXPECT_GE(ring.header->dropped_total.load(), 1'000U);
}

TEST_F(ring_writer, block_mode_waits_as_long_as_the_reader_beats_and_loses_nothing) {
    RingWriter* writer = thread();
    ReaderPageFile file;
    ASSERT_TRUE(rings_->attach_reader(file.fd()).ok());
    file.page().heartbeat_ns = monotonic_ns();
    rings_->listen(wire::kEventCategories, RingMode::kBlock, 64);
    const wire::RingLocation ring = location(writer->index());
    wire::RingReader reader(writer->index());
    std::atomic<bool> over{false};
    std::uint64_t accepted = 0;
    std::thread slow([&] {
        std::vector<wire::EventSlot> slots(4096);
        // Nothing is taken for longer than the patience with one who does not beat.
        const std::uint64_t until_ns = monotonic_ns() + 1'500'000'000;
        while (monotonic_ns() < until_ns) {
            file.page().heartbeat_ns = monotonic_ns();
            std::this_thread::yield();
        }
        for (bool last = false; !last;) {
            last = over.load();
            for (wire::RingBatch batch = reader.read(ring, slots); batch.accepted != 0; batch = reader.read(ring, slots)) {
                for (std::size_t i = 0; i < batch.accepted; ++i)
                    accepted += wire::slot_type(slots[i]) == EventType::kWake ? 1U : 0U;
                reader.publish_tail(file.page());
                file.page().heartbeat_ns = monotonic_ns();
            }
        }
    });
    for (std::uint32_t i = 0; i < 3 * kThreadSlots; ++i)
        writer->write(0, EventType::kWake, i);
    over = true;
    slow.join();
    EXPECT_EQ(accepted, 3 * kThreadSlots);
    EXPECT_EQ(ring.header->dropped_total.load(), 0U);
    EXPECT_GT(ring.header->blocked_ns.load(), 1'000'000'000U);
}

TEST_F(ring_writer, who_waits_in_block_mode_loses_nothing_when_nobody_listens_any_more) {
    RingWriter* writer = thread();
    ReaderPageFile file;
    ASSERT_TRUE(rings_->attach_reader(file.fd()).ok());
    file.page().heartbeat_ns = ~0ULL / 2;  // it lives
    rings_->listen(wire::kEventCategories, RingMode::kBlock, 64);
    const wire::RingHeader& ring = *location(writer->index()).header;
    std::thread ends([&] {
        while (ring.blocked_ns.load() == 0)
            std::this_thread::yield();
        rings_->listen(0, RingMode::kOff, 64);
    });
    for (std::uint32_t i = 0; i < 2 * kThreadSlots; ++i)
        writer->write(0, EventType::kWake, i);
    ends.join();
    EXPECT_EQ(ring.dropped_total.load(), 0U);
    EXPECT_LT(ring.emitted[static_cast<std::size_t>(EventType::kWake)].load(), kThreadSlots);
}

TEST_F(ring_writer, reader_pages_that_are_none_are_refused_with_a_sentence) {
    ReaderPageFile unsealed(0);
    EXPECT_NE(rings_->attach_reader(unsealed.fd()).error().message.find("sealed"), std::string::npos);
    ReaderPageFile half_sealed(F_SEAL_SHRINK);
    EXPECT_FALSE(rings_->attach_reader(half_sealed.fd()).ok());
    ReaderPageFile too_short(F_SEAL_SHRINK | F_SEAL_GROW, 4096);
    EXPECT_NE(rings_->attach_reader(too_short.fd()).error().message.find("short"), std::string::npos);
    ReaderPageFile nameless;
    nameless.page().magic = 1;
    EXPECT_NE(rings_->attach_reader(nameless.fd()).error().message.find("magic"), std::string::npos);
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    EXPECT_FALSE(rings_->attach_reader(pipe_ends[0]).ok());
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    EXPECT_FALSE(rings_->attach_reader(-1).ok());
    ReaderPageFile good;
    EXPECT_TRUE(rings_->attach_reader(good.fd()).ok());
}

}  // namespace
}  // namespace coroscope::emit
