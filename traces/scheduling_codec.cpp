// See scheduling_codec.h.
#include "traces/scheduling_codec.h"

#include <algorithm>

namespace coroscope::traces {
namespace {

using inspect::CoroutineImage;
using inspect::SelectArmImage;
using inspect::SelectImage;
using inspect::StateImage;
using inspect::WorkerImage;

constexpr std::uint8_t kSchedulingVersion = 1;  // more may follow what is known
constexpr std::size_t kSelectBytesMin = 8 + 4 + 4 + 4 + 3 + 2 * wire::kSelectArmsCounted;
constexpr std::uint8_t kReceives = 1;

std::uint32_t get_number32(ByteReader& in) {
    const std::uint64_t value = in.get_varint();
    if (value > wire::kNone) in.fail();
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, wire::kNone));
}

void put_workers(ByteWriter& out, const std::vector<WorkerImage>& workers) {
    for (const WorkerImage& w : workers) {
        for (const std::uint64_t count :
             {w.ready_length, std::uint64_t{w.bound_length}, std::uint64_t{w.injected}, w.steals})
            out.put_varint(count);
        out.put_varint(w.taken_from.size());
        for (const std::uint32_t count : w.taken_from)
            out.put_varint(count);
    }
}

void get_workers(ByteReader& in, std::vector<WorkerImage>& workers) {
    for (WorkerImage& w : workers) {
        w.ready_length = in.get_varint();
        w.bound_length = get_number32(in);
        w.injected = get_number32(in);
        w.steals = in.get_varint();
        const std::size_t others = in.get_count(1);
        if (others != 0 && others != workers.size()) in.fail();
        if (!in.ok()) return;
        w.taken_from.resize(others);
        for (std::uint32_t& count : w.taken_from)
            count = get_number32(in);
    }
}

void put_wakers(ByteWriter& out, const std::vector<CoroutineImage>& rows) {
    out.put_delta_column(rows, [](const CoroutineImage& c) { return c.woken_ticks; });
    out.put_delta_column(rows, [](const CoroutineImage& c) { return c.woken_by; });
    out.put_column<std::uint8_t>(rows, [](const CoroutineImage& c) { return c.woken_cause; });
}

void get_wakers(ByteReader& in, std::vector<CoroutineImage>& rows) {
    in.get_delta_column(rows, [](CoroutineImage& c, std::uint64_t v) { c.woken_ticks = v; });
    in.get_delta_column(rows, [](CoroutineImage& c, std::uint64_t v) { c.woken_by = v; });
    in.get_column<std::uint8_t>(rows, [&](CoroutineImage& c, std::uint8_t v) {
        if (v >= wire::kWakeCausesCount) return in.fail();
        c.woken_cause = static_cast<wire::WakeCause>(v);
    });
}

void put_arms(ByteWriter& out, const std::vector<SelectArmImage>& arms) {
    out.put_varint(arms.size());
    out.put_delta_column(arms, [](const SelectArmImage& a) { return a.coroutine; });
    out.put_column<std::uint32_t>(arms, [](const SelectArmImage& a) { return a.channel; });
    out.put_column<std::uint8_t>(arms, [](const SelectArmImage& a) { return a.position; });
    out.put_column<std::uint8_t>(arms, [](const SelectArmImage& a) { return a.receives ? kReceives : 0; });
}

void get_arms(ByteReader& in, std::vector<SelectArmImage>& arms) {
    arms.resize(in.get_count(1 + 4 + 1 + 1));
    in.get_delta_column(arms, [&](SelectArmImage& a, std::uint64_t v) {
        if (v > wire::kNone) in.fail();
        a.coroutine = static_cast<std::uint32_t>(v);
    });
    in.get_column<std::uint32_t>(arms, [](SelectArmImage& a, std::uint32_t v) { a.channel = v; });
    in.get_column<std::uint8_t>(arms, [](SelectArmImage& a, std::uint8_t v) { a.position = v; });
    in.get_column<std::uint8_t>(arms,
                                [](SelectArmImage& a, std::uint8_t v) { a.receives = (v & kReceives) != 0; });
    const auto before = [](const SelectArmImage& a, const SelectArmImage& b) {
        return a.coroutine != b.coroutine ? a.coroutine < b.coroutine : a.position < b.position;
    };
    if (!std::is_sorted(arms.begin(), arms.end(), before)) in.fail();
}

void put_selects(ByteWriter& out, const std::vector<SelectImage>& selects) {
    out.put_varint(selects.size());
    for (const SelectImage& s : selects) {
        out.put(s.address);
        out.put(s.arms);
        out.put(s.receives);
        out.put(s.other_arm);
        for (const std::uint64_t count : {s.parked, s.timed_out, s.declined})
            out.put_varint(count);
        for (const auto* counts : {&s.fired, &s.passed_over}) {
            for (const std::uint64_t count : *counts)
                out.put_varint(count);
        }
    }
}

void get_selects(ByteReader& in, std::vector<SelectImage>& selects) {
    selects.resize(in.get_count(kSelectBytesMin));
    for (SelectImage& s : selects) {
        s.address = in.get<std::uint64_t>();
        s.arms = in.get<std::uint32_t>();
        s.receives = in.get<std::uint32_t>();
        s.other_arm = in.get<std::uint32_t>();
        for (std::uint64_t* count : {&s.parked, &s.timed_out, &s.declined})
            *count = in.get_varint();
        for (auto* counts : {&s.fired, &s.passed_over}) {
            for (std::uint64_t& count : *counts)
                count = in.get_varint();
        }
        if (!in.ok()) return;
    }
}

}  // namespace

bool has_scheduling(const StateImage& image, const std::vector<CoroutineImage>& coroutines) {
    const auto woken = [](const CoroutineImage& c) { return c.woken_ticks != 0; };
    const auto busy = [](const WorkerImage& w) {
        return w.ready_length != 0 || w.bound_length != 0 || w.injected != 0 || w.steals != 0;
    };
    return !image.select_arms.empty() || !image.selects.empty() ||
           std::any_of(image.workers.begin(), image.workers.end(), busy) ||
           std::any_of(coroutines.begin(), coroutines.end(), woken);
}

void put_scheduling(ByteWriter& out, const StateImage& image, const std::vector<CoroutineImage>& coroutines) {
    out.put(kSchedulingVersion);
    put_workers(out, image.workers);
    put_wakers(out, coroutines);
    put_arms(out, image.select_arms);
    put_selects(out, image.selects);
}

void get_scheduling(ByteReader& in, StateImage& image) {
    if (in.remaining() == 0) return;
    if (in.get<std::uint8_t>() == 0) in.fail();
    if (in.ok()) get_workers(in, image.workers);
    if (in.ok()) get_wakers(in, image.coroutines);
    if (in.ok()) get_arms(in, image.select_arms);
    if (in.ok()) get_selects(in, image.selects);
}

}  // namespace coroscope::traces
