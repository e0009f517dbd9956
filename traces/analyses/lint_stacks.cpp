// Lints about stacks and their pools. The evidence is that of the size tables (traces/size_rows.h), and so is the margin: a class is too small when
// what was seen does not fit into it with the margin that the advice would leave.
#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "traces/analyses/lint_rules.h"
#include "traces/size_words.h"

namespace coroscope::analyses {
namespace {

using inspect::CoroutineImage;
using inspect::SiteImage;
using inspect::StateImage;
using traces::ClassBytes;
using traces::SizeRow;
using wire::SizeClass;
using Kind = LintEvidence::Kind;

constexpr std::uint64_t kFullPercent = 80, kOversizedPercent = 25;
// Growth that one coroutine and more had again and again: so often each, and so often in all.
constexpr std::uint64_t kGrowthsEach = 16, kGrowthsMin = 64;
constexpr std::int64_t kSlotWaitNs = 1'000'000'000;
constexpr std::int64_t kSavedBytesMin = 16 << 10;  // less is not worth a line

std::string bytes_text(std::uint64_t bytes) {
    return traces::brief_bytes(static_cast<std::int64_t>(bytes));
}

// The class that the advice of the size tables would choose for so deep a stack.
SizeClass class_for(const ClassBytes& bytes, std::uint64_t deepest) {
    SizeRow row;
    row.samples = traces::kSamplesEnough;
    row.max_bytes = deepest;
    return row.advised_by_depth(bytes);
}

struct Deepest {
    std::uint64_t bytes = 0, coroutines = 0;
    const CoroutineImage* coroutine = nullptr;
    void take(std::uint64_t more, const CoroutineImage* of) {
        if (of != nullptr) ++coroutines;
        if (more <= bytes) return;
        bytes = more;
        if (of != nullptr) coroutine = of;
    }
};
using BySiteAndClass = std::map<std::pair<std::string, SizeClass>, Deepest>;

// Nearly full, and not known to be safe: a stack that grew has found its room, one deeper than its class has grown.
bool nearly_full(const ClassBytes& bytes, SizeClass size_class, std::uint64_t deepest) {
    const auto at = static_cast<std::size_t>(size_class);
    if (at >= wire::kSizeClassesCount || deepest > bytes.usable[at]) return false;
    return deepest * 100 > bytes.usable[at] * kFullPercent && class_for(bytes, deepest) > size_class;
}

bool may_be_judged(const StateImage& state, const SiteImage& site) {
    return site.evidence != wire::ClassEvidence::kProven && site.evidence != wire::ClassEvidence::kGrown &&
           state.migrations_of(site.index) == nullptr;
}

void take_alive(const LintWatch& watch, const ClassBytes& bytes, BySiteAndClass& found) {
    const StateImage& state = watch.state();
    for (const CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.site >= state.sites.size() || coroutine.pool >= state.pools.size()) continue;
        if ((coroutine.flags & (wire::kCoroutineSegments | wire::kCoroutineGrown)) != 0) continue;
        const inspect::PoolImage& pool = state.pools[coroutine.pool];
        if (pool.purpose != wire::PoolPurpose::kOrdinary || !may_be_judged(state, state.sites[coroutine.site]))
            continue;
        const std::uint64_t deepest = watch.look().now.high_water_of(coroutine);
        if (nearly_full(bytes, pool.size_class, deepest))
            found[{state.site_text(coroutine.site), pool.size_class}].take(deepest, &coroutine);
    }
}

void take_sites(const LintWatch& watch, const ClassBytes& bytes, BySiteAndClass& found) {
    const StateImage& state = watch.state();
    for (const SiteImage& site : state.sites) {
        if (!may_be_judged(state, site)) continue;
        const std::string text = state.site_text(site.index);
        std::uint64_t deepest = site.high_water_bytes;
        if (watch.look().sizes != nullptr) {
            for (const auto& [build, rows] : watch.look().sizes->builds()) {
                const auto row = rows.measured.find({text, std::string(state.text(site.function))});
                if (row != rows.measured.end() && row->second.migrations == 0 &&
                    row->second.class_used == site.size_class)
                    deepest = std::max(deepest, row->second.deepest_bytes());
            }
        }
        if (nearly_full(bytes, site.size_class, deepest))
            found[{text, site.size_class}].take(deepest, nullptr);
    }
}

std::string advised_text(SizeClass from, SizeClass advised) {
    return advised == from ? "" : fmt::format("; advised: {}", inspect::size_class_name(advised));
}

}  // namespace

void find_nearly_full_stacks(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    const ClassBytes bytes = ClassBytes::of(state);
    BySiteAndClass found;
    take_alive(watch, bytes, found);
    take_sites(watch, bytes, found);
    for (const auto& [key, deep] : found) {
        const auto& [site, size_class] = key;
        const std::uint64_t usable = bytes.usable[static_cast<std::size_t>(size_class)];
        Lint lint;
        lint.rule = kStackNearlyFull;
        lint.count = std::max<std::uint64_t>(1, deep.coroutines);
        lint.about = short_site(site);
        lint.sentence = fmt::format("stacks of {} ({}) were used to {} of the {} that they have, {} %{}",
                                    short_site(site), inspect::size_class_name(size_class),
                                    bytes_text(deep.bytes), bytes_text(usable), deep.bytes * 100 / usable,
                                    advised_text(size_class, class_for(bytes, deep.bytes)));
        point_at(lint, Kind::kSite, site);
        if (deep.coroutine != nullptr) point_at(lint, state, *deep.coroutine);
        lints.push_back(std::move(lint));
    }
}

