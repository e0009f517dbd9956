// The real writer against real readers, on as many threads as there are, with content that shows every mistake.
//
// Each event carries its own number in four places (object, argument, and both halves of its EXT slots, scrambled), so a
// torn or foreign slot cannot pass for a good one. Checked: no such slot is ever accepted, numbers only grow, whole groups
// only, and the books: written = accepted + overtaken, emitted = written + dropped for every type, and each loss is told.
// Runs for about a second a test; RING_STRESS_SECONDS makes it longer. Prints its seed; RING_STRESS_SEED repeats one.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring_reader.h"

namespace coroscope::emit {
namespace {

using wire::DecodedEvent;
using wire::EventType;
using wire::RingMode;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::uint64_t scramble(std::uint64_t number) {
    return (number + 1) * 0x9e37'79b9'7f4a'7c15ULL;
}

constexpr EventType kTypes[] = {EventType::kWake, EventType::kSuspend, EventType::kSpawn};

// Event number n: its type and size follow from n.
void write_numbered(RingWriter& writer, std::uint64_t n) {
    const std::uint64_t hash = scramble(n);
    const std::uint64_t word1 = wire::make_word1(static_cast<std::uint32_t>(n),
                                                 static_cast<std::uint32_t>(hash));
    switch (hash % 3) {
        case 0:
            return writer.write(0, kTypes[0], word1);
        case 1:
            return writer.write(0, kTypes[1], word1, hash >> 16, hash);
        default:
            return writer.write(0, kTypes[2], word1, hash >> 16, hash, ~hash >> 16, ~hash);
    }
}

// What one reader has seen of a ring of numbered events.
struct Seen {
    std::uint64_t events = 0;
    std::uint64_t by_type[wire::kEventTypesMax] = {};
    std::uint64_t wrong = 0;      // torn, foreign, or out of order
    std::uint64_t told_lost = 0;  // by LOSS
    std::uint64_t missing = 0;    // numbers that were left out
    std::uint64_t next = 0;       // number expected

