// See signal_records.h.
#include "runtime/signals/signal_records.h"

#include "instrumentation/base/signal_name.h"

namespace cprime::detail {

SignalRecords g_signal_records;

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;  // counts with nothing behind them
}  // namespace

bool SignalRecords::start(coroscope::emit::StateSegment& segment, std::uint32_t workers_count) {
    segment_ = &segment;
    records_ = segment.records<wire::SignalRecord>(wire::SectionKind::kSignals);
    if (!segment.ensure_records(wire::SectionKind::kSignals, wire::kSignalsMax) ||
        !segment.ensure_records(wire::SectionKind::kHistograms, workers_count + 1))
        return false;
    latency_ = segment.records<wire::HistogramRecord>(wire::SectionKind::kHistograms) + workers_count;
    latency_->worker = wire::kNone;
    latency_->kind = wire::HistogramKind::kSignalTicks;
    return true;
}

wire::SignalRecord& SignalRecords::of(int number) {
    wire::SignalRecord& record = records_[number];
    if (record.name.load(std::memory_order_acquire) == 0) name(record, coroscope::base::signal_name(number));
    return record;
}

std::uint32_t SignalRecords::own(std::string_view name) {
    const std::uint32_t index = segment_->allocate_records(wire::SectionKind::kSignals, 1);
    if (index != wire::kNone) this->name(records_[index], name);
    return index;
}

void SignalRecords::count_latency(wire::SignalRecord& record, std::uint64_t ticks) {
    record.latency_ticks.fetch_add(ticks, kRelaxed);
    std::uint64_t most = record.latency_ticks_most.load(kRelaxed);
    while (ticks > most && !record.latency_ticks_most.compare_exchange_weak(most, ticks, kRelaxed)) {
    }
    latency_->samples.fetch_add(1, kRelaxed);
    latency_->sum.fetch_add(ticks, kRelaxed);
    latency_->buckets[wire::histogram_bucket(ticks)].fetch_add(1, kRelaxed);
}

SignalCounts read_counts(const wire::SignalRecord& record) {
    SignalCounts counts;  // `arrived` last: never less than what became of them
    counts.failed = record.failed.load(kRelaxed);
    counts.finished = record.finished.load(kRelaxed);
    counts.emergency = record.emergency.load(kRelaxed);
    counts.delivered = record.delivered.load(kRelaxed);
    counts.coalesced = record.coalesced.load(kRelaxed);
    counts.lost = record.lost.load(kRelaxed);
    counts.arrived = record.arrived.load(kRelaxed);
    return counts;
}

std::uint32_t SignalRecords::string_of(std::string_view text) {
    const std::uint32_t string = segment_->intern(text);
    return string == wire::kNone ? 0 : string + 1;
}

void SignalRecords::name(wire::SignalRecord& record, std::string_view name) {
    record.name.store(string_of(name), std::memory_order_release);  // [signal.named]
}

}  // namespace cprime::detail
