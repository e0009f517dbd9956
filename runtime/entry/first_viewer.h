// FirstViewer: a program that was started to be watched waits here for whoever wants to watch it.
//
// A launcher (`coroscope record -- PROG`) sets CPRIME_WAIT_FOR_VIEWER=MS and can attach only once the agent stands; until then the first
// coroutines would have run unseen. So the runtime waits, after its agent has started and before anything can be spawned, until
// somebody listens or the time is over. Nobody coming is no error: the program runs as always.
//
// Thread: wait_ms() on the thread that makes the Runtime, changed() on the agent's. Tested in tests/unit/runtime/first_viewer_test.cpp.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace cprime::detail {

class FirstViewer {
public:
    // emit::AgentOptions::changed; `self` is the FirstViewer.
    static void changed(void* self, std::uint32_t mask, std::uint32_t /*sample_period*/) {
        auto& viewer = *static_cast<FirstViewer*>(self);
        {
            const std::lock_guard guard(viewer.lock_);
            viewer.listens_ = mask != 0;
        }
        viewer.came_.notify_all();
    }

    // Blocks until somebody listens, at most that long; true when somebody does.
    bool wait_ms(std::uint32_t ms) {
        std::unique_lock guard(lock_);
        return came_.wait_for(guard, std::chrono::milliseconds(ms), [this] { return listens_; });
    }

private:
    std::mutex lock_;
    std::condition_variable came_;
    bool listens_ = false;  // guarded by lock_
};

}  // namespace cprime::detail
