// Finding programs with a runtime: by their memfd where /proc lets us look, by their agent's socket name
// where it does not.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/inspect/proc.h"
#include "instrumentation/inspect/target.h"

namespace coroscope::inspect {
namespace {

constexpr int kLookAgainMs = 10;

bool has_ended(std::uint32_t pid) {
    const auto status = proc::status(pid);
    return !status || status->state == 'Z' || status->state == 'X';
}

// Adds everybody below the processes already known. Those whose parent has ended meanwhile stay known: a
// script may leave the program it started behind.
void add_descendants(std::set<std::uint32_t>& family) {
    std::vector<std::uint32_t> unvisited(family.begin(), family.end());
    while (!unvisited.empty()) {
        const std::uint32_t pid = unvisited.back();
        unvisited.pop_back();
        for (const std::uint32_t child : proc::children(pid)) {
            if (family.insert(child).second) unvisited.push_back(child);
        }
    }
}

}  // namespace

std::vector<TargetInfo> find_targets() {
    std::vector<TargetInfo> found;
    const std::vector<std::uint32_t> socket_pids = proc::agent_socket_pids();
    const std::string ourselves = proc::executable(static_cast<std::uint32_t>(getpid()));
    for (const std::uint32_t pid : proc::all_pids()) {
        const auto status = proc::status(pid);
        if (!status || status->state == 'Z' || status->state == 'X') continue;
        const proc::Runtime runtime = proc::runtime_in(pid);
        const bool listens = std::binary_search(socket_pids.begin(), socket_pids.end(), status->own_pid);
        if (runtime == proc::Runtime::kNone || (runtime == proc::Runtime::kRefused && !listens)) continue;
        TargetInfo info;
        info.pid = pid;
        info.uid = status->uid;
        info.parent_pid = status->parent_pid;
        info.program = proc::executable(pid);
        if (info.program.empty()) info.program = proc::name(pid);
        if (!listens && info.program == ourselves) continue;  // a viewer: what it maps is the segment of whom it looks at
        info.command_line = proc::command_line(pid);
        info.attachable = geteuid() == 0 || geteuid() == status->uid;
        if (!info.attachable) {
            info.why_not = "it belongs to " + proc::user_name(status->uid) +
                           ": run coroscope as that user or as root";
        } else if (!listens) {
            info.attachable = false;
            info.why_not =
                "its agent is not in this network namespace (a container), or not started: run coroscope in "
                "there";
        }
        found.push_back(std::move(info));
    }
    return found;
}

base::Result<std::uint32_t> wait_for_target(std::uint32_t root_pid, int timeout_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    const bool own = root_pid == static_cast<std::uint32_t>(getpid());  // then only our descendants count
    const base::FileDescriptor root(static_cast<int>(syscall(SYS_pidfd_open, root_pid, 0)));
    std::set<std::uint32_t> family{root_pid};
    for (;;) {
        add_descendants(family);
        std::erase_if(family, [&](std::uint32_t pid) { return pid != root_pid && has_ended(pid); });
        for (const std::uint32_t pid : family) {
            if (pid == root_pid && own) continue;
            if (proc::runtime_in(pid) == proc::Runtime::kPresent) return pid;
        }
        const bool root_ended = own || !root || has_ended(root_pid);
        if (root_ended && family.size() == 1) {
            return base::error(base::ErrorCode::kGone, "process " + std::to_string(root_pid) +
                                                           " ended before a CPrime runtime started in it");
        }
        if (Clock::now() >= end) {
            return base::error(base::ErrorCode::kUnreadable,
                               "neither process " + std::to_string(root_pid) +
                                   " nor a descendant started a CPrime runtime within " +
                                   std::to_string(timeout_ms) +
                                   " ms: link the program with cprime, or attach to it by its pid");
        }
        // A look-alike of an event: /proc tells nobody when a process maps something. The end of the root
        // wakes us at once.
        pollfd waiting{root_ended ? -1 : root.get(), POLLIN, 0};
        poll(&waiting, 1, kLookAgainMs);
    }
}

}  // namespace coroscope::inspect
