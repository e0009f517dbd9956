// See look_delta.h. A delta: the keys of rows that are gone, then the look with only those rows that are new or changed.
#include "traces/look_delta.h"

#include <algorithm>
#include <iterator>

#include "traces/bytes.h"
#include "traces/image_codec.h"

namespace coroscope::traces {
namespace {

using inspect::CoroutineImage;
using inspect::StackRef;

std::uint64_t key(const CoroutineImage& row) {
    return row.index;
}
std::uint64_t key(const StackRef& row) {
    return row.identity;
}

// Both by ascending key.
template <typename Row>
void difference(const std::vector<Row>& before, const std::vector<Row>& after, std::vector<Row>& changed,
                std::vector<std::uint64_t>& gone) {
    auto old = before.begin();
    for (const Row& row : after) {
        for (; old != before.end() && key(*old) < key(row); ++old)
            gone.push_back(key(*old));
        const bool there = old != before.end() && key(*old) == key(row);
        if (!there || !(*old == row)) changed.push_back(row);
        if (there) ++old;
    }
    for (; old != before.end(); ++old)
        gone.push_back(key(*old));
}

template <typename Row>
std::vector<Row> merged(const std::vector<Row>& before, const std::vector<Row>& changed,
                        const std::vector<std::uint64_t>& gone) {
    std::vector<Row> rows;
    rows.reserve(before.size() + changed.size());
    auto next = changed.begin();
    auto left = gone.begin();
    for (const Row& row : before) {
        for (; next != changed.end() && key(*next) < key(row); ++next)
            rows.push_back(*next);
        while (left != gone.end() && *left < key(row))
            ++left;
        const bool replaced = next != changed.end() && key(*next) == key(row);
        if (!replaced && (left == gone.end() || *left != key(row))) rows.push_back(row);
    }
    rows.insert(rows.end(), next, changed.end());
    return rows;
}

// Whether a delta is worth it; if not, `rows` is the base of later ones.
template <typename Base, typename Row>
bool worth_it(Base& base, const std::vector<Row>& rows, std::uint64_t ticks, std::vector<Row>& changed,
              std::vector<std::uint64_t>& gone) {
    if (base.ticks != 0 && base.ticks < ticks && base.deltas < kDeltasMax && rows.size() >= kDeltaRowsMin) {
        difference(base.rows, rows, changed, gone);
        if ((changed.size() + gone.size()) * kDeltaShareMax <= rows.size()) {
            ++base.deltas;
            return true;
        }
    }
    base.deltas = 0;
    base.ticks = rows.size() >= kDeltaRowsMin ? ticks : 0;
    if (base.ticks != 0) {
        base.rows = rows;
    } else {
        base.rows = {};
    }
    return false;
}

Bytes with_gone(const std::vector<std::uint64_t>& gone, const Bytes& rest) {
    ByteWriter out;
    out.bytes().reserve(gone.size() * 2 + rest.size() + 16);
    out.put_varint(gone.size());
    std::uint64_t last = 0;
    for (const std::uint64_t what : gone) {
        out.put_varint(what - last);
        last = what;
    }
    out.put_bytes(rest);
    return std::move(out.bytes());
}

// The keys, ascending, and what follows them. False when they make no sense.
bool take_gone(BytesView& delta, std::vector<std::uint64_t>& gone) {
    ByteReader in(delta);
    gone.resize(in.get_count(1));
    std::uint64_t last = 0;
    for (std::uint64_t& what : gone) {
        const std::uint64_t step = in.get_varint();
        if (step > ~last) in.fail();
        what = last += step;
    }
    if (!in.ok()) return false;
    delta = delta.last(in.remaining());
    return true;
}

base::Error makes_no_sense() {
    return base::error(base::ErrorCode::kCorrupt, "what it changes of the look before does not decode");
}

}  // namespace

std::optional<Bytes> LookBase::keyframe(const inspect::StateImage& image) {
    std::vector<CoroutineImage> changed;
    std::vector<std::uint64_t> gone;
    if (!worth_it(rows_, image.coroutines, image.read_end_ticks, changed, gone)) return std::nullopt;
    return with_gone(gone, encode_image(image, changed));
}

std::optional<Bytes> LookBase::stacks(const inspect::StackSnapshot& snapshot) {
    inspect::StackSnapshot part;
    std::vector<std::uint64_t> gone;
    if (!worth_it(stacks_, snapshot.stacks, snapshot.taken_ticks, part.stacks, gone)) return std::nullopt;
    part.taken_ticks = snapshot.taken_ticks;
    part.torn = snapshot.torn;
    part.running = snapshot.running;
    part.failed = snapshot.failed;
    return with_gone(gone, encode_stacks(part));
}

base::Result<inspect::StateImage> apply_keyframe_delta(BytesView delta, const inspect::StateImage& base,
                                                       std::string_view strings) {
    std::vector<std::uint64_t> gone;
    if (!take_gone(delta, gone)) return makes_no_sense();
    base::Result<inspect::StateImage> image = decode_image_rows(delta, strings);
    if (!image.ok()) return image;
    image->coroutines = merged(base.coroutines, image->coroutines, gone);
    return image;
}

base::Result<inspect::StackSnapshot> apply_stacks_delta(BytesView delta, const inspect::StackSnapshot& base) {
    std::vector<std::uint64_t> gone;
    if (!take_gone(delta, gone)) return makes_no_sense();
    base::Result<inspect::StackSnapshot> snapshot = decode_stacks(delta);
    if (!snapshot.ok()) return snapshot;
    snapshot->stacks = merged(base.stacks, snapshot->stacks, gone);
    return snapshot;
}

}  // namespace coroscope::traces
