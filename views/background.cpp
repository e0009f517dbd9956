// See background.h.
#include "views/background.h"

namespace coroscope::views {

Background::Background(std::function<void()> done) : done_(std::move(done)), thread_([this] { run(); }) {}

Background::~Background() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        jobs_.clear();
    }
    changed_.notify_all();
    thread_.join();
}

void Background::submit(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
        jobs_.push_back(std::move(job));
    }
    changed_.notify_all();
}

void Background::discard(std::shared_ptr<const void> garbage) {
    {
        const std::lock_guard lock(mutex_);
        garbage_.push_back(std::move(garbage));
    }
    changed_.notify_all();
}

bool Background::busy() const {
    const std::lock_guard lock(mutex_);
    return running_job_ || !jobs_.empty();
}

void Background::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stop_ || !jobs_.empty() || !garbage_.empty(); });
        if (stop_) return;
        if (jobs_.empty()) {  // jobs first: somebody waits for them
            std::vector<std::shared_ptr<const void>> garbage = std::exchange(garbage_, {});
            lock.unlock();
            garbage.clear();
            lock.lock();
            continue;
        }
        {
            const std::function<void()> job = std::move(jobs_.front());
            jobs_.pop_front();
            running_job_ = true;
            lock.unlock();
            job();
        }  // what the job held is freed here, off the lock and off the frame
        lock.lock();
        running_job_ = false;
        if (stop_) return;
        lock.unlock();
        if (done_) done_();
        lock.lock();
    }
}

}  // namespace coroscope::views
