// Traces that are still written: a reader that follows them sees what one sees who opens them later; and traces of which only the last is kept.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <mutex>

#include "synthetic_trace.h"
#include "traces/image_codec.h"
#include "traces/past.h"
#include "traces/replay.h"
#include "traces/ring_log.h"
#include "traces/trace_cut.h"
#include "traces/trace_memory.h"
#include "traces/trace_stream.h"

namespace coroscope::traces {
namespace {

constexpr std::uint32_t kRings = 2;
constexpr int kStepsARound = 400;

// Records a program as a recorder does: events, a mark and now and then a look, round after round, to any number of writers.
class SyntheticRecording {
public:
    explicit SyntheticRecording(std::vector<TraceWriter*> writers) : writers_(std::move(writers)) {
        for (TraceWriter* writer : writers_) {
            for (std::uint32_t ring = 0; ring < kRings; ++ring) {
                logs_.push_back(std::make_unique<RingLog>(ring, 1'000'000'000, writer, nullptr));
                EXPECT_TRUE(logs_.back()->set_owner(wire::RingOwner::kWorker, ring).ok());
            }
        }
    }

    void round() {
        for (int i = 0; i < kStepsARound; ++i, ++step_)
            program_.step(static_cast<std::uint16_t>(step_ * 7919 + step_ / 3));
        Counts counts;
        counts.mark_ticks = program_.now();
        for (std::uint32_t ring = 0; ring < kRings; ++ring) {
            const std::span<const wire::EventSlot> slots = program_.ring(ring);
            for (std::size_t w = 0; w < writers_.size(); ++w) {
                RingLog& log = *logs_[w * kRings + ring];
                EXPECT_TRUE(log.take(slots.subspan(taken_[ring]), taken_[ring], 0, false).ok());
                EXPECT_TRUE(log.flush(false).ok());
            }
            taken_[ring] = slots.size();
            RingCount row;
            row.ring = ring;
            row.owner = wire::RingOwner::kWorker;
            row.owner_index = ring;
            row.head = slots.size();
            row.accepted = row.emitted = logs_[ring]->accepted();
            counts.rings.push_back(row);
        }
        for (TraceWriter* writer : writers_) {
            EXPECT_TRUE(writer->add_counts(counts).ok());
            if (round_ % 2 != 0) continue;
            EXPECT_TRUE(writer->add_keyframe(program_.truth()).ok());
        }
        ++round_;
    }
    std::uint64_t now() const { return program_.now(); }

private:
    const std::vector<TraceWriter*> writers_;
    std::vector<std::unique_ptr<RingLog>> logs_;  // by writer, then ring
    SyntheticProgram program_{kRings};
    std::uint64_t taken_[kRings] = {};
    int step_ = 0, round_ = 0;
};

std::unique_ptr<Replay> replay_of(std::shared_ptr<const TraceReader> reader) {
    auto replay = Replay::make(std::move(reader));
    EXPECT_TRUE(replay.ok()) << replay.error().message;
    return std::move(*replay);
}

// Everything that a moment says of the program, as bytes.
Bytes state_at(const Replay& replay, TimeNs t) {
    const auto moment = replay.moment_at(t);
    EXPECT_TRUE(moment.ok());
    return encode_image((*moment)->state);
}

std::uint64_t events_of(const Replay& replay) {
    std::uint64_t events = 0;
    for (const EventCount& row : replay.total_counts())
        events += row.accepted;
    return events;
}

std::uint64_t lost_of(const Replay& replay) {
    std::uint64_t lost = 0;
    for (const EventCount& row : replay.total_counts())
        lost += row.lost;
    return lost;
}

void expect_same(const TraceReader& a, const TraceReader& b) {
    ASSERT_EQ(a.chunks().size(), b.chunks().size());
    EXPECT_EQ(a.strings(), b.strings());
    EXPECT_EQ(a.events().size(), b.events().size());
    EXPECT_EQ(a.keyframes().size(), b.keyframes().size());
    EXPECT_EQ(a.counts().size(), b.counts().size());
    EXPECT_EQ(a.symbols().size(), b.symbols().size());
    EXPECT_EQ(a.losses(), b.losses());
    EXPECT_EQ(a.complete(), b.complete());
}

TEST(GrowingTrace, a_reader_that_follows_a_file_sees_every_moment_as_one_who_opens_it_later) {
    const TemporaryPath path("growing");
    auto writer = TraceWriter::create(path.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    SyntheticRecording recording({writer->get()});
    recording.round();
    auto opened = TraceReader::open(path.path());
    ASSERT_TRUE(opened.ok());
    std::shared_ptr<const TraceReader> reader = std::move(*opened);
    EXPECT_TRUE(reader->being_written());
    EXPECT_TRUE(reader->losses().empty());
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(*reader->newer(), nullptr);
        recording.round();
        auto newer = reader->newer();
        ASSERT_TRUE(newer.ok());
        ASSERT_NE(*newer, nullptr);
        reader = *newer;
        const auto later = TraceReader::open(path.path());
        ASSERT_TRUE(later.ok());
        expect_same(*reader, **later);
        const auto mine = replay_of(reader);
        EXPECT_EQ(mine->end(), mine->time_of(recording.now()));
        const auto theirs = replay_of(std::shared_ptr<const TraceReader>(TraceReader::open(path.path())->release()));
        for (const TimeNs part : {0, 1, 2, 3, 4}) {
            const TimeNs t = mine->begin() + (mine->end() - mine->begin()) * part / 4;
            EXPECT_EQ(state_at(*mine, t), state_at(*theirs, t));
        }
    }
    ASSERT_TRUE((*writer)->finish({recording.now(), "the program ended", ""}).ok());
    auto last = reader->newer();
    ASSERT_TRUE(last.ok());
    ASSERT_NE(*last, nullptr);
    EXPECT_TRUE((*last)->complete());
    EXPECT_EQ((*last)->end().because, "the program ended");
    writer->reset();
    EXPECT_FALSE((*last)->being_written());
}

TEST(GrowingTrace, a_writer_that_dies_lets_go_of_its_file) {
    const TemporaryPath path("abandoned");
    auto writer = TraceWriter::create(path.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    SyntheticRecording({writer->get()}).round();
    const auto reader = TraceReader::open(path.path());
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE((*reader)->being_written());
    writer->reset();
    EXPECT_FALSE((*reader)->being_written());
    EXPECT_FALSE((*reader)->complete());
}

// What comes through a pipe ends anywhere, also within a header.
TEST(GrowingTrace, whatever_the_pieces_in_which_it_comes_all_of_it_is_seen) {
    const TemporaryPath path("pieces");
    {
        auto writer = TraceWriter::create(path.path(), synthetic_meta());
        ASSERT_TRUE(writer.ok());
        SyntheticRecording recording({writer->get()});
        for (int i = 0; i < 5; ++i)
            recording.round();
        ASSERT_TRUE((*writer)->finish({recording.now(), "the program ended", ""}).ok());
    }
    std::ifstream in(path.path(), std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    for (const std::size_t piece : {61U, 128U, 1000U, 4099U, 30011U}) {
        auto file = std::make_shared<const base::FileDescriptor>(memfd_create("pieces", MFD_CLOEXEC));
        std::shared_ptr<const TraceReader> reader;
        for (std::size_t at = 0; at < whole.size();) {
            const std::size_t next = std::min(piece, whole.size() - at);
            ASSERT_EQ(pwrite(file->get(), whole.data() + at, next, static_cast<off_t>(at)),
                      static_cast<ssize_t>(next));
            at += next;
            if (reader == nullptr) {
                auto opened = TraceReader::open_growing(TraceFile::of(file, at), "piped");
                if (opened.ok()) reader = std::move(*opened);
                continue;
            }
            auto newer = reader->newer();
            ASSERT_TRUE(newer.ok()) << newer.error().message;
            if (*newer != nullptr) reader = *newer;
        }
        ASSERT_NE(reader, nullptr);
        const auto at_once = TraceReader::open(path.path());
        ASSERT_TRUE(at_once.ok());
        expect_same(*reader, **at_once);
        EXPECT_EQ(reader->end().because, "the program ended");
    }
}

TEST(TraceMemory, holds_the_last_of_a_run_and_every_moment_in_it_is_that_of_the_whole_run) {
    const TemporaryPath path("whole"), saved("saved");
    auto file = TraceWriter::create(path.path(), synthetic_meta());
    ASSERT_TRUE(file.ok());
    constexpr std::uint64_t kLimit = 30'000;
    const auto memory = TraceMemory::make({kLimit, ~0ULL});
    auto window = TraceWriter::create(memory, synthetic_meta());
    ASSERT_TRUE(window.ok());
    SyntheticRecording recording({file->get(), window->get()});
    std::uint64_t held_max = 0;
    for (int i = 0; i < 60; ++i) {
        recording.round();
        held_max = std::max(held_max, memory->bytes());
    }
    const std::uint64_t written = (*window)->file_bytes();
    EXPECT_GT(written, 4 * kLimit);
    EXPECT_LT(held_max, 2 * kLimit);  // tables, and what comes between two marks
    EXPECT_TRUE(memory->cut_by_bytes());

    auto opened = TraceReader::open(memory->snapshot(), "memory");
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    const std::shared_ptr<const TraceReader> reader = std::move(*opened);
    EXPECT_EQ(*reader->newer(), nullptr);
    const auto part = replay_of(reader);
    const auto whole = replay_of(std::shared_ptr<const TraceReader>(TraceReader::open(path.path())->release()));
    EXPECT_EQ(part->end(), whole->end());
    EXPECT_GT(part->begin(), whole->begin());
    for (const TimeNs quarter : {0, 1, 2, 3, 4}) {
        const TimeNs t = part->begin() + (part->end() - part->begin()) * quarter / 4;
        EXPECT_EQ(state_at(*part, t), state_at(*whole, t));
    }

    const auto cut = save_cut(*reader, saved.path(), "asked to");
    ASSERT_TRUE(cut.ok()) << cut.error().message;
    const auto again = TraceReader::open(saved.path());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE((*again)->complete());
    EXPECT_TRUE((*again)->losses().empty());
    EXPECT_EQ((*again)->end().because, "asked to");
    EXPECT_GT((*again)->meta().begin_ticks, synthetic_meta().begin_ticks);
    const auto cut_replay = replay_of(std::shared_ptr<const TraceReader>(TraceReader::open(saved.path())->release()));
    EXPECT_EQ(state_at(*cut_replay, part->end()), state_at(*whole, part->end()));
    // Marks say of the cut what chunks say: nothing of before, nothing lost.
    EXPECT_EQ(lost_of(*cut_replay), 0U);
    EXPECT_GT(cut->events, 0U);
    EXPECT_LT(events_of(*cut_replay), events_of(*whole));
    std::uint64_t marked = 0;
    for (const RingCount& ring : (*again)->counts().back()->rings) {
        for (const std::uint64_t accepted : ring.accepted)
            marked += accepted;
    }
    EXPECT_EQ(marked, events_of(*cut_replay));

    // What was taken stays, whatever goes on.
    recording.round();
    EXPECT_NE(*reader->newer(), nullptr);
    EXPECT_EQ(state_at(*part, part->begin()), state_at(*whole, part->begin()));
}

TEST(TraceMemory, keeps_as_long_as_it_was_told_and_always_a_moment_to_begin_from) {
    const auto memory = TraceMemory::make({~0ULL, 1});
    auto window = TraceWriter::create(memory, synthetic_meta());
    ASSERT_TRUE(window.ok());
    SyntheticRecording recording({window->get()});
    for (int i = 0; i < 12; ++i) {
        recording.round();
        const auto reader = TraceReader::open(memory->snapshot(), "memory");
        ASSERT_TRUE(reader.ok());
        EXPECT_GE((*reader)->keyframes().size(), 1U);
        EXPECT_LE((*reader)->keyframes().size(), 2U);
    }
    EXPECT_FALSE(memory->cut_by_bytes()) << "what went was too old";
    EXPECT_TRUE(memory->snapshot()->being_written());
    memory->close();
    EXPECT_FALSE(memory->snapshot()->being_written());
}

// Waits for what a Past publishes.
class Published {
public:
    void tell() {
        const std::lock_guard lock(lock_);
        ++times_;
        told_.notify_all();
    }
    template <typename Condition>
    bool wait(Condition&& condition) {
        std::unique_lock lock(lock_);
        return told_.wait_for(lock, std::chrono::seconds(20), condition);
    }

private:
    std::mutex lock_;
    std::condition_variable told_;
    int times_ = 0;
};

TEST(Past, follows_what_is_written_and_stays_where_it_was_sent) {
    const TemporaryPath path("followed");
    auto writer = TraceWriter::create(path.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    SyntheticRecording recording({writer->get()});
    recording.round();
    Published published;
    const std::shared_ptr<const Replay> first =
        replay_of(std::shared_ptr<const TraceReader>(TraceReader::open(path.path())->release()));
    Past past(first, Past::Follow::kYes, std::nullopt, [&](const Past&) { published.tell(); });
    ASSERT_TRUE(past.wait_moment().ok());
    recording.round();
    const TimeNs now = first->time_of(recording.now());
    EXPECT_TRUE(published.wait([&] { return past.moment()->t == now; }));
    // At a time that was chosen it stays, although it learns of more.
    past.set_time(first->begin());
    recording.round();
    const TimeNs later = first->time_of(recording.now());
    EXPECT_TRUE(published.wait([&] { return past.replay()->end() == later; }));
    ASSERT_TRUE(past.wait_moment().ok());
    EXPECT_EQ(past.moment()->t, first->begin());
    EXPECT_TRUE(past.growing());
    ASSERT_TRUE((*writer)->finish({recording.now(), "the program ended", ""}).ok());
    EXPECT_TRUE(published.wait([&] { return !past.growing(); }));
    past.set_time(std::nullopt);
    ASSERT_TRUE(past.wait_moment().ok());
    EXPECT_EQ(past.moment()->t, later);
}

TEST(Past, of_what_a_session_keeps_looks_for_more_when_it_is_asked_for_more) {
    const auto memory = TraceMemory::make({});
    auto writer = TraceWriter::create(memory, synthetic_meta());
    ASSERT_TRUE(writer.ok());
    SyntheticRecording recording({writer->get()});
    recording.round();
    const std::shared_ptr<const Replay> first =
        replay_of(std::shared_ptr<const TraceReader>(TraceReader::open(memory->snapshot(), "kept")->release()));
    Past past(first, Past::Follow::kNo, std::nullopt, [](const Past&) {});
    past.set_time(first->begin());
    ASSERT_TRUE(past.wait_moment().ok());
    recording.round();
    EXPECT_EQ(past.replay(), first);
    const TimeNs now = first->time_of(recording.now());
    past.set_time(now);
    const auto moment = past.wait_moment();
    ASSERT_TRUE(moment.ok());
    EXPECT_EQ((*moment)->t, now);
    EXPECT_EQ(past.replay()->end(), now);
}

TEST(TraceStream, is_read_while_it_comes_and_to_its_end) {
    const TemporaryPath path("streamed");
    int ends[2] = {-1, -1};
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    base::FileDescriptor from(ends[0]);
    auto stream = TraceStream::start(std::move(from), "the pipe");
    ASSERT_TRUE(stream.ok());
    auto medium = open_medium("/proc/self/fd/" + std::to_string(ends[1]));
    ASSERT_TRUE(medium.ok()) << medium.error().message;
    close(ends[1]);
    auto file = TraceWriter::create(path.path(), synthetic_meta());
    auto pipe = TraceWriter::create(std::move(*medium), synthetic_meta());
    ASSERT_TRUE(file.ok() && pipe.ok());
    SyntheticRecording recording({file->get(), pipe->get()});
    recording.round();
    auto reader = (*stream)->wait_for_look([] { return false; });
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_TRUE((*reader)->being_written());
    recording.round();
    recording.round();
    for (TraceWriter* writer : {file->get(), pipe->get()})
        ASSERT_TRUE(writer->finish({recording.now(), "the program ended", ""}).ok());
    pipe->reset();  // closes it
    const auto all = (*stream)->wait_for_end();
    ASSERT_TRUE(all.ok()) << all.error().message;
    const auto written = TraceReader::open(path.path());
    ASSERT_TRUE(written.ok());
    expect_same(**all, **written);
    const auto grown = (*reader)->newer();
    ASSERT_TRUE(grown.ok());
    expect_same(**grown, **written);
    EXPECT_EQ((*stream)->error(), "");
}

TEST(TraceStream, that_holds_no_trace_or_ends_too_soon_says_so) {
    const auto streamed = [](const std::string& text) {
        int ends[2] = {-1, -1};
        EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
        auto stream = TraceStream::start(base::FileDescriptor(ends[0]), "the pipe");
        EXPECT_TRUE(stream.ok());
        EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
        close(ends[1]);
        return (*stream)->wait_for_look([] { return false; }).error();
    };
    EXPECT_NE(streamed(std::string(100, 'x')).message.find("not a Coroscope trace"), std::string::npos);
    EXPECT_EQ(streamed("").code, base::ErrorCode::kCorrupt);
}

TEST(TraceStream, lets_go_of_who_does_not_wait_any_more) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const base::FileDescriptor open_end(ends[1]);
    auto stream = TraceStream::start(base::FileDescriptor(ends[0]), "the pipe");
    ASSERT_TRUE(stream.ok());
    EXPECT_EQ((*stream)->wait_for_look([] { return true; }).error().code, base::ErrorCode::kGone);
}

}  // namespace
}  // namespace coroscope::traces
