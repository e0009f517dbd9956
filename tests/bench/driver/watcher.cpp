// The watcher's thread: rests, empties the rings while a measurement runs, empties them once more, rests again.
#include "driver/watcher.h"

#include <chrono>

namespace coroscope::bench {
namespace {

// Between two rounds, as the recorder's (traces/event_pump.cpp): who reads without a pause takes the line that the writer writes from it.
constexpr auto kPause = std::chrono::microseconds(300);

}  // namespace

base::Result<std::unique_ptr<Watcher>> Watcher::attach(pid_t pid, Watch watch) {
    auto target = inspect::Target::attach(static_cast<std::uint32_t>(pid), {.role = wire::Role::kRecorder});
    if (!target.ok()) return target.error();
    const std::uint32_t mask = watch == Watch::kProfiled ? wire::kEverything : wire::kEventCategories;
    base::Status listening = (*target)->listen(mask, wire::RingMode::kDropAndCount);
    if (!listening.ok()) return listening.error();
    return std::unique_ptr<Watcher>(new Watcher(std::move(target).value()));
}

Watcher::Watcher(std::unique_ptr<inspect::Target> target)
    : target_(std::move(target)), thread_([this] { drain_loop(); }) {}

Watcher::~Watcher() {
    set_state(State::kEnding);
    thread_.join();
}

void Watcher::set_state(State state) {
    {
        const std::lock_guard lock(mutex_);
        state_ = state;
    }
    changed_.notify_all();
}

void Watcher::work() {
    before_ = totals();
    set_state(State::kWorking);
}

Watcher::Tally Watcher::rest() {
    set_state(State::kLastRound);
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return state_ == State::kResting; });
    }
    const Tally after = totals();
    return {.events = after.events - before_.events, .lost = after.lost - before_.lost};
}

void Watcher::drain_loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return state_ != State::kResting; });
        if (state_ == State::kEnding) return;
        const bool last = state_ == State::kLastRound;
        lock.unlock();
        const std::size_t drained = drain_once();
        if (!last) std::this_thread::sleep_for(kPause);
        lock.lock();
        if (last && drained == 0) {
            state_ = State::kResting;
            changed_.notify_all();
        }
    }
}

std::size_t Watcher::drain_once() {
    std::size_t drained = 0;
    std::uint64_t first_position = 0;
    std::uint64_t overtaken = 0;
    for (std::uint32_t ring = 0; ring < target_->rings_count(); ++ring) {
        slots_.clear();
        drained += target_->drain(ring, slots_, &first_position, &overtaken);
    }
    return drained;
}

Watcher::Tally Watcher::totals() const {
    Tally sum;
    for (std::uint32_t ring = 0; ring < target_->rings_count(); ++ring) {
        const inspect::Target::RingCounts counts = target_->ring_counts(ring);
        for (const std::uint64_t emitted : counts.emitted)
            sum.events += emitted;
        for (const std::uint64_t dropped : counts.dropped)
            sum.lost += dropped;
    }
    return sum;
}

}  // namespace coroscope::bench
