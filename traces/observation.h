// Observation: a live program being watched, and recorded if asked: what record() and the live session have in common.
//
// Two connections to the target, because a Target is used by one thread at a time:
//
//   rings   (recorder, or watcher)   the event pump's drain thread alone
//   state   (watcher)                look(): the owner's thread
//
// so that copying state and unwinding 100,000 stacks (half a second the first time) never keeps a ring from being emptied.
//
// Thread: look(), raw_stack(), write_keyframe() and finish() by one thread, the owner's; the rest by any. Blocks: see each.
// Tested end to end in tests/e2e.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/raw_stack.h"
#include "instrumentation/inspect/target.h"
#include "instrumentation/inspect/unwinder.h"
#include "traces/event_pump.h"
#include "traces/keyframe_pace.h"
#include "traces/moment.h"
#include "traces/name_service.h"
#include "traces/seen_since.h"
#include "traces/trace_memory.h"
#include "traces/trace_writer.h"

namespace coroscope::traces {

// What a program does while its recorder is behind and its rings are full.
enum class WhenFull : std::uint8_t {
    kLose,   // it goes on, and counts what it drops
    kBlock,  // its threads wait, for a second at most after a recorder that stands still; nothing is lost while that lives
};

struct ObservationOptions {
    std::uint32_t pid = 0;
    std::uint32_t mask = wire::kEverything;  // that is listened to from the start; 0 = state plane only
    std::uint32_t sample_period = 0;         // 0 = default
    bool force_agent_copies = false;
    WhenFull when_full = WhenFull::kLose;  // of a recorder; not with `keep`, which forgets by itself
    std::string record_path;               // "" = no file; otherwise this observer becomes the recorder
    std::shared_ptr<TraceMedium> medium;   // instead of a file at record_path: what is written to; nullptr = nothing
    std::optional<TraceWindow> keep;       // instead of either: so much of the trace is kept in memory (memory())
    std::vector<std::string> debug_paths;  // see LiveOptions
};

class Observation {
public:
    // Attaches and begins. Errors: those of inspect::Target::attach and listen; kIo when the file cannot be made.
    static base::Result<std::unique_ptr<Observation>> start(const ObservationOptions& options);
    ~Observation();
    Observation(const Observation&) = delete;
    Observation& operator=(const Observation&) = delete;

    // One look at the program: its state (since when included) and, if wanted, the stacks of all parked coroutines. `confirm`: the state is
    // copied twice; what did not change in between was so at one instant, the rest is named in Moment::moved (a ring of waiting that was
    // never there all at once is no deadlock). Blocks for copying and unwinding. Works for the state, not for stacks, once the program has
    // ended. The first one lets a program begin that waits for its viewer. Errors: those of read_state.
    base::Result<std::shared_ptr<Moment>> look(bool with_stacks, bool confirm);
    // The words of one coroutine's stacks as they are now; `state` is that of a look. Blocks for reading them. Errors: read_raw_stack.
    base::Result<inspect::RawStack> raw_stack(const inspect::StateImage& state, std::uint64_t identity);
    // Appends a look to the file, with the names that were found since the last time. Errors: kIo.
    base::Status write_keyframe(const Moment& moment);
    // Everything that was drained, and the names that are asked for by now, go to the file. Blocks until they are there (at most some seconds).
    // Errors: kIo.
    base::Status settle();
    // Ends it: the last events, marks, names and words go to the file. Blocks as settle() does. Memory gets no last words: those are a dump's.
    // Errors: kIo.
    base::Status finish(const std::string& because, const std::optional<RecordingCost>& cost = std::nullopt);

    // Other events are listened to from now on (within milliseconds); not for who records.
    void listen(std::uint32_t mask);

    // Of who does not record: from now on events that are listened to, and a look now and then, are kept, so that it can be asked about other times
    // (past()). What was kept before is let go of. Blocks for some milliseconds.
    void keep_past(const TraceWindow& window);
    // Nothing is added any more to what is kept: events are not listened to any longer.
    void close_past();
    std::shared_ptr<const TraceMemory> past() const { return past_memory_; }

    bool recording() const { return writer_ != nullptr; }
    // Why events are not listened to although that was wished; "" = they are.
    const std::string& listening_refused() const { return listening_refused_; }
    EventPump& pump() { return *pump_; }
    const EventPump& pump() const { return *pump_; }
    NameService& names() { return *names_; }
    const TraceWriter* writer() const { return writer_.get(); }
    // With ObservationOptions::keep: what is kept; else nullptr.
    const std::shared_ptr<TraceMemory>& memory() const { return memory_; }
    // There is so much in it that nothing more is taken from the program, which counts what it drops, until a look lets go of what is older.
    bool crowded() const;
    double ns_per_event() const { return ns_per_event_; }

private:
    Observation() = default;
    base::Status make_writer(const ObservationOptions& options, const TraceMeta& meta);
    void keep_look(Moment& moment);
    void refresh_modules();
    base::Status write_new_names(TraceWriter& writer);
    base::Status write_all_names();

    std::unique_ptr<inspect::Target> state_;
    std::unique_ptr<inspect::Target> rings_;
    std::shared_ptr<TraceMemory> memory_;
    std::uint64_t keep_bytes_ = 0;
    std::unique_ptr<TraceWriter> writer_;
    TraceMeta meta_;
    std::shared_ptr<TraceMemory> past_memory_;
    std::unique_ptr<TraceWriter> past_writer_;  // to past_memory_, while something is added to it
    std::unique_ptr<KeyframePace> past_pace_;
    std::unique_ptr<NameService> names_;
    std::unique_ptr<EventPump> pump_;  // uses rings_ and the writers: destroyed before them
    std::unique_ptr<inspect::Unwinder> unwinder_;
    std::vector<inspect::Module> modules_;
    bool modules_written_ = true;  // to the file; with the next look
    std::chrono::steady_clock::time_point modules_read_{};
    inspect::StackTable table_;
    std::shared_ptr<const inspect::StackTable> published_table_;  // copy of table_ that Moments share
    std::size_t selects_seen_ = 0;            // of the program's: in new_selects_ at some time
    std::vector<std::uint64_t> new_selects_;  // addresses whose names the file will want
    std::size_t stacks_named_ = 0;            // of table_: names asked for
    inspect::StackSnapshot stacks_;
    SeenSince seen_;
    std::uint64_t stacks_written_ticks_ = 0;  // taken_ticks of the snapshot that the file got last
    std::uint64_t trampoline_address_ = 0;
    std::string listening_refused_;
    double ns_per_event_ = 0;
    bool finished_ = false;
};

// What emitting an event costs on this machine, in nanoseconds: a time stamp and two stores, measured here. A lower bound of what the program
// pays. Blocks for about a millisecond the first time.
double calibrate_event_ns();

}  // namespace coroscope::traces
