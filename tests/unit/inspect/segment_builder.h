// Writes small state segments by hand: densely packed, a page a chunk or little more, so that tests can cut
// and damage every byte of them. Written against wire/segment.h alone, on purpose not with emit: both must
// mean the same format.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/histogram.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/segment.h"
#include "instrumentation/wire/select_arm.h"
#include "instrumentation/wire/site.h"
#include "instrumentation/wire/strings.h"
#include "instrumentation/wire/worker.h"

namespace coroscope::inspect::testing {

// A memfd with these bytes, sealed against shrinking (unless told not to).
inline base::FileDescriptor make_memfd(const std::vector<std::uint8_t>& bytes, bool seal = true) {
    base::FileDescriptor fd(memfd_create("coroscope-state-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!bytes.empty() && write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return {};
    if (seal && fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) return {};
    return fd;
}

class SegmentBuilder {
public:
    SegmentBuilder() : bytes_(2 * wire::kPageBytes) {
        bytes_.reserve(kBytesMax);
        header().magic = wire::kSegmentMagic;
        header().version_major = wire::kWireMajor;
        header().version_minor = wire::kWireMinor;
        header().header_bytes = sizeof(wire::SegmentHeader);
        header().pid = 4711;
        header().uid = 1000;
        header().start_ticks = 1'000'000;
        header().segment_nonce = 0x1234;
        header().clock.multiplier = 1ULL << 47;  // half a nanosecond a tick
        header().clock.shift = 48;
        header().saved_frame_layout = wire::kSavedFrameLayout;
        std::strcpy(header().program, "/bin/built-by-hand");
    }

    wire::SegmentHeader& header() { return *reinterpret_cast<wire::SegmentHeader*>(bytes_.data()); }
    std::vector<std::uint8_t>& bytes() { return bytes_; }

    // Adds one chunk to a section, all zero; returns where it lies. Sections have 8 chunks at most.
    std::uint64_t add_chunk(wire::SectionKind kind, std::uint32_t record_bytes,
                            std::uint32_t records_per_chunk) {
        const std::uint64_t offset = bytes_.size();
        const std::uint64_t size = std::uint64_t{record_bytes} * records_per_chunk;
        CHECK(offset + size + wire::kPageBytes <= kBytesMax);
        bytes_.resize(offset + (size + wire::kPageBytes - 1) / wire::kPageBytes * wire::kPageBytes);
        auto& entry = header().sections[static_cast<std::uint32_t>(kind)];
        if (entry.kind == wire::SectionKind::kNothing) {
            entry.kind = kind;
            entry.record_bytes = record_bytes;
            entry.records_per_chunk = records_per_chunk;
            entry.chunks_max = 8;
            entry.directory_offset = wire::kPageBytes + 64 * static_cast<std::uint64_t>(kind);
        }
        const std::uint32_t chunk = entry.chunks_published.load();
        set_word(kind, chunk, wire::make_chunk_word(offset, wire::ChunkState::kLive));
        entry.chunks_published.store(chunk + 1);
        return offset;
    }
    void set_word(wire::SectionKind kind, std::uint32_t chunk, std::uint64_t word) {
        const auto& entry = header().sections[static_cast<std::uint32_t>(kind)];
        std::memcpy(bytes_.data() + entry.directory_offset + chunk * sizeof word, &word, sizeof word);
    }
    // The record, which then counts as used. Its chunk must exist.
    template <typename Record>
    Record& record(wire::SectionKind kind, std::uint32_t index) {
        auto& entry = header().sections[static_cast<std::uint32_t>(kind)];
        if (entry.records_used.load() <= index) entry.records_used.store(index + 1);
        std::uint64_t word = 0;
        std::memcpy(&word,
                    bytes_.data() + entry.directory_offset + index / entry.records_per_chunk * sizeof word,
                    sizeof word);
        const std::uint64_t at = wire::chunk_offset_bytes(word) +
                                 index % entry.records_per_chunk * entry.record_bytes;
        return *reinterpret_cast<Record*>(bytes_.data() + at);
    }
    std::uint32_t intern(const std::string& text) {
        auto& entry = header().sections[static_cast<std::uint32_t>(wire::SectionKind::kStrings)];
        if (entry.kind == wire::SectionKind::kNothing) add_chunk(wire::SectionKind::kStrings, 1, 4096);
        const std::uint32_t at = entry.records_used.load();
        for (std::size_t i = 0; i < text.size() + wire::kStringHeaderBytes; ++i) {
            record<std::uint8_t>(
                wire::SectionKind::kStrings,
                static_cast<std::uint32_t>(at + i)) = i == 0   ? static_cast<std::uint8_t>(text.size())
                                                      : i == 1 ? static_cast<std::uint8_t>(text.size() >> 8)
                                                               : static_cast<std::uint8_t>(
                                                                     text[i - wire::kStringHeaderBytes]);
        }
        return at;
    }

private:
    // Reserved at once: references to header and records stay good while chunks are added.
    static constexpr std::size_t kBytesMax = 1U << 20;
    std::vector<std::uint8_t> bytes_;
};

// One of everything: 3 coroutines in use (one running, one changing for ever), 2 pools, channels, a worker
// with a histogram.
inline SegmentBuilder sample_segment() {
    SegmentBuilder built;
    using Kind = wire::SectionKind;
    built.add_chunk(Kind::kCoroutines, sizeof(wire::CoroutineRecord), 64);
    built.add_chunk(Kind::kCoroutineDetails, sizeof(wire::CoroutineDetail), 64);
    const std::uint32_t file = built.intern("demo.cpp");
    const std::uint32_t name = built.intern("parser");
    for (std::uint32_t i = 0; i < 5; ++i) {
        auto& record = built.record<wire::CoroutineRecord>(Kind::kCoroutines, i);
        auto& detail = built.record<wire::CoroutineDetail>(Kind::kCoroutineDetails, i);
        if (i == 1) continue;  // free
        record.sequence.store(i == 3 ? 7 : 10 + 2 * i);
        record.state.store(i == 3 ? wire::CoroutineState::kRunning : wire::CoroutineState::kParked);
        record.reason.store(wire::WaitReason::kChannelReceive);
        record.wait_object.store(0);
        record.slot = i;
        record.rsp.store(0x7000'0000'0000 + i * 0x5000 + 0x4f00);
        record.rip.store(0x400123);
        detail.identity.store(100 + i);
        detail.spawner.store(i == 0 ? 0 : 100);
        detail.site.store(0);
        detail.name.store(i == 2 ? built.intern("own name") : wire::kNone);
    }
    built.add_chunk(Kind::kSites, sizeof(wire::SiteRecord), 64);
    auto& site = built.record<wire::SiteRecord>(Kind::kSites, 0);
    site.file = file;
    site.name = name;
    site.function = wire::kNone;
    site.line = 42;
    built.add_chunk(Kind::kPools, sizeof(wire::PoolRecord), 16);
    auto& pool = built.record<wire::PoolRecord>(Kind::kPools, 0);
    pool.size_class = wire::SizeClass::kMedium;
    pool.slot_bytes = 16 << 10;
    pool.stride_bytes = 20 << 10;
    pool.guard_bytes = 4 << 10;
    pool.colour_steps = 16;
    pool.name = built.intern("medium");
    built.add_chunk(Kind::kSlabsFirst, sizeof(wire::SlabRecord), 16);
    auto& slab = built.record<wire::SlabRecord>(Kind::kSlabsFirst, 0);
    slab.stack_base = 0x7000'0000'0000;
    slab.stack_bytes = 512 * (20 << 10);
    slab.owned[0].store(0b11111);
    slab.remote[0].store(0b00010);  // slot 1 was given back by somebody else
    built.add_chunk(Kind::kChannels, sizeof(wire::ChannelRecord), 32);
    auto& channel = built.record<wire::ChannelRecord>(Kind::kChannels, 0);
    channel.flags.store(wire::kChannelLive | wire::kChannelClosed);
    channel.capacity = 8;
    channel.identity.store(9);
    channel.sent.store(5);
    channel.received.store(3);
    channel.length.store(2);
    channel.receivers_waiting.store(2);
    channel.name = built.intern("numbers");
    auto& changing = built.record<wire::ChannelRecord>(Kind::kChannels, 1);
    changing.flags.store(wire::kChannelLive);
    changing.sequence.store(1);
    changing.name = wire::kNone;
    changing.identity.store(10);
    built.add_chunk(Kind::kHandles, sizeof(wire::HandleRecord), 64);
    auto& handle = built.record<wire::HandleRecord>(Kind::kHandles, 0);
    handle.rights.store(wire::kHandleSend);
    handle.holder.store(102);
    built.record<wire::HandleRecord>(Kind::kHandles, 1).channel.store(wire::kNone);
    built.add_chunk(Kind::kChannelTotals, sizeof(wire::ChannelTotalsRecord), 64);
    built.record<wire::ChannelTotalsRecord>(Kind::kChannelTotals, 0).sent.store(1000);
    built.add_chunk(Kind::kWorkers, sizeof(wire::WorkerRecord), 16);
    auto& worker = built.record<wire::WorkerRecord>(Kind::kWorkers, 0);
    worker.thread_id.store(4712);
    worker.state.store(wire::WorkerState::kRunning);
    worker.current.store(3);
    worker.spawned.store(4);
    built.add_chunk(Kind::kHistograms, sizeof(wire::HistogramRecord), 1);
    auto& histogram = built.record<wire::HistogramRecord>(Kind::kHistograms, 0);
    histogram.kind = wire::HistogramKind::kSwitchTicks;
    histogram.samples.store(4);
    histogram.buckets[10].store(3);
    histogram.buckets[50].store(1);
    return built;
}

}  // namespace coroscope::inspect::testing
