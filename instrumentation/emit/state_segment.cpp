// Layout and growth of the state segment.
#include "instrumentation/emit/state_segment.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/shared_memory.h"
#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/histogram.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/select_arm.h"
#include "instrumentation/wire/signal.h"
#include "instrumentation/wire/site.h"
#include "instrumentation/wire/stack_segment.h"
#include "instrumentation/wire/strings.h"
#include "instrumentation/wire/waitable.h"
#include "instrumentation/wire/worker.h"

namespace coroscope::emit {
namespace {

using wire::kPageBytes;
using wire::SectionKind;

struct Layout {
    SectionKind kind;
    std::uint32_t record_bytes;
    std::uint32_t records_per_chunk;  // power of two; a chunk is a whole number of pages
    std::uint32_t records_max;
    bool shrinks;  // holds less when address space is scarce
};

constexpr Layout kLayouts[] = {
    {SectionKind::kWorkers, sizeof(wire::WorkerRecord), 16, wire::kWorkersMax, false},
    {SectionKind::kWorkerQueues, sizeof(wire::WorkerQueuesRecord), 8, wire::kWorkersMax, false},
    {SectionKind::kSignals, sizeof(wire::SignalRecord), 32, wire::kSignalRecordsMax, false},
    {SectionKind::kHistograms, sizeof(wire::HistogramRecord), 4, 4 * wire::kWorkersMax, false},
    {SectionKind::kPools, sizeof(wire::PoolRecord), 64, 64, false},
    {SectionKind::kSites, sizeof(wire::SiteRecord), 64, wire::kSitesMax, true},
    {SectionKind::kChannelTotals, sizeof(wire::ChannelTotalsRecord), 128, wire::kSitesMax, true},
    {SectionKind::kStrings, 1, wire::kStringChunkBytes, wire::kStringBytesMax, true},
    {SectionKind::kChannels, sizeof(wire::ChannelRecord), 128, wire::kChannelsMax, true},
    {SectionKind::kHandles, sizeof(wire::HandleRecord), 1024, wire::kHandlesMax, true},
    {SectionKind::kSelectArms, sizeof(wire::SelectArmRecord), 128, wire::kSelectArmRecordsMax, true},
    {SectionKind::kSelects, sizeof(wire::SelectRecord), 64, wire::kSelectsMax, true},
    {SectionKind::kWaitables, sizeof(wire::WaitableRecord), 128, wire::kWaitablesMax, true},
    {SectionKind::kStackSegments, sizeof(wire::StackSegmentRecord), 256, wire::kStackSegmentsMax, true},
    {SectionKind::kCoroutines, sizeof(wire::CoroutineRecord), 1024, wire::kCoroutinesMax, true},
    {SectionKind::kCoroutineDetails, sizeof(wire::CoroutineDetail), 1024, wire::kCoroutinesMax, true},
};
constexpr Layout kSlabLayout = {SectionKind::kSlabsFirst, sizeof(wire::SlabRecord), 64,
                                wire::kSlabsPerPoolMax, true};

constexpr std::uint64_t kSmallWindowBytes = 4 << 20;

constexpr std::uint64_t to_pages(std::uint64_t bytes) {
    return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace

base::Result<std::unique_ptr<StateSegment>> StateSegment::create(const StateOptions& options) {
    std::unique_ptr<StateSegment> segment(new StateSegment);
    if (options.shared) {
        auto opened = segment->open_file();
        if (!opened) return opened.error();
    }
    auto mapped = segment->map(reservation_limit(options.reservation_bytes));
    if (!mapped) return mapped.error();
    segment->write_header(options);
    return segment;
}

base::Status StateSegment::open_file() {
    auto file = create_shared_file(wire::kStateMemfdName);
    if (!file) return file.error();
    fd_ = file->writable.release();
    read_only_fd_ = file->read_only.release();
    guard_descriptor(fd_);
    guard_descriptor(read_only_fd_);
    return base::ok_status();
}

std::uint64_t StateSegment::lay_out(std::uint32_t shrink_shift) {
    std::uint64_t offset = kPageBytes;
    const auto place = [&](const Layout& layout, std::uint32_t number) {
        Window& window = windows_[number];
        const std::uint32_t least = 4 * layout.records_per_chunk;
        window.record_bytes = layout.record_bytes;
        window.records_per_chunk = layout.records_per_chunk;
        window.records_max = layout.shrinks ? std::max(layout.records_max >> shrink_shift, least)
                                            : layout.records_max;
        window.chunk_bytes = std::uint64_t{layout.record_bytes} * layout.records_per_chunk;
        directory_offsets_[number] = offset;
        offset += (window.records_max / window.records_per_chunk) * sizeof(wire::ChunkWord);
    };
    for (const Layout& layout : kLayouts)
        place(layout, static_cast<std::uint32_t>(layout.kind));
    for (std::uint32_t pool = 0; pool < wire::kPoolsMax; ++pool) {
        place(kSlabLayout, static_cast<std::uint32_t>(SectionKind::kSlabsFirst) + pool);
    }
    offset = to_pages(offset);
    const auto open_window = [&](std::uint32_t number) {
        windows_[number].offset_bytes = offset;
        offset += windows_[number].records_max / windows_[number].records_per_chunk *
                  windows_[number].chunk_bytes;
    };
    for (const Layout& layout : kLayouts)
        open_window(static_cast<std::uint32_t>(layout.kind));
    for (std::uint32_t pool = 0; pool < wire::kPoolsMax; ++pool) {
        open_window(static_cast<std::uint32_t>(SectionKind::kSlabsFirst) + pool);
    }
    return offset;
}

std::uint64_t StateSegment::lay_out_within(std::uint64_t bytes_max) {
    for (std::uint32_t shift = 0; shift < 16; ++shift) {
        const std::uint64_t bytes = lay_out(shift);
        if (bytes <= bytes_max) return bytes;
    }
    return 0;
}

base::Status StateSegment::map(std::uint64_t bytes_max) {
    for (; bytes_max >= wire::kStateReservationBytesMin; bytes_max /= 2) {
        const std::uint64_t bytes = lay_out_within(bytes_max);
        if (bytes == 0) break;
        base_ = reserve(fd_, bytes);
        if (base_ == nullptr) continue;
        reservation_bytes_ = bytes;
        for (Window& window : windows_) {
            if (window.record_bytes != 0) window.base = base_ + window.offset_bytes;
        }
        // Header and directories. The directories' pages stay holes until a chunk is published through them; a reader
        // looks at words below chunks_published only.
        const std::uint64_t first = windows_[static_cast<std::uint32_t>(kLayouts[0].kind)].offset_bytes;
        if (!grow_and_populate(0, kPageBytes) || (shared() && ftruncate(fd_, static_cast<off_t>(first)) != 0)) {
            return base::error(base::ErrorCode::kRefused,
                               "there is no memory for the header of the state segment");
        }
        file_bytes_ = std::max(file_bytes_, first);
        include_in_core(base_, first);
        // Small windows go into core dumps as a whole: what is left out lies in a mapping of its own, and a process has 65,530 of these.
        for (const Window& window : windows_) {
            if (window.record_bytes == 0) continue;
            const std::uint64_t size = window.records_max / window.records_per_chunk * window.chunk_bytes;
            if (size <= kSmallWindowBytes) include_in_core(window.base, size);
        }
        return base::ok_status();
    }
    return base::error(base::ErrorCode::kRefused,
                       "the state segment needs at least " +
                           std::to_string(wire::kStateReservationBytesMin >> 20) +
                           " MiB of address space (four times that under `ulimit -v`): raise the limit");
}

void StateSegment::write_header(const StateOptions& options) {
    wire::SegmentHeader& header = this->header();
    header.version_major = wire::kWireMajor;
    header.version_minor = wire::kWireMinor;
    header.header_bytes = sizeof(wire::SegmentHeader);
    header.pid = static_cast<std::uint32_t>(getpid());
    header.uid = geteuid();
    header.start_ticks = base::read_tsc_fenced();
    if (getrandom(&header.segment_nonce, sizeof header.segment_nonce, GRND_NONBLOCK) !=
        static_cast<ssize_t>(sizeof header.segment_nonce)) {
        header.segment_nonce = header.start_ticks ^ (std::uint64_t{header.pid} << 40);
    }
    header.clock = base::calibrate_clock();
    header.flags = options.flags;
    header.saved_frame_layout = wire::kSavedFrameLayout;
    header.lifecycle.store(static_cast<std::uint32_t>(wire::Lifecycle::kStarting), std::memory_order_relaxed);
    header.next_identity.store(1, std::memory_order_relaxed);
    const ssize_t length = readlink("/proc/self/exe", header.program, sizeof header.program - 1);
    header.program[std::max<ssize_t>(length, 0)] = '\0';
    for (std::uint32_t number = 0; number < wire::kSectionsMax; ++number) {
        const Window& window = windows_[number];
        if (window.record_bytes == 0) continue;
        wire::SectionEntry& entry = header.sections[number];
        entry.kind = static_cast<SectionKind>(number);
        entry.record_bytes = window.record_bytes;
        entry.records_per_chunk = window.records_per_chunk;
        entry.chunks_max = window.records_max / window.records_per_chunk;
        entry.directory_offset = directory_offsets_[number];
    }
    header.magic = wire::kSegmentMagic;
}

StateSegment::~StateSegment() {
    if (forked_child()) return;  // what was ours belongs to the parent alone
    unreserve(base_, reservation_bytes_);
    for (const int fd : {fd_, read_only_fd_}) {
        if (fd < 0) continue;
        unguard_descriptor(fd);
        close(fd);
    }
}

bool StateSegment::grow_and_populate(std::uint64_t offset_bytes, std::uint64_t bytes) {
    const std::uint64_t end = offset_bytes + bytes;
    if (end > file_bytes_) {
        if (shared() && ftruncate(fd_, static_cast<off_t>(end)) != 0) return false;
        file_bytes_ = end;
    }
    return populate_pages(base_ + offset_bytes, bytes);
}

bool StateSegment::publish_records(SectionKind kind, std::uint32_t count) {
    const Window& window = windows_[static_cast<std::uint32_t>(kind)];
    if (count > window.records_max) return false;
    wire::SectionEntry& entry = section(kind);
    wire::ChunkWord* words = directory(kind);
    std::uint32_t chunks = entry.chunks_published.load(std::memory_order_relaxed);
    const std::uint32_t wanted = (count + window.records_per_chunk - 1) / window.records_per_chunk;
    for (; chunks < wanted; ++chunks) {
        const std::uint64_t offset = window.offset_bytes + chunks * window.chunk_bytes;
        if (!grow_and_populate(offset, window.chunk_bytes)) return false;
        // [segment.publish] release: whoever sees the word, the count of chunks or the count of records sees the bytes
        // below them in place. Relaxed would let a viewer meet a chunk before its pages.
        words[chunks].store(wire::make_chunk_word(offset, wire::ChunkState::kLive), std::memory_order_release);
        entry.chunks_published.store(chunks + 1, std::memory_order_release);
    }
    if (count > entry.records_used.load(std::memory_order_relaxed)) {
        entry.records_used.store(count, std::memory_order_release);
    }
    return true;
}

bool StateSegment::ensure_records(SectionKind kind, std::uint32_t count) {
    if (section(kind).records_used.load(std::memory_order_acquire) >= count) return true;
    std::lock_guard hold(lock_);
    return publish_records(kind, count);
}

std::uint32_t StateSegment::allocate_records(SectionKind kind, std::uint32_t count) {
    std::lock_guard hold(lock_);
    const std::uint32_t first = section(kind).records_used.load(std::memory_order_relaxed);
    if (count > records_max(kind) - first) return wire::kNone;
    return publish_records(kind, first + count) ? first : wire::kNone;
}

void StateSegment::trim_chunk(SectionKind kind, std::uint32_t chunk) {
    const Window& window = windows_[static_cast<std::uint32_t>(kind)];
    std::lock_guard hold(lock_);
    CHECK(chunk < section(kind).chunks_published.load(std::memory_order_relaxed));
    const std::uint64_t offset = window.offset_bytes + chunk * window.chunk_bytes;
    // [segment.publish] the word first: a viewer that still saw `live` may bring a page of zeros back, no more than that.
    directory(kind)[chunk].store(wire::make_chunk_word(offset, wire::ChunkState::kTrimmed),
                                 std::memory_order_release);
    discard_pages(base_ + offset, window.chunk_bytes, shared());
}

bool StateSegment::restore_chunk(SectionKind kind, std::uint32_t chunk) {
    const Window& window = windows_[static_cast<std::uint32_t>(kind)];
    std::lock_guard hold(lock_);
    CHECK(chunk < section(kind).chunks_published.load(std::memory_order_relaxed));
    const std::uint64_t offset = window.offset_bytes + chunk * window.chunk_bytes;
    if (!grow_and_populate(offset, window.chunk_bytes)) return false;
    directory(kind)[chunk].store(wire::make_chunk_word(offset, wire::ChunkState::kLive),
                                 std::memory_order_release);
    return true;
}

std::uint32_t StateSegment::intern(std::string_view text) {
    text = text.substr(0, wire::kStringLengthMax);
    std::lock_guard hold(strings_lock_);
    if (const auto found = strings_.find(text); found != strings_.end()) return found->second;
    const std::uint64_t bytes = wire::kStringHeaderBytes + text.size();
    std::uint64_t start = string_bytes_used_;
    const std::uint64_t chunk_end = (start / wire::kStringChunkBytes + 1) * wire::kStringChunkBytes;
    if (start + bytes > chunk_end) start = chunk_end;  // never across a chunk
    if (start + bytes > records_max(SectionKind::kStrings)) return wire::kNone;

    // The bytes come before the count that covers them, so that a viewer never meets half a string. Only the chunk has
    // to be there to write to: the count is raised after that.
    const auto index = static_cast<std::uint32_t>(start);
    std::lock_guard growing(lock_);
    const Window& window = windows_[static_cast<std::uint32_t>(SectionKind::kStrings)];
    const std::uint64_t chunk = start / wire::kStringChunkBytes;
    if (chunk >= section(SectionKind::kStrings).chunks_published.load(std::memory_order_relaxed) &&
        !grow_and_populate(window.offset_bytes + chunk * window.chunk_bytes, window.chunk_bytes)) {
        return wire::kNone;
    }
    auto* place = reinterpret_cast<unsigned char*>(window.base + start);
    place[0] = static_cast<unsigned char>(text.size() & 0xff);
    place[1] = static_cast<unsigned char>(text.size() >> 8);
    if (!text.empty()) std::memcpy(place + wire::kStringHeaderBytes, text.data(), text.size());
    if (!publish_records(SectionKind::kStrings, static_cast<std::uint32_t>(start + bytes)))
        return wire::kNone;
    string_bytes_used_ = start + bytes;
    strings_.emplace(std::string_view(reinterpret_cast<char*>(place) + wire::kStringHeaderBytes, text.size()),
                     index);
    return index;
}

std::string_view StateSegment::string(std::uint32_t index) const {
    if (index == wire::kNone) return {};
    const Window& window = windows_[static_cast<std::uint32_t>(SectionKind::kStrings)];
    CHECK(index < header().sections[static_cast<std::uint32_t>(SectionKind::kStrings)].records_used.load(
                      std::memory_order_acquire));
    const auto* place = reinterpret_cast<const unsigned char*>(window.base + index);
    const std::size_t length = place[0] | static_cast<std::size_t>(place[1]) << 8;
    return {reinterpret_cast<const char*>(place) + wire::kStringHeaderBytes, length};
}

std::uint64_t StateSegment::file_bytes() const {
    std::lock_guard hold(lock_);
    return file_bytes_;
}

}  // namespace coroscope::emit