void find_full_pools(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    std::map<std::uint32_t, std::pair<std::uint64_t, const CoroutineImage*>>
        waiting;  // by size class: how many, the longest
    for (const CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked || coroutine.reason != wire::WaitReason::kSlot)
            continue;
        auto& [count, longest] = waiting[coroutine.wait_object];
        ++count;
        if (longest == nullptr || watch.still_ns(coroutine) > watch.still_ns(*longest)) longest = &coroutine;
    }
    for (const auto& [number, who] : waiting) {
        if (number >= wire::kSizeClassesCount || watch.still_ns(*who.second) < kSlotWaitNs) continue;
        const char* name = inspect::size_class_name(static_cast<SizeClass>(number));
        std::uint64_t used = 0;
        for (const inspect::PoolImage& pool : state.pools) {
            if (pool.size_class == static_cast<SizeClass>(number) &&
                pool.purpose == wire::PoolPurpose::kOrdinary)
                used += pool.used();
        }
        Lint lint;
        lint.rule = kPoolFull;
        lint.count = who.first;
        lint.about = name;
        lint.sentence = fmt::format("{} for {} for a slot of the class {}, of which {} are used",
                                    counted(who.first, "spawn has waited", "spawns have waited"),
                                    brief_ns(watch.still_ns(*who.second)), name, used);
        point_at(lint, Kind::kPool, name);
        point_at(lint, state, *who.second);
        lints.push_back(std::move(lint));
    }
}

// How many coroutines of a site there can have been between the looks: those alive then, and all that were spawned since anywhere.
void find_growth_thrash(const LintWatch& watch, std::vector<Lint>& lints) {
    const traces::Moment* before = watch.look().before;
    if (before == nullptr) return;
    const StateImage& state = watch.state();
    const auto spawned = [](const StateImage& at) {
        std::uint64_t count = at.outside_spawned;
        for (const inspect::WorkerImage& worker : at.workers)
            count += worker.spawned;
        return count;
    };
    const std::uint64_t spawned_since = spawned(state) - std::min(spawned(state), spawned(before->state));
    for (const inspect::SiteMigrationsImage& now : state.migrations) {
        if (now.site >= state.sites.size()) continue;
        const inspect::SiteMigrationsImage* then = before->state.migrations_of(now.site);
        const std::uint64_t grown_before = then == nullptr ? 0 : then->in_place + then->segments;
        const std::uint64_t grown = now.in_place + now.segments -
                                    std::min(grown_before, now.in_place + now.segments);
        const auto alive = static_cast<std::uint64_t>(
            std::count_if(before->state.coroutines.begin(), before->state.coroutines.end(),
                          [&](const CoroutineImage& coroutine) { return coroutine.site == now.site; }));
        const std::uint64_t coroutines = std::max<std::uint64_t>(1, alive + spawned_since);
        if (grown < kGrowthsMin || grown / coroutines < kGrowthsEach) continue;
        const std::string site = state.site_text(now.site);
        Lint lint;
        lint.rule = kGrowthThrash;
        lint.count = grown;
        lint.about = short_site(site);
        lint.sentence = fmt::format(
            "stacks of {} grew {} times in {}, {} times a coroutine and more, the last time from {} to {}",
            lint.about, grown, brief_ns(watch.apart_ns()), grown / coroutines,
            inspect::size_class_name(now.last_from), inspect::size_class_name(now.last_to));
        point_at(lint, Kind::kSite, site);
        for (const CoroutineImage& coroutine : state.coroutines) {
            if (coroutine.site == now.site) {
                point_at(lint, state, coroutine);
                break;
            }
        }
        lints.push_back(std::move(lint));
    }
}

void find_oversized_stacks(const LintWatch& watch, std::vector<Lint>& lints) {
    const traces::SizeRows* sizes = watch.look().sizes;
    if (sizes == nullptr) return;
    const ClassBytes& bytes = sizes->bytes();
    for (const auto& [build, rows] : sizes->builds()) {
        for (const auto& [place, row] : rows.measured) {
            const auto used = static_cast<std::size_t>(row.class_used);
            if (used >= wire::kSizeClassesCount || row.samples < traces::kSamplesEnough || row.migrations != 0)
                continue;
            const SizeClass advised = row.advised(bytes);
            const std::uint64_t usable = bytes.usable[used];
            if (advised >= row.class_used || row.deepest_bytes() * 100 >= usable * kOversizedPercent ||
                row.saved_bytes(bytes) < kSavedBytesMin)
                continue;
            Lint lint;
            lint.rule = kStackOversized;
            lint.count = row.samples;
            lint.about = short_site(place.first);
            lint.sentence = fmt::format(
                "{} of {} ({}) never used more than {} of the {} that they have{}; that would save {}",
                counted(row.samples, "stack", "stacks"), lint.about, inspect::size_class_name(row.class_used),
                bytes_text(row.deepest_bytes()), bytes_text(usable), advised_text(row.class_used, advised),
                traces::brief_bytes(row.saved_bytes(bytes)));
            point_at(lint, Kind::kSite, place.first);
            lints.push_back(std::move(lint));
        }
    }
}

}  // namespace coroscope::analyses
