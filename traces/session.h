// A Session: one program under observation, live or from a file, behind one face for window and command line.
//
// The session owns a thread of its own which reads the target (or rebuilds state from the file) and publishes Moments; callers never
// wait for it. Names for stacks are found on the same thread's helper and appear when they are ready.
//
// Thread: every member function may be called from any thread and returns at once, except where it says that it blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"
#include "instrumentation/inspect/code.h"
#include "instrumentation/inspect/raw_stack.h"
#include "traces/moment.h"
#include "traces/name_service.h"
#include "traces/replay.h"

namespace coroscope::traces {

class Replay;

enum class SessionKind : std::uint8_t { kLive, kRecorded, kCore };

enum class TargetStatus : std::uint8_t { kRunning, kEnding, kExited, kDetached };

// Whether a live session listens to events. Without them the state plane still shows everything that is so now, and the program pays nothing; with
// them it is known who woke whom and since when exactly, and switches are measured.
enum class Listening : std::uint8_t {
    kNever,      // look at the state plane only
    kAffordable, // while the program loses no more than EventBudget::kShareMax of its processor time
    kAlways,
};

struct SessionInfo {
    SessionKind kind = SessionKind::kLive;
    TargetStatus status = TargetStatus::kRunning;
    std::uint32_t pid = 0;
    std::string program;
    std::string title;  // "demo (4711)" or "run.coro"
    std::string status_text;  // "running", "exited with code 0", "killed by signal 9 (SIGKILL)", "trace cut short: 3 chunks read"
    std::string lacks;  // what could not be shown, and the way out, in one sentence; "" = nothing (cores)
    TimeNs begin = 0, end = 0;  // time range that can be looked at
    TimeNs populated = 0;       // of a recorded session: where to look first, because there are coroutines
    double events_per_second = 0;
    Listening wish = Listening::kNever;  // of a live session
    bool listening = false;              // to events, now
    double listening_share = 0;  // of the program's processor time that events take, or would take; by the last looks
    double ns_per_event = 0;         // cost to the target, measured or calibrated; 0 = not known
    std::uint64_t memory_bytes = 0;  // of the session itself
    bool recording = false;          // also being written to a file
};

// What can be done to a running program (control.h).
struct HoldWish {
    enum class What : std::uint8_t { kPause, kResume, kStep, kLookAtRunning, kStopThread };
    What what = What::kPause;
    std::vector<std::uint64_t> coroutines;  // identities; none: everything, whomever the scheduler picks
};

// What came of it.
struct HoldState {
    struct RunningLook {
        std::uint64_t coroutine = 0;  // identity
        std::uint32_t worker = 0;
        std::vector<inspect::Frame> frames;
        std::string error;  // why there are none; "" = there are
    };
    bool available = false;     // the program runs here
    bool busy = false;          // a wish is under way
    std::string sentence;       // of the last one; "" = nothing to say
    bool is_error = false;
    std::uint64_t said = 0;     // how many wishes came to something: grows with each
    std::uint64_t steps = 0;    // of them, steps;
    std::uint64_t stepped = 0;  // whom the last one ran; 0 = nobody
    std::uint32_t stopped_thread = 0;  // that a hard stop holds; 0 = none
    std::shared_ptr<const std::vector<RunningLook>> running;  // the last look at those that ran; null before the first
};

class Session {
public:
    virtual ~Session() = default;

    virtual SessionInfo info() const = 0;
    // The newest Moment for the chosen time; nullptr before the first.
    virtual std::shared_ptr<const Moment> moment() const = 0;
    // Look at time t from now on; nullopt = follow the end (live). A Moment for it appears soon after.
    virtual void set_time(std::optional<TimeNs> t) = 0;
    virtual std::optional<TimeNs> time() const = 0;