    void take(const DecodedEvent& event) {
        ++by_type[static_cast<std::uint8_t>(event.type)];
        if (event.type == EventType::kLoss) told_lost += event.object;
        if (event.type == EventType::kSync || event.type == EventType::kLoss || event.type == EventType::kMask)
            return;
        ++events;
        const std::uint64_t n = event.object;
        const std::uint64_t hash = scramble(n);
        bool good = event.type == kTypes[hash % 3] && event.exts_count == hash % 3 &&
                    event.argument == static_cast<std::uint32_t>(hash);
        if (event.exts_count >= 1) good = good && event.ext48[0] == hash >> 16 && event.ext64[0] == hash;
        if (event.exts_count >= 2) good = good && event.ext48[1] == ~hash >> 16 && event.ext64[1] == ~hash;
        if (!good || n < next) {
            ++wrong;
            return;
        }
        missing += n - next;
        next = n + 1;
    }
};

class ring_stress : public testing::Test {
protected:
    ring_stress()
        : rings_(RingSegment::create(1, true).value()), seed_(from_environment("RING_STRESS_SEED", 0)) {
        if (seed_ == 0) seed_ = std::random_device{}();
        std::printf("seed %llu (RING_STRESS_SEED repeats it)\n", static_cast<unsigned long long>(seed_));
        page_fd_ = memfd_create("reader-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        EXPECT_EQ(ftruncate(page_fd_, wire::kReaderPageBytes), 0);
        EXPECT_EQ(fcntl(page_fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
        page_ = static_cast<wire::ReaderPage*>(
            mmap(nullptr, wire::kReaderPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd_, 0));
        page_->heartbeat_ns.store(monotonic_ns(), std::memory_order_relaxed);  // as a recorder does before anybody waits for it
        page_->magic = wire::kReaderMagic;
        page_->rings_max = wire::kRingsMax;
    }
    ~ring_stress() override {
        rings_->listen(0, RingMode::kOff, 0);
        munmap(page_, wire::kReaderPageBytes);
        close(page_fd_);
    }
    wire::RingLocation location(std::uint32_t ring) const {
        return wire::RingSegmentView::open(rings_->data(), rings_->file_bytes()).value().ring(ring);
    }
    static std::chrono::steady_clock::time_point end_time() {
        return std::chrono::steady_clock::now() +
               std::chrono::seconds(from_environment("RING_STRESS_SECONDS", 1));
    }
    // Reads until `stop` is set and nothing is left; pauses at random so that it is lapped in every way.
    void read_all(wire::RingReader& reader, Seen& seen, std::atomic<bool>& stop, std::uint64_t seed,
                  bool tail) {
        std::mt19937_64 random(seed);
        wire::EventDecoder decoder;
        std::vector<wire::EventSlot> slots(8192);
        const wire::RingLocation ring = location(reader.ring());
        for (;;) {
            const bool last = stop.load(std::memory_order_acquire);
            const std::size_t piece = 1 + random() % slots.size();
            const wire::RingBatch batch = reader.read(ring, {slots.data(), piece});
            if (batch.skipped != 0) decoder.gap();
            decoder.feed({slots.data(), batch.accepted}, [&](const DecodedEvent& event) { seen.take(event); });
            if (tail) {
                reader.publish_tail(*page_);
                page_->heartbeat_ns.store(monotonic_ns(), std::memory_order_relaxed);
            }
            if (last && batch.accepted == 0 && batch.skipped == 0) break;
            if (random() % 64 == 0) std::this_thread::yield();
            if (random() % 512 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
        }
    }
    static std::uint64_t monotonic_ns() {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                              std::chrono::steady_clock::now().time_since_epoch())
                                              .count());
    }

    std::unique_ptr<RingSegment> rings_;
    std::uint64_t seed_;
    int page_fd_ = -1;
    wire::ReaderPage* page_ = nullptr;
};

TEST_F(ring_stress, lapped_readers_never_accept_a_torn_or_foreign_slot) {
    // A small ring is lapped all the time.
    RingWriter* writer = rings_->register_thread(wire::RingOwner::kThread, 0, nullptr);
    rings_->listen(wire::kEventCategories, RingMode::kOverwrite, 64);
    std::atomic<bool> stop{false};
    constexpr int kReaders = 2;
    Seen seen[kReaders];
    wire::RingReader readers[kReaders] = {wire::RingReader(writer->index()),
                                          wire::RingReader(writer->index())};
    std::vector<std::thread> threads;
    for (int i = 0; i < kReaders; ++i) {
        threads.emplace_back(
            [&, i] { read_all(readers[i], seen[i], stop, seed_ + static_cast<unsigned>(i), false); });
    }
    std::uint64_t n = 0;
    for (const auto end = end_time(); n % 1024 != 0 || std::chrono::steady_clock::now() < end; ++n) {
        write_numbered(*writer, n);
        if (n % 200'000 == 0) std::this_thread::yield();
    }
    stop.store(true, std::memory_order_release);
    for (std::thread& thread : threads)
        thread.join();
    for (int i = 0; i < kReaders; ++i) {
        EXPECT_EQ(seen[i].wrong, 0U);
        EXPECT_GT(seen[i].events, 1000U);
        EXPECT_GT(readers[i].overtaken(), 1000U);
        EXPECT_EQ(readers[i].foreign(), 0U);
        EXPECT_EQ(readers[i].accepted() + readers[i].overtaken(),
                  location(writer->index()).header->head.load());
        std::printf("reader %d: of %llu events %llu read, %llu slots overtaken\n", i,
                    static_cast<unsigned long long>(n), static_cast<unsigned long long>(seen[i].events),
                    static_cast<unsigned long long>(readers[i].overtaken()));
    }
}

// Always reads what the writer is about to overwrite: here every laxer rule is caught within a second, as a slot of
// another lap that got past the look at head.
TEST_F(ring_stress, a_reader_at_the_brink_takes_only_what_is_settled) {
    RingWriter* writer = rings_->register_thread(wire::RingOwner::kThread, 0, nullptr);
    rings_->listen(wire::kEventCategories, RingMode::kOverwrite, 64);
    std::atomic<bool> stop{false};
    std::uint64_t foreign = 0;
    std::uint64_t accepted = 0;
    std::uint64_t torn = 0;
    std::thread brink([&] {
        std::mt19937_64 random(seed_);
        std::vector<wire::EventSlot> slots(64);
        const wire::RingLocation ring = location(writer->index());
        wire::RingReader reader(writer->index());
        while (!stop.load(std::memory_order_acquire)) {
            const std::uint64_t head = reader.skip_to_head(ring);
            if (head < ring.slots_count) continue;
            reader.seek(head - wire::ring_usable_slots(ring.slots_count) + random() % 48);
            const wire::RingBatch batch = reader.read(ring, {slots.data(), 1 + random() % slots.size()});
            for (std::uint64_t i = 0; i < batch.accepted; ++i) {
                const EventType type = wire::slot_type(slots[i]);
                if (type != kTypes[0] && type != kTypes[1] && type != kTypes[2]) continue;
                const std::uint64_t hash = scramble(wire::slot_object(slots[i]));
                torn += type != kTypes[hash % 3] ||
                        wire::slot_argument(slots[i]) != static_cast<std::uint32_t>(hash);
            }
        }
        foreign = reader.foreign();
        accepted = reader.accepted();
    });
    std::uint64_t n = 0;
    for (const auto end = end_time(); n % 1024 != 0 || std::chrono::steady_clock::now() < end; ++n) {
        write_numbered(*writer, n);
    }
    stop.store(true, std::memory_order_release);
    brink.join();
    EXPECT_EQ(foreign, 0U);
    EXPECT_EQ(torn, 0U);
    EXPECT_GT(accepted, 1000U);
    std::printf("%llu slots accepted at the brink\n", static_cast<unsigned long long>(accepted));
}

TEST_F(ring_stress, a_recorder_reads_all_that_was_not_dropped_and_every_loss_is_told) {
    ASSERT_TRUE(rings_->attach_reader(page_fd_).ok());
    RingWriter* writer = rings_->register_thread(wire::RingOwner::kThread, 0, nullptr);
    rings_->listen(wire::kEventCategories, RingMode::kDropAndCount, 64);
    std::atomic<bool> stop{false};
    Seen seen;
    wire::RingReader reader(writer->index());
    std::thread recorder([&] { read_all(reader, seen, stop, seed_, true); });
    std::uint64_t n = 0;
    std::mt19937_64 random(seed_);
    for (const auto end = end_time(); n % 1024 != 0 || std::chrono::steady_clock::now() < end; ++n) {
        write_numbered(*writer, n);
        if (random() % 4096 == 0) std::this_thread::yield();
    }
    stop.store(true, std::memory_order_release);
    recorder.join();
    const wire::RingHeader& ring = *location(writer->index()).header;
    EXPECT_EQ(seen.wrong, 0U);
    EXPECT_GT(seen.events, 1000U);
    EXPECT_EQ(reader.overtaken() + reader.foreign(), 0U);
    EXPECT_EQ(reader.accepted(), ring.head.load());
    std::uint64_t dropped = 0;
    for (const EventType type : {EventType::kWake, EventType::kSuspend, EventType::kSpawn, EventType::kSync,
                                 EventType::kLoss, EventType::kMask}) {
        const auto number = static_cast<std::uint8_t>(type);
        EXPECT_EQ(ring.emitted[number].load(), seen.by_type[number] + ring.dropped[number].load());
        dropped += ring.dropped[number].load();
    }
    EXPECT_EQ(seen.events + dropped, n);
    EXPECT_EQ(ring.dropped_total.load(), dropped);
    // Gaps in the numbers are exactly the losses told; those after the last event have not been told yet.
    EXPECT_EQ(seen.missing, seen.told_lost);
    EXPECT_EQ(n - seen.next, dropped - seen.told_lost);
    std::printf("of %llu events %llu read, %llu dropped\n", static_cast<unsigned long long>(n),
                static_cast<unsigned long long>(seen.events), static_cast<unsigned long long>(dropped));
}

TEST_F(ring_stress, block_mode_loses_nothing_while_the_reader_lives) {
    ASSERT_TRUE(rings_->attach_reader(page_fd_).ok());
    RingWriter* writer = rings_->register_thread(wire::RingOwner::kThread, 0, nullptr);
    rings_->listen(wire::kEventCategories, RingMode::kBlock, 64);
    std::atomic<bool> stop{false};
    Seen seen;
    wire::RingReader reader(writer->index());
    std::thread recorder([&] { read_all(reader, seen, stop, seed_, true); });
    std::uint64_t n = 0;
    for (const auto end = end_time(); n % 1024 != 0 || std::chrono::steady_clock::now() < end; ++n) {
        write_numbered(*writer, n);
    }
    stop.store(true, std::memory_order_release);
    recorder.join();
    EXPECT_EQ(seen.wrong + seen.missing + seen.told_lost, 0U);
    EXPECT_EQ(seen.events, n);
    EXPECT_EQ(location(writer->index()).header->dropped_total.load(), 0U);
}

// Listening goes on and off and recorders come and go while the writer writes: nothing wrong is ever accepted, nothing
// crashes, and in the end the target is dormant.
TEST_F(ring_stress, changing_what_is_listened_to_under_a_busy_writer_does_no_harm) {
    RingWriter* writer = rings_->register_thread(wire::RingOwner::kThread, 0, nullptr);
    std::atomic<bool> stop{false};
    std::thread busy([&] {
        for (std::uint64_t n = 0; !stop.load(std::memory_order_acquire); ++n) {
            if ((g_listen.mask.load(std::memory_order_relaxed) & wire::kCategoryCoroutine) != 0) {
                write_numbered(*writer, n);
            }
        }
    });
    std::mt19937_64 random(seed_);
    wire::RingReader reader(writer->index());
    Seen seen;
    wire::EventDecoder decoder;
    std::vector<wire::EventSlot> slots(4096);
    int changes = 0;
    for (const auto end = end_time(); std::chrono::steady_clock::now() < end; ++changes) {
        const std::uint64_t what = random() % 4;
        if (what == 0) {
            rings_->listen(0, RingMode::kOff, 0);
            rings_->detach_reader();
        } else if (what == 1) {
            rings_->listen(wire::kCategoryCoroutine, RingMode::kOverwrite, 64);
        } else {
            ASSERT_TRUE(rings_->attach_reader(page_fd_).ok());
            rings_->listen(wire::kCategoryCoroutine, RingMode::kDropAndCount, 64);
        }
        for (int i = 0; i < 20; ++i) {
            const wire::RingLocation ring = location(writer->index());
            const wire::RingBatch batch = reader.read(ring, slots);
            if (batch.skipped != 0) decoder.gap();
            decoder.feed({slots.data(), batch.accepted}, [&](const DecodedEvent& event) { seen.take(event); });
            reader.publish_tail(*page_);
        }
    }
    rings_->listen(0, RingMode::kOff, 0);
    stop.store(true, std::memory_order_release);
    busy.join();
    EXPECT_EQ(seen.wrong, 0U);
    EXPECT_GT(seen.events, 100U);
    EXPECT_GT(changes, 10);
    EXPECT_EQ(reader.foreign(), 0U);
    const std::uint64_t head = location(writer->index()).header->head.load();
    writer->write(0, EventType::kWake, 0);
    EXPECT_EQ(location(writer->index()).header->head.load(), head);
}

}  // namespace
}  // namespace coroscope::emit
