// See pending_codec.h.
#include "traces/pending_codec.h"

#include <algorithm>

namespace coroscope::traces {
namespace {

using inspect::BlockingImage;
using inspect::StateImage;

constexpr std::uint8_t kPendingVersion = 1;  // more may follow what is known

std::uint32_t get_count32(ByteReader& in) {
    const std::uint64_t value = in.get_varint();
    if (value > wire::kNone) in.fail();
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, wire::kNone));
}

}  // namespace

bool has_pending(const StateImage& image) {
    return image.blocking.calls != 0 || image.blocking.queued != 0 ||
           std::any_of(image.workers.begin(), image.workers.end(),
                       [](const inspect::WorkerImage& worker) { return worker.timers_armed != 0; });
}

void put_pending(ByteWriter& out, const StateImage& image) {
    out.put(kPendingVersion);
    for (const inspect::WorkerImage& worker : image.workers) {
        out.put_varint(worker.timers_armed);
        out.put(worker.timers_next_ticks);
    }
    const BlockingImage& blocking = image.blocking;
    for (const std::uint64_t count :
         {std::uint64_t{blocking.threads}, std::uint64_t{blocking.busy}, std::uint64_t{blocking.queued},
          std::uint64_t{blocking.threads_most}, blocking.calls})
        out.put_varint(count);
}

void get_pending(ByteReader& in, StateImage& image) {
    if (in.remaining() == 0) return;
    if (in.get<std::uint8_t>() == 0) in.fail();
    for (inspect::WorkerImage& worker : image.workers) {
        worker.timers_armed = in.get_varint();
        worker.timers_next_ticks = in.get<std::uint64_t>();
        if (!in.ok()) return;
    }
    image.blocking.threads = get_count32(in);
    image.blocking.busy = get_count32(in);
    image.blocking.queued = get_count32(in);
    image.blocking.threads_most = get_count32(in);
    image.blocking.calls = in.get_varint();
}

}  // namespace coroscope::traces
