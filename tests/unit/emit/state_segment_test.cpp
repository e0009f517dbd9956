// The state segment: what a viewer that maps its file sees, and what it costs.
#include "instrumentation/emit/state_segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/segment_view.h"
#include "instrumentation/wire/site.h"
#include "instrumentation/wire/strings.h"

namespace coroscope::emit {
namespace {

using wire::SectionKind;

// A viewer's mapping of the segment's file as it is now.
class Mapping {
public:
    explicit Mapping(const StateSegment& segment) : bytes_(segment.file_bytes()) {
        data_ = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, segment.read_only_fd(), 0);
        EXPECT_NE(data_, MAP_FAILED);
    }
    ~Mapping() { munmap(data_, bytes_); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    wire::SegmentView view() const { return wire::SegmentView::open(data_, bytes_).value(); }

private:
    void* data_;
    std::uint64_t bytes_;
};

std::unique_ptr<StateSegment> make(bool shared = true) {
    StateOptions options;
    options.shared = shared;
    return StateSegment::create(options).value();
}

std::uint64_t file_blocks(const StateSegment& segment) {
    struct stat about {};
    EXPECT_EQ(fstat(segment.fd(), &about), 0);
    return static_cast<std::uint64_t>(about.st_blocks);
}

TEST(state_segment, the_header_says_who_and_when_and_time_can_be_told_from_it) {
    const auto segment = make();
    const Mapping mapping(*segment);
    const wire::SegmentHeader& header = mapping.view().header();
    EXPECT_EQ(header.pid, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(header.uid, geteuid());
    EXPECT_NE(header.segment_nonce, 0U);
    EXPECT_NE(header.clock.multiplier, 0U);
    EXPECT_NE(std::string(header.program).find("emit_test"), std::string::npos);
    EXPECT_EQ(header.lifecycle.load(), static_cast<std::uint32_t>(wire::Lifecycle::kStarting));
    EXPECT_EQ(header.next_identity.load(), 1U);
    const std::int64_t age_ns = header.clock.duration_ns(
        static_cast<std::int64_t>(base::read_tsc() - header.start_ticks));
    EXPECT_GT(age_ns, 0);
    EXPECT_LT(age_ns, 60'000'000'000);
}

TEST(state_segment, records_written_by_the_owner_are_found_by_a_viewer) {
    const auto segment = make();
    ASSERT_TRUE(segment->ensure_records(SectionKind::kCoroutines, 5000));
    auto* records = segment->records<wire::CoroutineRecord>(SectionKind::kCoroutines);
    for (std::uint32_t i = 0; i < 5000; ++i) {
        ASSERT_EQ(records[i].sequence.load(), 0U);
        records[i].sequence.store(2 * i);
    }
    const Mapping mapping(*segment);
    const wire::SegmentView view = mapping.view();
    EXPECT_EQ(view.records_count(SectionKind::kCoroutines), 5000U);
    for (std::uint32_t i = 0; i < 5000; ++i) {
        const auto* record = view.record<wire::CoroutineRecord>(SectionKind::kCoroutines, i);
        ASSERT_NE(record, nullptr);
        ASSERT_EQ(record->sequence.load(), 2 * i);
    }
    EXPECT_EQ(view.needs_bytes() <= segment->file_bytes(), true);
    EXPECT_TRUE(segment->contains(records));
    EXPECT_FALSE(segment->contains(&mapping));
}

TEST(state_segment, allocated_records_are_consecutive_and_never_given_out_twice) {
    const auto segment = make();
    EXPECT_EQ(segment->allocate_records(SectionKind::kHandles, 100), 0U);
    EXPECT_EQ(segment->allocate_records(SectionKind::kHandles, 1), 100U);
    EXPECT_TRUE(segment->ensure_records(SectionKind::kHandles, 50));  // exist already: nothing shrinks
    EXPECT_EQ(segment->allocate_records(SectionKind::kHandles, 5000), 101U);

    std::atomic<std::uint64_t> sum{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i)
                sum += segment->allocate_records(SectionKind::kChannels, 1);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(sum.load(), 800U * 799U / 2);
}

TEST(state_segment, a_full_section_says_so) {
    const auto segment = make();
    EXPECT_EQ(segment->allocate_records(SectionKind::kWorkers, wire::kWorkersMax + 1), wire::kNone);
    EXPECT_FALSE(segment->ensure_records(SectionKind::kWorkers, wire::kWorkersMax + 1));
    EXPECT_EQ(segment->allocate_records(SectionKind::kWorkers, wire::kWorkersMax), 0U);
    EXPECT_EQ(segment->allocate_records(SectionKind::kWorkers, 1), wire::kNone);
    EXPECT_EQ(segment->allocate_records(SectionKind::kCoroutines, 0xffffffff), wire::kNone);
}

TEST(state_segment, equal_strings_have_one_index_and_a_viewer_reads_them) {
    const auto segment = make();
    const std::uint32_t hello = segment->intern("hello");
    const std::uint32_t empty = segment->intern("");
    EXPECT_EQ(segment->intern(std::string("hel") + "lo"), hello);
    EXPECT_NE(hello, empty);
    EXPECT_EQ(segment->string(hello), "hello");
    EXPECT_EQ(segment->string(wire::kNone), "");
    const std::string very_long(5000, 'x');
    const std::uint32_t cut = segment->intern(very_long);
    EXPECT_EQ(segment->string(cut).size(), wire::kStringLengthMax);
    std::vector<std::uint32_t> many;  // more than a chunk of them
    for (int i = 0; i < 1000; ++i)
        many.push_back(segment->intern("string number " + std::to_string(i) + std::string(100, '.')));
    const Mapping mapping(*segment);
    EXPECT_EQ(mapping.view().string(hello), "hello");
    EXPECT_EQ(mapping.view().string(empty), "");
    EXPECT_EQ(mapping.view().string(cut), very_long.substr(0, wire::kStringLengthMax));
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(mapping.view().string(many[static_cast<std::size_t>(i)]),
                  "string number " + std::to_string(i) + std::string(100, '.'));
        EXPECT_LE(many[static_cast<std::size_t>(i)] % wire::kStringChunkBytes + 130, wire::kStringChunkBytes);
    }
}

TEST(state_segment, a_viewer_that_reads_everything_allocates_nothing_in_the_target) {
    const auto segment = make();
    ASSERT_TRUE(segment->ensure_records(SectionKind::kCoroutines, 100'000));
    ASSERT_TRUE(segment->ensure_records(SectionKind::kCoroutineDetails, 100'000));
    ASSERT_TRUE(segment->ensure_records(SectionKind::kHistograms, 3));
    segment->intern("a string");
    const std::uint64_t before_trim = file_blocks(*segment);
    for (std::uint32_t chunk = 10; chunk < 60; ++chunk)
        segment->trim_chunk(SectionKind::kCoroutines, chunk);
    const std::uint64_t before = file_blocks(*segment);
    EXPECT_EQ(before_trim - before, 50 * 1024 * 64 / 512);

    const Mapping mapping(*segment);
    const wire::SegmentView view = mapping.view();
    std::uint64_t touched = 0;
    std::uint64_t sum = 0;
    for (std::uint32_t kind = 0; kind < wire::kSectionsMax; ++kind) {
        const auto section = static_cast<SectionKind>(kind);
        const std::uint32_t bytes = view.record_bytes(section);
        for (std::uint32_t i = 0; i < view.records_count(section); ++i) {
            const std::byte* record = view.record(section, i, 1);
            if (record == nullptr) continue;
            ++touched;
            for (std::uint32_t b = 0; b < bytes; b += 8)
                sum += static_cast<std::uint64_t>(record[b]);
        }
        sum += static_cast<std::uint64_t>(*reinterpret_cast<const volatile std::byte*>(&view.header()));
    }
    EXPECT_EQ(touched, 200'000U - 50 * 1024 + 3 + 10);
    EXPECT_EQ(file_blocks(*segment), before);
    EXPECT_NE(sum, ~0ULL);

    // Against this test's own blindness: touching what is not published does allocate.
    auto* hole = static_cast<const volatile std::byte*>(
        mmap(nullptr, 4096, PROT_READ, MAP_SHARED, segment->read_only_fd(),
             static_cast<off_t>(wire::chunk_offset_bytes(
                 reinterpret_cast<const wire::ChunkWord*>(reinterpret_cast<const std::byte*>(&view.header()) +
                                                          view.header().sections[1].directory_offset)[20]))));
    static_cast<void>(hole[0]);
    EXPECT_GT(file_blocks(*segment), before);
    munmap(const_cast<std::byte*>(hole), 4096);
}

TEST(state_segment, a_trimmed_chunk_comes_back_zeroed) {
    const auto segment = make();
    ASSERT_TRUE(segment->ensure_records(SectionKind::kCoroutines, 3000));
    auto* records = segment->records<wire::CoroutineRecord>(SectionKind::kCoroutines);
    records[1500].sequence = 9;
    records[500].sequence = 9;
    segment->trim_chunk(SectionKind::kCoroutines, 1);
    ASSERT_TRUE(segment->restore_chunk(SectionKind::kCoroutines, 1));
    EXPECT_EQ(records[1500].sequence.load(), 0U);
    EXPECT_EQ(records[500].sequence.load(), 9U);
    const Mapping mapping(*segment);
    EXPECT_NE(mapping.view().record<wire::CoroutineRecord>(SectionKind::kCoroutines, 1500), nullptr);
}

TEST(state_segment, its_file_is_sealed_has_mode_0400_and_is_not_passed_to_other_programs) {
    const auto segment = make();
    struct stat about {};
    ASSERT_EQ(fstat(segment->fd(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777, 0400U);
    const int seals = fcntl(segment->fd(), F_GET_SEALS);
    EXPECT_EQ(seals & F_SEAL_SHRINK, F_SEAL_SHRINK);
    EXPECT_EQ(seals & F_SEAL_SEAL, F_SEAL_SEAL);
    EXPECT_NE(ftruncate(segment->fd(), 4096), 0);
    EXPECT_EQ(fcntl(segment->fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(fcntl(segment->read_only_fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(fcntl(segment->read_only_fd(), F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, segment->read_only_fd(), 0), MAP_FAILED);
    void* readable = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, segment->read_only_fd(), 0);
    ASSERT_NE(readable, MAP_FAILED);
    EXPECT_NE(mprotect(readable, 4096, PROT_READ | PROT_WRITE), 0);
    munmap(readable, 4096);
}

TEST(state_segment, without_the_state_plane_it_is_the_same_memory_with_no_file) {
    const auto segment = make(false);
    EXPECT_FALSE(segment->shared());
    EXPECT_EQ(segment->fd(), -1);
    ASSERT_TRUE(segment->ensure_records(SectionKind::kCoroutines, 3000));
    segment->records<wire::CoroutineRecord>(SectionKind::kCoroutines)[2999].sequence = 4;
    EXPECT_EQ(segment->string(segment->intern("text")), "text");
    segment->trim_chunk(SectionKind::kCoroutines, 2);
    EXPECT_EQ(segment->records<wire::CoroutineRecord>(SectionKind::kCoroutines)[2999].sequence.load(), 0U);
}

TEST(state_segment, scarce_address_space_makes_it_smaller_and_too_little_is_refused_with_a_sentence) {
    StateOptions options;
    options.reservation_bytes = wire::kStateReservationBytesMin;
    auto small = StateSegment::create(options);
    ASSERT_TRUE(small.ok());
    EXPECT_LT((*small)->records_max(SectionKind::kCoroutines), wire::kCoroutinesMax);
    EXPECT_GE((*small)->records_max(SectionKind::kCoroutines), 100'000U);
    EXPECT_EQ((*small)->records_max(SectionKind::kWorkers), wire::kWorkersMax);
    const std::uint32_t last = (*small)->records_max(SectionKind::kCoroutineDetails);
    EXPECT_TRUE((*small)->ensure_records(SectionKind::kCoroutineDetails, last));
    EXPECT_FALSE((*small)->ensure_records(SectionKind::kCoroutineDetails, last + 1));

    options.reservation_bytes = wire::kStateReservationBytesMin - 1;
    const auto refused = StateSegment::create(options);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kRefused);
    EXPECT_NE(refused.error().message.find("64 MiB"), std::string::npos);
}

// What a limit does is tried in a child: it cannot be taken back.
TEST(state_segment, limits_on_file_size_and_address_space_are_kept) {
    for (const auto& [resource, megabytes] : {std::pair{RLIMIT_FSIZE, 200UL}, std::pair{RLIMIT_AS, 2000UL}}) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        if (resource == RLIMIT_AS) continue;  // the sanitizers' shadow is larger than any limit
#endif
        const pid_t child = fork();
        if (child == 0) {
            const rlimit limit{megabytes << 20, megabytes << 20};
            if (setrlimit(resource, &limit) != 0) _exit(2);
            const auto segment = StateSegment::create(StateOptions{});
            if (!segment.ok()) _exit(3);
            // The far end of the last window: growing there must not raise SIGXFSZ.
            const auto last = static_cast<SectionKind>(static_cast<std::uint32_t>(SectionKind::kSlabsFirst) +
                                                       15);
            _exit((*segment)->ensure_records(last, (*segment)->records_max(last)) ? 0 : 4);
        }
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
            << "resource " << resource << " status " << status;
    }
}

}  // namespace
}  // namespace coroscope::emit
