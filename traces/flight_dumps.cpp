// See flight_dumps.h.
#include "traces/flight_dumps.h"

namespace coroscope::traces {

base::Result<FlightDump> FlightDumps::write(const std::string& because, const std::optional<RecordingCost>& cost) {
    FlightDump dump;
    dump.path = count_ == 0 ? path_ : path_ + "-" + std::to_string(count_ + 1);
    dump.because = because;
    const auto reader = TraceReader::open(memory_->snapshot(), "what the flight recorder holds");
    if (!reader.ok()) return reader.error();
    auto held = save_cut(**reader, dump.path, because, cost);
    if (!held.ok()) return held.error();
    dump.held = *held;
    dump.cut_by_bytes = memory_->cut_by_bytes();
    ++count_;
    return dump;
}

}  // namespace coroscope::traces
