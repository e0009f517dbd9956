// See trace_rows.h. Every figure is refused when not all events were there again.
#include "driver/trace_rows.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "driver/runner_process.h"
#include "instrumentation/inspect/target.h"
#include "runner/runner.h"
#include "traces/column_scan.h"
#include "traces/compact.h"
#include "traces/recorder.h"
#include "traces/ring_log.h"
#include "traces/tally.h"
#include "traces/replay.h"
#include "traces/session.h"
#include "traces/trace_reader.h"
#include "traces/trace_writer.h"

namespace coroscope::bench {
namespace {

namespace fs = std::filesystem;
using traces::ChunkRef;
using traces::TraceReader;
using traces::TraceWriter;
using wire::EventSlot;
using wire::EventType;

// A file that goes with this object.
class OwnFile {
public:
    explicit OwnFile(const std::string& name)
        : path_((fs::temp_directory_path() / (name + "_" + std::to_string(getpid()) + ".coro")).string()) {}
    ~OwnFile() {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    OwnFile(const OwnFile&) = delete;
    OwnFile& operator=(const OwnFile&) = delete;
    const std::string& path() const { return path_; }

private:
    const std::string path_;
};

// A file in memory alone.
class MemoryFile {
public:
    MemoryFile() : fd_(memfd_create("trace", MFD_CLOEXEC)) {}
    ~MemoryFile() { close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    const int fd_;
};

// The recording that all rows use, with its events in memory.
struct Recording {
    OwnFile file{"bench_recorded"};
    std::unique_ptr<TraceReader> reader;
    std::vector<traces::EventsChunk> chunks;
    std::uint64_t events = 0;
};

base::Status record_demo(const std::string& path, bool quick) {
    const std::string program = program_folder() + "/demo";
    const pid_t child = fork();
    if (child == 0) {
        setenv("LD_BIND_NOW", "1", 1);
        if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
        execl(program.c_str(), program.c_str(), "--seconds", quick ? "1" : "8", "--swarm",
              quick ? "1000" : "20000", static_cast<char*>(nullptr));
        _exit(127);
    }
    const auto found = inspect::wait_for_target(static_cast<std::uint32_t>(child), 20000);
    base::Status status = found.ok() ? base::ok_status() : base::Status(found.error());
    if (status.ok()) {
        traces::RecordOptions options;
        options.path = path;
        options.pid = static_cast<std::uint32_t>(child);
        const std::atomic<bool> never{false};
        const auto recorded = traces::record(options, &never);
        if (!recorded.ok()) status = recorded.error();
    }
    int ended = 0;
    waitpid(child, &ended, 0);
    return status;
}

traces::EventsChunk chunk_of(const traces::ChunkHeader& header, std::span<const traces::TypeCount> counts) {
    traces::EventsChunk chunk;
    chunk.ring = header.ring;
    chunk.owner = static_cast<wire::RingOwner>(header.owner);
    chunk.owner_index = header.owner_index;
    chunk.first_position = header.first_position;
    chunk.ticks_min = header.ticks_min;
    chunk.ticks_max = header.ticks_max;
    chunk.events_count = header.events_count;
    chunk.context_ticks = header.context_ticks;
    chunk.context_current = header.context_current;
    chunk.context_known = header.context_known != 0;
    for (const traces::TypeCount& row : counts)
        chunk.counts[row.type] = row.count;
    return chunk;
}

base::Result<std::shared_ptr<const Recording>> recording(const Effort& effort) {
    static std::shared_ptr<const Recording> made;
    if (made != nullptr) return made;
    auto recording = std::make_shared<Recording>();
    const base::Status recorded = record_demo(recording->file.path(), effort.bytes_scale < 1);
    if (!recorded.ok()) return recorded.error();
    auto opened = TraceReader::open(recording->file.path());
    if (!opened.ok()) return opened.error();
    recording->reader = std::move(*opened);
    for (const std::uint32_t position : recording->reader->events()) {
        const ChunkRef& ref = recording->reader->chunks()[position];
        recording->chunks.push_back(chunk_of(ref.header, ref.counts));
        const base::Status read = recording->reader->read_events(ref, recording->chunks.back().slots);
        if (!read.ok()) return read.error();
        recording->events += ref.header.events_count;
    }
    if (recording->events < 1000)
        return base::error(base::ErrorCode::kInternal, "the demo was recorded with hardly an event");
    made = recording;
    return made;
}

// Of this thread: what a core does, also where others want it.
std::uint64_t processor_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

base::Error lost_some() {
    return base::error(base::ErrorCode::kInternal, "events that were written did not come back");
}

// Times of one series, and what is printed beside the best.
struct Timings {
    std::vector<double> values;
    std::map<std::string, double> extra;
    Figures figures() const {
        return {*std::min_element(values.begin(), values.end()), median_of(values), extra, "of this tree"};
    }
};

RowResult result_of(const Row& row, const std::vector<Timings>& series) {
    RowResult result{&row, {}};
    for (const Timings& timings : series)
        result.series.push_back(timings.figures());
    return result;
}

// All stamps of a chunk moved on by `ticks`, those that are 64 bits wide as well.
void move_on(traces::EventsChunk& chunk, std::uint64_t ticks, std::uint64_t slots) {
    chunk.first_position += slots;
    chunk.ticks_min += ticks;
    chunk.ticks_max += ticks;
    chunk.context_ticks += ticks;
    EventType type = EventType::kPad;
    for (EventSlot& slot : chunk.slots) {
        if (wire::slot_type(slot) != EventType::kExt) {
            type = wire::slot_type(slot);
            slot = wire::make_slot(wire::slot_stamp(slot) + ticks, type, 0, slot.word1);
        } else if (type == EventType::kSync || type == EventType::kLoss || type == EventType::kTimerSet ||
                   type == EventType::kTimerFire) {
            slot.word1 += ticks;
        }
    }
}

// The recording over and over until there are `count` events. Returns how many there are.
base::Result<std::uint64_t> write_long_trace(const Recording& recording, const std::string& path,
                                             std::uint64_t count) {
    auto created = TraceWriter::create(path, recording.reader->meta());
    if (!created.ok()) return created.error();
    TraceWriter& writer = **created;
    std::uint64_t from = ~0ULL;
    std::uint64_t to = 0;
    std::uint64_t slots = 0;
    for (const traces::EventsChunk& chunk : recording.chunks) {
        from = std::min(from, chunk.ticks_min);
        to = std::max(to, chunk.ticks_max);
        slots += chunk.slots.size();
    }
    const TraceReader& reader = *recording.reader;
    std::vector<traces::EventsChunk> chunks = recording.chunks;
    std::uint64_t written = 0;
    for (std::uint64_t round = 0; written < count; ++round) {
        base::Status status = base::ok_status();
        traces::Counts marks = reader.counts().empty() ? traces::Counts{} : *reader.counts().back();
        // In the order of the recording: its keyframes and its events.
        auto keyframe = reader.keyframes().begin();
        auto chunk = chunks.begin();
        const auto events = reader.events();
        for (std::size_t next = 0; next < events.size() && status.ok(); ++next, ++chunk) {
            for (; keyframe != reader.keyframes().end() && *keyframe < events[next] && status.ok(); ++keyframe) {
                auto image = reader.read_keyframe(reader.chunks()[*keyframe]);
                if (!image.ok()) return image.error();
                image->read_begin_ticks += round * (to - from);
                image->read_end_ticks += round * (to - from);
                for (inspect::RingHead& head : image->ring_heads)
                    head.slots += round * slots;
                status = writer.add_keyframe(*image);
            }
            if (status.ok()) status = writer.add_events(*chunk, false);
            written += chunk->events_count;
            marks.mark_ticks = std::max(marks.mark_ticks, chunk->ticks_max);
            move_on(*chunk, to - from, slots);
        }
        if (status.ok()) status = writer.add_counts(marks);
        if (!status.ok()) return status.error();
    }
    const base::Status finished = writer.finish({0, "it was long enough", ""});
    if (!finished.ok()) return finished.error();
    return written;
}

double milliseconds_of(const std::function<bool()>& work, bool* good) {
    const std::uint64_t begin = now_ns();
    *good = work() && *good;
    return static_cast<double>(now_ns() - begin) / 1e6;
}

}  // namespace

base::Result<RowResult> measure_trace_write(const Row& row, const Effort& effort) {
    const auto recorded = recording(effort);
    if (!recorded.ok()) return recorded.error();
    const Recording& recording = **recorded;
    const auto events = static_cast<double>(recording.events);
    std::vector<Timings> series(row.series.size());
    for (unsigned round = 0; round < effort.memory_rounds + 1; ++round) {
        for (std::size_t i = 0; i < series.size(); ++i) {
            const std::string& label = row.series[i].label;
            const MemoryFile file;
            auto writer = TraceWriter::create(file.path(), recording.reader->meta());
            if (!writer.ok()) return writer.error();
            const std::uint64_t before = (*writer)->file_bytes();
            const std::uint64_t begin = processor_ns();
            for (std::size_t k = 0; k < recording.chunks.size(); ++k) {
                const traces::EventsChunk& chunk = recording.chunks[k];
                const ChunkRef& ref = recording.reader->chunks()[recording.reader->events()[k]];
                const base::Status written = label == "compacted"
                                                 ? (*writer)->add_events_again(ref.header, ref.counts,
                                                                               chunk.slots)
                                                 : (*writer)->add_events(chunk, label == "slots");
                if (!written.ok()) return written.error();
            }
            const double ns = static_cast<double>(processor_ns() - begin);
            series[i].values.push_back(ns / events);
            series[i].extra = {
                {"bytes_per_event", static_cast<double>((*writer)->file_bytes() - before) / events},
                {"million_per_s", events / ns * 1e3}};
        }
    }
    // The recording as it is, and compacted: keyframes, stacks, names and all.
    const OwnFile small("bench_compacted");
    const auto compacted = traces::compact(recording.file.path(), small.path());
    if (!compacted.ok()) return compacted.error();
    series[0].extra["whole_file_per_event"] = static_cast<double>(compacted->bytes_before) / events;
    series.back().extra["whole_file_per_event"] = static_cast<double>(compacted->bytes_after) / events;
    return result_of(row, series);
}

base::Result<RowResult> measure_trace_log(const Row& row, const Effort& effort) {
    const auto recorded = recording(effort);
    if (!recorded.ok()) return recorded.error();
    const Recording& recording = **recorded;
    std::vector<Timings> series(row.series.size());
    for (unsigned round = 0; round < effort.memory_rounds + 1; ++round) {
        for (std::size_t i = 0; i < series.size(); ++i) {
            const std::string& label = row.series[i].label;
            const MemoryFile file;
            auto writer = TraceWriter::create(file.path(), recording.reader->meta());
            if (!writer.ok()) return writer.error();
            traces::Tally tally;
            std::map<std::uint32_t, std::unique_ptr<traces::RingLog>> logs;
            for (const traces::EventsChunk& chunk : recording.chunks) {
                auto& log = logs[chunk.ring];
                if (log == nullptr)
                    log = std::make_unique<traces::RingLog>(chunk.ring, recording.reader->meta().begin_ticks,
                                                            label == "counted" ? nullptr : writer->get(), &tally);
            }
            const bool hurry = label == "verbatim";
            base::Status status = base::ok_status();
            const std::uint64_t begin = processor_ns();
            for (const traces::EventsChunk& chunk : recording.chunks) {
                const base::Status taken = logs[chunk.ring]->take(chunk.slots, chunk.first_position, 0, hurry);
                if (!taken.ok()) status = taken;
            }
            std::uint64_t seen = 0;
            for (const auto& [ring, log] : logs) {
                const base::Status flushed = log->flush(hurry);
                if (!flushed.ok()) status = flushed;
                seen += log->events_total();
            }
            const double ns = static_cast<double>(processor_ns() - begin);
            if (!status.ok()) return status.error();
            if (seen == 0 || seen > recording.events) return lost_some();
            const auto events = static_cast<double>(seen);
            series[i].values.push_back(ns / events);
            series[i].extra = {{"million_per_s", events / ns * 1e3}};
        }
    }
    return result_of(row, series);
}

base::Result<RowResult> measure_trace_scan(const Row& row, const Effort& effort) {
    const auto recorded = recording(effort);
    if (!recorded.ok()) return recorded.error();
    const Recording& recording = **recorded;
    const OwnFile live("bench_live");
    const OwnFile small("bench_compacted");
    const auto written = write_long_trace(recording, live.path(), 10 * recording.events);
    if (!written.ok()) return written.error();
    const auto compacted = traces::compact(live.path(), small.path());
    if (!compacted.ok()) return compacted.error();
    const auto events = static_cast<double>(*written);
    std::vector<Timings> series(row.series.size());
    for (unsigned round = 0; round < effort.memory_rounds + 1; ++round) {
        for (std::size_t i = 0; i < series.size(); ++i) {
            const std::string& label = row.series[i].label;
            const auto reader = TraceReader::open(label.starts_with("compacted") ? small.path() : live.path());
            if (!reader.ok()) return reader.error();
            std::uint64_t seen = 0;
            std::uint64_t sum = 0;
            std::vector<EventSlot> slots;
            const std::uint64_t begin = processor_ns();
            if (label.ends_with("rows")) {
                for (const std::uint32_t position : (*reader)->events()) {
                    if (!(*reader)->read_events((*reader)->chunks()[position], slots).ok())
                        return lost_some();
                    for (const EventSlot slot : slots) {
                        const EventType type = wire::slot_type(slot);
                        seen += type != EventType::kExt && type != EventType::kPad ? 1 : 0;
                        sum += slot.word1;
                    }
                }
            } else {
                traces::ColumnScan scan(**reader);
                scan.for_each([&](std::uint64_t ticks, EventType type) {
                    ++seen;
                    sum += ticks + static_cast<unsigned>(type);
                });
            }
            const double ns = static_cast<double>(processor_ns() - begin);
            keep(sum);
            if (seen != *written) return lost_some();
            series[i].values.push_back(ns / events);
            series[i].extra = {{"million_per_s", events / ns * 1e3}};
        }
    }
    return result_of(row, series);
}

base::Result<RowResult> measure_trace_open(const Row& row, const Effort& effort) {
    const auto recorded = recording(effort);
    if (!recorded.ok()) return recorded.error();
    const OwnFile closed("bench_long");
    const auto count = static_cast<std::uint64_t>(static_cast<double>(row.count) * effort.bytes_scale);
    const auto written = write_long_trace(**recorded, closed.path(), count);
    if (!written.ok()) return written.error();
    const std::uint64_t bytes = fs::file_size(closed.path());
    std::vector<Timings> series(row.series.size());
    bool good = true;
    const auto open = [&](bool complete) {
        const auto reader = TraceReader::open(closed.path());
        return reader.ok() && (*reader)->complete() == complete;
    };
    // As the window does it: the session, until the Moment that it shows first is there.
    const auto first_picture = [&] {
        const auto session = traces::open_trace(closed.path(), {}, traces::StartAt::kPopulated);
        return session.ok() && (*session)->wait_moment().ok();
    };
    auto opened = TraceReader::open(closed.path());
    if (!opened.ok()) return opened.error();
    const auto replay = traces::Replay::make(std::shared_ptr<const TraceReader>(std::move(*opened)));
    if (!replay.ok()) return replay.error();
    std::uint32_t step = 0;
    // Here and there, all over the trace.
    const auto moment = [&] {
        const traces::TimeNs length = (*replay)->end() - (*replay)->begin();
        step = (step + 617) % 1000;
        return (*replay)->moment_at((*replay)->begin() + length / 1000 * step).ok();
    };
    for (unsigned round = 0; round < effort.memory_rounds + 1; ++round) {
        for (std::size_t i = 0; i < series.size(); ++i) {
            if (row.series[i].label == "walked") continue;
            const std::string& label = row.series[i].label;
            series[i].values.push_back(milliseconds_of(
                [&] { return label == "first_picture" ? first_picture() : label == "moment" ? moment() : open(true); }, &good));
        }
    }
    series[0].extra = {{"events", static_cast<double>(*written)}, {"bytes", static_cast<double>(bytes)}};
    // Last: the file loses its trailer, and with it its footer.
    fs::resize_file(closed.path(), bytes - sizeof(traces::Trailer));
    for (unsigned round = 0; round < effort.memory_rounds + 1; ++round) {
        for (std::size_t i = 0; i < series.size(); ++i) {
            if (row.series[i].label == "walked")
                series[i].values.push_back(milliseconds_of([&] { return open(false); }, &good));
        }
    }
    if (!good) return lost_some();
    return result_of(row, series);
}

}  // namespace coroscope::bench
