// See lane_index.h. What is asked of it: lane_answers.cpp.
#include "traces/lane_index.h"

#include <algorithm>
#include <limits>

namespace coroscope::traces {
namespace {

constexpr std::size_t kProblemsMax = 16;

bool of_worker(const ChunkHeader& header) {
    return header.owner == static_cast<std::uint32_t>(wire::RingOwner::kWorker);
}

}  // namespace

void LaneIndex::follow(std::shared_ptr<const Replay> replay) {
    if (replay == replay_) return;
    const bool first = replay_ == nullptr;
    replay_ = std::move(replay);
    const TraceReader& reader = replay_->reader();
    std::map<Key, Chunk> chunks;
    for (const std::uint32_t position : reader.events()) {
        const ChunkHeader& header = reader.chunks()[position].header;
        const Key key = {header.ring, header.first_position};
        Chunk& chunk = chunks[key];
        if (const auto before = chunks_.find(key); before != chunks_.end()) chunk = std::move(before->second);
        chunk.position = position;
        chunk.begin = header.ticks_min;
        chunk.end = std::max(header.ticks_min, header.ticks_max);
        if (!chunk.known) {
            chunk.losses.clear();
            if (header.lost_count != 0 && header.lost_since_ticks != 0)
                chunk.losses.push_back({header.lost_since_ticks, std::max(header.lost_since_ticks, header.ticks_min)});
        }
    }
    chunks_ = std::move(chunks);
    lanes_.clear();
    by_time_.clear();
    known_ = 0;
    const ChunkRef* before = nullptr;
    for (auto at = chunks_.begin(); at != chunks_.end(); ++at) {
        const ChunkRef& ref = reader.chunks()[at->second.position];
        const bool joins = before != nullptr && before->header.ring == ref.header.ring && ref.header.lost_count == 0 &&
                           before->header.first_position + before->header.slots_count == ref.header.first_position;
        if (!at->second.known) at->second.since = joins ? before->header.ticks_max : 0;
        before = &ref;
        known_ += at->second.known ? 1 : 0;
        by_time_.push_back(at);
        if (of_worker(ref.header)) lanes_[ref.header.owner_index].push_back(at);
    }
    const auto earlier = [](const auto& a, const auto& b) { return a->second.begin < b->second.begin; };
    std::stable_sort(by_time_.begin(), by_time_.end(), earlier);
    for (auto& [worker, lane] : lanes_)
        std::stable_sort(lane.begin(), lane.end(), earlier);
    std::erase_if(cached_, [&](const auto& entry) {
        if (chunks_.count(entry.first) != 0) return false;
        cache_bytes_ -= entry.second->detail->bytes();
        cache_.erase(entry.second);
        return true;
    });
    if (first) note_first_look();
}

// Who was there when the trace began.
void LaneIndex::note_first_look() {
    const TraceReader& reader = replay_->reader();
    if (reader.keyframes().empty()) return;
    const auto image = reader.read_keyframe_rows(reader.chunks()[reader.keyframes().front()]);
    if (!image.ok()) {
        problems_.push_back(image.error().message);
        return;
    }
    std::vector<LifeBegin> lives;
    for (const inspect::CoroutineImage& row : image->coroutines)
        lives.push_back({0, row.identity, row.spawner, row.index, row.site, row.name});
    note_lives(lives);
}

// Chunks are read in any order, so a life may have to be put in before others of its record.
void LaneIndex::note_lives(const std::vector<LifeBegin>& lives) {
    for (const LifeBegin& life : lives) {
        if (lives_.size() >= kLivesMax) return;
        const auto number = static_cast<std::uint32_t>(lives_.size());
        lives_.push_back({life, wire::kNone});
        std::uint32_t& newest = newest_life_[life.index];
        if (newest == 0 || lives_[newest - 1].life.ticks <= life.ticks) {
            lives_.back().earlier = newest == 0 ? wire::kNone : newest - 1;
            newest = number + 1;
            continue;
        }
        std::uint32_t later = newest - 1;
        while (lives_[later].earlier != wire::kNone && lives_[lives_[later].earlier].life.ticks > life.ticks)
            later = lives_[later].earlier;
        lives_.back().earlier = lives_[later].earlier;
        lives_[later].earlier = number;
    }
}

const LifeBegin* LaneIndex::life_at(std::uint32_t index, std::uint64_t ticks) const {
    const std::uint32_t* newest = newest_life_.find(index);
    if (newest == nullptr || *newest == 0) return nullptr;
    for (std::uint32_t at = *newest - 1; at != wire::kNone; at = lives_[at].earlier) {
        if (lives_[at].life.ticks <= ticks) return &lives_[at].life;
    }
    return nullptr;
}

const LifeBegin* LaneIndex::life_of(std::uint64_t identity) const {
    const auto found = std::find_if(lives_.begin(), lives_.end(), [&](const LifeLink& link) { return link.life.identity == identity; });
    return found == lives_.end() ? nullptr : &found->life;
}

std::uint64_t LaneIndex::life_end(const LifeBegin& life) const {
    std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
    const std::uint32_t* newest = newest_life_.find(life.index);
    for (std::uint32_t at = newest == nullptr || *newest == 0 ? wire::kNone : *newest - 1; at != wire::kNone; at = lives_[at].earlier) {
        if (lives_[at].life.identity == life.identity) break;
        end = lives_[at].life.ticks;
    }
    return end;
}

std::shared_ptr<const LaneIndex::Detail> LaneIndex::remember(const Key& key, Detail made) {
    const auto detail = std::make_shared<const Detail>(std::move(made));
    cache_.push_front({key, detail});
    cached_[key] = cache_.begin();
    cache_bytes_ += detail->bytes();
    while (cache_bytes_ > cache_bytes_max_ && cache_.size() > 1) {
        cache_bytes_ -= cache_.back().detail->bytes();
        cached_.erase(cache_.back().key);
        cache_.pop_back();
    }
    return detail;
}

// Reads a chunk for the first time.
void LaneIndex::learn(const Key& key, Chunk& chunk) {
    chunk.known = true;
    ++known_;
    const ChunkRef& ref = replay_->reader().chunks()[chunk.position];
    ChunkSlices read;
    if (const base::Status status = read_lane_slices(replay_->reader(), ref, chunk.since, slots_, read); !status.ok()) {
        chunk.losses.push_back({chunk.begin, chunk.end});
        if (problems_.size() < kProblemsMax) problems_.push_back(status.error().message);
        return;
    }
    note_lives(read.lives);
    for (const SignalSeen& signal : read.signals) {
        if (signals_.size() < kSignalsMax) signals_.push_back(signal);
    }
    chunk.losses = std::move(read.losses);
    chunk.speaks_of = read.speaks_of;
    if (!of_worker(ref.header)) return;
    if (!read.slices.empty()) {
        chunk.begin = std::min(chunk.begin, read.slices.front().begin);
        chunk.began_before = (read.slices.front().flags & LaneSlice::kBeganBefore) != 0;
    }
    for (const LaneSlice& slice : read.slices)
        ran_[slice.coroutine] += slice.ticks();
    chunk.whole = whole_lane(read.slices);
    chunk.coarse = make_lane_level(read.slices, kCoarseAlone);
    Detail detail;
    detail.fine = make_lane_level(read.slices, kFineAlone);
    detail.slices = std::move(read.slices);
    remember(key, std::move(detail));
}

std::shared_ptr<const LaneIndex::Detail> LaneIndex::detail(const Key& key, Chunk& chunk, bool may_read) {
    if (const auto found = cached_.find(key); found != cached_.end()) {
        cache_.splice(cache_.begin(), cache_, found->second);
        return found->second->detail;
    }
    if (!may_read || !chunk.known) return nullptr;
    ChunkSlices read;
    const base::Status status = read_lane_slices(replay_->reader(), replay_->reader().chunks()[chunk.position], chunk.since, slots_, read);
    if (!status.ok()) return nullptr;
    Detail made;
    made.fine = make_lane_level(read.slices, kFineAlone);
    made.slices = std::move(read.slices);
    return remember(key, std::move(made));
}

bool LaneIndex::advance(std::uint64_t from_ticks, std::uint64_t to_ticks, std::chrono::steady_clock::time_point deadline) {
    for (const bool near : {true, false}) {
        for (const auto& at : by_time_) {
            Chunk& chunk = at->second;
            if (chunk.known || (near && (chunk.end < from_ticks || chunk.begin > to_ticks))) continue;
            learn(at->first, chunk);
            if (std::chrono::steady_clock::now() >= deadline) return known_ < chunks_.size();
        }
    }
    return known_ < chunks_.size();
}

}  // namespace coroscope::traces
