// See signal_records.h.
#include "runtime/signals/signal_records.h"

#include "instrumentation/base/signal_name.h"

namespace cprime::detail {

SignalRecords g_signal_records;

bool SignalRecords::start(coroscope::emit::StateSegment& segment) {
    segment_ = &segment;
    records_ = segment.records<wire::SignalRecord>(wire::SectionKind::kSignals);
    return segment.ensure_records(wire::SectionKind::kSignals, wire::kSignalsMax);
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

void SignalRecords::name(wire::SignalRecord& record, std::string_view name) {
    const std::uint32_t string = segment_->intern(name);
    record.name.store(string == wire::kNone ? 0 : string + 1, std::memory_order_release);  // [signal.named]
}

}  // namespace cprime::detail
