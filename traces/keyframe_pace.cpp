// See keyframe_pace.h.
#include "traces/keyframe_pace.h"

namespace coroscope::traces {
namespace {

constexpr std::int64_t kCpuTimes = 5;     // K2
constexpr std::uint64_t kBytesTimes = 3;  // K3
constexpr std::int64_t kIntervalsMax = 20;
constexpr std::uint64_t kWindowParts = 4;  // K4

}  // namespace

bool KeyframePace::due(std::int64_t now_ns, std::uint64_t trace_bytes, std::uint64_t slots) const {
    if (!any_) return true;
    const std::int64_t since_ns = now_ns - last_.begin_ns;
    const std::uint64_t since_bytes = trace_bytes - last_.trace_bytes;
    if (since_bytes >= window_.bytes / kWindowParts || since_ns >= window_.ns / static_cast<std::int64_t>(kWindowParts))
        return true;
    if (since_ns < interval_ns_ && slots - last_.slots < kSlotsMax) return false;
    if (since_ns / kCpuTimes < last_.cpu_ns) return false;
    const bool bytes_are_kept = window_.bytes != TraceWindow{}.bytes;
    return !bytes_are_kept || since_bytes / kBytesTimes >= last_.bytes || since_ns / kIntervalsMax >= interval_ns_;
}

}  // namespace coroscope::traces
