// What every bench program does besides its workloads: answer the driver, one line at a time.
//
// A system under measurement (CPrime, Boost, C++20 coroutines, Go) is a program of its own, so that no allocator,
// page table or signal mask is shared between peers, and so that two builds of the same library can stand side by side. The
// driver (driver/) starts one process a series and asks them in turn, round by round; whoever is not asked sleeps
// in read(). This file is the C++ half of that talk, go/main.go the other one:
//
//   runner  -> driver   hello VERSION
//   driver  -> runner   WORKLOAD COUNT
//   runner  -> driver   ok ELAPSED_NS OPERATIONS [KEY VALUE]...     or     error SENTENCE
//   end of input        the runner ends with 0
//
// COUNT is how many operations are wanted; a workload may round it and says how many it did. The clock is started
// and stopped by the workload, so setting up and taking down stay outside where a row says so.
//
// Thread: serve() runs on whichever thread or coroutine calls it. Blocks: in read(), between the measurements.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coroscope::bench {

struct Measured {
    std::uint64_t elapsed_ns = 0;
    std::uint64_t operations = 0;
    std::vector<std::pair<std::string, double>> extra;  // printed beside the result; keys without blanks
};

struct Workload {
    const char* name;
    Measured (*run)(std::uint64_t count);
};

// CLOCK_MONOTONIC in nanoseconds.
std::uint64_t now_ns();

// Memory of this process as the kernel counts it, in bytes (/proc/self/status; VmRSS contains RssShmem).
struct MemoryUse {
    std::uint64_t rss_bytes = 0;
    std::uint64_t page_table_bytes = 0;
    std::uint64_t shmem_bytes = 0;
    std::uint64_t maps = 0;  // lines of /proc/self/maps
};
MemoryUse memory_use();

// The result of a memory workload: what `count` parked coroutines added to an empty runtime.
Measured memory_result(const MemoryUse& empty, const MemoryUse& full, std::uint64_t count);

// Answers the driver until the end of input. Returns the exit status of the program.
int serve(const char* version, std::span<const Workload> workloads);

// Keeps `value` from being optimised away.
template <typename T>
inline void keep(const T& value) {
    asm volatile("" : : "r,m"(value) : "memory");
}

}  // namespace coroscope::bench
