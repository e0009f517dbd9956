// See timeline_planner.h.
#include "views/timeline_planner.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "traces/rules/query.h"

namespace coroscope::views {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kReadAtOnce = std::chrono::milliseconds(12);
constexpr auto kPlanEach = std::chrono::milliseconds(100);
constexpr std::uint64_t kWholeQuanta = 16384;   // of a coroutine's whole life
constexpr std::size_t kNearChunksMax = 96;     // that are read for a coroutine where it is looked at closely
constexpr std::size_t kFollowedMax = 64;
constexpr std::size_t kCandidatesFiltered = 4096;  // that are asked whether they pass the filter
constexpr std::size_t kBusiestChunksMax = 32;   // that are read for a coroutine that nobody asked for

}  // namespace

TimelinePlanner::TimelinePlanner(std::function<void()> changed)
    : changed_call_(std::move(changed)), search_(std::make_shared<traces::Search>()), thread_([this] { loop(); }) {}

TimelinePlanner::~TimelinePlanner() {
    {
        const std::lock_guard lock(lock_);
        stop_ = true;
        search_->cancelled = true;
    }
    changed_.notify_all();
    thread_.join();
}

void TimelinePlanner::want(TimelineWish wish) {
    {
        const std::lock_guard lock(lock_);
        if (wish_.has_value() && *wish_ == wish) return;
        wish_ = std::move(wish);
        search_->cancelled = true;
        search_ = std::make_shared<traces::Search>();
        busy_ = true;
    }
    changed_.notify_all();
}

std::shared_ptr<const TimelinePlan> TimelinePlanner::plan() const {
    const std::lock_guard lock(lock_);
    return plan_;
}

bool TimelinePlanner::busy() const {
    const std::lock_guard lock(lock_);
    return busy_;
}

bool TimelinePlanner::is_newest(const TimelineWish& wish) {
    const std::lock_guard lock(lock_);
    return !stop_ && wish_.has_value() && *wish_ == wish;
}

void TimelinePlanner::publish(TimelinePlan plan) {
    auto made = std::make_shared<const TimelinePlan>(std::move(plan));
    {
        const std::lock_guard lock(lock_);
        plan_.swap(made);
    }
    if (changed_call_) changed_call_();
}

void TimelinePlanner::loop() {
    for (;;) {
        TimelineWish wish;
        {
            std::unique_lock lock(lock_);
            changed_.wait(lock, [this] { return stop_ || busy_; });
            if (stop_) return;
            wish = *wish_;
        }
        index_.follow(wish.replay);
        const std::uint64_t from = wish.replay->ticks_of(wish.range.begin), to = wish.replay->ticks_of(wish.range.end);
        // What is at hand stays on the screen meanwhile: the coroutines' lanes of the plan before are still theirs.
        TimelinePlan plan = make_timeline_plan(index_, wish, false);
        if (const auto before = this->plan(); before != nullptr) {
            if (before->wish.late == wish.late) plan.late = before->late;
            plan.channels = before->channels;
            plan.told = before->told;
        }
        if (const auto before = this->plan(); before != nullptr && before->wish.coroutines == wish.coroutines) {
            plan.coroutines = before->coroutines;
            for (WorkerLane& lane : plan.workers) {
                for (const WorkerLane& old : before->workers) {
                    if (old.worker == lane.worker) lane.running_share = old.running_share;
                }
            }
        }
        publish(plan);
        depths_.follow(wish.replay);
        depths_.choose(wish.channels, wish.busiest_channels);
        bool more = true;
        while (more && is_newest(wish)) {
            TimelinePlan before = std::move(plan);
            plan = make_timeline_plan(index_, wish, true);
            plan.coroutines = std::move(before.coroutines);
            plan.channels = std::move(before.channels);
            plan.told = std::move(before.told);
            if (!is_newest(wish) || !follow_coroutines(plan) || !add_channels(plan) || !add_told(plan)) break;
            publish(plan);
            const auto next = Clock::now() + kPlanEach;
            do {
                more = index_.advance(from, to, Clock::now() + kReadAtOnce) ||
                       depths_.advance(wish.range, Clock::now() + kReadAtOnce, *search());
            } while (more && Clock::now() < next && is_newest(wish));
            if (more || plan.complete) continue;
            more = true;  // the last chunks are in no plan yet
        }
        if (!is_newest(wish)) continue;
        plan.chunks_known = index_.chunks_known();
        if (!follow_coroutines(plan) || !add_channels(plan) || !add_told(plan)) continue;
        publish(std::move(plan));
        {
            const std::lock_guard lock(lock_);
            if (wish_.has_value() && *wish_ == wish) busy_ = false;
        }
        if (changed_call_) changed_call_();
    }
}

std::shared_ptr<traces::Search> TimelinePlanner::search() const {
    const std::lock_guard lock(lock_);
    return search_;
}

bool TimelinePlanner::add_channels(TimelinePlan& plan) {
    auto lanes = depths_.lanes(plan.wish.range, plan.wish.pixel_ns, *search());
    if (!lanes.has_value()) return false;
    plan.channels = std::move(*lanes);
    return true;
}

bool TimelinePlanner::add_told(TimelinePlan& plan) {
    ToldWish wish;
    wish.range = plan.wish.range;
    for (const CoroutineLane& lane : plan.coroutines) {
        if (lane.known) wish.zones_of.push_back(lane.identity);
        if (lane.known && !lane.busiest) wish.asked = wish.zones_of.size();
    }
    if (!told_.has_value() || told_->replay != plan.wish.replay || told_->wish != wish) {
        auto told = told_between(index_, wish, *search());
        if (!told.has_value()) return false;
        told_ = Told{plan.wish.replay, std::move(wish), std::move(*told)};
    }
    plan.told = told_->told;
    return true;
}

