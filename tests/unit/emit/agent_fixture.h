// A target reduced to its segments and its agent, in this process.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "instrumentation/emit/agent.h"
#include "raw_viewer.h"
#include "ring_fixture.h"

namespace coroscope::emit {

class AgentTest : public testing::Test {
protected:
    AgentTest() { start(); }
    ~AgentTest() override {
        agent_.reset();
        rings_.reset();
        state_.reset();
    }

    void start(std::uint32_t end_grace_ms = 0) {
        agent_.reset();
        rings_.reset();
        state_ = StateSegment::create(StateOptions{}).value();
        rings_ = RingSegment::create(state_->header().segment_nonce, true).value();
        AgentOptions options;
        options.state = state_.get();
        options.rings = rings_.get();
        options.changed = [](void* self, std::uint32_t mask, std::uint32_t period) {
            static_cast<AgentTest*>(self)->changed(mask, period);
        };
        options.context = this;
        options.end_grace_ms = end_grace_ms;
        options.control = control_;
        agent_ = Agent::start(options).value();
    }

    // Waits until the agent has said that this mask is in force. False after ten seconds.
    bool wait_for_mask(std::uint32_t mask) {
        std::unique_lock hold(lock_);
        return mask_changed_.wait_for(hold, std::chrono::seconds(10), [&] { return mask_ == mask; });
    }
    std::uint32_t period() {
        std::lock_guard hold(lock_);
        return period_;
    }
    RawViewer viewer() const { return RawViewer(agent_->socket_name()); }

    AgentOptions::Control control_{};
    std::unique_ptr<StateSegment> state_;
    std::unique_ptr<RingSegment> rings_;
    std::unique_ptr<Agent> agent_;

private:
    void changed(std::uint32_t mask, std::uint32_t period) {
        std::lock_guard hold(lock_);
        mask_ = mask;
        period_ = period;
        mask_changed_.notify_all();
    }
    std::mutex lock_;
    std::condition_variable mask_changed_;
    std::uint32_t mask_ = 0;
    std::uint32_t period_ = 0;
};

}  // namespace coroscope::emit
