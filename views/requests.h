// What views ask of the program around them, and what it tells them about the program it launched.
//
// Views never start, attach or kill anything themselves: they append a Request, and app/ acts on it after the frame.
//
// Plain values; the frame's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace coroscope::views {

// A program to start.
struct LaunchSpec {
    std::string program;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  // "NAME=VALUE", on top of our own
    std::string directory;                 // "" = ours
    bool paused = false;                   // nothing of it runs until somebody lets it
};

enum class RequestKind : std::uint8_t {
    kLaunch,        // launch
    kAttach,        // pid
    kOpenTrace,     // path (a trace or a core), binary
    kCloseSession,  // back to the start page; a launched program goes on
    kRestart,       // the launched program, from its spec
    kKill,          // the launched program: signal
    kQuit,
};

struct Request {
    RequestKind kind = RequestKind::kQuit;
    LaunchSpec launch;
    std::uint32_t pid = 0;
    int signal = 0;
    std::string path;
    std::string binary;  // kOpenTrace of a core: stands for its program; "" = nothing does
};

struct OutputLine {
    std::string text;
    bool is_error = false;  // came over stderr
};

// The launched program as it stands at this frame.
struct ProgramState {
    bool present = false;  // something was launched
    bool running = false;
    bool watched = false;  // the session that is shown is this program's
    std::uint32_t pid = 0;
    std::string command;  // as typed
    std::string status;   // "running", "exited with code 0", "killed by signal 9 (SIGKILL)"
    std::shared_ptr<const std::vector<OutputLine>> output;  // the newest lines; never null when present
    std::uint64_t output_dropped = 0;                       // older lines no longer kept
};

// One line of the attach list.
struct AttachCandidate {
    std::uint32_t pid = 0;
    std::string program;
    std::string command_line;
    bool attachable = false;
    std::string why_not;
};

// One line of the recent list.
struct RecentTrace {
    std::string path;
    std::int64_t bytes = 0;
    std::int64_t age_seconds = 0;
};

// What was launched before, newest first, and recorded traces: the start page's lists.
struct StartLists {
    std::vector<AttachCandidate> candidates;
    bool candidates_known = false;  // the first look at /proc is done
    std::vector<RecentTrace> traces;
    std::vector<LaunchSpec> launches;
};

}  // namespace coroscope::views
