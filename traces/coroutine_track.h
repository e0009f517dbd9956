// CoroutineTrack: what one coroutine did in a stretch of time: ran, was ready, waited for what; and who woke it.
//
// Read from the chunks that may speak of its record, of all rings, and put in order by the coroutine's own sequence numbers, so that a wake-up is
// never shown behind the run that it led to. Stretches shorter than `quantum` are put together while reading (kMixed, with how much of them was
// what), so that a track takes at most as many spans as the stretch has quanta, whatever the coroutine did.
//
// Thread: a pure function; any. Blocks: reads chunks of the file, 1 to 2 ms each; cancelled, it returns what it has, not complete. Tested in
// tests/unit/traces/lane_index_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/event.h"
#include "traces/search.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

struct TrackSpan {
    enum class Doing : std::uint8_t { kUnknown, kReady, kRunning, kBlocked, kMixed };
    Doing doing = Doing::kUnknown;
    wire::WaitReason reason = wire::WaitReason::kNothing;  // blocked; ready: yield, where that made it so
    std::uint32_t worker = wire::kNone;                    // running: on which
    std::uint32_t object = wire::kNone;                    // blocked: what is waited for (wire/event.h, SUSPEND)
    std::uint64_t begin = 0, end = 0;                      // ticks
    std::uint64_t pc = 0;                                  // blocked: where it called the runtime; 0 = not known
    // Ready: who made it so; `woken` is false where a spawn or a yield did.
    bool woken = false;
    wire::WakeCause cause = wire::WakeCause::kOutside;
    std::uint32_t waker = wire::kNone;         // record index; kNone: no coroutine did
    std::uint32_t waker_worker = wire::kNone;  // kNone: another thread
    // Mixed: how much of it was what, in ticks; and how many spans it stands for.
    std::uint64_t ready = 0, running = 0, blocked = 0;
    std::uint32_t count = 1;
};

struct CoroutineTrack {
    std::uint64_t identity = 0;
    std::uint64_t from = 0, to = 0;      // ticks: the stretch that was asked for
    std::uint64_t quantum = 0;           // ticks; 0 = every span is there
    std::vector<TrackSpan> spans;        // ascending, without a gap from the first that is known
    bool began = false, ended = false;   // its spawn, its exit lie within
    bool complete = false;

    // The span at that time; null when nothing is known.
    const TrackSpan* at(std::uint64_t ticks) const;
};

struct TrackQuestion {
    std::uint64_t identity = 0;
    std::uint32_t index = wire::kNone;  // its record
    std::uint64_t from = 0, to = 0;     // ticks
    std::uint64_t quantum = 0;
};
// `chunks`: positions in reader.chunks(), ascending in time (LaneIndex::chunks_about()). Where the record was another coroutine's before or after,
// [from, to] is that of this one.
CoroutineTrack read_coroutine_track(const TraceReader& reader, std::span<const std::uint32_t> chunks, const TrackQuestion& question,
                                    const Search& search);

}  // namespace coroscope::traces
