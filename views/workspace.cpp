// See workspace.h.
#include "views/workspace.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "traces/awaited.h"

namespace coroscope::views {
namespace {

constexpr std::size_t kHistoryMax = 200;

const char* target_status_name(traces::TargetStatus status) {
    switch (status) {
        case traces::TargetStatus::kRunning:
            return "running";
        case traces::TargetStatus::kEnding:
            return "ending";
        case traces::TargetStatus::kExited:
            return "exited";
        case traces::TargetStatus::kDetached:
            return "detached";
    }
    return "?";
}

}  // namespace

Workspace::Workspace(std::function<void()> wake) : background(wake), searches(wake), wake_(std::move(wake)), history_(1) {}

Workspace::~Workspace() {
    if (session != nullptr) session->on_change({});
}

void Workspace::open(std::shared_ptr<traces::Session> next) {
    if (session != nullptr) session->on_change({});
    // What closing takes, waiting for a session's threads and freeing a million slots, is no frame's.
    std::shared_ptr<const void> old_session = std::exchange(session, std::move(next)), old_moment = std::exchange(moment, nullptr);
    info = {};
    stat = nullptr;
    waits = nullptr;
    stat_.reset();
    waits_.reset();
    matching_.reset();
    past_filtered_.reset();
    past_filter_.reset();
    filter.clear();
    pins_.clear();
    hovering_ = hovered_coroutine_ = 0;
    history.reset();
    run_series.reset();
    code_place.reset();
    selection_ = {};
    selection_.changes = history_.back().changes + 1;
    history_.assign(1, selection_);
    history_position_ = 0;
    if (old_moment != nullptr) background.discard(std::move(old_moment));
    if (old_session != nullptr) background.discard(std::move(old_session));
    if (session != nullptr) session->on_change(wake_);
}

void Workspace::refresh() {
    if (session == nullptr) return;
    if (auto newest = session->moment(); newest != nullptr && newest != moment) {
        if (moment != nullptr) background.discard(std::move(moment));
        moment = std::move(newest);
    }
    refresh_analyses();
}

void Workspace::refresh_analyses() {
    if (session == nullptr) return;
    info = session->info();
    if (moment == nullptr) return;
    stat_.want(background, moment,
               [owner = session, at = moment] { return traces::compute_stat(*owner, *at); });
    waits_.want(background, moment, [at = moment] { return traces::compute_waits(*at); });
    if (!filter.empty())
        matching_.want(background, {moment, filter}, [at = moment, text = filter] { return match_filter(*at, text); });
    refresh_past_filter();
    stat = stat_.value();
    waits = waits_.value();
    // A slot that was selected while empty finds its owner as soon as there is one; one that is reused keeps the identity chosen.
    if (selection_.slot.has_value() && selection_.coroutine == 0) {
        const auto* owner = moment->state.owner_of(selection_.slot->pool, selection_.slot->slot);
        if (owner != nullptr) selection_.coroutine = owner->identity;
    }
}

void Workspace::refresh_past_filter() {
    if (filter.empty()) {
        past_filter_.reset();
        return;
    }
    const bool stays = info.kind == traces::SessionKind::kLive && !session->time().has_value() && past_filter_ != nullptr &&
                       past_filter_->text() == filter;
    if (stays) return;
    past_filtered_.want(background, {moment, filter}, [at = moment, text = filter] { return views::past_filter(*at, text); });
    if (past_filtered_.current({moment, filter}) && past_filtered_.value() != nullptr) past_filter_ = *past_filtered_.value();
}

bool Workspace::left_out(std::uint64_t identity) const {
    const FilterMatch* match = matching();
    return match != nullptr && !match->about_events && !match->has(identity);
}

bool Workspace::settled() const {
    if (session == nullptr) return true;
    return moment != nullptr && stat_.current(moment) && waits_.current(moment) &&
           (filter.empty() || (matching_.current({moment, filter}) && !past_filtered_.in_flight()));
}

std::shared_ptr<const traces::Waits> Workspace::shared_waits() const {
    return waits_.shared();
}

void Workspace::select(Selection next) {
    code_place.reset();
    const Selection& now = selection_;
    if (next.coroutine == now.coroutine && next.slot == now.slot && next.channel == now.channel &&
        next.range == now.range)
        return;
    next.changes = now.changes + 1;
    arms_of_ = 0;
    selection_ = std::move(next);
    history_.resize(history_position_ + 1);
    history_.push_back(selection_);
    if (history_.size() > kHistoryMax) history_.erase(history_.begin());
    history_position_ = history_.size() - 1;
    frames_wanted = std::max(frames_wanted, 3);
}

void Workspace::select_coroutine(std::uint64_t identity) {
    Selection next;
    next.range = selection_.range;
    next.coroutine = identity;
    if (moment != nullptr) {
        if (const auto* coroutine = moment->state.coroutine_of(identity); coroutine != nullptr) {
            next.slot = SlotId{coroutine->pool, coroutine->slot};
        }
    }
    select(std::move(next));
}

void Workspace::select_slot(SlotId slot) {
    Selection next;
    next.range = selection_.range;
    next.slot = slot;
    if (moment != nullptr) {
        if (const auto* owner = moment->state.owner_of(slot.pool, slot.slot); owner != nullptr)
            next.coroutine = owner->identity;
    }
    select(std::move(next));
}

void Workspace::select_channel(const std::string& channel) {
    Selection next;
    next.range = selection_.range;
    next.channel = channel;
    select(std::move(next));
}

void Workspace::select_frame(std::size_t frame) {
    code_place.reset();
    selection_.frame = frame;
    frames_wanted = std::max(frames_wanted, 3);
}

void Workspace::select_range(std::optional<TimeRange> range) {
    Selection next = selection_;
    next.range = range.has_value() && range->begin < range->end ? range : std::nullopt;
    select(std::move(next));
}

void Workspace::clear_selection() {
    const bool something = selection_.coroutine != 0 || selection_.slot.has_value() || !selection_.channel.empty();
    Selection next;
    if (something) next.range = selection_.range;
    select(std::move(next));
}

void Workspace::select_awaited() {
    if (moment == nullptr) return;
    const inspect::StateImage& state = moment->state;
    const inspect::CoroutineImage* from = selected();
    const bool next_arm = from == nullptr && arms_of_ != 0;
    if (next_arm) from = state.coroutine_of(arms_of_);
    if (from == nullptr || from->state != wire::CoroutineState::kParked) return;
    if (from->reason == wire::WaitReason::kSelect) {
        const auto arms = state.arms_of(*from);
        if (arms.empty()) return;
        arm_ = next_arm ? (arm_ + 1) % arms.size() : 0;
        const std::uint64_t whose = from->identity;
        select_channel(traces::channel_at_text(state, arms[arm_].channel));
        arms_of_ = whose;
        return;
    }
    if (from->reason == wire::WaitReason::kJoin) {
        if (const auto* joined = state.coroutine_at(from->wait_object)) select_coroutine(joined->identity);
    } else if (wire::waits_for_waitable(from->reason)) {
        const auto* waitable = state.waitable_at(from->wait_object);
        if (waitable != nullptr && state.coroutine_of(waitable->owner) != nullptr)
            select_coroutine(waitable->owner);
    } else if (const std::string object = traces::awaited_text(state, *from);
               object.starts_with("channel:")) {
        select_channel(object);
    }
}

bool Workspace::go_back() {
    if (!can_go_back()) return false;
    const std::uint64_t changes = selection_.changes + 1;
    code_place.reset();
    selection_ = history_[--history_position_];
    selection_.changes = changes;
    return true;
}

bool Workspace::go_forward() {
    if (!can_go_forward()) return false;
    const std::uint64_t changes = selection_.changes + 1;
    code_place.reset();
    selection_ = history_[++history_position_];
    selection_.changes = changes;
    return true;
}

const inspect::CoroutineImage* Workspace::selected() const {
    if (moment == nullptr || selection_.coroutine == 0) return nullptr;
    return moment->state.coroutine_of(selection_.coroutine);
}

bool Workspace::is_pinned(std::uint64_t identity) const {
    return std::find(pins_.begin(), pins_.end(), identity) != pins_.end();
}

void Workspace::toggle_pin(std::uint64_t identity) {
    if (identity == 0) return;
    if (std::erase(pins_, identity) == 0) pins_.push_back(identity);
    frames_wanted = std::max(frames_wanted, 2);
}

void Workspace::begin_widgets() {
    widgets_before_ = std::move(widgets_);
    widgets_.clear();
    hovered.clear();
    if (hovered_coroutine_ != hovering_) frames_wanted = std::max(frames_wanted, 1);
    hovered_coroutine_ = std::exchange(hovering_, 0);
    lit_widgets_.clear();
}

void Workspace::publish(const std::string& name, Rect rect) {
    widgets_[name] = rect;
}

std::optional<Rect> Workspace::published(const std::string& name) const {
    for (const auto* widgets : {&widgets_, &widgets_before_}) {
        if (const auto found = widgets->find(name); found != widgets->end()) return found->second;
    }
    return std::nullopt;
}

std::vector<std::string> Workspace::widget_names() const {
    std::vector<std::string> names;
    for (const auto& [name, rect] : widgets_)
        names.push_back(name);
    return names;
}

nlohmann::json Workspace::facts() const {
    nlohmann::json facts = {{"session", session != nullptr},
                            {"status", session != nullptr ? target_status_name(info.status) : "none"},
                            {"status_text", info.status_text},
                            {"title", info.title},
                            {"pid", info.pid},
                            {"events_per_second", info.events_per_second},
                            {"ns_per_event", info.ns_per_event},
                            {"listening", info.listening},
                            {"listening_share", info.listening_share},
                            {"time_ns", moment != nullptr ? moment->t : 0},
                            {"moment", moment != nullptr},
                            {"selected", selection_.coroutine},
                            {"range.begin", selection_.range.has_value() ? selection_.range->begin : 0},
                            {"range.end", selection_.range.has_value() ? selection_.range->end : 0},
                            {"program.running", program.present && program.running},
                            {"program.present", program.present},
                            {"program.status", program.status},
                            {"program.pid", program.pid},
                            {"filter", filter},
                            {"pins", pins_.size()},
                            {"bookmarks", notes.all().size()},
                            {"hovered", hovered_coroutine()},
                            {"notice", notice},
                            {"step", step.text},
                            {"step.event", step.event},
                            {"step.id", step.id},
                            {"step.busy", step.busy},
                            {"candidates", lists.candidates.size()}};
    if (moment == nullptr) return facts;
    const inspect::StateImage& state = moment->state;
    facts["coroutines"] = state.coroutines.size();
    facts["channels"] = state.channels.size();
    facts["events"] = moment->events_total;
    facts["lost"] = moment->events_lost;
    facts["torn"] = moment->stacks.torn;
    facts["stacks"] = moment->stacks.stacks.size();
    facts["unknown"] = moment->unknown_coroutines;
    facts["paused"] = state.pause.everything;
    if (const FilterMatch* match = matching(); match != nullptr) facts["matching"] = match->count;
    facts["kept"] = state.pause.chosen;
    facts["steps"] = state.pause.steps_done;
    std::uint64_t held = 0;
    for (const inspect::WorkerImage& worker : state.workers)
        held += worker.state == wire::WorkerState::kHeld ? 1 : 0;
    facts["workers.held"] = held;
    if (stat != nullptr) {
        facts["workers"] = stat->workers;
        facts["spawned"] = stat->spawned;
        facts["exited"] = stat->exited;
        facts["duration_ns"] = stat->duration_ns;
        facts["selects"] = stat->selects.size();
        std::uint64_t steals = 0;
        for (const traces::WorkerStat& worker : stat->per_worker)
            steals += worker.worker.steals;
        facts["steals"] = steals;
        facts["switch_samples"] = stat->switch_cycles.samples;
        for (const auto& [name, count] : stat->states)
            facts["states." + name] = count;
    }
    if (waits != nullptr) {
        facts["edges"] = waits->edges.size();
        facts["cycles"] = waits->cycles.size();
    }
    return facts;
}

}  // namespace coroscope::views
