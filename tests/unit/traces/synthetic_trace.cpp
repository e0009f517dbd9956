// See synthetic_trace.h.
#include "synthetic_trace.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "traces/ring_log.h"

namespace coroscope::traces {

TemporaryPath::TemporaryPath(const std::string& name) {
    static std::atomic<int> counter{0};
    path_ = testing::TempDir() + name + "_" + std::to_string(getpid()) + "_" +
            std::to_string(counter.fetch_add(1)) + ".coro";
}
TemporaryPath::~TemporaryPath() {
    unlink(path_.c_str());
}

TraceMeta synthetic_meta() {
    TraceMeta meta;
    meta.pid = 4711;
    meta.program = "/synthetic";
    meta.start_ticks = meta.begin_ticks = 1'000'000'000;
    meta.clock.multiplier = 1ULL << 32;  // one tick = one nanosecond
    meta.clock.shift = 32;
    meta.mask = wire::kEverything;
    return meta;
}

void write_synthetic_trace(const std::string& path, const SyntheticProgram& program,
                           const std::vector<inspect::StateImage>& keyframes, std::size_t piece_slots,
                           bool finish) {
    auto created = TraceWriter::create(path, synthetic_meta());
    ASSERT_TRUE(created.ok()) << created.error().message;
    TraceWriter& writer = **created;
    Counts counts;
    counts.mark_ticks = program.now();
    for (std::uint32_t ring = 0; ring < program.rings_count(); ++ring) {
        RingLog log(ring, 1'000'000'000, &writer, nullptr);
        ASSERT_TRUE(log.set_owner(wire::RingOwner::kWorker, ring).ok());
        const std::vector<wire::EventSlot>& slots = program.ring(ring);
        int pieces = 0;
        for (std::size_t at = 0; at < slots.size(); at += piece_slots) {
            const std::span<const wire::EventSlot> piece(slots.data() + at,
                                                         std::min(piece_slots, slots.size() - at));
            ASSERT_TRUE(log.take(piece, at, 0, false).ok());
            const base::Status flushed = ++pieces % 3 == 0 ? log.flush(pieces % 2 == 0) : base::ok_status();
            ASSERT_TRUE(flushed.ok());
        }
        ASSERT_TRUE(log.flush(false).ok());
        ASSERT_EQ(log.undecodable(), 0U);
        RingCount row;
        row.ring = ring;
        row.owner = wire::RingOwner::kWorker;
        row.owner_index = ring;
        row.head = slots.size();
        row.accepted = log.accepted();
        for (const auto& [type, count] : program.emitted(ring))
            row.emitted[static_cast<std::size_t>(type)] = count;
        for (const auto& [type, count] : program.dropped(ring))
            row.dropped[static_cast<std::size_t>(type)] = count;
        counts.rings.push_back(row);
    }
    for (const inspect::StateImage& keyframe : keyframes)
        ASSERT_TRUE(writer.add_keyframe(keyframe).ok());
    ASSERT_TRUE(writer.add_counts(counts).ok());
    if (!finish) return;
    ASSERT_TRUE(writer.finish({program.now(), "the program ended", ""}).ok());
}

}  // namespace coroscope::traces
