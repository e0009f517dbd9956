#include "app/cli/machine_checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/inspect/module_set.h"
#include "instrumentation/inspect/symbols.h"

namespace coroscope::app {
namespace {

// Since Linux 6.13; Debian 12's headers do not know it.
constexpr int kMadviseGuardInstall = 102;
// 100,000 guarded stacks, two mappings each, where guards are made by mprotect; and as much again for everything else.
constexpr std::uint64_t kMapCountWanted = 262'144;

// The first line of a file; "" when it cannot be read.
std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::uint64_t number_in(const std::string& path, std::uint64_t otherwise) {
    std::istringstream line(first_line(path));
    std::uint64_t value = otherwise;
    return line >> value ? value : otherwise;
}

}  // namespace

Finding check_guard_pages() {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* memory = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool installed = memory != MAP_FAILED && madvise(memory, page, kMadviseGuardInstall) == 0;
    if (memory != MAP_FAILED) munmap(memory, page);
    if (installed) return {"guard pages", true, "the kernel installs them without extra mappings", ""};
    return {"guard pages", false,
            "this kernel has no MADV_GUARD_INSTALL, so each guarded stack takes two mappings",
            "use Linux 6.13 or newer, or raise vm.max_map_count (next line)"};
}

Finding check_map_count(const std::string& root, bool guards_need_mappings) {
    const std::uint64_t allowed = number_in(root + "/proc/sys/vm/max_map_count", 65'530);
    const std::string what = fmt::format("vm.max_map_count is {}", allowed);
    if (!guards_need_mappings) return {"mappings", true, what + ", and guards need none", ""};
    if (allowed >= kMapCountWanted) return {"mappings", true, what, ""};
    return {"mappings", false, fmt::format("{}: enough for about {} guarded stacks", what, allowed / 2),
            fmt::format("sysctl -w vm.max_map_count={} allows 100,000", kMapCountWanted)};
}

Finding check_overcommit(const std::string& root) {
    if (number_in(root + "/proc/sys/vm/overcommit_memory", 0) != 2)
        return {"address space", true, "large reservations are allowed", ""};
    return {"address space", false,
            "vm.overcommit_memory is 2, so large reservations count against a limit and are halved until "
            "they fit",
            "sysctl -w vm.overcommit_memory=0"};
}

Finding check_ptrace(const std::string& root) {
    const std::uint64_t scope = number_in(root + "/proc/sys/kernel/yama/ptrace_scope", 0);
    if (scope == 0) return {"looking in", true, "programs of one user may look into each other", ""};
    if (scope == 1)
        return {"looking in", true,
                "kernel.yama.ptrace_scope is 1: a program lets the viewer in that it has checked", ""};
    return {"looking in", geteuid() == 0 && scope == 2,
            fmt::format("kernel.yama.ptrace_scope is {}: only {} may read another program's memory", scope,
                        scope == 2 ? "root" : "nobody"),
            "stacks are then copied by the program's own agent, which is slower: sysctl -w "
            "kernel.yama.ptrace_scope=1"};
}

Finding check_reading_memory() {
    std::uint64_t from = 0x636f726f73636f70, to = 0;
    const iovec local{&to, sizeof to}, remote{&from, sizeof from};
    if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == sizeof from && to == from) {
        return {"reading memory", true, "process_vm_readv works", ""};
    }
    return {"reading memory", false,
            "process_vm_readv is refused (" + base::errno_text(errno) + "), as containers do",
            "stacks are then copied by the program's own agent, which is slower: allow the system call in "
            "the container's seccomp profile"};
}

Finding check_sealing() {
    const base::FileDescriptor memory(memfd_create("coroscope-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (memory && ftruncate(memory.get(), 4096) == 0 && fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0) {
        return {"shared memory", true, "memfd_create and sealing work", ""};
    }
    return {
        "shared memory", false,
        "a sealed memfd cannot be made (" + base::errno_text(errno) + "), so programs run without being seen",
        "allow memfd_create in the container's seccomp profile"};
}

Finding check_clock(const std::string& root) {
    std::ifstream file(root + "/proc/cpuinfo");
    std::string line;
    while (std::getline(file, line) && line.rfind("flags", 0) != 0) {
    }
    std::istringstream words(line);
    bool constant = false, nonstop = false;
    for (std::string word; words >> word;) {
        constant = constant || word == "constant_tsc";
        nonstop = nonstop || word == "nonstop_tsc";
    }
    if (constant && nonstop)
        return {"clock", true, "the time stamp counter is constant and does not stop", ""};
    // Virtual machines often hide nonstop_tsc; what the kernel itself trusts is the better witness then.
    const std::string source = first_line(root +
                                          "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    if (constant && (source == "tsc" || source == "kvm-clock")) {
        return {"clock", true,
                "the time stamp counter is constant, and the kernel's clock (" + source + ") rests on it", ""};
    }
    return {"clock", false,
            "the time stamp counter may change its pace or stop, so times of different workers may not agree",
            "use a processor (or a virtual machine setting) that offers constant_tsc and nonstop_tsc"};
}

Finding check_debug_information() {
    auto modules = inspect::read_modules(static_cast<std::uint32_t>(getpid()));
    if (!modules) return {"debug information", false, modules.error().message, "mount /proc"};
    inspect::Symbolizer symbols(std::move(*modules));
    // A return address inside this very function.
    const auto here = reinterpret_cast<std::uint64_t>(&check_debug_information) + 16;
    const auto& frames = symbols.frames(here);
    const bool named = !frames.empty() &&
                       frames.back().function.find("check_debug_information") != std::string::npos;
    const bool placed = named && frames.back().line != 0;
    if (placed) return {"debug information", true, "functions, files and lines are found", ""};
    if (named) {
        return {"debug information", true,
                "functions are found; coroscope's own lines are not, because it was built without -g", ""};
    }
    return {"debug information", false, "not even coroscope's own functions have names (it was stripped)",
            "nothing to mend here, but build the programs that you look at with -g and do not strip them"};
}

}  // namespace coroscope::app
