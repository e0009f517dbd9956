// Footprint: what a program's coroutines cost in memory, measured by the program itself.
//
//   build_the_world();                       // data, channels: everything but coroutines
//   measured::Footprint footprint;           // from here on
//   spawn_thousands();
//   footprint.look();                        // when most of them are alive
//   ...
//   std::printf("%s\n", footprint.json(...).c_str());
//
// *Stack memory* is `stack_rss_kib`: the most memory that was resident (VmHWM) less what was resident (VmRSS) before the first of the
// coroutines was spawned. So it holds the pages of stacks that were touched, whole slots or not, and what the runtime keeps of a coroutine beside its
// stack (112 bytes); page tables are not in it. `stack_bytes` is another measure: the slots in use at once, touched or not.
//
// getrusage() would not do: its maximum also knows the program that called exec().
//
// Thread: any; one at a time.
#pragma once

#include <cprime/cprime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace measured {

// A value of /proc/self/status in KiB, such as "VmRSS"; 0 when it is not to be had.
inline std::uint64_t status_kib(const char* name) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/status", "re"),
                                                               &std::fclose);
    if (file == nullptr) return 0;
    char line[256];
    const std::string wanted = std::string(name) + ": %llu";
    unsigned long long kib = 0;
    while (std::fgets(line, sizeof line, file.get()) != nullptr) {
        if (std::sscanf(line, wanted.c_str(), &kib) == 1) return kib;
    }
    return 0;
}

class Footprint {
public:
    // The world stands, its coroutines do not run yet.
    Footprint() : before_kib_(status_kib("VmRSS")) {}

    // Counts who is alive.
    void look() {
        using cprime::size_class;
        std::uint64_t alive = 0;
        for (const size_class of :
             {size_class::micro, size_class::small, size_class::medium, size_class::large})
            alive += cprime::pool_statistics(of).used;
        coroutines_ = std::max(coroutines_, alive);
    }

    std::uint64_t stack_rss_kib() const {
        const std::uint64_t peak_kib = status_kib("VmHWM");
        return peak_kib - std::min(peak_kib, before_kib_);
    }

    // One line: the result, and what it cost.
    std::string json(std::uint64_t result, const cprime::Runtime& runtime) const {
        char line[256];
        std::snprintf(line, sizeof line,
                      R"({"result": "%016llx", "peak_coroutines": %llu, "peak_rss_kib": %llu, )"
                      R"("stack_rss_kib": %llu, "stack_bytes": %llu})",
                      static_cast<unsigned long long>(result), static_cast<unsigned long long>(coroutines_),
                      static_cast<unsigned long long>(status_kib("VmHWM")),
                      static_cast<unsigned long long>(stack_rss_kib()),
                      static_cast<unsigned long long>(runtime.stack_bytes_peak()));
        return line;
    }

private:
    std::uint64_t before_kib_;
    std::uint64_t coroutines_ = 0;
};

}  // namespace measured
