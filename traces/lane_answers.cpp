// What a LaneIndex answers (lane_index.h).
#include <algorithm>
#include <iterator>

#include "traces/event_buckets.h"
#include "traces/lane_index.h"

namespace coroscope::traces {
namespace {

// Tells of each part of a chunk that its header counts; of the whole where it counts none.
template <typename Tell>
void for_parts(const ChunkRef& chunk, Tell&& tell) {
    const ChunkHeader& header = chunk.header;
    if (chunk.buckets.empty()) {
        tell(header.ticks_min, header.ticks_max, std::uint64_t{header.events_count});
        return;
    }
    const unsigned shift = bucket_shift(header.ticks_min, header.ticks_max);
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b) {
        const std::uint64_t begin = header.ticks_min + (static_cast<std::uint64_t>(b) << shift);
        if (begin > header.ticks_max) return;
        if (chunk.buckets[b] != 0)
            tell(begin, std::min<std::uint64_t>(header.ticks_max, begin + (1ULL << shift)), std::uint64_t{chunk.buckets[b]});
    }
}

template <typename Item>
auto first_ending_after(const std::vector<Item>& items, std::uint64_t ticks) {
    return std::partition_point(items.begin(), items.end(), [&](const Item& item) { return item.end <= ticks; });
}

}  // namespace

std::vector<std::uint32_t> LaneIndex::workers() const {
    std::vector<std::uint32_t> workers;
    for (const auto& [worker, lane] : lanes_)
        workers.push_back(worker);
    return workers;
}

template <typename Visit>
void LaneIndex::for_chunks(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks, Visit&& visit) {
    const auto lane = lanes_.find(worker);
    if (lane == lanes_.end()) return;
    // One worker has one ring at a time, so its chunks do not overlap: they end in the order in which they begin.
    const auto first = std::partition_point(lane->second.begin(), lane->second.end(),
                                            [&](const auto& at) { return at->second.end < from_ticks; });
    for (auto at = first; at != lane->second.end() && (*at)->second.begin <= to_ticks; ++at)
        visit((*at)->first, (*at)->second);
}

bool LaneIndex::visit(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks, double pixel_ticks, bool may_read,
                      const Sink& sink) {
    bool whole_answer = true;
    for_chunks(worker, from_ticks, to_ticks, [&](const Key& key, Chunk& chunk) {
        if (!chunk.known) {
            whole_answer = false;
            for_parts(replay_->reader().chunks()[chunk.position], sink.unknown);
            return;
        }
        const auto tell = [&](const std::vector<LaneBlock>& blocks, bool exact) {
            for (auto block = first_ending_after(blocks, from_ticks); block != blocks.end() && block->begin <= to_ticks; ++block)
                sink.block(*block, exact || block->count == 1);
        };
        const auto fits = [&](std::uint64_t hidden) { return static_cast<double>(hidden) <= pixel_ticks; };
        if (chunk.whole.count == 0) return;
        if (fits(chunk.whole.end - chunk.whole.begin)) {
            sink.block(chunk.whole, true);
            return;
        }
        if (fits(chunk.coarse.hidden_ticks_max)) return tell(chunk.coarse.blocks, true);
        const auto found = detail(key, chunk, may_read);
        if (found == nullptr) {
            whole_answer &= may_read;  // else there is nothing finer to be had
            return tell(chunk.coarse.blocks, false);
        }
        if (fits(found->fine.hidden_ticks_max)) return tell(found->fine.blocks, true);
        const auto& slices = found->slices;
        for (auto slice = first_ending_after(slices, from_ticks); slice != slices.end() && slice->begin <= to_ticks; ++slice)
            sink.block(lane_block_of(*slice), true);
    });
    return whole_answer;
}

std::vector<LaneSlice> LaneIndex::slices(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks, std::size_t most) {
    std::vector<LaneSlice> all;
    for_chunks(worker, from_ticks, to_ticks, [&](const Key& key, Chunk& chunk) {
        const auto found = all.size() < most ? detail(key, chunk, true) : nullptr;
        if (found == nullptr) return;
        for (auto slice = first_ending_after(found->slices, from_ticks); slice != found->slices.end() && slice->begin <= to_ticks; ++slice) {
            const bool joins = !all.empty() && (slice->flags & LaneSlice::kBeganBefore) != 0 && (all.back().flags & LaneSlice::kGoesOn) != 0 &&
                               all.back().coroutine == slice->coroutine && all.back().end == slice->begin;
            if (joins) {
                all.back().end = slice->end;
                all.back().reason = slice->reason;
                all.back().flags = static_cast<std::uint8_t>((all.back().flags & LaneSlice::kBeganBefore) |
                                                             (slice->flags & ~LaneSlice::kBeganBefore));
            } else if (all.size() < most) {
                all.push_back(*slice);
            }
        }
    });
    return all;
}

