// Parsing /proc. Formats: proc(5).
#include "instrumentation/inspect/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <sstream>
#include <string_view>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/wire/handshake.h"

namespace coroscope::inspect::proc {
namespace {

std::string path_of(std::uint32_t pid, const char* what) {
    return "/proc/" + std::to_string(pid) + "/" + what;
}

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::string> read_link(const std::string& path) {
    char target[4096];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length < 0) return std::nullopt;
    return std::string(target, static_cast<std::size_t>(length));
}

// Calls visit(name) for each entry; false when the directory cannot be opened (errno says why).
template <typename Visit>
bool each_entry(const std::string& path, Visit&& visit) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
    if (directory == nullptr) return false;
    while (const dirent* entry = readdir(directory.get()))
        visit(entry->d_name);
    return true;
}

// "/memfd:coroscope-state (deleted)", as links and maps show it.
bool is_state_memfd(std::string_view path) {
    const std::string expected = std::string("/memfd:") + wire::kStateMemfdName;
    return path.substr(0, expected.size()) == expected &&
           (path.size() == expected.size() || path[expected.size()] == ' ');
}

}  // namespace

std::optional<std::string> read_file(const std::string& path) {
    const base::FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::string text;
    char buffer[16384];
    for (;;) {
        const ssize_t got = read(fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
    }
}

std::optional<Status> status(std::uint32_t pid) {
    const auto text = read_file(path_of(pid, "status"));
    if (!text) return std::nullopt;
    Status result;
    result.own_pid = pid;  // kernels without pid namespaces print no NSpid
    std::istringstream lines(*text);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string key;
        words >> key;
        if (key == "State:") {
            words >> result.state;
        } else if (key == "PPid:") {
            words >> result.parent_pid;
        } else if (key == "Uid:") {
            std::uint32_t real = 0;
            words >> real >> result.uid;
        } else if (key == "NSpid:") {
            while (words >> result.own_pid) {
            }
            if (result.own_pid == 0) result.own_pid = pid;
        }
    }
    return result;
}

std::optional<std::uint64_t> cpu_time_ns(std::uint32_t pid) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(static_cast<pid_t>(pid), &clock) != 0 || clock_gettime(clock, &time) != 0)
        return std::nullopt;
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint32_t tracer_of(std::uint32_t pid, std::uint32_t thread) {
    const auto text = read_file(path_of(pid, ("task/" + std::to_string(thread) + "/status").c_str()));
    if (!text) return 0;
    constexpr std::string_view kKey = "\nTracerPid:\t";
    const std::size_t at = text->find(kKey);
    if (at == std::string::npos) return 0;
    const std::size_t begin = at + kKey.size();
    return number(std::string_view(*text).substr(begin, text->find('\n', begin) - begin)).value_or(0);
}

std::uint32_t thread_of(std::uint32_t pid, std::uint32_t own_thread) {
    const std::string tasks = path_of(pid, "task");
    std::uint32_t found = 0;
    each_entry(tasks, [&](const char* entry) {
        const auto thread = number(entry);
        if (!thread || found != 0) return;
        const auto text = read_file(tasks + "/" + entry + "/status");
        if (!text) return;
        constexpr std::string_view kKey = "\nNSpid:";
        const std::size_t at = text->find(kKey);
        std::uint32_t own = *thread;
        if (at != std::string::npos) {
            std::istringstream numbers(text->substr(at + kKey.size(), text->find('\n', at + 1) - at));
            for (std::uint32_t next = 0; numbers >> next;)
                own = next;
        }
        if (own == own_thread) found = *thread;
    });
    return found;
}

