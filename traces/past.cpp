// See past.h.
#include "traces/past.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace coroscope::traces {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFollowInterval = std::chrono::milliseconds(250);  // marks come as often
constexpr int kShareMax = 4;  // of a processor, one part in so many

}  // namespace

Past::Past(std::shared_ptr<const Replay> replay, Follow follow, std::optional<TimeNs> first, std::function<void(const Past&)> changed)
    : follow_(follow),
      changed_call_(std::move(changed)),
      replay_(std::move(replay)),
      time_(first),
      growing_(replay_->reader().being_written()) {
    thread_ = std::thread([this] { loop(); });
}

Past::~Past() {
    {
        const std::lock_guard lock(lock_);
        stop_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void Past::set_time(std::optional<TimeNs> t) {
    const std::lock_guard lock(lock_);
    if (time_ == t) return;
    time_ = t;
    ++wanted_;
    changed_.notify_all();
}

std::optional<TimeNs> Past::time() const {
    const std::lock_guard lock(lock_);
    return time_;
}

std::shared_ptr<const Moment> Past::moment() const {
    const std::lock_guard lock(lock_);
    return moment_;
}

base::Result<std::shared_ptr<const Moment>> Past::wait_moment() const {
    std::unique_lock lock(lock_);
    changed_.wait(lock, [this] { return done_ == wanted_; });
    if (!error_.message.empty()) return error_;
    return moment_;
}

std::shared_ptr<const Replay> Past::replay() const {
    const std::lock_guard lock(lock_);
    return replay_;
}

std::string Past::error() const {
    const std::lock_guard lock(lock_);
    return error_.message;
}

void Past::look_soon() {
    const std::lock_guard lock(lock_);
    look_wanted_ = true;
    changed_.notify_all();
}

bool Past::growing() const {
    const std::lock_guard lock(lock_);
    return growing_;
}

// Without lock_: whether the trace has grown. Damage in what came is the reader's to tell; what was known stays.
bool Past::look_for_more() {
    const std::shared_ptr<const Replay> known = replay();
    const bool more_to_come = known->reader().being_written();
    auto newer = known->reader().newer();  // after being_written(): its last words are not missed
    std::shared_ptr<const Replay> grown;
    if (newer.ok() && *newer != nullptr) {
        auto made = Replay::make(*newer);
        if (made.ok()) grown = std::move(*made);
    }
    const std::lock_guard lock(lock_);
    growing_ = more_to_come && (grown == nullptr || !grown->reader().complete());
    if (grown != nullptr) replay_ = grown;
    return grown != nullptr;
}

// Under lock, which is let go of meanwhile.
void Past::rebuild(std::unique_lock<std::mutex>& lock) {
    const std::uint64_t wanted = wanted_;
    const std::optional<TimeNs> t = time_;
    std::shared_ptr<const Replay> replay = replay_;
    const bool behind = growing_ && follow_ == Follow::kNo && (!t.has_value() || *t > replay->end());
    lock.unlock();
    if (behind && look_for_more()) replay = this->replay();
    auto moment = replay->moment_at(t.value_or(replay->end()));
    lock.lock();
    error_ = {};
    if (moment.ok()) moment_ = std::move(*moment);
    if (!moment.ok()) error_ = moment.error();
    done_ = wanted;
    changed_.notify_all();
}

void Past::loop() {
    auto next_look = Clock::now() + kFollowInterval;
    std::unique_lock lock(lock_);
    while (!stop_) {
        const bool follows = (follow_ == Follow::kYes || look_wanted_) && growing_;
        const auto begin = Clock::now();
        if (done_ != wanted_) {
            rebuild(lock);
        } else if (!follows) {
            changed_.wait(lock);
            continue;
        } else if (begin < next_look) {
            changed_.wait_until(lock, next_look);
            continue;
        } else {
            look_wanted_ = false;
            lock.unlock();
            const bool grown = look_for_more();
            lock.lock();
            if (grown && follow_ == Follow::kYes && !time_.has_value()) ++wanted_;
            if (done_ != wanted_) rebuild(lock);
            const auto took = Clock::now() - begin;
            next_look = Clock::now() + std::max<Clock::duration>(kFollowInterval, took * (kShareMax - 1));
        }
        lock.unlock();
        changed_call_(*this);
        lock.lock();
    }
}

}  // namespace coroscope::traces
