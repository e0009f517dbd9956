// Arithmetic of size rows.
#include "traces/size_rows.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "instrumentation/wire/histogram.h"
#include "traces/size_join.h"

namespace coroscope::traces {

using wire::SizeClass;

namespace {

constexpr std::uint64_t kDocumentedBytes[wire::kSizeClassesCount] = {256, 2048, 16384, 8U << 20};

std::size_t number(SizeClass size_class) {
    return static_cast<std::size_t>(size_class);
}

// Sums that stop at a limit are the same in any order.
void add(std::uint64_t& to, std::uint64_t more) {
    to = to > kSizeCountMax - std::min(more, kSizeCountMax) ? kSizeCountMax : to + more;
}

}  // namespace

ClassBytes ClassBytes::of(const inspect::StateImage& state) {
    ClassBytes bytes;
    for (std::size_t i = 0; i < wire::kSizeClassesCount; ++i)
        bytes.usable[i] = bytes.stride[i] = kDocumentedBytes[i];
    for (const inspect::PoolImage& pool : state.pools) {
        if (pool.purpose != wire::PoolPurpose::kOrdinary || pool.slot_bytes == 0) continue;
        const std::size_t i = number(pool.size_class);
        if (i >= wire::kSizeClassesCount) continue;
        const std::uint64_t colour = pool.colour_steps > 1 ? (pool.colour_steps - 1) * wire::kCacheLineBytes
                                                           : 0;
        const std::uint64_t unusable = colour + pool.canary_bytes;
        bytes.usable[i] = pool.slot_bytes > unusable ? pool.slot_bytes - unusable : 0;
        bytes.stride[i] = pool.stride_bytes;
        bytes.known[i] = true;
    }
    return bytes;
}

void ClassBytes::merge(const ClassBytes& other) {
    for (std::size_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (!other.known[i]) continue;
        usable[i] = known[i] ? std::min(usable[i], other.usable[i]) : other.usable[i];
        stride[i] = known[i] ? std::min(stride[i], other.stride[i]) : other.stride[i];
        known[i] = true;
    }
}

std::uint64_t ClassBytes::resident(SizeClass size_class, std::uint64_t high_water_bytes) const {
    if (stride[number(size_class)] < wire::kPageBytes) return stride[number(size_class)];
    return (std::max<std::uint64_t>(high_water_bytes, 1) + wire::kPageBytes - 1) / wire::kPageBytes *
           wire::kPageBytes;
}

SizeClass ClassBytes::fitting(std::uint64_t bytes) const {
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (bytes <= usable[i]) return static_cast<SizeClass>(i);
    }
    return SizeClass::kLarge;
}

void SizeRow::add_sample(std::uint64_t high_water_bytes) {
    high_water_bytes = std::min(high_water_bytes, kSizeCountMax);
    add(samples, 1);
    add(sum_bytes, high_water_bytes);
    max_bytes = std::max(max_bytes, high_water_bytes);
    add(histogram[wire::histogram_bucket(high_water_bytes)], 1);
}

void SizeRow::merge(const SizeRow& other) {
    symbol = std::max(symbol, other.symbol);
    const auto run = [](const SizeRow& row) {
        return std::tie(row.run_unix_ns, row.class_used, row.predicted_bytes, row.run_seen_bytes);
    };
    if (run(*this) < run(other)) {
        run_unix_ns = other.run_unix_ns;
        class_used = other.class_used;
        predicted_bytes = other.predicted_bytes;
        run_seen_bytes = other.run_seen_bytes;
    }
    add(coroutines, other.coroutines);
    add(samples, other.samples);
    add(sum_bytes, other.sum_bytes);
    max_bytes = std::max(max_bytes, other.max_bytes);
    for (const auto& [bucket, count] : other.histogram)
        add(histogram[bucket], count);
    add(migrations, other.migrations);
    add(in_place, other.in_place);
    add(segments, other.segments);
    add(wishes, other.wishes);
    seen_bytes = std::max(seen_bytes, other.seen_bytes);
    peak_coroutines = std::max(peak_coroutines, other.peak_coroutines);
    wrong_class = std::max(wrong_class, other.wrong_class);  // none is less than any
    wrong_bytes = std::max(wrong_bytes, other.wrong_bytes);
}

