// See tally.h.
#include "traces/tally.h"

#include <algorithm>
#include <utility>

#include "instrumentation/wire/histogram.h"

namespace coroscope::traces {
namespace {

constexpr std::size_t kPcsMax = 1U << 20;  // distinct park addresses; a program has hundreds

}  // namespace

Tally::Tally() {
    wake_to_run_.kind = wire::HistogramKind::kWakeToRunTicks;
    wake_to_run_.buckets.resize(wire::kHistogramBuckets);
    wake_to_run_.sample_period = 1;
}

void Tally::enter(Entry& entry, std::uint32_t sequence24, std::uint32_t step, std::uint64_t ticks) {
    const bool first = entry.since_ticks == 0;
    const std::int32_t ahead = first ? 0 : wire::distance24(sequence24, entry.since_sequence);
    if (ahead < 0) {
        const bool after_wake = entry.woken_ticks != 0 &&
                                wire::distance24(sequence24, entry.woken_sequence) > 0;
        if (after_wake) entry.unseen_steps -= std::min(entry.unseen_steps, step);
        return;
    }
    if (ahead > 0) entry.unseen_steps += static_cast<std::uint32_t>(ahead) - std::min<std::uint32_t>(step, ahead);
    entry.since_sequence = sequence24;
    entry.since_ticks = ticks;
}

// The spawn of who runs on this ring may have happened on another one, which is read later: then its identity is found when it is asked for. An
// index that is somebody else's by now is told by the low bits that RESUME carries.
std::uint64_t Tally::identity_at(std::uint32_t index, std::uint64_t ticks) const {
    const Entry* entry = entries_.find(index);
    if (entry == nullptr || entry->identity == 0 || entry->spawned_ticks > ticks) return 0;
    return static_cast<std::uint8_t>(entry->identity) == entry->identity8 ? entry->identity : 0;
}

void Tally::woken(Entry& entry, const wire::DecodedEvent& event) {
    const std::uint32_t sequence = wire::low24(event.argument);
    if (entry.woken_ticks != 0 && wire::distance24(sequence, entry.woken_sequence) < 0) return;
    if (sequence == entry.since_sequence) entry.unseen_steps = 0;
    entry.woken_sequence = sequence;
    entry.woken_ticks = event.tsc;
    entry.woken_cause = static_cast<wire::WakeCause>(
        std::min<std::uint8_t>(wire::high8(event.argument), wire::kWakeCausesCount - 1));
    entry.woken_by_index = event.current_known ? event.current : wire::kNone;
    entry.woken_by = entry.woken_by_index == wire::kNone ? 0 : identity_at(entry.woken_by_index, event.tsc);
}

void Tally::add_wait(std::uint64_t wake_ticks, std::uint64_t resume_ticks) {
    const std::uint64_t ticks = resume_ticks > wake_ticks ? resume_ticks - wake_ticks
                                                          : 0;  // stamps of two processors: +-50 ns
    ++wake_to_run_.buckets[wire::histogram_bucket(ticks)];
    ++wake_to_run_.samples;
    wake_to_run_.sum += ticks;
}

void Tally::add_pc(std::uint64_t pc) {
    if (pc != last_pc_ && pcs_.size() < kPcsMax && pcs_.insert(pc).second) new_pcs_.push_back(pc);
    last_pc_ = pc;
}

void Tally::take(const wire::DecodedEvent& event) {
    using wire::EventType;
    switch (event.type) {
        case EventType::kSpawn: {
            // Another coroutine at this index: nothing of the one before may be paired with it.
            Entry& entry = entries_[event.object];
            migrations_.spawned(event.object, event.tsc, event.argument);
            entry = Entry{};
            entry.site = event.argument;
            entry.identity = wire::spawn_identity(event);
            entry.identity8 = static_cast<std::uint8_t>(entry.identity);
            entry.spawned_ticks = event.tsc;
            enter(entry, wire::spawn_sequence(event) & 0xffffffU, 2, event.tsc);
            break;
        }
        case EventType::kResume: {
            Entry& entry = entries_[event.object];
            const std::uint32_t sequence = wire::low24(event.argument);
            enter(entry, sequence, 1, event.tsc);
            entry.identity8 = wire::high8(event.argument);
            if (entry.wake_ticks != 0 && ((entry.wake_sequence + 1) & 0xffffffU) == sequence) {
                add_wait(std::exchange(entry.wake_ticks, 0), event.tsc);
            } else {
                entry.resume_sequence = sequence;
                entry.resume_ticks = event.tsc;
            }
            break;
        }
        case EventType::kSuspend: {
            if (!event.current_known || event.current == wire::kNone) break;
            enter(entries_[event.current], wire::low24(event.argument), 1, event.tsc);
            add_pc(event.ext48[0]);
            break;
        }
        case EventType::kWake: {
            Entry& entry = entries_[event.object];
            const std::uint32_t sequence = wire::low24(event.argument);
            enter(entry, sequence, 2, event.tsc);
            woken(entry, event);
            if (entry.resume_ticks != 0 && ((sequence + 1) & 0xffffffU) == entry.resume_sequence) {
                add_wait(event.tsc, std::exchange(entry.resume_ticks, 0));
            } else {
                entry.wake_sequence = sequence;
                entry.wake_ticks = event.tsc;
            }
            break;
        }
        case EventType::kPause:
        case EventType::kUnpause: {
            if (event.object != wire::kNone)
                enter(entries_[event.object], wire::low24(event.argument), 2, event.tsc);
            break;
        }
        case EventType::kExit: {
            if (entries_.find(event.object) != nullptr) entries_[event.object].site = wire::kNone;
            break;
        }
        case EventType::kMigrate: {
            const Entry* entry = entries_.find(event.object);
            migrations_.take(event, entry != nullptr ? entry->site : wire::kNone);
            add_pc(event.ext48[0]);
            break;
        }
        default:
            break;
    }
}

void Tally::name_waker(const Entry& entry, const inspect::StateImage& image,
                       inspect::CoroutineImage& coroutine) const {
    const bool another = entry.identity != 0 && entry.identity != coroutine.identity;
    const std::uint32_t sequence = coroutine.sequence & 0xffffffU;
    // What happened after the image was copied is not in it; and until every event up to that has been read, another one may have woken it since.
    if (entry.woken_ticks == 0 || another || wire::distance24(sequence, entry.woken_sequence) < 0 ||
        wire::distance24(sequence, entry.since_sequence) > 0 || entry.unseen_steps != 0)
        return;
    coroutine.woken_ticks = entry.woken_ticks;
    coroutine.woken_cause = entry.woken_cause;
    coroutine.woken_by = entry.woken_by;
    if (entry.woken_by != 0 || entry.woken_by_index == wire::kNone) return;
    const Entry* waker = entries_.find(entry.woken_by_index);
    if (waker == nullptr || waker->identity != 0) {
        coroutine.woken_by = identity_at(entry.woken_by_index, entry.woken_ticks);
    } else if (const auto* old = image.coroutine_at(entry.woken_by_index);
               old != nullptr && static_cast<std::uint8_t>(old->identity) == waker->identity8) {
        coroutine.woken_by = old->identity;  // it was there before anybody listened
    }
}

void Tally::complete(inspect::StateImage& image) {
    for (inspect::CoroutineImage& coroutine : image.coroutines) {
        const Entry* entry = entries_.find(coroutine.index);
        if (entry != nullptr && entry->since_ticks != 0 &&
            entry->since_sequence == (coroutine.sequence & 0xffffffU)) {
            coroutine.since_ticks = entry->since_ticks;
        }
        if (entry != nullptr) name_waker(*entry, image, coroutine);
    }
    if (wake_to_run_.samples != 0) image.histograms.push_back(wake_to_run_);
    migrations_.complete(image);
}

std::vector<std::uint64_t> Tally::take_new_pcs() {
    return std::exchange(new_pcs_, {});
}

}  // namespace coroscope::traces
