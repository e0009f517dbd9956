// Sections, header and control blocks: checked offsets, sequence-checked copies [coroutine.sequence]. The
// other records are in state_reader_records.cpp.
#include "instrumentation/inspect/state_reader.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "instrumentation/base/tsc.h"

namespace coroscope::inspect {
namespace {

constexpr int kReadAttempts = 4;

// Copies one control block. Returns false when the record is free (or became free).
bool copy_coroutine(const wire::CoroutineRecord& record, const wire::CoroutineDetail& detail,
                    CoroutineImage& image) {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    std::uint32_t before = 0;
    bool clean = false;
    for (int attempt = 0; attempt < kReadAttempts && !clean; ++attempt) {
        before = record.sequence.load(std::memory_order_acquire);  // [coroutine.sequence]
        image.state = record.state.load(kRelaxed);
        if (image.state == wire::CoroutineState::kFree) return false;
        image.reason = record.reason.load(kRelaxed);
        image.pool = record.pool;
        image.flags = record.flags.load(kRelaxed);
        image.slot = record.slot;
        image.wait_object = record.wait_object.load(kRelaxed);
        image.rsp = record.rsp.load(kRelaxed);
        image.rip = record.rip.load(kRelaxed);
        image.identity = detail.identity.load(kRelaxed);
        image.spawner = detail.spawner.load(kRelaxed);
        image.site = detail.site.load(kRelaxed);
        image.name = detail.name.load(kRelaxed);
        image.worker = detail.worker.load(kRelaxed);
        image.high_water_bytes = detail.high_water_bytes.load(kRelaxed);
        image.deadline_ticks = detail.deadline_ticks.load(kRelaxed);
        std::atomic_thread_fence(std::memory_order_acquire);  // the copy ends before the second look begins
        clean = record.sequence.load(kRelaxed) == before;
    }
    image.sequence = before;
    image.consistency = !clean              ? Consistency::kTorn
                        : (before & 1) != 0 ? Consistency::kRunning
                                            : Consistency::kExact;
    // Odd with a state from before or after: it is being resumed or is just parking, which is the worker's
    // time.
    if (image.consistency == Consistency::kRunning &&
        (image.state == wire::CoroutineState::kReady || image.state == wire::CoroutineState::kParked)) {
        image.state = wire::CoroutineState::kRunning;
    }
    return image.identity != 0;
}

}  // namespace

base::Error StateReader::corrupt(const std::string& how) const {
    return base::error(base::ErrorCode::kCorrupt,
                       what_ + " cannot be read: its state segment is damaged (" + how + ")");
}

base::Result<StateReader> StateReader::open(base::FileDescriptor fd, const std::string& what) {
    auto mapping = SharedMapping::open(std::move(fd), sizeof(wire::SegmentHeader),
                                       "the state segment of " + what);
    if (!mapping) return mapping.error();
    return open(std::move(*mapping), what);
}

base::Result<StateReader> StateReader::open(SharedMapping mapping, const std::string& what) {
    StateReader reader(std::move(mapping), what);
    if (auto status = reader.look_anew(); !status) return status.error();
    const wire::SegmentHeader& header = reader.header();
    if (header.saved_frame_layout != wire::kSavedFrameLayout) {
        return base::error(base::ErrorCode::kVersion,
                           what + " saves registers in layout " + std::to_string(header.saved_frame_layout) +
                               ", which this coroscope does not know: upgrade coroscope");
    }
    if (header.clock.multiplier != 0 && (header.clock.shift < 32 || header.clock.shift > 63)) {
        return reader.corrupt("the clock calibration makes no sense");
    }
    return reader;
}

base::Status StateReader::look_anew() {
    if (!mapping_.refresh()) return corrupt("it grew, and the larger file cannot be mapped");
    auto segment = wire::SegmentView::open(mapping_.data(), mapping_.bytes());
    if (!segment)
        return base::error(segment.error().code, what_ + " cannot be read: " + segment.error().message);
    segment_ = *segment;
    return base::ok_status();
}

base::Result<SectionView> StateReader::view(const Expected& expected) const {
    SectionView view;
    const std::uint32_t count = std::min(segment_.records_count(expected.kind), expected.records_max);
    if (count == 0) return view;
    const std::uint32_t record_bytes = segment_.record_bytes(expected.kind);
    const std::uint32_t per_chunk = header().sections[static_cast<std::uint32_t>(expected.kind)].records_per_chunk;
    const auto damaged = [&](const char* how) { return corrupt(std::string(expected.name) + " " + how); };
    if (record_bytes < expected.record_bytes_min || record_bytes % expected.alignment != 0 ||
        !std::has_single_bit(per_chunk)) {
        return damaged("have an impossible size");
    }
    // Many directory words may name one chunk: only this keeps nonsense from becoming a very large image
    // (R2).
    if (std::uint64_t{count} * record_bytes > mapping_.bytes())
        return damaged("are more than the file can hold");
    view.count_ = count;
    view.record_bytes_ = record_bytes;
    view.chunk_shift_ = static_cast<std::uint32_t>(std::countr_zero(per_chunk));
    view.chunks_.resize((count - 1) / per_chunk + 1);
    for (std::uint32_t i = 0; i < view.chunks_.size(); ++i) {
        view.chunks_[i] = segment_.record(expected.kind, i * per_chunk, expected.record_bytes_min);
    }
    return view;
}

base::Status StateReader::refresh_coroutines() {
    if (auto status = look_anew(); !status) return status;
    auto records = view({wire::SectionKind::kCoroutines, sizeof(wire::CoroutineRecord),
                         alignof(wire::CoroutineRecord), wire::kCoroutinesMax, "coroutines"});
    if (!records) return records.error();
    auto details = view({wire::SectionKind::kCoroutineDetails, sizeof(wire::CoroutineDetail),
                         alignof(wire::CoroutineDetail), wire::kCoroutinesMax, "coroutine details"});
    if (!details) return details.error();
    coroutines_ = std::move(*records);
    details_ = std::move(*details);
    return base::ok_status();
}

base::Result<StateImage> StateReader::read() {
    for (int attempt = 0;; ++attempt) {
        if (auto status = refresh_coroutines(); !status) return status.error();
        auto image = read_once();
        if (!image) return image;
        // A chunk that was published after the size was taken is missing from the image: look at the larger
        // file.
        const bool complete = segment_.needs_bytes() <= mapping_.bytes();
        if (!complete && attempt < kReadAttempts && mapping_.has_grown()) continue;
        if (!complete) return corrupt("a chunk lies outside the file");
        coroutines_before_ = image->coroutines.size();
        return image;
    }
}

base::Result<StateImage> StateReader::read_once() const {
    StateImage image;
    image.read_begin_ticks = base::read_tsc_fenced();
    read_header(image);
    read_coroutines(image);
    if (auto status = read_channels(image); !status) return status.error();
    if (auto status = read_selects(image); !status) return status.error();
    if (auto status = read_waitables(image); !status) return status.error();
    if (auto status = read_signals(image); !status) return status.error();
    if (auto status = read_pools(image); !status) return status.error();
    if (auto status = read_workers(image); !status) return status.error();
    // Names last: whatever the records above mention was interned before they were published.
    if (auto status = read_names(image); !status) return status.error();
    image.read_end_ticks = base::read_tsc_fenced();
    image.index();
    return image;
}

base::Result<StateImage> StateReader::read_hold() {
    if (auto status = look_anew(); !status) return status.error();
    StateImage image;
    read_header(image);
    if (auto status = read_workers(image); !status) return status.error();
    return image;
}

void StateReader::read_header(StateImage& image) const {
    const wire::SegmentHeader& header = this->header();
    image.pid = header.pid;
    image.uid = header.uid;
    image.program.assign(header.program, strnlen(header.program, sizeof header.program));
    image.start_ticks = header.start_ticks;
    image.segment_nonce = header.segment_nonce;
    image.clock = header.clock;
    image.clock.shift &= 63;  // checked at open; the file may have been changed since
    image.flags = header.flags;
    image.park_address = header.park_address;
    image.park_end_address = header.park_end_address;
    image.trampoline_address = header.trampoline_address;
    image.lifecycle = static_cast<wire::Lifecycle>(std::min(
        header.lifecycle.load(std::memory_order_acquire), static_cast<std::uint32_t>(wire::Lifecycle::kEnded)));
    image.outside_spawned = header.outside_spawned.load(std::memory_order_relaxed);
    image.peak_rss_kib = header.peak_rss_kib.load(std::memory_order_relaxed);
    image.stack_bytes_peak = header.stack_bytes_peak.load(std::memory_order_relaxed);
    image.pause.steps_done = header.steps_done.load(std::memory_order_acquire);  // [step.done]
    image.pause.step_coroutine = header.step_coroutine.load(std::memory_order_relaxed);
    const std::uint32_t held = header.pause_state.load(std::memory_order_relaxed);
    image.pause.everything = (held & wire::kPausedEverything) != 0;
    image.pause.chosen = held >> wire::kPausedChosenShift;
    image.blocking.threads = header.blocking_threads.load(std::memory_order_relaxed);
    image.blocking.busy = header.blocking_busy.load(std::memory_order_relaxed);
    image.blocking.queued = header.blocking_queued.load(std::memory_order_relaxed);
    image.blocking.threads_most = header.blocking_threads_most.load(std::memory_order_relaxed);
    image.blocking.calls = header.blocking_calls.load(std::memory_order_relaxed);
}

void StateReader::read_coroutines(StateImage& image) const {
    const std::uint32_t count = std::min(coroutines_.count(), details_.count());
    image.coroutines.reserve(std::min<std::size_t>(count, coroutines_before_ + coroutines_before_ / 8 + 64));
    for (std::uint32_t i = 0; i < count; ++i) {
        CoroutineImage copied;
        if (!read_coroutine(i, copied)) continue;
        if (copied.consistency == Consistency::kTorn) ++image.torn_coroutines;
        image.coroutines.push_back(copied);
    }
}

bool StateReader::read_coroutine(std::uint32_t index, CoroutineImage& image) const {
    const wire::CoroutineRecord* record = coroutine(index);
    const wire::CoroutineDetail* more = detail(index);
    if (record == nullptr || more == nullptr || !copy_coroutine(*record, *more, image)) return false;
    image.index = index;
    if (image.state > wire::CoroutineState::kExited) image.consistency = Consistency::kTorn;
    return true;
}

}  // namespace coroscope::inspect