Runtime runtime_in(std::uint32_t pid) {
    bool has_descriptor = false;
    const std::string folder = path_of(pid, "fd");
    const bool listed = each_entry(folder, [&](const char* entry) {
        if (has_descriptor || entry[0] == '.') return;
        const auto link = read_link(folder + "/" + entry);
        has_descriptor = link && is_state_memfd(*link);
    });
    if (!listed) return errno == EACCES || errno == EPERM ? Runtime::kRefused : Runtime::kNone;
    if (!has_descriptor) return Runtime::kNone;
    // A forked child inherits the descriptor but not the mapping: it has no runtime of its own.
    const auto mappings = file_mappings(pid);
    if (!mappings) return Runtime::kRefused;
    const bool mapped = std::any_of(mappings->begin(), mappings->end(),
                                    [](const FileMapping& m) { return is_state_memfd(m.path); });
    return mapped ? Runtime::kPresent : Runtime::kNone;
}

std::vector<std::uint32_t> all_pids() {
    std::vector<std::uint32_t> pids;
    each_entry("/proc", [&](const char* entry) {
        if (const auto pid = number(entry)) pids.push_back(*pid);
    });
    std::sort(pids.begin(), pids.end());
    return pids;
}

std::vector<std::uint32_t> children(std::uint32_t pid) {
    std::vector<std::uint32_t> found;
    const std::string tasks = path_of(pid, "task");
    bool listed = false;
    each_entry(tasks, [&](const char* entry) {
        if (entry[0] == '.') return;
        const auto text = read_file(tasks + "/" + entry + "/children");
        if (!text) return;
        listed = true;
        std::istringstream words(*text);
        for (std::uint32_t child = 0; words >> child;)
            found.push_back(child);
    });
    if (listed) return found;
    // Kernels without CONFIG_PROC_CHILDREN: ask everybody for the parent.
    for (const std::uint32_t other : all_pids()) {
        const auto its = status(other);
        if (its && its->parent_pid == pid) found.push_back(other);
    }
    return found;
}

std::string executable(std::uint32_t pid) {
    return read_link(path_of(pid, "exe")).value_or("");
}

std::string name(std::uint32_t pid) {
    std::string text = read_file(path_of(pid, "comm")).value_or("");
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

std::string command_line(std::uint32_t pid) {
    std::string text = read_file(path_of(pid, "cmdline")).value_or("");
    while (!text.empty() && text.back() == '\0')
        text.pop_back();
    std::replace(text.begin(), text.end(), '\0', ' ');
    return text;
}

std::string user_name(std::uint32_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    char buffer[4096];
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr)
        return found->pw_name;
    return "uid " + std::to_string(uid);
}

std::vector<std::uint32_t> agent_socket_pids() {
    std::vector<std::uint32_t> pids;
    const std::string text = read_file("/proc/net/unix").value_or("");
    const std::string prefix = std::string("@") + wire::kSocketPrefix;
    for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
        const std::size_t begin = at + prefix.size();
        const std::size_t end = text.find_first_not_of("0123456789", begin);
        if (end == std::string::npos || text[end] != '-') continue;
        if (const auto pid = number(std::string_view(text).substr(begin, end - begin))) pids.push_back(*pid);
    }
    std::sort(pids.begin(), pids.end());
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
    return pids;
}

std::optional<std::vector<FileMapping>> file_mappings(std::uint32_t pid) {
    const auto text = read_file(path_of(pid, "maps"));
    if (!text) return std::nullopt;
    std::vector<FileMapping> found;
    std::istringstream lines(*text);
    std::string line;
    while (std::getline(lines, line)) {
        FileMapping mapping;
        char permissions[8] = "";
        int path_at = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx %7s %lx %lx:%lx %lu %n", &mapping.low, &mapping.high,
                        permissions, &mapping.file_offset, &mapping.device_major, &mapping.device_minor,
                        &mapping.inode, &path_at) < 7) {
            continue;
        }
        if (path_at == 0 || static_cast<std::size_t>(path_at) >= line.size()) continue;
        mapping.path = line.substr(static_cast<std::size_t>(path_at));
        if (mapping.inode == 0 && mapping.path != kVdsoName) continue;
        mapping.executable = permissions[2] == 'x';
        found.push_back(std::move(mapping));
    }
    return found;
}

}  // namespace coroscope::inspect::proc
