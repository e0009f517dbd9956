// See signal_codec.h.
#include "traces/signal_codec.h"

namespace coroscope::traces {
namespace {

using inspect::SignalImage;

constexpr std::uint8_t kSignalVersion = 1;  // more may follow what is known
constexpr std::size_t kSignalBytesMin = 1 + 4 + 3 + 4 + 4 + 9;

}  // namespace

void put_signals(ByteWriter& out, const std::vector<SignalImage>& signals) {
    out.put(kSignalVersion);
    out.put_varint(signals.size());
    for (const SignalImage& s : signals) {
        out.put_varint(s.index);
        out.put(s.name);
        out.put(static_cast<std::uint8_t>(s.route));
        out.put(s.flags);
        out.put(s.pool);
        out.put(s.site);
        out.put(s.handler);
        for (const std::uint64_t count : {s.arrived, s.delivered, s.finished, s.failed, s.coalesced, s.lost,
                                          s.emergency, s.latency_ticks, s.latency_ticks_most})
            out.put_varint(count);
    }
}

void get_signals(ByteReader& in, std::vector<SignalImage>& signals) {
    if (in.remaining() == 0) return;
    if (in.get<std::uint8_t>() == 0) in.fail();
    std::vector<SignalImage> read(in.get_count(kSignalBytesMin));
    std::uint64_t next = 0;
    for (SignalImage& s : read) {
        const std::uint64_t index = in.get_varint();
        if (index < next || index >= wire::kSignalRecordsMax) in.fail();
        s.name = in.get<std::uint32_t>();
        const auto route = in.get<std::uint8_t>();
        if (route >= wire::kSignalRoutesCount) in.fail();
        s.flags = in.get<std::uint8_t>();
        s.pool = in.get<std::uint8_t>();
        s.site = in.get<std::uint32_t>();
        s.handler = in.get<std::uint32_t>();
        for (std::uint64_t* count : {&s.arrived, &s.delivered, &s.finished, &s.failed, &s.coalesced, &s.lost,
                                     &s.emergency, &s.latency_ticks, &s.latency_ticks_most})
            *count = in.get_varint();
        if (!in.ok()) return;
        s.index = static_cast<std::uint32_t>(index);
        s.route = static_cast<wire::SignalRoute>(route);
        next = index + 1;
    }
    signals = std::move(read);
}

}  // namespace coroscope::traces
