// A session of synthetic data: what views and window show in tests, without a target.
//
// The Moment resembles the demo: a swarm of small coroutines that receive from one channel, a pipeline, a fan-in with a slow consumer, joins,
// sleepers, a deadlock of two if wanted, free slots between used ones, histograms with a tail. Everything in it is determined by the
// options, so that tests can count.
//
// Thread: as traces::Session. Names for frames are there at once, or after the first question when `late_names` is set.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "traces/session.h"

namespace coroscope::views {

struct FakeOptions {
    std::uint32_t swarm = 1000;
    std::uint32_t workers = 4;
    bool deadlock = false;
    bool recorded = false;
    bool measured = true;  // histograms hold something
    bool late_names = false;
    std::uint64_t lost = 0;
};

// Identities of the coroutines that tests talk about.
inline constexpr std::uint64_t kFakeMain = 1, kFakeParser = 2, kFakeProducer = 3, kFakeConsumer = 4,
                               kFakeSleeper = 5, kFakeLeft = 6, kFakeRight = 7, kFakeTorn = 8,
                               kFakeSwarmFirst = 100;

// The words of the stack of kFakeConsumer, as of its sequence in make_fake_moment(): three levels, a free part below, colour above.
inspect::RawStack make_fake_words(const inspect::StateImage& state);

std::shared_ptr<const traces::Moment> make_fake_moment(const FakeOptions& options,
                                                       traces::TimeNs t = 1'500'000'000);

class FakeSession : public traces::Session {
public:
    explicit FakeSession(FakeOptions options);

    traces::SessionInfo info() const override;
    std::shared_ptr<const traces::Moment> moment() const override;
    void set_time(std::optional<traces::TimeNs> t) override;
    std::optional<traces::TimeNs> time() const override;
    const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs) override;
    const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message) override;
    std::shared_ptr<const inspect::RawStack> raw_stack(std::uint64_t identity, std::string* message) override;
    void on_change(std::function<void()> notify) override;
    base::Result<std::shared_ptr<const traces::Moment>> wait_moment() override;
    std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>& pcs) override;

    // Publishes another Moment, as if time went on.
    void publish(std::shared_ptr<const traces::Moment> next);

private:
    FakeOptions options_;
    mutable std::mutex mutex_;
    std::shared_ptr<const traces::Moment> moment_;
    std::optional<traces::TimeNs> time_;
    std::function<void()> notify_;
    std::map<std::vector<std::uint64_t>, std::vector<inspect::Frame>> frames_;
    std::vector<inspect::Instruction> code_;  // at address 0
    std::map<std::uint64_t, std::vector<inspect::Instruction>> codes_;
    std::shared_ptr<const inspect::RawStack> words_;
};

}  // namespace coroscope::views
