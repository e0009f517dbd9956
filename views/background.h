// Work off the frame: one thread that computes row models, and Computed<Key, Value>, which keeps the newest of them.
//
// A view says each frame what it wants (`want(key, make)`); while the key stays the same nothing happens. When it changes, `make` runs
// on the background thread and its value replaces the old one, which stays on the screen until then. Keys that change faster
// than they can be computed are skipped, never queued, so the work follows the newest state and never falls behind.
//
// What was replaced is freed on the background thread, too.
//
// Invariants: at most one computation of each Computed is under way; `make` owns what it reads (shared_ptr copies) and touches no view.
// Threads: Background::submit from any thread; Computed from the frame's thread only. Tested in tests/unit/views/background_test.cpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace coroscope::views {

class Background {
public:
    // `done` is called on the background thread after each job (to wake the frame); may be empty.
    explicit Background(std::function<void()> done);
    ~Background();  // drops what has not begun, waits for what has

    void submit(std::function<void()> job);
    // Lets go of something large on the background thread: freeing a Moment of a million coroutines takes longer than a frame may. Not a
    // job: busy() does not count it and `done` is not called.
    void discard(std::shared_ptr<const void> garbage);
    // True while a job waits or runs.
    bool busy() const;

private:
    void run();

    std::function<void()> done_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    std::vector<std::shared_ptr<const void>> garbage_;
    bool running_job_ = false;
    bool stop_ = false;
    std::thread thread_;
};

template <typename Key, typename Value>
class Computed {
public:
    // Makes sure that the value for `key` is there or on its way. `make` returns Value; it is called on the background thread.
    template <typename Make>
    void want(Background& background, const Key& key, Make&& make) {
        collect(background);
        if (box_->in_flight || (key_.has_value() && *key_ == key)) return;
        box_->in_flight = true;
        pending_key_ = key;
        background.submit([box = box_, make = std::forward<Make>(make)]() mutable {
            auto value = std::make_shared<const Value>(make());
            const std::lock_guard lock(box->mutex);
            box->done = std::move(value);
        });
    }
    // The newest value; nullptr before the first.
    const Value* value() const { return value_.get(); }
    std::shared_ptr<const Value> shared() const { return value_; }
    // True when the value is the one for `key`.
    bool current(const Key& key) const { return !box_->in_flight && key_.has_value() && *key_ == key; }
    // True while `make` waits or runs. What is done but not yet collected (its view is not drawn any more) does not count.
    bool in_flight() const {
        if (!box_->in_flight) return false;
        const std::lock_guard lock(box_->mutex);
        return box_->done == nullptr;
    }
    void reset() {
        box_ = std::make_shared<Box>();
        key_.reset();
        value_.reset();
    }

private:
    struct Box {
        std::mutex mutex;
        std::shared_ptr<const Value> done;  // guarded by mutex
        bool in_flight = false;             // frame thread only
    };
    void collect(Background& background) {
        if (!box_->in_flight) return;
        const std::lock_guard lock(box_->mutex);
        if (box_->done == nullptr) return;
        if (value_ != nullptr) background.discard(std::move(value_));
        if (key_.has_value()) background.discard(std::make_shared<const Key>(std::move(*key_)));
        value_ = std::move(box_->done);
        box_->done = nullptr;
        box_->in_flight = false;
        key_ = std::move(pending_key_);
    }

    std::shared_ptr<Box> box_ = std::make_shared<Box>();
    std::optional<Key> key_, pending_key_;
    std::shared_ptr<const Value> value_;
};

}  // namespace coroscope::views
