// Sections, header and control blocks: checked offsets, sequence-checked copies [coroutine.sequence]. The other records are in
// state_reader_records.cpp.
#include "instrumentation/inspect/state_reader.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "instrumentation/base/tsc.h"

namespace coroscope::inspect {
namespace {

constexpr int kReadAttempts = 4;
// A record may have grown at its end in a later minor version, but not beyond sense.
constexpr std::uint32_t kRecordBytesMax = 1U << 20;

// Copies one control block. Returns false when the record is free (or became free).
bool copy_coroutine(const wire::CoroutineRecord& record, const wire::CoroutineDetail& detail, CoroutineImage& image) {
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
    image.consistency = !clean ? Consistency::kTorn : (before & 1) != 0 ? Consistency::kRunning : Consistency::kExact;
    // Odd with a state from before or after: it is being resumed or is just parking, which is the worker's time.
    if (image.consistency == Consistency::kRunning &&
        (image.state == wire::CoroutineState::kReady || image.state == wire::CoroutineState::kParked)) {
        image.state = wire::CoroutineState::kRunning;
    }
    return image.identity != 0;
}

}  // namespace

base::Error StateReader::corrupt(const std::string& how) const {
    return base::error(base::ErrorCode::kCorrupt, what_ + " is damaged: " + how);
}

base::Result<StateReader> StateReader::open(UniqueFd fd, const std::string& what) {
    auto mapping = SharedMapping::open(std::move(fd), sizeof(wire::SegmentHeader), what);
    if (!mapping) return mapping.error();
    StateReader reader(std::move(*mapping), what);
    const wire::SegmentHeader& header = reader.header();
    if (header.magic != wire::kSegmentMagic) {
        return base::error(base::ErrorCode::kCorrupt, what + " is no CPrime state segment (its first bytes are wrong)");
    }
    if (header.version_major != wire::kWireMajor) {
        const bool target_newer = header.version_major > wire::kWireMajor;
        return base::error(base::ErrorCode::kVersion,
                           what + " has format version " + std::to_string(header.version_major) + "." +
                               std::to_string(header.version_minor) + ", this coroscope reads version " +
                               std::to_string(wire::kWireMajor) + ": " +
                               (target_newer ? "upgrade coroscope" : "rebuild the program with a newer CPrime runtime"));
    }
    if (header.saved_frame_layout != wire::kSavedFrameLayout) {
        return base::error(base::ErrorCode::kVersion, what + " saves registers in layout " +
                                                          std::to_string(header.saved_frame_layout) +
                                                          ", which this coroscope does not know: upgrade coroscope");
    }
    if (header.clock.multiplier != 0 && (header.clock.shift < 32 || header.clock.shift > 63)) {
        return reader.corrupt("its clock calibration makes no sense");
    }
    return reader;
}

base::Result<SectionView> StateReader::view(const Expected& expected) const {
    const wire::SectionEntry& entry = header().sections[static_cast<std::uint32_t>(expected.kind)];
    SectionView view;
    // Published first, used second [segment.publish]: a record that counts lies in a chunk that counts.
    const std::uint32_t published = entry.chunks_published.load(std::memory_order_acquire);
    const std::uint32_t used = entry.records_used.load(std::memory_order_acquire);
    const wire::SectionKind kind = entry.kind;
    const std::uint32_t record_bytes = entry.record_bytes;
    const std::uint32_t per_chunk = entry.records_per_chunk;
    if (kind == wire::SectionKind::kNothing || published == 0) return view;
    const auto damaged = [&](const char* how) { return corrupt(std::string("the section of ") + expected.name + how); };
    if (kind != expected.kind) return damaged(" is labelled as another");
    if (record_bytes < expected.record_bytes_min || record_bytes > kRecordBytesMax ||
        record_bytes % expected.alignment != 0) {
        return damaged(" has records of an impossible size");
    }
    if (!std::has_single_bit(per_chunk)) return damaged(" has chunks of an impossible size");
    const std::uint32_t chunks_max = entry.chunks_max;
    const auto* directory = static_cast<const wire::ChunkWord*>(mapping_.range(
        entry.directory_offset, std::uint64_t{chunks_max} * sizeof(wire::ChunkWord), alignof(wire::ChunkWord)));
    if (directory == nullptr || published > chunks_max) return damaged(" has its directory outside the file");
    const std::uint64_t chunk_bytes = std::uint64_t{record_bytes} * per_chunk;
    if (chunk_bytes > mapping_.bytes() || published > mapping_.bytes() / chunk_bytes) {
        return damaged(" claims more records than the file can hold");
    }
    view.record_bytes_ = record_bytes;
    view.chunk_shift_ = static_cast<std::uint32_t>(std::countr_zero(per_chunk));
    view.chunks_.resize(published);
    for (std::uint32_t i = 0; i < published; ++i) {
        const std::uint64_t word = directory[i].load(std::memory_order_acquire);  // [segment.publish]
        if (wire::chunk_state(word) != wire::ChunkState::kLive) continue;
        const void* bytes = mapping_.range(wire::chunk_offset_bytes(word), chunk_bytes, 1);
        if (bytes == nullptr) return damaged(" has a chunk outside the file");
        view.chunks_[i] = static_cast<const std::uint8_t*>(bytes);
    }
    view.count_ = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({used, std::uint64_t{published} * per_chunk, expected.records_max}));
    return view;
}

