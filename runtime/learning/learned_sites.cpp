// Relaxed additions.
#include "runtime/learning/learned_sites.h"

#include "runtime/scheduler/zero_pages.h"

namespace cprime::detail {

using coroscope::wire::kNone;
using coroscope::wire::kSitesMax;

namespace {

template <typename T>
void raise_to(std::atomic<T>& known, T value) {
    T seen = known.load(std::memory_order_relaxed);
    while (value > seen && !known.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
}

}  // namespace

bool LearnedSites::start(bool learning) {
    unheld_ = static_cast<std::atomic<std::uint8_t>*>(ZeroPages::map(kSitesMax));
    if (learning) sites_ = static_cast<LearnedSite*>(ZeroPages::map(kSitesMax * sizeof(LearnedSite)));
    return unheld_ != nullptr && (!learning || sites_ != nullptr);
}

LearnedSites::~LearnedSites() {
    if (unheld_ != nullptr) munmap(unheld_, kSitesMax);
    if (sites_ != nullptr) munmap(sites_, kSitesMax * sizeof(LearnedSite));
}

void LearnedSites::spawned(std::uint32_t site) {
    if (!learning() || site == kNone) return;
    LearnedSite& of = sites_[site];
    raise_to(of.alive_max, of.alive.fetch_add(1, std::memory_order_relaxed) + 1);
}

void LearnedSites::spawn_failed(std::uint32_t site) {
    if (learning() && site != kNone) sites_[site].alive.fetch_sub(1, std::memory_order_relaxed);
}

void LearnedSites::ended(std::uint32_t site, std::uint32_t high_water_bytes) {
    if (!learning() || site == kNone) return;
    LearnedSite& of = sites_[site];
    of.alive.fetch_sub(1, std::memory_order_relaxed);
    if (high_water_bytes == 0) return;
    of.samples.fetch_add(1, std::memory_order_relaxed);
    of.sum_bytes.fetch_add(high_water_bytes, std::memory_order_relaxed);
    of.depths[wire::histogram_bucket(high_water_bytes)].fetch_add(1, std::memory_order_relaxed);
    raise_to(of.max_bytes, high_water_bytes);
}

void LearnedSites::grew(std::uint32_t site, wire::MigrationForm form) {
    if (!learning() || site == kNone) return;
    LearnedSite& of = sites_[site];
    auto& count = form == wire::MigrationForm::kInPlace ? of.in_place
                  : form == wire::MigrationForm::kWish  ? of.wishes
                                                        : of.segments;
    count.fetch_add(1, std::memory_order_relaxed);
}

bool LearnedSites::did_not_fit(std::uint32_t site, wire::SizeClass size_class) {
    if (site == kNone) return false;
    const auto plus_one = static_cast<std::uint8_t>(static_cast<std::uint8_t>(size_class) + 1);
    std::uint8_t known = unheld_[site].load(std::memory_order_relaxed);
    while (known < plus_one) {
        if (unheld_[site].compare_exchange_weak(known, plus_one, std::memory_order_relaxed)) return true;
    }
    return false;
}

}  // namespace cprime::detail
