// See profiler.h.
#include "traces/analyses/profiler.h"

#include <fmt/format.h>

#include <algorithm>

namespace coroscope::analyses {

using wire::EventType;

namespace {

constexpr std::size_t kSpareRows = 4096;  // by coroutine: rows beyond those asked for before the worst are dropped

constexpr std::uint32_t kSiteNotKnown = wire::kNone - 1;

std::size_t at(Activity activity) {
    return static_cast<std::size_t>(activity);
}

// In a damaged trace two rings can say that they are one worker's: then its time goes back.
std::uint64_t ticks_since(std::uint64_t since, std::uint64_t ticks) {
    return ticks > since ? ticks - since : 0;
}

double sort_value(const ProfileRow& row, ProfileSort sort) {
    const auto value = [&]() -> std::uint64_t {
        switch (sort) {
            case ProfileSort::kTotal:
            case ProfileSort::kName:
                return row.times.total();
            case ProfileSort::kRunning:
                return row.times.of(Activity::kRunning);
            case ProfileSort::kReady:
                return row.times.of(Activity::kReady);
            case ProfileSort::kBlocked:
                return row.times.of(Activity::kBlocked);
            case ProfileSort::kRuns:
                return row.times.runs;
            case ProfileSort::kSuspends:
                return row.times.suspends;
            case ProfileSort::kCount:
                return row.coroutines;
            case ProfileSort::kLatency:
                return 0;
        }
        return 0;
    };
    return sort == ProfileSort::kLatency ? row.times.wake_to_run.quantile(0.99) : static_cast<double>(value());
}

}  // namespace

std::uint64_t Times::total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t part : ticks)
        sum += part;
    return sum;
}

void Times::merge(const Times& other) {
    const auto add = [](auto& to, const auto& from) {
        for (std::size_t i = 0; i < to.size(); ++i)
            to[i] += from[i];
    };
    add(ticks, other.ticks);
    add(blocked_ticks, other.blocked_ticks);
    add(waits, other.waits);
    add(switches, other.switches);
    runs += other.runs;
    suspends += other.suspends;
    wakes += other.wakes;
    wake_to_run.merge(other.wake_to_run);
}

bool comes_before(const ProfileRow& a, const ProfileRow& b, ProfileSort sort) {
    if (sort != ProfileSort::kName) {
        const double left = sort_value(a, sort), right = sort_value(b, sort);
        if (left != right) return left > right;
    }
    return a.label != b.label ? a.label < b.label : a.identity < b.identity;
}

Profiler::Worker& Profiler::worker(std::uint32_t index) {
    const auto [found, fresh] = workers_.try_emplace(index);
    if (fresh) {
        const auto& images = walk_.begin().state.workers;
        found->second.since_ticks = walk_.begin_ticks();
        found->second.idle = index < images.size() && images[index].state == wire::WorkerState::kParked;
    }
    return found->second;
}

Times& Profiler::times_of(const Life& life) {
    if (options_.by != ProfileBy::kCoroutine) return sites_[life.site].times;
    std::unique_ptr<Times>& own = living_[life.index].times;
    if (own == nullptr) own = std::make_unique<Times>();
    return *own;
}

void Profiler::event(const OrderedEvent& ordered) {
    const wire::DecodedEvent& event = ordered.event;
    if (event.type == EventType::kChannelSend || event.type == EventType::kChannelReceive) {
        ProfileRow& row = channels_[walk_.directory().channel(event.object).name];
        ++(event.type == EventType::kChannelSend ? row.sent : row.received);
        return;
    }
    if (ordered.owner != wire::RingOwner::kWorker) return;
    switch (event.type) {
        case EventType::kWorkerPark: {
            Worker& parks = worker(ordered.owner_index);
            parks.idle = true;
            parks.since_ticks = ordered.ticks;
            parks.left_ticks = 0;
            break;
        }
        case EventType::kWorkerUnpark: {
            Worker& wakes_up = worker(ordered.owner_index);
            if (wakes_up.idle) wakes_up.row.idle_ticks += ticks_since(wakes_up.since_ticks, ordered.ticks);
            wakes_up.idle = false;
            break;
        }
        case EventType::kSteal: {
            Worker& thief = worker(ordered.owner_index);
            thief.row.taken += event.argument;
            thief.taken_from[event.object] += event.argument;
            break;
        }
        default:
            break;
    }
}

