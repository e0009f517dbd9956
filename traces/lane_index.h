// LaneIndex: the workers' lanes of a trace at any zoom, for whoever draws them.
//
// follow() knows at once, from chunk headers, which lanes there are, how many events fell where, and where events were lost. advance() then reads
// chunk after chunk (50 million events in some seconds), nearest first, and keeps of each a summary and a coarse level (lane_levels.h); finer levels
// and the slices themselves stand in a cache of kCacheBytes and are read again when they are asked for and gone. So memory is a few per cent of the
// trace, and a question for W pixels of a lane costs W however long the trace is. A trace that grows is followed: what is known of its chunks stays.
//
//   chunk of a lane      summary      what it looks like when it is less than a pixel wide
//                        coarse       up to kCoarseAlone pixels
//                        fine         up to kFineAlone pixels        (cache)
//                        slices       beyond                         (cache)
//
// Thread: one at a time. Blocks: advance() as long as it is allowed, visit() and slices() for reading a few chunks. Tested in
// tests/unit/traces/lane_index_test.cpp against a plain scan.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "traces/lane_levels.h"
#include "traces/replay.h"
#include "traces/sparse_table.h"

namespace coroscope::traces {

class LaneIndex {
public:
    static constexpr std::size_t kCoarseAlone = 16, kFineAlone = 512;
    static constexpr std::size_t kCacheBytes = 192U << 20;
    static constexpr std::size_t kLivesMax = 4U << 20;  // coroutines whose names are known; beyond them those of the later ones are not
    static constexpr std::size_t kSignalsMax = 1U << 16;

    explicit LaneIndex(std::size_t cache_bytes = kCacheBytes) : cache_bytes_max_(cache_bytes) {}

    // What the trace holds now. Cheap when it is what it was.
    void follow(std::shared_ptr<const Replay> replay);
    const Replay& replay() const { return *replay_; }

    // Reads what is not known yet, chunks with a part in [from, to] first, until the deadline. False when everything is known.
    bool advance(std::uint64_t from_ticks, std::uint64_t to_ticks, std::chrono::steady_clock::time_point deadline);
    std::size_t chunks_known() const { return known_; }
    std::size_t chunks_count() const { return chunks_.size(); }

    // Numbers of workers that have a lane, ascending.
    std::vector<std::uint32_t> workers() const;

    // Part of a lane as blocks fit for pixels of `pixel_ticks`: ascending, clipped by nobody. Of chunks that advance() has not come to yet
    // `unknown` is told instead, with the events in each of the parts that its header counts.
    struct Sink {
        std::function<void(const LaneBlock&, bool exact)> block;  // exact: one slice, or nothing that is hidden is longer than a pixel
        std::function<void(std::uint64_t begin, std::uint64_t end, std::uint64_t events)> unknown;
    };
    // `may_read`: else what is not in memory is told as coarse as it is there; false is returned when that was so.
    bool visit(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks, double pixel_ticks, bool may_read, const Sink& sink);
    // The slices themselves that have a part in [from, to], those over edges of chunks joined. At most `most`; reads.
    std::vector<LaneSlice> slices(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks, std::size_t most);

    struct Total {
        std::uint64_t running = 0;  // ticks within the interval
        std::uint64_t slices = 0;   // with a part in it
        bool complete = true;       // all chunks concerned are known
    };
    // Exact; reads the chunks at the interval's edges.
    Total total(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks);

    // Where events of this worker are missing, ascending; from headers at once, by the events' own word when a chunk was read.
    std::vector<LossInterval> losses(std::uint32_t worker) const;
    // Events by time, over all rings: adds to `parts` what fell into each of as many equal parts of [from, to].
    void density(std::uint64_t from_ticks, std::uint64_t to_ticks, std::vector<float>& parts) const;
    const std::vector<SignalSeen>& signals() const { return signals_; }
    // Records whose coroutines ran longest in all that is known, the longest first.
    std::vector<std::uint32_t> busiest(std::size_t most);

    // Whose record it was at that time; null when not known.
    const LifeBegin* life_at(std::uint32_t index, std::uint64_t ticks) const;
    // The begin of a coroutine; null when not known. Looks through all of them.
    const LifeBegin* life_of(std::uint64_t identity) const;
    // When its record became the next one's; the end of time when it did not.
    std::uint64_t life_end(const LifeBegin& life) const;
    // Positions in reader().chunks() of those that have a part in [from, to] and may speak of this record, ascending in time.
    std::vector<std::uint32_t> chunks_about(std::uint32_t index, std::uint64_t from_ticks, std::uint64_t to_ticks) const;
    // Of chunks that could not be read, one sentence each.
    const std::vector<std::string>& problems() const { return problems_; }

private:
    struct Chunk {
        std::uint32_t position = 0;  // in reader().chunks()
        std::uint64_t since = 0;     // see read_lane_slices()
        std::uint64_t begin = 0, end = 0;
        bool known = false;
        bool began_before = false;  // its first slice, in the chunk before
        LaneBlock whole;
        LaneLevel coarse;
        std::vector<LossInterval> losses;
        IndexSet speaks_of;
    };
    using Key = std::pair<std::uint32_t, std::uint64_t>;  // ring, first position: of one chunk for ever
    struct Detail {
        LaneLevel fine;
        std::vector<LaneSlice> slices;
        std::size_t bytes() const { return fine.blocks.size() * sizeof(LaneBlock) + slices.size() * sizeof(LaneSlice); }
    };
    struct Cached {
        Key key;
        std::shared_ptr<const Detail> detail;
    };
    void note_lives(const std::vector<LifeBegin>& lives);
    void note_first_look();
    void learn(const Key& key, Chunk& chunk);
    std::shared_ptr<const Detail> detail(const Key& key, Chunk& chunk, bool may_read);
    std::shared_ptr<const Detail> remember(const Key& key, Detail made);
    // The lane's chunks that have a part in the interval, in order.
    template <typename Visit>
    void for_chunks(std::uint32_t worker, std::uint64_t from_ticks, std::uint64_t to_ticks, Visit&& visit);

    const std::size_t cache_bytes_max_;
    std::shared_ptr<const Replay> replay_;
    std::map<Key, Chunk> chunks_;  // of all rings
    std::map<std::uint32_t, std::vector<std::map<Key, Chunk>::iterator>> lanes_;  // by worker, ascending in time
    std::vector<std::map<Key, Chunk>::iterator> by_time_;                         // of all rings, by begin
    std::size_t known_ = 0;
    std::list<Cached> cache_;  // the newest first
    std::map<Key, std::list<Cached>::iterator> cached_;
    std::size_t cache_bytes_ = 0;
    struct LifeLink {
        LifeBegin life;
        std::uint32_t earlier = wire::kNone;  // of the same record, in lives_
    };
    std::vector<LifeLink> lives_;
    SparseTable<std::uint32_t> newest_life_;  // by record index: place in lives_ plus one; 0 = none
    std::vector<SignalSeen> signals_;
    SparseTable<std::uint64_t> ran_;  // ticks, by record index
    std::vector<wire::EventSlot> slots_;
    std::vector<std::string> problems_;
};

}  // namespace coroscope::traces
