// See stepper.h.
#include "views/stepper.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace coroscope::views {
namespace {

constexpr std::size_t kWaitingMax = 256;  // keys that were held down

traces::TimeNs time_looked_at(const Workspace& ws, const traces::Replay& replay) {
    return ws.session->time().value_or(replay.end());
}

// "event", "event of 73", "event on channel:words", "match of the rule".
std::string what_of(const Workspace& ws, bool by_rule) {
    if (by_rule) return "match of the rule";
    const Selection& selection = ws.selection();
    if (selection.coroutine != 0) return fmt::format("event of {}", selection.coroutine);
    return selection.channel.empty() ? "event" : "event on " + selection.channel;
}

}  // namespace

void Stepper::go(Workspace& ws, rules::Direction direction, std::shared_ptr<const rules::Rule> rule) {
    if (ws.session == nullptr) return;
    if (ws.session->replay() == nullptr) {
        ws.notice = ws.info.kind == traces::SessionKind::kCore
                        ? "A core is one moment, the program's last: there are no events to step to."
                        : "There is no past to step through yet: events are kept while they are listened to. "
                          "Press E until the bottom line says always, or record the program.";
        ws.notice_is_error = false;
        return;
    }
    if (waiting_.size() < kWaitingMax) waiting_.push_back({direction, std::move(rule)});
    poll(ws);
}

rules::StepFilter Stepper::filter_of(const Workspace& ws) const {
    using Of = rules::StepFilter::Of;
    const Selection& selection = ws.selection();
    rules::StepFilter filter;
    if (selection.coroutine != 0) {
        filter.of = Of::kCoroutine;
        filter.identity = selection.coroutine;
        const rules::Step* here = standing(ws);
        if (const inspect::CoroutineImage* row = ws.selected(); row != nullptr) {
            filter.index = row->index;
        } else if (here != nullptr && here->event && here->id == selection.coroutine) {
            filter.index = here->coroutine;
        }
    } else if (!selection.channel.empty() && ws.moment != nullptr) {
        filter.of = Of::kChannel;
        for (const inspect::ChannelImage& row : ws.moment->state.channels) {
            if (ws.moment->state.channel_text(row) != selection.channel) continue;
            filter.identity = row.identity;
            filter.index = row.index;
        }
    }
    return filter;
}

void Stepper::begin(Workspace& ws, Wish wish) {
    const std::shared_ptr<const traces::Replay> replay = ws.session->replay();
    if (replay == nullptr) return;
    const rules::Step* here = standing(ws);
    const rules::EventPlace from = here != nullptr ? here->at
                                                   : rules::place_at(*replay, time_looked_at(ws, *replay));
    looking_ = std::make_shared<Looking>();
    looking_->wish = wish;
    ws.searches.submit([replay, looking = looking_, wish = std::move(wish), filter = filter_of(ws), from] {
        auto found = wish.rule != nullptr
                         ? rules::step_rule(*replay, wish.rule, from, wish.direction, looking->search)
                         : rules::step_event(*replay, filter, from, wish.direction, looking->search);
        const std::lock_guard lock(looking->mutex);
        looking->found.emplace(std::move(found));
    });
}

void Stepper::poll(Workspace& ws) {
    if (ws.session == nullptr) return;
    if (looking_ != nullptr) {
        std::optional<base::Result<std::optional<rules::Step>>> found;
        {
            const std::lock_guard lock(looking_->mutex);
            found = std::move(looking_->found);
        }
        if (found.has_value()) {
            const std::shared_ptr<Looking> done = std::exchange(looking_, nullptr);
            take(ws, done->wish, *found);
        } else {
            ws.frames_wanted = std::max(ws.frames_wanted, 1);  // its progress
        }
    }
    if (looking_ != nullptr || waiting_.empty()) return;
    Wish wish = std::move(waiting_.front());
    waiting_.pop_front();
    begin(ws, std::move(wish));
}

void Stepper::take(Workspace& ws, const Wish& wish, const base::Result<std::optional<rules::Step>>& found) {
    if (!found.ok()) {
        waiting_.clear();
        ws.notice = found.error().message;
        ws.notice_is_error = true;
        return;
    }
    nothing_.clear();
    if (!found->has_value()) {
        waiting_.clear();
        const auto replay = ws.session->replay();
        if (replay == nullptr) return;
        nothing_ = fmt::format("there is no {} {}",
                               wish.direction == rules::Direction::kNext ? "later" : "earlier",
                               what_of(ws, wish.rule != nullptr));
        nothing_at_ = time_looked_at(ws, *replay);
        return;
    }
    standing_ = **found;
    ws.session->set_time(standing_->t);
    if (wish.rule == nullptr) return;
    // Whom the rule has found is what one wants to look at.
    if ((standing_->event || standing_->kind == rules::Kind::kCoroutine) && standing_->id != 0)
        ws.select_coroutine(standing_->id);
}

bool Stepper::cancel() {
    const bool had = looking_ != nullptr || !waiting_.empty();
    if (looking_ != nullptr) looking_->search.cancelled = true;
    looking_ = nullptr;
    waiting_.clear();
    return had;
}

void Stepper::reset() {
    cancel();
    standing_.reset();
    nothing_.clear();
}

const rules::Step* Stepper::standing(const Workspace& ws) const {
    return standing_ && ws.session != nullptr && ws.session->time() == standing_->t ? &*standing_ : nullptr;
}

bool Stepper::busy(const Workspace& ws) const {
    if (looking_ != nullptr || !waiting_.empty()) return true;
    const rules::Step* here = standing(ws);
    return here != nullptr && (ws.moment == nullptr || ws.moment->t != here->t);
}

std::string Stepper::sentence(const Workspace& ws) const {
    if (looking_ != nullptr) {
        const float share = looking_->search.share.load(std::memory_order_relaxed);
        return fmt::format("looking for the {} {}: {:.0f} % (Esc ends it)",
                           looking_->wish.direction == rules::Direction::kNext ? "next" : "last",
                           what_of(ws, looking_->wish.rule != nullptr), 100 * share);
    }
    if (ws.session == nullptr) return {};
    if (!nothing_.empty()) {
        const auto replay = ws.session->replay();
        if (replay != nullptr && time_looked_at(ws, *replay) == nothing_at_) return nothing_;
    }
    const rules::Step* here = standing(ws);
    return here == nullptr ? std::string()
                           : fmt::format("{:.6f} ms  {}", static_cast<double>(here->t) * 1e-6, here->sentence);
}

}  // namespace coroscope::views