void Profiler::began(const Life& life) {
    living_[life.index] = {};
    living_[life.index].ran = !life.spawn_seen;
    ++sites_[life.site].coroutines;
    if (!life.spawn_seen) return;
    ++spawned_;
    ++spawns_[{life.spawner == 0 ? wire::kNone : std::min(life.spawner_site, kSiteNotKnown), life.site}];
}

SwitchKind Profiler::kind_of(const Living& living, std::uint32_t index) {
    if (living.ready_on != wire::kNone && living.ready_on != index) {
        auto& taken_from = worker(index).taken_from;
        if (const auto from = taken_from.find(living.ready_on); from != taken_from.end() && from->second != 0) {
            --from->second;
            return SwitchKind::kStolen;
        }
    }
    if (!living.ran) return SwitchKind::kFirst;
    return living.ran_on == index ? SwitchKind::kSameWorker : SwitchKind::kMigrated;
}

void Profiler::run(const Life& life, const Span& span) {
    Living& living = living_[life.index];
    Worker& on = worker(span.worker);
    Times& times = times_of(life);
    const SwitchKind kind = kind_of(living, span.worker);
    for (Times* sum : {&times, &totals_, &on.row.times}) {
        ++sum->runs;
        ++sum->switches[static_cast<std::size_t>(kind)];
    }
    if (on.left_ticks != 0) {
        SwitchCost& cost = switches_[static_cast<std::size_t>(kind)];
        if (span.begin_ticks > on.left_ticks) {
            cost.ticks.add(span.begin_ticks - on.left_ticks);
        } else {
            ++cost.one_stamp;
        }
    }
    if (living.woken_ticks != 0) {
        const std::uint64_t waited = span.begin_ticks - living.woken_ticks;
        for (Times* sum : {&times, &totals_, &on.row.times})
            sum->wake_to_run.add(waited);
        if (living.waited_for_channel) channels_[living.channel_name].times.wake_to_run.add(waited);
        wakes_[{living.waker, life.site}].wake_to_run.add(waited);
    }
    living.ran = true;
    living.ran_on = span.worker;
    living.woken_ticks = 0;
}

void Profiler::enter(const Life& life, const Span& span) {
    Living& living = living_[life.index];
    switch (span.activity) {
        case Activity::kRunning:
            if (span.begin_ticks > life.begin_ticks || life.spawn_seen) run(life, span);
            break;
        case Activity::kReady:
            living.ready_on = span.worker;
            living.woken_ticks = 0;
            if (!span.woken) break;
            living.ready_on = span.waker.worker;
            living.woken_ticks = span.begin_ticks;
            living.waker = span.waker.identity != 0 ? span.waker.site
                                                    : kCauseKey + static_cast<std::uint64_t>(span.waker.cause);
            ++wakes_[{living.waker, life.site}].count;
            ++times_of(life).wakes;
            ++totals_.wakes;
            if (living.waited_for_channel) ++channels_[living.channel_name].times.wakes;
            break;
        case Activity::kBlocked:
            living.waited_for_channel = span.awaited.kind == Awaited::Kind::kChannel;
            living.channel_name = span.awaited.name;
            break;
        case Activity::kUnknown:
            living.ran = true;
            break;
    }
}

void Profiler::leave(const Life& life, const Span& span) {
    const std::uint64_t ticks = span.end_ticks - span.begin_ticks;
    const auto reason = static_cast<std::size_t>(span.reason);
    const bool blocked = span.activity == Activity::kBlocked;
    const bool began_here = span.begin_ticks > walk_.begin_ticks();
    const bool suspended = began_here && (blocked || (span.activity == Activity::kReady &&
                                                      span.reason != wire::WaitReason::kNothing));
    const auto add = [&](Times& times) {
        times.ticks[at(span.activity)] += ticks;
        if (blocked) times.blocked_ticks[reason] += ticks;
        if (!suspended) return;
        ++times.suspends;
        ++times.waits[reason];
    };
    add(times_of(life));
    add(totals_);
    if (blocked && span.awaited.kind == Awaited::Kind::kChannel) add(channels_[span.awaited.name].times);
    if (span.activity != Activity::kRunning || span.worker == wire::kNone) return;
    Worker& on = worker(span.worker);
    on.row.times.ticks[at(Activity::kRunning)] += ticks;
    on.left_ticks = span.end_ticks;
}

