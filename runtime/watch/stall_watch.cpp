// The looks, what the kernel says of a thread, and the report.
#include "runtime/watch/stall_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "instrumentation/base/file_descriptor.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/watch/describe.h"

namespace cprime::detail {

constinit StallWatch g_stalls;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::int64_t kSlowest = 8;  // periods between looks while all sleep

std::int64_t now_ms() {
    return monotonic_ns() / 1'000'000;
}

// The first bytes of /proc/self/task/TID/NAME; "" when it cannot be read.
std::string read_of_thread(std::uint32_t thread_id, const char* name) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%u/%s", thread_id, name);
    const coroscope::base::FileDescriptor file(open(path, O_RDONLY | O_CLOEXEC));
    char text[512];
    const ssize_t bytes = file ? read(file.get(), text, sizeof text - 1) : -1;
    return bytes > 0 ? std::string(text, static_cast<std::size_t>(bytes)) : std::string();
}

}  // namespace

void StallWatch::start(Worker* workers, std::uint32_t count, std::uint32_t limit_ms) {
    workers_ = workers;
    count_ = count;
    limit_ms_ = limit_ms;
    pause_ms_ = period_ms_ = std::max<std::int64_t>(limit_ms_ / 2, 1);
    looked_ms_ = now_ms();
    seen_.fill({});
    told_count_ = 0;
    looks_.store(0, kRelaxed);
}

int StallWatch::look() {
    if (limit_ms_ == 0) return -1;
    const std::int64_t passed_ms = now_ms() - looked_ms_;
    if (passed_ms >= pause_ms_) {
        looked_ms_ += passed_ms;
        look_at_workers(std::min(passed_ms, 2 * period_ms_));
        looks_.fetch_add(1, std::memory_order_release);
        return static_cast<int>(pause_ms_);
    }
    return static_cast<int>(pause_ms_ - passed_ms);
}

void StallWatch::look_at_workers(std::int64_t passed_ms) {
    bool anybody_runs = false;
    for (std::uint32_t i = 0; i < count_; ++i) {
        const wire::WorkerRecord& record = *workers_[i].record;
        Seen& seen = seen_[i];
        const std::uint64_t switches = record.switches.load(kRelaxed);
        const std::uint32_t coroutine = record.current.load(kRelaxed);
        const bool runs = record.state.load(kRelaxed) == wire::WorkerState::kRunning &&
                          coroutine != wire::kNone;
        anybody_runs |= runs || switches != seen.switches;
        if (!runs || switches != seen.switches || coroutine != seen.coroutine) {
            seen = {switches, runs ? coroutine : wire::kNone, 0, 0, false};
            if (runs) seen.cpu_ms = state_of(record.thread_id.load(kRelaxed)).cpu_ms;
        } else {
            seen.for_ms += passed_ms;
        }
    }
    pause_ms_ = anybody_runs ? period_ms_ : std::min(2 * pause_ms_, kSlowest * period_ms_);
    for (std::uint32_t i = 0; i < count_; ++i) {
        if (seen_[i].for_ms >= limit_ms_ && !seen_[i].judged) judge(workers_[i], seen_[i]);
    }
}

bool StallWatch::every_worker_is_kept() const {
    return std::all_of(seen_.begin(), seen_.begin() + count_,
                       [this](const Seen& seen) { return seen.for_ms >= limit_ms_; });
}

std::uint64_t StallWatch::who_wait_for(const Worker& worker) const {
    std::uint64_t waiting = worker.queue.length() + worker.bound_length.load(kRelaxed);
    if (!every_worker_is_kept()) return waiting;
    waiting += g_runtime->scheduler.shared_length();
    return waiting != 0 || timers_next() > now_ticks() ? waiting : 1;
}

StallWatch::ThreadState StallWatch::state_of(std::uint32_t thread_id) {
    ThreadState found;
    const std::string stat = read_of_thread(thread_id, "stat");
    // "tid (name) S ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime ...": see proc(5)
    const std::size_t name_end = stat.rfind(')');
    unsigned long long user = 0, system = 0;
    char state = 0;
    if (name_end == std::string::npos ||
        std::sscanf(stat.c_str() + name_end + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu",
                    &state, &user, &system) != 3)
        return found;
    found.known = true;
    found.asleep = state == 'S' || state == 'D';
    found.cpu_ms = (user + system) * 1000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    return found;
}

void StallWatch::judge(const Worker& worker, Seen& seen) {
    const std::uint64_t waiting = who_wait_for(worker);
    if (waiting == 0) return;
    const std::uint32_t thread_id = worker.record->thread_id.load(kRelaxed);
    ThreadState thread = state_of(thread_id);
    const bool starved = thread.known && !thread.asleep &&
                         thread.cpu_ms < seen.cpu_ms + static_cast<std::uint64_t>(limit_ms_) / 4;
    if (starved) return;
    if (thread.asleep) thread.in_kernel = read_of_thread(thread_id, "wchan");
    // Acquire: its record and its name were written before it was made ready, or parked last.
    static_cast<void>(record(seen.coroutine).sequence.load(std::memory_order_acquire));
    const std::uint32_t site = detail(seen.coroutine).site.load(std::memory_order_acquire);
    const bool is_handler = detail(seen.coroutine).priority.load(kRelaxed) == wire::Priority::kSignal;
    const std::string who = (is_handler ? "signal handler " : "") + coroutine_and_site_text(seen.coroutine);
    if (worker.record->switches.load(kRelaxed) != seen.switches) return;
    seen.judged = true;
    const auto told_end = told_.begin() + static_cast<std::ptrdiff_t>(told_count_);
    if (told_count_ == told_.size() || std::find(told_.begin(), told_end, site) != told_end) return;
    told_[told_count_++] = site;
    std::string does = "it is not known what its thread does";
    std::string remedy =
        "what blocks belongs in cprime::blocking(), a long computation calls cprime::yield() now and then";
    if (thread.known && thread.asleep) {
        const bool told = !thread.in_kernel.empty() && thread.in_kernel != "0";
        does = "its thread is asleep in the kernel" + (told ? " (" + thread.in_kernel + ")" : std::string());
        remedy = "what blocks belongs in cprime::blocking(), and cprime::Mutex in the place of std::mutex";
    } else if (thread.known) {
        does = "it computes";
        remedy = "call cprime::yield() now and then, or leave it to cprime::blocking()";
    }
    std::fprintf(stderr, "cprime: %s has kept worker %u for %lld ms from %llu %s: %s; %s\n", who.c_str(),
                 worker.index, static_cast<long long>(seen.for_ms), static_cast<unsigned long long>(waiting),
                 waiting == 1 ? "other" : "others", does.c_str(), remedy.c_str());
}

}  // namespace cprime::detail
