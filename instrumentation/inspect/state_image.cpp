// Look-ups and names over a copied state plane. Everything in an image may come from another process or a
// file, so every index is checked against what is there. Tested in tests/unit/inspect.
#include "instrumentation/inspect/state_image.h"

#include <algorithm>

#include "instrumentation/base/signal_name.h"
#include "instrumentation/wire/strings.h"

namespace coroscope::inspect {
namespace {

constexpr const char* kReasonNames[wire::kWaitReasonsCount] = {
    "nothing",   "yield",   "sleep",        "join",       "channel-send", "channel-receive",
    "select",    "mutex",   "shared-mutex", "condition",  "semaphore",    "barrier",
    "latch",     "event",   "once",         "descriptor", "signal",       "blocking-call",
    "suspended", "nursery", "call",         "pause",      "foreign",      "slot"};

std::uint64_t slot_key(std::uint8_t pool, std::uint32_t slot) {
    return std::uint64_t{pool} << 32 | slot;
}

}  // namespace

const char* consistency_name(Consistency value) {
    switch (value) {
        case Consistency::kExact:
            return "exact";
        case Consistency::kTorn:
            return "torn";
        case Consistency::kRunning:
            return "running";
        case Consistency::kUnknown:
            return "unknown";
    }
    return "?";
}

const char* state_name(wire::CoroutineState state) {
    switch (state) {
        case wire::CoroutineState::kFree:
            return "free";
        case wire::CoroutineState::kCreated:
            return "created";
        case wire::CoroutineState::kReady:
            return "ready";
        case wire::CoroutineState::kRunning:
            return "running";
        case wire::CoroutineState::kParked:
            return "parked";
        case wire::CoroutineState::kPaused:
            return "paused";
        case wire::CoroutineState::kExited:
            return "exited";
    }
    return "?";
}

const char* reason_name(wire::WaitReason reason) {
    const auto number = static_cast<std::uint8_t>(reason);
    return number < wire::kWaitReasonsCount ? kReasonNames[number] : "?";
}

const char* waitable_kind_name(wire::WaitableKind kind) {
    if (kind == wire::WaitableKind::kFree || static_cast<std::uint8_t>(kind) >= wire::kWaitableKindsCount)
        return "?";
    return reason_name(wire::reason_of(kind));
}

const char* wake_cause_name(wire::WakeCause cause) {
    constexpr const char* kNames[] = {"coroutine", "timer", "signal", "outside",
                                      "cancel",    "close", "exit",   "resume"};
    const auto number = static_cast<std::size_t>(cause);
    return number < std::size(kNames) ? kNames[number] : "?";
}

const char* worker_state_name(wire::WorkerState state) {
    constexpr const char* kNames[] = {"absent", "scheduling", "running", "parked", "ended", "held"};
    const auto number = static_cast<std::size_t>(state);
    return number < std::size(kNames) ? kNames[number] : "?";
}

const char* size_class_name(wire::SizeClass size_class) {
    switch (size_class) {
        case wire::SizeClass::kMicro:
            return "micro";
        case wire::SizeClass::kSmall:
            return "small";
        case wire::SizeClass::kMedium:
            return "medium";
        case wire::SizeClass::kLarge:
            return "large";
    }
    return "?";
}

const char* pattern_name(wire::ChannelPattern pattern) {
    switch (pattern) {
        case wire::ChannelPattern::kUnknown:
            return "";
        case wire::ChannelPattern::kNoChannel:
            return "none";
        case wire::ChannelPattern::kSendOnly:
            return "send-only";
        case wire::ChannelPattern::kReceiveOnly:
            return "receive-only";
        case wire::ChannelPattern::kSendAndReceive:
            return "send-and-receive";
        case wire::ChannelPattern::kSelect:
            return "select";
    }
    return "?";
}

const char* evidence_name(wire::ClassEvidence evidence) {
    switch (evidence) {
        case wire::ClassEvidence::kUnknown:
            return "unknown";
        case wire::ClassEvidence::kWish:
            return "wish";
        case wire::ClassEvidence::kProfiled:
            return "profiled";
        case wire::ClassEvidence::kProven:
            return "proven";
        case wire::ClassEvidence::kGrown:
            return "grown";
        case wire::ClassEvidence::kHint:
            return "hint";
        case wire::ClassEvidence::kDeclared:
            return "declared";
    }
    return "?";
}

const char* migration_form_name(wire::MigrationForm form) {
    switch (form) {
        case wire::MigrationForm::kInPlace:
            return "in-place";
        case wire::MigrationForm::kSegment:
            return "segment";
        case wire::MigrationForm::kWish:
            return "wish";
        case wire::MigrationForm::kSiteRaised:
            return "site-raised";
    }
    return "?";
}

double HistogramImage::quantile(double q) const {
    if (samples == 0) return -1;
    std::uint64_t counted = below_resolution;
    for (const std::uint64_t bucket : buckets)
        counted += bucket;
    if (counted == 0) return -1;
    const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(counted);
    auto seen = static_cast<double>(below_resolution);
    if (below_resolution != 0 && rank <= seen) return 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < buckets.size(); ++i) {
        if (buckets[i] == 0) continue;
        last = i;
        seen += static_cast<double>(buckets[i]);
        if (rank <= seen) break;
    }
    const auto bucket = static_cast<std::uint32_t>(last);
    const auto low = static_cast<double>(wire::histogram_bucket_low(bucket));
    const double width = bucket < 64
                             ? 1.0
                             : static_cast<double>(1ULL << ((bucket - 64) / wire::kHistogramSubBuckets + 1));
    return low + (width - 1) / 2;
}

