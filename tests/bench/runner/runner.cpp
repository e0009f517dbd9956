// The C++ half of the talk between driver and runner. Plain system calls on fixed buffers: what answers must not change
// what is measured, least of all the memory rows.
#include "runner/runner.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#include <algorithm>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace coroscope::bench {
namespace {

constexpr std::size_t kLineBytesMax = 512;

// One line from standard input without its end, or false at the end of input. A longer line ends the program.
bool read_line(char (&line)[kLineBytesMax]) {
    std::size_t length = 0;
    for (;;) {
        char byte = 0;
        const ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        if (byte == '\n') break;
        if (length + 1 == kLineBytesMax) {
            std::fprintf(stderr, "bench runner: a command is longer than %zu bytes\n", kLineBytesMax);
            std::exit(2);
        }
        line[length++] = byte;
    }
    line[length] = '\0';
    return true;
}

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = write(STDOUT_FILENO, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) std::exit(2);  // the driver is gone
        text.remove_prefix(static_cast<std::size_t>(put));
    }
}

std::uint64_t status_kib(const char* status, const char* key) {
    const char* at = std::strstr(status, key);
    return at == nullptr ? 0 : std::strtoull(at + std::strlen(key), nullptr, 10);
}

void answer(const Measured& measured) {
    char text[kLineBytesMax];
    int length = std::snprintf(text, sizeof text, "ok %" PRIu64 " %" PRIu64, measured.elapsed_ns,
                               measured.operations);
    for (const auto& [key, value] : measured.extra) {
        length += std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length), " %s %.17g",
                                key.c_str(), value);
        if (length + 1 >= static_cast<int>(sizeof text)) {
            write_all("error the answer is too long\n");
            return;
        }
    }
    text[length] = '\n';
    write_all({text, static_cast<std::size_t>(length) + 1});
}

// Enters the kernel once a page of text; no memory of its own is taken.
std::uint64_t maps_count() {
    static char text[4096];
    const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    std::uint64_t lines = 0;
    for (ssize_t got = 0; file >= 0 && (got = read(file, text, sizeof text)) > 0;)
        lines += static_cast<std::uint64_t>(std::count(text, text + got, '\n'));
    if (file >= 0) close(file);
    return lines;
}

}  // namespace

std::uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

MemoryUse memory_use() {
    static char status[8192];
    const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t got = file < 0 ? -1 : read(file, status, sizeof status - 1);
    if (file >= 0) close(file);
    if (got <= 0) {
        std::fprintf(stderr, "bench runner: /proc/self/status cannot be read: %s\n", std::strerror(errno));
        std::exit(2);
    }
    status[got] = '\0';
    return {.rss_bytes = status_kib(status, "VmRSS:") * 1024,
            .page_table_bytes = status_kib(status, "VmPTE:") * 1024,
            .shmem_bytes = status_kib(status, "RssShmem:") * 1024,
            .maps = maps_count()};
}

Measured memory_result(const MemoryUse& empty, const MemoryUse& full, std::uint64_t count) {
    const auto grown = [&](std::uint64_t MemoryUse::*field) {
        return static_cast<double>(static_cast<std::int64_t>(full.*field - empty.*field)) /
               static_cast<double>(count);
    };
    const double rss = grown(&MemoryUse::rss_bytes);
    const double page_tables = grown(&MemoryUse::page_table_bytes);
    return {.elapsed_ns = 0,
            .operations = count,
            .extra = {{"bytes", rss + page_tables},
                      {"rss_bytes", rss},
                      {"page_table_bytes", page_tables},
                      {"of_rss_shmem_bytes", grown(&MemoryUse::shmem_bytes)},
                      {"maps", static_cast<double>(full.maps)}}};
}

int serve(const char* version, std::span<const Workload> workloads) {
    char line[kLineBytesMax];
    std::snprintf(line, sizeof line, "hello %s\n", version);
    write_all(line);
    while (read_line(line)) {
        char* space = std::strchr(line, ' ');
        const std::uint64_t count = space == nullptr ? 0 : std::strtoull(space + 1, nullptr, 10);
        if (space != nullptr) *space = '\0';
        const Workload* wanted = nullptr;
        for (const Workload& workload : workloads) {
            if (std::strcmp(workload.name, line) == 0) wanted = &workload;
        }
        if (wanted == nullptr || count == 0) {
            write_all(wanted == nullptr ? "error this runner has no such workload\n"
                                        : "error the count is missing\n");
            continue;
        }
        answer(wanted->run(count));
    }
    return 0;
}

}  // namespace coroscope::bench
