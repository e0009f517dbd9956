// See raw_stack_watch.h.
#include "traces/raw_stack_watch.h"

#include <utility>

namespace coroscope::traces {
namespace {

constexpr auto kInterest = std::chrono::seconds(1);

}  // namespace

std::shared_ptr<const inspect::RawStack> RawStackWatch::get(std::uint64_t identity, std::string* message) {
    const std::lock_guard lock(lock_);
    wanted_ = identity;
    asked_at_ = Clock::now();
    message->clear();
    if (read_ != identity) {
        if (ended_) *message = "The program is not looked at any more: its memory cannot be read.";
        return nullptr;
    }
    *message = message_;
    return words_;
}

bool RawStackWatch::wanted() const {
    const std::lock_guard lock(lock_);
    return wanted_ != read_;
}

void RawStackWatch::refresh(Observation& observation, const inspect::StateImage& state) {
    std::uint64_t identity = 0;
    {
        const std::lock_guard lock(lock_);
        identity = wanted_;
        if (identity == 0 || (identity == read_ && Clock::now() - asked_at_ > kInterest)) return;
        const inspect::CoroutineImage* now = state.coroutine_of(identity);
        const bool holds = identity == read_ && words_ != nullptr && now != nullptr &&
                           words_->consistency == inspect::Consistency::kExact &&
                           words_->sequence == now->sequence;
        if (holds) return;
    }
    auto read = observation.raw_stack(state, identity);
    const std::lock_guard lock(lock_);
    read_ = identity;
    message_ = read.ok() ? std::string() : read.error().message;
    words_ = read.ok() ? std::make_shared<const inspect::RawStack>(std::move(*read)) : nullptr;
}

void RawStackWatch::end() {
    const std::lock_guard lock(lock_);
    ended_ = true;
}

}  // namespace coroscope::traces