void HistogramImage::merge(const HistogramImage& other) {
    samples += other.samples;
    below_resolution += other.below_resolution;
    sum += other.sum;
    stamp_cost_ticks = std::max(stamp_cost_ticks, other.stamp_cost_ticks);
    resolution_ticks = std::max(resolution_ticks, other.resolution_ticks);
    sample_period = std::max(sample_period, other.sample_period);
    if (buckets.size() < other.buckets.size()) buckets.resize(other.buckets.size());
    for (std::size_t i = 0; i < other.buckets.size(); ++i)
        buckets[i] += other.buckets[i];
}

std::string_view StateImage::text(std::uint32_t string) const {
    const std::size_t start = std::size_t{string} + wire::kStringHeaderBytes;
    if (string == wire::kNone || start > strings.size()) return {};
    const auto low = static_cast<std::uint8_t>(strings[string]);
    const auto high = static_cast<std::uint8_t>(strings[string + 1]);
    const std::size_t length = std::size_t{low} | std::size_t{high} << 8;
    if (length > wire::kStringLengthMax || length > strings.size() - start) return {};
    return std::string_view(strings).substr(start, length);
}

std::string StateImage::site_text(std::uint32_t site) const {
    if (site >= sites.size()) return "?";
    const std::string_view file = text(sites[site].file);
    if (file.empty()) return "?";
    return std::string(file) + ":" + std::to_string(sites[site].line);
}

std::string_view StateImage::coroutine_name(const CoroutineImage& coroutine) const {
    if (const std::string_view own = text(coroutine.name); !own.empty()) return own;
    if (coroutine.site < sites.size()) {
        if (const std::string_view of_site = text(sites[coroutine.site].name); !of_site.empty())
            return of_site;
    }
    return "coroutine";
}

std::string StateImage::channel_text(const ChannelImage& channel) const {
    const std::string_view name = text(channel.name);
    if (!name.empty()) return "channel:" + std::string(name);
    return "channel:#" + std::to_string(channel.identity);
}

std::string StateImage::waitable_text(const WaitableImage& waitable) const {
    const std::string_view own = text(waitable.name);
    const std::string kind = waitable_kind_name(waitable.kind);
    return kind + ":" + (own.empty() ? "#" + std::to_string(waitable.identity) : std::string(own));
}

std::string StateImage::signal_text(const SignalImage& signal) const {
    const std::string_view own = text(signal.name);
    if (!own.empty()) return std::string(own);
    return signal.own() ? "signal #" + std::to_string(signal.index) : base::signal_name(static_cast<int>(signal.index));
}

namespace {

// A position may be stale when a vector shrank after index(): then the answer is "nobody", not a stray
// element.
template <typename T>
const T* at_or_null(const std::vector<T>& items, std::uint32_t position) {
    return position < items.size() ? &items[position] : nullptr;
}

// The item with this index. Indices ascend and are mostly dense, so an item stands no further on than its index, and no further from the end than
// that is from the last one: where none is missing there is one place to look at.
template <typename T>
const T* with_index(const std::vector<T>& items, std::uint32_t index) {
    if (items.empty() || index < items.front().index || index > items.back().index) return nullptr;
    const std::size_t last = items.size() - 1;
    const std::size_t behind = items.back().index - index;
    const std::size_t low = behind < last ? last - behind : 0;
    const std::size_t high = std::min<std::size_t>(index - items.front().index, last);
    if (low > high) return nullptr;  // they do not ascend: a damaged image
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(low);
    const auto end = items.begin() + static_cast<std::ptrdiff_t>(high) + 1;
    const auto found = std::lower_bound(begin, end, index, [](const T& item, std::uint32_t wanted) { return item.index < wanted; });
    return found != end && found->index == index ? &*found : nullptr;
}

constexpr std::uint64_t kNoKey = ~0ULL;

// What an IndexMap asks about a row of `items`: key(row).
template <typename T, typename Key>
auto keys_of(const std::vector<T>& items, Key key) {
    return [&items, key](std::uint32_t position) { return position < items.size() ? key(items[position]) : kNoKey; };
}

std::uint64_t identity_of(const CoroutineImage& coroutine) {
    return coroutine.identity;
}
template <typename T>
std::uint64_t place_of(const T& stands) {
    return slot_key(stands.pool, stands.slot);
}

}  // namespace