std::uint64_t SizeRow::quantile(double q) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(samples)));
    std::uint64_t seen = 0;
    for (const auto& [bucket, count] : histogram) {
        seen += count;
        if (seen >= wanted) return std::min(max_bytes, wire::histogram_bucket_low(bucket + 1) - 1);
    }
    return max_bytes;
}

const char* SizeRow::evidence() const {
    if (wished) return "wished";
    if (proven()) return "proven";
    return samples != 0 ? "profiled" : "unknown";
}

std::uint64_t SizeRow::expected_bytes() const {
    return proven() ? std::max(proof->bound_bytes, deepest_bytes()) : deepest_bytes();
}

SizeClass SizeRow::advised(const ClassBytes& bytes) const {
    return wished ? *wished : computed(bytes);
}

SizeClass SizeRow::computed(const ClassBytes& bytes) const {
    const SizeClass by_depth = advised_by_depth(bytes);
    if (!wrong_class || by_depth > *wrong_class) return by_depth;
    return *wrong_class == SizeClass::kLarge ? SizeClass::kLarge : static_cast<SizeClass>(number(*wrong_class) + 1);
}

SizeClass SizeRow::advised_by_depth(const ClassBytes& bytes) const {
    const auto with_margin = [](std::uint64_t deepest) {
        return deepest + std::max(kMarginBytesMin, (deepest - std::min(deepest, kFixedBytes)) / 4);
    };
    if (proven()) return bytes.fitting(doubted.empty() ? expected_bytes() : with_margin(expected_bytes()));
    if (samples == 0) return class_used;
    const SizeClass fitting = bytes.fitting(with_margin(deepest_bytes()));
    if (samples < kSamplesEnough && fitting < class_used) return class_used;
    return fitting;
}

std::optional<double> SizeRow::accuracy() const {
    if (predicted_bytes == 0 || run_seen_bytes == 0) return std::nullopt;
    const auto [low, high] = std::minmax(predicted_bytes, run_seen_bytes);
    return static_cast<double>(low) / static_cast<double>(high);
}

std::uint64_t SizeRow::resident_bytes(const ClassBytes& bytes) const {
    const __int128 product = static_cast<__int128>(peak_coroutines) * bytes.resident(class_used, quantile(0.5));
    return static_cast<std::uint64_t>(std::min<__int128>(product, kSizeCountMax));
}

std::int64_t SizeRow::saved_bytes(const ClassBytes& bytes) const {
    const std::uint64_t typical = quantile(0.5);
    const __int128 one = static_cast<__int128>(bytes.resident(class_used, typical)) -
                         static_cast<__int128>(bytes.resident(advised(bytes), typical));
    constexpr __int128 kMost = kSizeCountMax;
    return static_cast<std::int64_t>(std::clamp<__int128>(one * static_cast<__int128>(peak_coroutines), -kMost, kMost));
}

void SizeBuildRows::merge(const SizeBuildRows& other) {
    add(runs, other.runs);
    latest_run_unix_ns = std::max(latest_run_unix_ns, other.latest_run_unix_ns);
    for (const auto& [key, row] : other.measured) {
        const auto [found, fresh] = measured.try_emplace(key, row);
        if (!fresh) found->second.merge(row);
    }
    for (const auto& [site, proof] : other.proofs) {
        const auto [found, fresh] = proofs.try_emplace(site, proof);
        if (!fresh) found->second.merge(proof);
    }
    assumptions.insert(other.assumptions.begin(), other.assumptions.end());
    proven_from.insert(other.proven_from.begin(), other.proven_from.end());
}

void SizeRows::merge(const SizeRows& other) {
    for (const auto& [build, rows] : other.builds_)
        builds_[build].merge(rows);
    for (const auto& [build, paths] : other.binaries_)
        binaries_[build].insert(paths.begin(), paths.end());
    bytes_.merge(other.bytes_);
    merge_wishes(wishes_, other.wishes_);
}

}  // namespace coroscope::traces