void Profiler::ended(const Life& life, LifeEnd how, std::uint64_t ticks) {
    const bool alive = how == LifeEnd::kAlive || how == LifeEnd::kLost;
    exited_ += alive ? 0 : 1;
    sites_[life.site].alive += how == LifeEnd::kAlive ? 1 : 0;
    if (options_.by != ProfileBy::kCoroutine) return;
    ProfileRow row;
    row.name = row.label = walk_.directory().name(life);
    row.site = walk_.directory().site(life.site);
    row.identity = life.identity;
    row.spawner = life.spawner;
    row.begin_ns = walk_.time_ns(life.begin_ticks);
    row.end_ns = walk_.time_ns(ticks);
    row.end = how;
    row.coroutines = 1;
    row.alive = how == LifeEnd::kAlive ? 1 : 0;
    row.times = std::move(times_of(life));
    keep(std::move(row));
}

void Profiler::keep(ProfileRow row) {
    kept_.push_back(std::move(row));
    if (options_.top != 0 && kept_.size() >= options_.top + kSpareRows) shrink(options_.top);
}

void Profiler::shrink(std::size_t to) {
    if (kept_.size() <= to) return;
    const auto before = [this](const ProfileRow& a, const ProfileRow& b) {
        return comes_before(a, b, options_.sort);
    };
    std::nth_element(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(to), kept_.end(), before);
    left_out_ += kept_.size() - to;
    kept_.resize(to);
}

std::string Profiler::waker_text(WakerKey key) const {
    if (key < kCauseKey) return walk_.directory().site(static_cast<std::uint32_t>(key));
    const auto cause = static_cast<wire::WakeCause>(key - kCauseKey);
    if (cause == wire::WakeCause::kOutside) return "thread outside";
    return cause == wire::WakeCause::kCoroutine ? "?" : inspect::wake_cause_name(cause);
}

void Profiler::add_rows(Profile& profile) {
    const Directory& directory = walk_.directory();
    switch (options_.by) {
        case ProfileBy::kCoroutine:
            profile.rows = std::move(kept_);
            profile.rows_left_out = left_out_;
            break;
        case ProfileBy::kSite:
            for (auto& [site, row] : sites_) {
                row.label = row.site = directory.site(site);
                row.name = directory.site_name(site);
                profile.rows.push_back(std::move(row));
            }
            break;
        case ProfileBy::kChannel:
            for (auto& [name, row] : channels_) {
                const std::string text(directory.end().text(name));
                row.name = text.empty() ? "(unnamed)" : text;
                row.label = "channel:" + row.name;
                profile.rows.push_back(std::move(row));
            }
            break;
        case ProfileBy::kWorker:
            for (auto& [index, of] : workers_) {
                if (of.idle) of.row.idle_ticks += ticks_since(of.since_ticks, walk_.end_ticks());
                of.row.label = of.row.name = fmt::format("worker {}", index);
                const std::uint64_t spent = of.row.idle_ticks + of.row.times.of(Activity::kRunning);
                const std::uint64_t all = walk_.end_ticks() - walk_.begin_ticks();
                of.row.scheduling_ticks = all > spent ? all - spent : 0;
                profile.rows.push_back(std::move(of.row));
            }
            break;
    }
    std::sort(profile.rows.begin(), profile.rows.end(),
              [this](const ProfileRow& a, const ProfileRow& b) { return comes_before(a, b, options_.sort); });
    if (options_.top != 0 && profile.rows.size() > options_.top) {
        profile.rows_left_out += profile.rows.size() - options_.top;
        profile.rows.resize(options_.top);
    }
}

void Profiler::finish(Profile& profile) {
    add_rows(profile);
    profile.totals = std::move(totals_);
    profile.switches = std::move(switches_);
    profile.spawned = spawned_;
    profile.exited = exited_;
    const Directory& directory = walk_.directory();
    for (auto& [key, waking] : wakes_)
        profile.wakes.push_back(
            {waker_text(key.first), directory.site(key.second), waking.count, std::move(waking.wake_to_run)});
    for (const auto& [key, count] : spawns_)
        profile.spawns.push_back({key.first == wire::kNone ? "outside" : directory.site(key.first),
                                  directory.site(key.second), count});
    const auto most_first = [](const auto& a, const auto& b) { return a.count > b.count; };
    std::stable_sort(profile.wakes.begin(), profile.wakes.end(), most_first);
    std::stable_sort(profile.spawns.begin(), profile.spawns.end(), most_first);
}

}  // namespace coroscope::analyses