    // Frames of a stack of moment()->table; nullptr until found (asks for them). The pointer stays valid as long as the session.
    virtual const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs) = 0;
    // Disassembly around a pc; nullptr until ready. An error is remembered and returned as an empty list with `*message` set.
    virtual const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message) = 0;
    // From the next look on. Nothing for a recorded session, or while it is recorded: then everything is listened to.
    virtual void set_listening(Listening /*wish*/) {}
    // Takes hold of a live session's program; nothing for a recorded one. What came of it shows in hold_state() and in the next Moment.
    virtual void hold(HoldWish /*wish*/) {}
    virtual HoldState hold_state() const { return {}; }
    // The frames as far as they are known by now; the others with their addresses alone (asks for them).
    virtual std::vector<inspect::Frame> known_frames(const std::vector<std::uint64_t>& pcs);
    // What lies at an address of the target; nullptr until it was looked up (asks for it). Stays valid as frames() does.
    virtual const inspect::Symbolizer::Place* place(std::uint64_t address);
    // How far the names are that were asked for.
    virtual NameProgress name_progress() const { return {}; }
    // The words of a coroutine's stacks, as they are now, whatever time is looked at; nullptr until they were read (asks for them, and for
    // new ones when the coroutine has moved, as long as somebody goes on asking). Where there are none `*message` says why.
    virtual std::shared_ptr<const inspect::RawStack> raw_stack(std::uint64_t identity, std::string* message);
    // What can be asked about the past (replay.h); nullptr where none is kept. Ask again for each question: of a program that still runs it grows.
    virtual std::shared_ptr<const Replay> replay() const { return nullptr; }
    // Called (on the session's thread) after something new was published, so that a window can redraw.
    virtual void on_change(std::function<void()> notify) = 0;
    // The same as moment()/frames(), but waiting: for the command line. Blocks.
    virtual base::Result<std::shared_ptr<const Moment>> wait_moment() = 0;
    virtual std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>& pcs) = 0;
};

struct LiveOptions {
    Listening listening = Listening::kAffordable;
    bool from_the_start = false;  // listen until the first looks in any case: a program that was launched waits for whoever listens
    bool with_stacks = true;  // unwind parked stacks with every refresh
    int refresh_ms = 100;
    std::string record_path;  // also record to this file; "" = no
    bool force_agent_copies = false;
    std::vector<std::string> debug_paths;  // where separate debug files are looked for, besides the usual places
};
// Attaches to a running program. Blocks until the handshake is done. Errors as inspect::Target::attach.
base::Result<std::unique_ptr<Session>> open_live(std::uint32_t pid, const LiveOptions& options);
// The time that a session over a trace begins with: its end, or where it looks best first (SessionInfo::populated; the end of one that grows).
enum class StartAt : std::uint8_t { kEnd, kPopulated };
// Opens a trace file. Errors: kUnreadable, kCorrupt (not a trace), kVersion (which side to upgrade).
base::Result<std::unique_ptr<Session>> open_trace(const std::string& path, const std::vector<std::string>& debug_paths = {},
                                                  StartAt start = StartAt::kEnd);
// A trace that comes through a pipe, as far as it has come, and what follows as it comes. Blocks until the first look at the program is there; asks
// `cancelled` several times a second. Begins at kPopulated. Errors: as open_trace; kGone when cancelled.
base::Result<std::unique_ptr<Session>> open_stream(base::FileDescriptor from, const std::vector<std::string>& debug_paths,
                                                   const std::function<bool()>& cancelled);
// Opens the core of a program with a CPrime runtime: one Moment, that of its end. `binary` stands for the program's own path where that is gone
// or another build; "" = it is not. Blocks until everything is read and unwound. Errors: kUnreadable, kCorrupt, kVersion.
base::Result<std::unique_ptr<Session>> open_core(const std::string& path, const std::string& binary,
                                                 const std::vector<std::string>& debug_paths = {});
// Opens a file as what it is by its content, a core or a trace. Errors: those of either; kUsage when a trace is given a binary.
base::Result<std::unique_ptr<Session>> open_recording(const std::string& path, const std::string& binary,
                                                      const std::vector<std::string>& debug_paths = {}, StartAt start = StartAt::kEnd);

}  // namespace coroscope::traces
