// What /proc says about processes: who they are, whose, and whether a CPrime runtime lives in them.
//
// Every answer may be outdated when it is returned, and every file may be refused: callers get "nothing"
// rather than an error and decide themselves. Numbers are those of our own pid namespace unless a name says
// otherwise.
//
// Thread: any. Blocks: reads /proc. Tested in tests/unit/inspect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coroscope::inspect::proc {

struct Status {
    char state = '?';  // 'Z' = a zombie, 'X' = dead
    std::uint32_t parent_pid = 0;
    std::uint32_t uid = 0;      // effective
    std::uint32_t own_pid = 0;  // as the process sees itself (the innermost namespace of NSpid)
};
// Nothing when the process is gone.
std::optional<Status> status(std::uint32_t pid);

// Processor time that all its threads have had, in nanoseconds; nothing when it is gone.
std::optional<std::uint64_t> cpu_time_ns(std::uint32_t pid);

// Who traces that thread, in our pid namespace; 0 = nobody, or it cannot be seen.
std::uint32_t tracer_of(std::uint32_t pid, std::uint32_t thread);
// The thread that calls itself `own_thread` (in its innermost pid namespace), as we call it; 0 = there is none.
std::uint32_t thread_of(std::uint32_t pid, std::uint32_t own_thread);

// Whether a state segment is mapped there. kRefused: this user may not look.
enum class Runtime { kNone, kPresent, kRefused };
Runtime runtime_in(std::uint32_t pid);

std::vector<std::uint32_t> all_pids();
// Children of all its threads, as far as they can be seen.
std::vector<std::uint32_t> children(std::uint32_t pid);

std::string executable(std::uint32_t pid);    // "" when refused
std::string name(std::uint32_t pid);          // of its main thread, at most 15 bytes; "" when gone
std::string command_line(std::uint32_t pid);  // arguments joined by spaces; "" when none
std::string user_name(std::uint32_t uid);     // "alice", or "uid 1000" when it has none

// Pids (as the targets see themselves) that agents of this network namespace listen for.
std::vector<std::uint32_t> agent_socket_pids();

// One line of /proc/PID/maps that maps a file.
struct FileMapping {
    std::uint64_t low = 0, high = 0, file_offset = 0;
    std::uint64_t device_major = 0, device_minor = 0, inode = 0;
    std::string path;
    bool executable = false;
};
// Mappings of files, and of the code that the kernel maps into every process, which calls itself kVdsoName and has no inode. Nothing when
// refused or gone.
inline constexpr std::string_view kVdsoName = "[vdso]";
std::optional<std::vector<FileMapping>> file_mappings(std::uint32_t pid);

// The whole of a small file; nothing when it cannot be read.
std::optional<std::string> read_file(const std::string& path);

}  // namespace coroscope::inspect::proc