base::Status StateReader::refresh_coroutines() {
    // A chunk that was published after the size was taken looks as if it lay outside: then look at the larger file.
    for (int attempt = 0;; ++attempt) {
        if (!mapping_.refresh()) return corrupt("it grew, and the larger file cannot be mapped");
        auto status = view_coroutines();
        if (status || attempt == kReadAttempts || !mapping_.has_grown()) return status;
    }
}

base::Status StateReader::view_coroutines() {
    auto records = view({wire::SectionKind::kCoroutines, sizeof(wire::CoroutineRecord), alignof(wire::CoroutineRecord),
                         wire::kCoroutinesMax, "coroutines"});
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
        if (!image && attempt < kReadAttempts && mapping_.has_grown()) continue;
        if (image) coroutines_before_ = image->coroutines.size();
        return image;
    }
}

base::Result<StateImage> StateReader::read_once() const {
    StateImage image;
    image.read_begin_ticks = base::read_tsc_fenced();
    read_header(image);
    read_coroutines(image);
    if (auto status = read_channels(image); !status) return status.error();
    if (auto status = read_pools(image); !status) return status.error();
    if (auto status = read_workers(image); !status) return status.error();
    // Names last: whatever the records above mention was interned before they were published.
    if (auto status = read_names(image); !status) return status.error();
    image.read_end_ticks = base::read_tsc_fenced();
    image.index();
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
    image.lifecycle = static_cast<wire::Lifecycle>(
        std::min(header.lifecycle.load(std::memory_order_acquire), static_cast<std::uint32_t>(wire::Lifecycle::kEnded)));
    image.outside_spawned = header.outside_spawned.load(std::memory_order_relaxed);
    image.peak_rss_kib = header.peak_rss_kib.load(std::memory_order_relaxed);
    image.stack_bytes_peak = header.stack_bytes_peak.load(std::memory_order_relaxed);
    image.signals_delivered.resize(wire::kSignalsMax);
    for (std::uint32_t signal = 0; signal < wire::kSignalsMax; ++signal) {
        image.signals_delivered[signal] = header.signals_delivered[signal].load(std::memory_order_relaxed);
    }
}

void StateReader::read_coroutines(StateImage& image) const {
    const std::uint32_t count = std::min(coroutines_.count(), details_.count());
    image.coroutines.reserve(std::min<std::size_t>(count, coroutines_before_ + coroutines_before_ / 8 + 64));
    for (std::uint32_t i = 0; i < count; ++i) {
        const wire::CoroutineRecord* record = coroutine(i);
        const wire::CoroutineDetail* more = detail(i);
        if (record == nullptr || more == nullptr) continue;
        CoroutineImage copied;
        if (!copy_coroutine(*record, *more, copied)) continue;
        copied.index = i;
        if (copied.state > wire::CoroutineState::kExited || copied.consistency == Consistency::kTorn) {
            copied.consistency = Consistency::kTorn;
            ++image.torn_coroutines;
        }
        image.coroutines.push_back(copied);
    }
}

}  // namespace coroscope::inspect
