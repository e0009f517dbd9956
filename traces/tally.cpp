// See tally.h.
#include "traces/tally.h"

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

void Tally::enter(Entry& entry, std::uint32_t sequence24, std::uint64_t ticks) {
    if (entry.since_ticks != 0 && wire::distance24(sequence24, entry.since_sequence) < 0) return;
    entry.since_sequence = sequence24;
    entry.since_ticks = ticks;
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
            enter(entry, wire::spawn_sequence(event) & 0xffffffU, event.tsc);
            break;
        }
        case EventType::kResume: {
            Entry& entry = entries_[event.object];
            const std::uint32_t sequence = wire::low24(event.argument);
            enter(entry, sequence, event.tsc);
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
            enter(entries_[event.current], wire::low24(event.argument), event.tsc);
            add_pc(event.ext48[0]);
            break;
        }
        case EventType::kWake: {
            Entry& entry = entries_[event.object];
            const std::uint32_t sequence = wire::low24(event.argument);
            enter(entry, sequence, event.tsc);
            if (entry.resume_ticks != 0 && ((sequence + 1) & 0xffffffU) == entry.resume_sequence) {
                add_wait(event.tsc, std::exchange(entry.resume_ticks, 0));
            } else {
                entry.wake_sequence = sequence;
                entry.wake_ticks = event.tsc;
            }
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

void Tally::complete(inspect::StateImage& image) {
    for (inspect::CoroutineImage& coroutine : image.coroutines) {
        const Entry* entry = entries_.find(coroutine.index);
        if (entry != nullptr && entry->since_ticks != 0 &&
            entry->since_sequence == (coroutine.sequence & 0xffffffU)) {
            coroutine.since_ticks = entry->since_ticks;
        }
    }
    if (wake_to_run_.samples != 0) image.histograms.push_back(wake_to_run_);
    migrations_.complete(image);
}

std::vector<std::uint64_t> Tally::take_new_pcs() {
    return std::exchange(new_pcs_, {});
}

}  // namespace coroscope::traces