LaneIndex::Total LaneIndex::total(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks) {
    Total total;
    for_chunks(worker, from_ticks, to_ticks, [&](const Key& key, Chunk& chunk) {
        if (!chunk.known) {
            total.complete = false;
            return;
        }
        const LaneBlock& whole = chunk.whole;
        if (whole.count == 0 || whole.end <= from_ticks || whole.begin >= to_ticks) return;
        const auto found = whole.begin < from_ticks || whole.end > to_ticks ? detail(key, chunk, true) : nullptr;
        if (found == nullptr) {  // within the interval, or its slices cannot be read
            total.running += whole.running;
            total.slices += whole.count - (chunk.began_before && whole.begin > from_ticks ? 1 : 0);
            return;
        }
        for (auto slice = first_ending_after(found->slices, from_ticks); slice != found->slices.end() && slice->begin < to_ticks; ++slice) {
            const bool counted = (slice->flags & LaneSlice::kBeganBefore) != 0 && slice->begin > from_ticks;
            total.running += std::min(slice->end, to_ticks) - std::max(slice->begin, from_ticks);
            total.slices += counted ? 0 : 1;
        }
    });
    return total;
}

std::vector<LossInterval> LaneIndex::losses(std::uint32_t worker) const {
    std::vector<LossInterval> losses;
    const auto lane = lanes_.find(worker);
    if (lane == lanes_.end()) return losses;
    for (const auto& at : lane->second)
        std::copy(at->second.losses.begin(), at->second.losses.end(), std::back_inserter(losses));
    std::sort(losses.begin(), losses.end(),
              [](const LossInterval& a, const LossInterval& b) { return a.since_ticks < b.since_ticks; });
    return losses;
}

std::vector<std::uint32_t> LaneIndex::busiest(std::size_t most) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> ran;
    ran_.for_each([&](std::uint32_t index, std::uint64_t ticks) {
        if (ticks != 0) ran.emplace_back(ticks, index);
    });
    const std::size_t count = std::min(most, ran.size());
    std::partial_sort(ran.begin(), ran.begin() + static_cast<std::ptrdiff_t>(count), ran.end(), std::greater<>());
    std::vector<std::uint32_t> records;
    for (std::size_t i = 0; i < count; ++i)
        records.push_back(ran[i].second);
    return records;
}

void LaneIndex::density(std::uint64_t from_ticks, std::uint64_t to_ticks, std::vector<float>& parts) const {
    if (parts.empty() || to_ticks <= from_ticks) return;
    const double part = static_cast<double>(to_ticks - from_ticks) / static_cast<double>(parts.size());
    for (const auto& [key, chunk] : chunks_) {
        for_parts(replay_->reader().chunks()[chunk.position], [&](std::uint64_t begin, std::uint64_t end, std::uint64_t events) {
            if (end < from_ticks || begin > to_ticks) return;
            const double middle = (static_cast<double>(begin - std::min(begin, from_ticks)) + static_cast<double>(end - from_ticks)) / 2;
            const auto at = static_cast<std::size_t>(std::max(0.0, middle / part));
            parts[std::min(at, parts.size() - 1)] += static_cast<float>(events);
        });
    }
}

std::vector<std::uint32_t> LaneIndex::chunks_about(std::uint32_t index, std::uint64_t from_ticks, std::uint64_t to_ticks) const {
    std::vector<std::uint32_t> positions;
    for (const auto& at : by_time_) {
        const Chunk& chunk = at->second;
        if (chunk.begin > to_ticks) break;
        if (chunk.end < from_ticks || (chunk.known && !chunk.speaks_of.may_hold(index))) continue;
        positions.push_back(chunk.position);
    }
    return positions;
}

}  // namespace coroscope::traces