void StateImage::index() {
    const auto identities = keys_of(coroutines, identity_of);
    const auto slots = keys_of(coroutines, place_of<CoroutineImage>);
    const auto segments = keys_of(stack_segments, place_of<StackSegmentImage>);
    by_identity_.reset(coroutines.size());
    by_slot_.reset(coroutines.size());
    segment_by_slot_.reset(stack_segments.size());
    for (std::size_t i = 0; i < coroutines.size(); ++i) {
        const auto position = static_cast<std::uint32_t>(i);
        by_identity_.set(identity_of(coroutines[i]), position, identities);
        by_slot_.set(place_of(coroutines[i]), position, slots);
    }
    for (std::size_t i = 0; i < stack_segments.size(); ++i)
        segment_by_slot_.set(place_of(stack_segments[i]), static_cast<std::uint32_t>(i), segments);
}

const CoroutineImage* StateImage::coroutine_at(std::uint32_t record) const {
    return with_index(coroutines, record);
}

const CoroutineImage* StateImage::coroutine_of(std::uint64_t identity) const {
    return at_or_null(coroutines, by_identity_.find(identity, keys_of(coroutines, identity_of)));
}

const ChannelImage* StateImage::channel_at(std::uint32_t record) const {
    return with_index(channels, record);
}

const WaitableImage* StateImage::waitable_at(std::uint32_t record) const {
    return with_index(waitables, record);
}

std::span<const SelectArmImage> StateImage::arms_of(const CoroutineImage& coroutine) const {
    const auto [first, last] = std::equal_range(
        select_arms.begin(), select_arms.end(), SelectArmImage{.coroutine = coroutine.index},
        [](const SelectArmImage& a, const SelectArmImage& b) { return a.coroutine < b.coroutine; });
    return {first, last};
}

const CoroutineImage* StateImage::owner_of(std::uint8_t pool, std::uint32_t slot) const {
    const std::uint64_t place = slot_key(pool, slot);
    const std::uint32_t segment = segment_by_slot_.find(place, keys_of(stack_segments, place_of<StackSegmentImage>));
    if (const StackSegmentImage* found = at_or_null(stack_segments, segment); found != nullptr) {
        if (const CoroutineImage* owner = coroutine_at(found->coroutine); owner != nullptr) return owner;
    }
    return at_or_null(coroutines, by_slot_.find(place, keys_of(coroutines, place_of<CoroutineImage>)));
}

const SiteMigrationsImage* StateImage::migrations_of(std::uint32_t site) const {
    const auto found = std::lower_bound(
        migrations.begin(), migrations.end(), site,
        [](const SiteMigrationsImage& row, std::uint32_t wanted) { return row.site < wanted; });
    return found != migrations.end() && found->site == site ? &*found : nullptr;
}

wire::StackBounds StateImage::stack_of(const CoroutineImage& coroutine) const {
    if (coroutine.pool >= pools.size()) return {};
    return pools[coroutine.pool].bounds(coroutine.slot);
}

wire::StackBounds StateImage::stack_at(const CoroutineImage& coroutine, std::uint64_t rsp) const {
    const wire::StackBounds own = stack_of(coroutine);
    if (rsp >= own.low && rsp < own.high) return own;
    for (const PoolImage& pool : pools) {
        // Slots of MicroPools lie on stacks of others: who stands beside one is not in it.
        if (pool.purpose == wire::PoolPurpose::kLocal || pool.stride_bytes == 0) continue;
        for (std::size_t slab = 0; slab < pool.slabs.size(); ++slab) {
            const std::uint64_t base = pool.slabs[slab].stack_base;
            if (base == 0 || rsp < base || (rsp - base) / pool.stride_bytes >= wire::kSlotsPerSlab) continue;
            const auto slot = static_cast<std::uint32_t>(slab * wire::kSlotsPerSlab +
                                                         (rsp - base) / pool.stride_bytes);
            const wire::StackBounds bounds = pool.bounds(slot);
            return rsp >= bounds.low && rsp < bounds.high ? bounds : own;
        }
    }
    return own;
}

}  // namespace coroscope::inspect
