// See waitable_codec.h.
#include "traces/waitable_codec.h"

#include <algorithm>

namespace coroscope::traces {
namespace {

using inspect::WaitableImage;

constexpr std::uint8_t kWaitableVersion = 1;  // another one is of a later coroscope, which wrote more than this one can know
constexpr std::size_t kWaitableBytesMin = 4 + 1 + 1 + 4 + 4 + 4 + 6 * 1 + 1 + 1;

std::uint32_t get_count32(ByteReader& in) {
    const std::uint64_t value = in.get_varint();
    if (value > wire::kNone) in.fail();
    return static_cast<std::uint32_t>(value);
}

}  // namespace

void put_waitables(ByteWriter& out, const std::vector<WaitableImage>& waitables) {
    out.put(kWaitableVersion);
    out.put_varint(waitables.size());
    for (const WaitableImage& w : waitables) {
        out.put(w.index);
        out.put(static_cast<std::uint8_t>(w.kind));
        out.put_varint(w.identity);
        out.put(w.name);
        out.put(w.site);
        out.put(w.operations);
        out.put_varint(w.owner);
        out.put_varint(w.value);
        out.put_varint(w.limit);
        out.put_varint(w.waiting);
        out.put_varint(w.threads_waiting);
        out.put_varint(w.served);
        out.put_varint(w.waited);
        out.put(static_cast<std::uint8_t>(w.consistency));
    }
}

void get_waitables(ByteReader& in, std::vector<WaitableImage>& waitables) {
    if (in.remaining() == 0) return;
    if (in.get<std::uint8_t>() == 0) in.fail();
    waitables.resize(in.get_count(kWaitableBytesMin));
    for (WaitableImage& w : waitables) {
        w.index = in.get<std::uint32_t>();
        const auto kind = in.get<std::uint8_t>();
        if (kind == 0 || kind >= wire::kWaitableKindsCount) in.fail();
        w.kind = static_cast<wire::WaitableKind>(kind);
        w.identity = in.get_varint();
        w.name = in.get<std::uint32_t>();
        w.site = in.get<std::uint32_t>();
        w.operations = in.get<std::uint32_t>();
        w.owner = in.get_varint();
        w.value = get_count32(in);
        w.limit = get_count32(in);
        w.waiting = get_count32(in);
        w.threads_waiting = get_count32(in);
        w.served = in.get_varint();
        w.waited = in.get_varint();
        const auto consistency = in.get<std::uint8_t>();
        if (consistency > static_cast<std::uint8_t>(inspect::Consistency::kUnknown)) in.fail();
        if (!in.ok()) return;
        w.consistency = static_cast<inspect::Consistency>(consistency);
    }
    const auto not_before = [](const WaitableImage& a, const WaitableImage& b) { return a.index >= b.index; };
    if (std::adjacent_find(waitables.begin(), waitables.end(), not_before) != waitables.end()) in.fail();
}

}  // namespace coroscope::traces
