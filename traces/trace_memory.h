// TraceMemory: a trace in memory, of which the last so many bytes or seconds are kept: the flight recorder, and the past of a session that is live.
//
// A TraceWriter appends to it as to a file; what a snapshot holds is read by a TraceReader as a file is. Events, looks at the state, their stacks
// and marks give way, oldest first and from one mark to the next (a quarter of a second); tables (strings, stacks, modules, symbols) are kept, as
// what is left refers to them. The newest look at the state always stays, so that there is a moment to begin from; looks are whole here, as what
// they would be based on gives way.
//
//   bytes held <= limit + what came since the newest look and between the marks around it + tables + one look with its stacks
//
// Who appends sees to it that looks come often enough (keyframe_pace.h), and may stop when they do not (EventPump::Limits::room).
//
// Thread: append() by the writer, the rest by any. Blocks: for a lock that is held while a chunk's pointer is stored, or all of them copied. Tested
// in tests/unit/traces/growing_trace_test.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "traces/tables.h"
#include "traces/trace_bytes.h"
#include "traces/trace_index.h"
#include "traces/trace_medium.h"

namespace coroscope::traces {

class TraceMemory final : public TraceMedium, public std::enable_shared_from_this<TraceMemory> {
public:
    struct Limit {
        std::uint64_t bytes = ~0ULL;
        std::uint64_t ticks = ~0ULL;  // age of what is kept
    };
    static std::shared_ptr<TraceMemory> make(const Limit& limit) {
        return std::shared_ptr<TraceMemory>(new TraceMemory(limit));
    }

    base::Status append(BytesView bytes, std::size_t parts_bytes) override;
    bool keeps_everything() const override { return false; }

    // What is held now; stays so, whatever gives way later.
    std::shared_ptr<const TraceBytes> snapshot() const;
    // What was counted up to the beginning of what a snapshot holds; nothing while all is there.
    static std::optional<Counts> counts_before(const TraceBytes& snapshot);
    // Bytes that are held.
    std::uint64_t bytes() const;
    // Of them, those that the next look and a mark before it let go of: events and marks.
    std::uint64_t event_bytes() const;
    // What gave way last was younger than the limit of age: there would be more without the limit of bytes.
    bool cut_by_bytes() const;
    // Nothing more will come.
    void close();

private:
    struct Piece {
        std::uint64_t offset = 0;
        std::shared_ptr<const Bytes> bytes;
        ChunkRef chunk;  // of the file's header: nothing
    };
    class Snapshot;

    explicit TraceMemory(const Limit& limit) : limit_(limit) {}
    void give_way();

    const Limit limit_;
    mutable std::mutex lock_;  // guards what follows
    std::uint64_t end_ = 0;    // offset of what comes next
    std::uint64_t bytes_ = 0;  // held
    std::uint64_t window_bytes_ = 0, look_bytes_ = 0;  // of window_; of its looks and their stacks
    std::vector<Piece> lasting_;  // the file's header and tables
    std::deque<Piece> window_;
    std::optional<Piece> mark_before_;  // the last mark that gave way
    bool cut_by_bytes_ = false;
    bool closed_ = false;
};

}  // namespace coroscope::traces
