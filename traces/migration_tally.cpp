// See migration_tally.h.
#include "traces/migration_tally.h"

#include <algorithm>

namespace coroscope::traces {
namespace {

using inspect::SiteMigrationsImage;

wire::SizeClass class_of(std::uint32_t number) {
    return static_cast<wire::SizeClass>(std::min<std::uint32_t>(number & 0xff, wire::kSizeClassesCount - 1));
}

SiteMigrationsImage row_of(const wire::DecodedEvent& event) {
    SiteMigrationsImage row;
    row.last_form = static_cast<wire::MigrationForm>(event.argument >> 16 & 0xff);
    switch (row.last_form) {
        case wire::MigrationForm::kInPlace:
            row.in_place = 1;
            break;
        case wire::MigrationForm::kSegment:
            row.segments = 1;
            break;
        case wire::MigrationForm::kWish:
            row.wishes = 1;
            break;
        default:  // the site was raised, or a form of later: no stack grew
            return row;
    }
    row.last_ticks = event.tsc;
    row.last_address = event.ext48[0];
    row.last_bytes = static_cast<std::uint32_t>(event.ext64[0]);
    row.last_cost_ticks = static_cast<std::uint32_t>(event.ext64[0] >> 32);
    row.last_from = class_of(event.argument);
    row.last_to = class_of(event.argument >> 8);
    return row;
}

// The newer one's `last`; rings arrive one after the other.
void add_to(SiteMigrationsImage& to, const SiteMigrationsImage& more) {
    SiteMigrationsImage sum = more.last_ticks >= to.last_ticks ? more : to;
    sum.site = to.site;
    sum.in_place = to.in_place + more.in_place;
    sum.segments = to.segments + more.segments;
    sum.wishes = to.wishes + more.wishes;
    to = sum;
}

}  // namespace

void MigrationTally::add(std::uint32_t site, const SiteMigrationsImage& more) {
    SiteMigrationsImage& row = sites_[site];
    row.site = site;
    add_to(row, more);
}

void MigrationTally::take(const wire::DecodedEvent& event, std::uint32_t site) {
    const SiteMigrationsImage row = row_of(event);
    if (row.count() == 0) return;
    if (site == wire::kNone && (waiting_.size() < kWaitingMax || waiting_.contains(event.object))) {
        add_to(waiting_[event.object], row);
    } else {
        add(site, row);
    }
}

void MigrationTally::spawned(std::uint32_t coroutine, std::uint64_t ticks, std::uint32_t site) {
    const auto found = waiting_.find(coroutine);
    if (found == waiting_.end()) return;
    // What grew before belonged to the coroutine that was at this index then.
    add(found->second.last_ticks >= ticks ? site : wire::kNone, found->second);
    waiting_.erase(found);
}

void MigrationTally::complete(inspect::StateImage& image) {
    SiteMigrationsImage rest;  // of those whose site is still not known
    for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
        const inspect::CoroutineImage* coroutine = image.coroutine_at(waiting->first);
        if (coroutine == nullptr) {
            add_to(rest, waiting->second);
            ++waiting;
        } else {
            add(coroutine->site, waiting->second);
            waiting = waiting_.erase(waiting);
        }
    }
    image.migrations.clear();
    for (const auto& [site, row] : sites_)
        image.migrations.push_back(row);
    if (rest.count() == 0) return;
    if (image.migrations.empty() || image.migrations.back().site != wire::kNone)
        image.migrations.emplace_back();
    add_to(image.migrations.back(), rest);
}

}  // namespace coroscope::traces
