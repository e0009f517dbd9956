// See recording_progress.h.
#include "traces/recording_progress.h"

#include <time.h>

#include <chrono>
#include <utility>

#include "instrumentation/inspect/proc.h"
#include "traces/ring_log.h"

namespace coroscope::traces {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);
constexpr auto kCountsPatience = std::chrono::milliseconds(100);

std::uint64_t used_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t sum(const std::array<EventCount, wire::kEventTypesMax>& counts, std::uint64_t EventCount::*member) {
    std::uint64_t total = 0;
    for (std::size_t type = 0; type < counts.size(); ++type) {
        if (!is_bookkeeping(static_cast<wire::EventType>(type))) total += counts[type].*member;
    }
    return total;
}

CostMeter::Counts RecordingCounts::with(const std::array<EventCount, wire::kEventTypesMax>& by_type) {
    last_.events = sum(by_type, &EventCount::accepted);
    last_.lost = sum(by_type, &EventCount::lost);
    last_.switches = by_type[static_cast<std::size_t>(wire::EventType::kResume)].accepted;
    return with_clocks();
}

CostMeter::Counts RecordingCounts::with_clocks() {
    last_.now_ns = used_ns(CLOCK_MONOTONIC);
    last_.program_cpu_ns = inspect::proc::cpu_time_ns(pid_).value_or(last_.program_cpu_ns);
    last_.recorder_cpu_ns = used_ns(CLOCK_PROCESS_CPUTIME_ID);
    last_.bytes = observation_.writer()->file_bytes();
    last_.blocked_ns = observation_.pump().blocked_ns();
    return last_;
}

CostMeter::Counts RecordingCounts::soon() {
    const auto by_type = observation_.pump().counts_within(kCountsPatience);
    return by_type.has_value() ? with(*by_type) : with_clocks();
}

RecordingProgress::RecordingProgress(std::uint32_t pid, const Observation& observation, Say say)
    : observation_(observation),
      say_(std::move(say)),
      counts_(pid, observation),
      meter_(observation.ns_per_event(), counts_.soon()),
      thread_([this] { run(); }) {}

RecordingProgress::~RecordingProgress() {
    {
        const std::lock_guard lock(lock_);
        over_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void RecordingProgress::run() {
    std::unique_lock lock(lock_);
    for (auto next = std::chrono::steady_clock::now() + kInterval;; next += kInterval) {
        if (changed_.wait_until(lock, next, [this] { return over_; })) return;
        lock.unlock();
        const CostMeter::Counts counts = counts_.soon();
        meter_.take(counts);
        Report report;
        report.cost = meter_.recent();
        report.events = counts.events;
        report.lost = counts.lost;
        report.bytes = observation_.memory() != nullptr ? observation_.memory()->bytes() : counts.bytes;
        say_(report);
        lock.lock();
    }
}

}  // namespace coroscope::traces
