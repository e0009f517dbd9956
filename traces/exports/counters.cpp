// See counters.h.
#include "traces/exports/counters.h"

#include <fmt/format.h>

#include <algorithm>

namespace coroscope::exports {

using analyses::Activity;

namespace {

constexpr std::int64_t kPauseNs = 100'000;
enum Number : std::size_t { kCoroutines, kReady, kRunning, kFirstPool };

}  // namespace

Counters::Counters(const analyses::TraceWalk& walk, Tell tell)
    : tell_(std::move(tell)),
      pause_ticks_(static_cast<std::uint64_t>(
          std::max<std::int64_t>(walk.reader().meta().clock.duration_ticks(kPauseNs), 1))),
      names_({"coroutines", "ready", "running"}) {
    values_.resize(kFirstPool);
    const auto& pools = walk.begin().state.pools;
    for (std::size_t p = 0; p < pools.size(); ++p) {
        names_.push_back(
            fmt::format("slots of pool {} ({})", p, inspect::size_class_name(pools[p].size_class)));
        values_.push_back({static_cast<std::int64_t>(pools[p].used()), -1, 0});
    }
}

void Counters::change(std::size_t number, std::int64_t by, std::uint64_t ticks) {
    Value& value = values_[number];
    value.now += by;
    if (value.told >= 0 && ticks < value.told_ticks + pause_ticks_) return;
    if (value.told == value.now) return;
    value.told = value.now;
    value.told_ticks = ticks;
    tell_(number, ticks, value.now);
}

void Counters::event(const analyses::OrderedEvent& ordered) {
    const wire::DecodedEvent& event = ordered.event;
    const bool takes = event.type == wire::EventType::kPoolAllocate;
    if (!takes && event.type != wire::EventType::kPoolFree) return;
    if (kFirstPool + event.argument < values_.size())
        change(kFirstPool + event.argument, takes ? 1 : -1, ordered.ticks);
}

void Counters::began(const analyses::Life& life) {
    change(kCoroutines, 1, life.begin_ticks);
}

void Counters::enter(const analyses::Life& life, const analyses::Span& span) {
    entered_[life.index] = span.activity;
    if (span.activity == Activity::kReady) change(kReady, 1, span.begin_ticks);
    if (span.activity == Activity::kRunning) change(kRunning, 1, span.begin_ticks);
}

void Counters::leave(const analyses::Life& life, const analyses::Span& span) {
    if (span.reaches_end) return;  // it is still so
    const Activity entered = entered_[life.index];
    if (entered == Activity::kReady) change(kReady, -1, span.end_ticks);
    if (entered == Activity::kRunning) change(kRunning, -1, span.end_ticks);
}

void Counters::ended(std::uint64_t ticks) {
    change(kCoroutines, -1, ticks);
}

void Counters::finish(std::uint64_t end_ticks) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
        if (values_[i].told != values_[i].now) tell_(i, end_ticks, values_[i].now);
    }
}

}  // namespace coroscope::exports
