// See told_rows.h.
#include "traces/exports/told_rows.h"

#include <algorithm>
#include <string>

namespace coroscope::exports {

using traces::Told;

namespace {

Value identity_or_none(std::uint64_t identity) {
    return identity == 0 ? Value() : Value(static_cast<std::int64_t>(identity));
}

}  // namespace

void ToldRows::close(std::vector<Zone>& open, std::uint64_t ticks, bool seen) {
    const Zone& zone = open.back();
    const std::string name(walk_.directory().string(zone.name));
    const Value values[] = {identity_or_none(zone.coroutine),
                            std::string_view(name),
                            walk_.time_ns(zone.begin_ticks),
                            walk_.time_ns(std::max(ticks, zone.begin_ticks)),
                            static_cast<std::int64_t>(open.size() - 1),
                            std::int64_t{seen ? 1 : 0}};
    sink_.row(TableName::kZones, values);
    open.pop_back();
}

void ToldRows::zone_end(const Speaker& speaker, const Told& told) {
    std::vector<Zone>& open = open_[speaker];
    const auto begun = std::find_if(open.rbegin(), open.rend(),
                                    [&](const Zone& zone) { return zone.name == told.name; });
    if (begun == open.rend()) return;
    // Those within it whose end was lost end with it.
    for (const auto keep = static_cast<std::size_t>(open.rend() - begun); open.size() > keep;)
        close(open, told.ticks, false);
    close(open, told.ticks, true);
}

void ToldRows::tell(const Told& told, const analyses::OrderedEvent& ordered) {
    const bool of_coroutine = ordered.current != nullptr;
    const std::uint64_t identity = of_coroutine ? ordered.current->identity : 0;
    const bool of_worker = ordered.owner == wire::RingOwner::kWorker;
    // A worker that runs nobody speaks as a thread.
    const Speaker speaker{of_coroutine, of_coroutine ? ordered.current->index
                                                     : (of_worker ? 1U << 31 : 0U) | ordered.owner_index};
    const Value at = walk_.time_ns(told.ticks);
    switch (told.kind) {
        case Told::Kind::kZoneBegin:
            open_[speaker].push_back({told.name, identity, told.ticks});
            break;
        case Told::Kind::kZoneEnd:
            zone_end(speaker, told);
            break;
        case Told::Kind::kCounter: {
            const std::string name(walk_.directory().string(told.name));
            const Value values[] = {at, std::string_view(name), told.real ? Value() : Value(told.value),
                                    told.real ? Value(told.real_value) : Value(), std::int64_t{1}};
            sink_.row(TableName::kCounters, values);
            break;
        }
        case Told::Kind::kMessage:
        case Told::Kind::kNote: {
            const Value values[] = {at, std::string_view(told.kind == Told::Kind::kNote ? "note" : "message"),
                                    identity_or_none(identity),
                                    of_worker ? Value(std::int64_t{ordered.owner_index}) : Value(),
                                    told.text.empty() ? Value() : Value(std::string_view(told.text))};
            sink_.row(TableName::kMessages, values);
            break;
        }
    }
}

void ToldRows::event(const analyses::OrderedEvent& ordered) {
    told_.clear();
    reader_.take(ordered.event, static_cast<std::uint32_t>(ordered.owner) << 24 | ordered.owner_index, told_);
    for (const Told& told : told_)
        tell(told, ordered);
}

void ToldRows::ended(const analyses::Life& life, std::uint64_t ticks) {
    const auto open = open_.find({true, life.index});
    if (open == open_.end()) return;
    while (!open->second.empty())
        close(open->second, ticks, false);
    open_.erase(open);
}

void ToldRows::finish() {
    for (auto& [speaker, zones] : open_) {
        while (!zones.empty())
            close(zones, walk_.end_ticks(), false);
    }
}

}  // namespace coroscope::exports
