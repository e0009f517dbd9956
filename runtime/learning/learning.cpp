// From the state plane and the counters to rows.
#include "runtime/learning/learning.h"

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <utility>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/learning/own_build.h"
#include "runtime/learning/table_file.h"

namespace cprime::detail {

using coroscope::base::ErrorCode;
using coroscope::base::Result;
using coroscope::base::Status;

namespace {

ClassBytes class_bytes(const Pools& pools) {
    ClassBytes bytes;
    for (std::uint8_t pool = kPoolMicro; pool <= kPoolLarge; ++pool) {
        const PoolGeometry& geometry = pools.geometry(pool);
        const std::uint64_t colour = (geometry.colour_steps - 1ULL) * wire::kCacheLineBytes;
        const std::uint64_t unusable = colour + geometry.canary_bytes;
        bytes.usable[pool] = geometry.slot_bytes > unusable ? geometry.slot_bytes - unusable : 0;
        bytes.stride[pool] = geometry.stride_bytes;
    }
    return bytes;
}

std::uint64_t unix_ns() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

LearnedRow row_of(RuntimeState& state, std::uint32_t site) {
    const wire::SiteRecord& place = state.sites.record(site);
    const LearnedSite& seen = state.learned.at(site);
    LearnedRow row;
    row.site = state.sites.text(site);
    row.symbol = state.segment->string(place.function);
    row.class_used = place.size_class.load(std::memory_order_relaxed);
    row.predicted_bytes = place.predicted_bytes;
    row.samples = seen.samples.load(std::memory_order_relaxed);
    row.sum_bytes = seen.sum_bytes.load(std::memory_order_relaxed);
    row.max_bytes = seen.max_bytes.load(std::memory_order_relaxed);
    for (std::uint32_t bucket = 0; bucket < kDepthBuckets; ++bucket) {
        if (const std::uint32_t count = seen.depths[bucket].load(std::memory_order_relaxed); count != 0)
            row.histogram.emplace_back(bucket, count);
    }
    row.in_place = seen.in_place.load(std::memory_order_relaxed);
    row.segments = seen.segments.load(std::memory_order_relaxed);
    row.wishes = seen.wishes.load(std::memory_order_relaxed);
    row.seen_bytes = place.high_water_bytes.load(std::memory_order_relaxed);
    row.peak_coroutines = seen.alive_max.load(std::memory_order_relaxed);
    row.unheld = state.learned.unheld(site);
    row.unheld_bytes = row.unheld != 0 ? row.seen_bytes : 0;
    return row;
}

}  // namespace

Result<std::string> prepare_learning(const std::string& path) {
    std::error_code problem;
    const std::string resolved = std::filesystem::weakly_canonical(path, problem).string();
    if (problem || resolved.empty()) {
        return coroscope::base::error(ErrorCode::kIo,
                                      "the size table " + path + " named by CPRIME_LEARN has no place (" +
                                          problem.message() + "); name a file in a folder that is there");
    }
    // Bytes by class are not known yet; a row about which only the dead say something gets its class from them.
    if (const Status taken_in = learn_into_file(resolved, {}, 0, {}, own_build()); !taken_in) return taken_in.error();
    return resolved;
}

void finish_learning(RuntimeState& state) {
    if (!state.learned.learning()) return;
    std::vector<LearnedRow> rows;
    const std::uint64_t now_unix_ns = unix_ns();
    const std::uint32_t count = state.segment->header()
                                    .sections[static_cast<std::uint32_t>(wire::SectionKind::kSites)]
                                    .records_used.load(std::memory_order_acquire);
    for (std::uint32_t site = 0; site < count; ++site) {
        if (state.learned.at(site).alive_max.load(std::memory_order_relaxed) !=
            0)  // else a channel's, or never spawned
            rows.push_back(row_of(state, site));
    }
    for (LearnedRow& row : rows)
        row.run_unix_ns = now_unix_ns;
    const Status learned = learn_into_file(state.learn_file, std::move(rows), 1, class_bytes(state.pools), own_build());
    if (!learned) std::fprintf(stderr, "cprime: nothing was learned: %s\n", learned.error().message.c_str());
}

}  // namespace cprime::detail