std::shared_ptr<const traces::CoroutineTrack> TimelinePlanner::look(const traces::LifeBegin& life, std::uint64_t from, std::uint64_t to,
                                                                    std::uint64_t quantum) {
    const std::shared_ptr<traces::Search> search = this->search();
    traces::TrackQuestion question;
    question.identity = life.identity;
    question.index = life.index;
    question.from = std::max(from, life.ticks);
    question.to = std::min(to, index_.life_end(life) - 1);
    question.quantum = quantum;
    if (question.to < question.from) question.to = question.from;
    const auto chunks = index_.chunks_about(life.index, question.from, question.to);
    auto track = std::make_shared<const traces::CoroutineTrack>(
        traces::read_coroutine_track(index_.replay().reader(), chunks, question, *search));
    return track->complete ? track : nullptr;
}

std::optional<CoroutineLane> TimelinePlanner::lane_of(std::uint64_t identity, const TimelineWish& wish) {
    const traces::LifeBegin* found = index_.life_of(identity);
    if (found == nullptr) {
        CoroutineLane nobody;
        nobody.identity = identity;
        return nobody;
    }
    const traces::LifeBegin life = *found;
    const traces::Replay& replay = *wish.replay;
    Followed& followed = followed_[identity];
    const std::uint64_t begin = replay.ticks_of(replay.begin()), end = replay.ticks_of(replay.end());
    const std::uint64_t from = std::max(begin, replay.ticks_of(wish.range.begin)), to = std::min(end, replay.ticks_of(wish.range.end));
    const auto pixel = static_cast<std::uint64_t>(std::max<std::int64_t>(
        0, replay.reader().meta().clock.duration_ticks(static_cast<std::int64_t>(wish.pixel_ns / 2))));
    const auto covers = [&](const traces::CoroutineTrack* track) {
        return track != nullptr && track->quantum <= pixel && track->from <= std::max(from, life.ticks) &&
               track->to >= std::min(to, index_.life_end(life) - 1);
    };
    // The whole of a trace that grows is looked at again when there is a tenth more of it: what is near is looked at each time.
    const bool grown = followed.whole != nullptr && end > followed.whole->to &&
                       end - followed.whole->to > (followed.whole->to - begin) / 10;
    const bool whole_now = index_.chunks_about(life.index, from, to).size() > kNearChunksMax;
    if (!covers(followed.near.get()) && !covers(followed.whole.get()) && !whole_now) {
        const std::uint64_t room = to - from;
        followed.near = look(life, from - std::min(from, room), std::min(end, to + room), pixel);
        if (followed.near == nullptr) return std::nullopt;
    }
    if (followed.whole == nullptr || grown) {
        const auto whole = look(life, begin, end, std::max<std::uint64_t>(1, (end - begin) / kWholeQuanta));
        if (whole == nullptr) return std::nullopt;
        followed.whole = whole;
    }
    const traces::CoroutineTrack& best = covers(followed.near.get()) ? *followed.near : *followed.whole;
    return make_coroutine_lane(index_, best, followed.whole->at(best.from), wish);
}

bool TimelinePlanner::follow_coroutines(TimelinePlan& plan) {
    if (followed_.size() > kFollowedMax) {
        std::erase_if(followed_, [&](const auto& entry) {
            const auto& wanted = plan.wish.coroutines;
            return std::find(wanted.begin(), wanted.end(), entry.first) == wanted.end();
        });
    }
    std::vector<CoroutineLane> lanes;
    for (const std::uint64_t identity : plan.wish.coroutines) {
        auto lane = lane_of(identity, plan.wish);
        if (!lane.has_value()) return false;
        lanes.push_back(std::move(*lane));
    }
    if (plan.chunks_known == plan.chunks_count && !add_busiest(plan, lanes)) return false;
    plan.coroutines = std::move(lanes);
    return true;
}

// Those who run most and live in what is seen, as long as that is read quickly.
bool TimelinePlanner::add_busiest(const TimelinePlan& plan, std::vector<CoroutineLane>& lanes) {
    const TimelineWish& wish = plan.wish;
    const traces::Replay& replay = *wish.replay;
    const std::uint64_t begin = replay.ticks_of(wish.seen.begin), end = replay.ticks_of(wish.seen.end);
    const rules::Names names = wish.whom != nullptr ? rules::names_of(replay.reader()) : rules::Names();
    const std::size_t candidates = wish.whom != nullptr ? kCandidatesFiltered : 4 * wish.busiest;
    std::size_t added = 0;
    for (const std::uint32_t record : wish.busiest == 0 ? std::vector<std::uint32_t>() : index_.busiest(candidates)) {
        const traces::LifeBegin* life = index_.life_at(record, end);
        if (added >= wish.busiest || life == nullptr || index_.life_end(*life) < begin) continue;
        const auto is_life = [&](const CoroutineLane& lane) { return lane.identity == life->identity; };
        if (std::any_of(lanes.begin(), lanes.end(), is_life)) continue;
        if (wish.whom != nullptr) {
            std::string_view name, site;
            if (!names.coroutine(life->name, life->site, &name)) name = {};
            if (!names.site(life->site, &site)) site = {};
            if (!wish.whom->passes(life->identity, name, site)) continue;
        }
        if (index_.chunks_about(record, replay.ticks_of(replay.begin()), replay.ticks_of(replay.end())).size() > kBusiestChunksMax) return true;
        auto lane = lane_of(life->identity, wish);
        if (!lane.has_value()) return false;
        if (lane->spans.empty()) continue;
        lane->busiest = true;
        lanes.push_back(std::move(*lane));
        ++added;
    }
    return true;
}

}  // namespace coroscope::views
