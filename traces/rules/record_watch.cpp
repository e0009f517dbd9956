// See record_watch.h.
#include "traces/rules/record_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "instrumentation/base/tsc.h"
#include "traces/rules/query.h"

namespace coroscope::rules {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kRound = std::chrono::microseconds(500);
constexpr auto kStateInterval = std::chrono::milliseconds(20);
constexpr auto kReachInterval = std::chrono::milliseconds(5);
constexpr std::int64_t kSettledNs = 200'000;  // events this old have no causes that are still to come

bool asks_for_texts(const Rule& rule) {
    return std::any_of(rule.terms().begin(), rule.terms().end(), [](const Term& term) {
        return term.form == Term::Form::kTextEquals || term.form == Term::Form::kTextMatches;
    });
}

}  // namespace

base::Result<std::unique_ptr<RecordWatch>> RecordWatch::start(std::uint32_t pid,
                                                              std::shared_ptr<const Rule> rule) {
    auto target = inspect::Target::attach(pid, {});
    if (!target) return target.error();
    auto state = (*target)->read_state();
    if (!state) return state.error();
    std::unique_ptr<RecordWatch> watch(new RecordWatch(std::move(rule), std::move(*target), std::move(*state)));
    watch->thread_ = std::thread([watch = watch.get()] { watch->loop(); });
    return watch;
}

RecordWatch::RecordWatch(std::shared_ptr<const Rule> rule, std::unique_ptr<inspect::Target> target,
                         inspect::StateImage state)
    : rule_(std::move(rule)),
      target_(std::move(target)),
      state_(std::move(state)),
      names_(state_.strings, state_.sites, state_.pools),
      scan_(rule_, state_, names_, {}),
      begin_ticks_(base::read_tsc()) {}

RecordWatch::~RecordWatch() {
    stop_.store(true, std::memory_order_relaxed);
    if (thread_.joinable()) thread_.join();
}

std::string RecordWatch::held() const {
    const std::lock_guard lock(lock_);
    return held_;
}

void RecordWatch::note(const std::string& sentence) {
    const std::lock_guard lock(lock_);
    if (held_.empty()) held_ = sentence;
}

void RecordWatch::note_event(const EventFacts& facts) {
    if (!held().empty()) return;  // of one round several may match
    std::string_view name;
    std::string who;
    if (facts.identity != 0 && !names_.coroutine(facts.name, facts.site, &name)) learn_names();
    if (facts.identity != 0) who = fmt::format(" of {}", facts.identity);
    if (facts.identity != 0 && names_.coroutine(facts.name, facts.site, &name))
        who += fmt::format(" \"{}\"", name);
    note(fmt::format("the rule held at {:.3f} ms ({}{})", facts.time_ns * 1e-6,
                     wire::event_name(facts.event->type), who));
}

void RecordWatch::drain() {
    for (std::uint32_t number = 0; number < target_->rings_count(); ++number) {
        if (rings_.size() <= number) {
            rings_.push_back(std::make_unique<Ring>());
            rings_.back()->decoder.seed(begin_ticks_, wire::kNone, false);
        }
        Ring& ring = *rings_[number];
        std::uint64_t first = 0, overtaken = 0;
        slots_.clear();
        target_->drain(number, slots_, &first, &overtaken);
        ring.owner = target_->ring_owner(number, &ring.owner_index);
        if (overtaken != 0) {
            overtaken_.fetch_add(overtaken, std::memory_order_relaxed);
            ring.decoder.gap();
            scan_.lose(base::read_tsc());
        }
        ring.decoder.feed(slots_, [&](const wire::DecodedEvent& event) {
            happened_.push_back({event, number});
        });
    }
}

bool RecordWatch::names_unknown(std::size_t count) const {
    std::string_view text;
    return std::any_of(happened_.begin(), happened_.begin() + static_cast<std::ptrdiff_t>(count),
                       [&](const Happened& one) {
                           const wire::DecodedEvent& event = one.event;
                           std::uint32_t name = wire::kNone;
                           if (event.type == wire::EventType::kSpawn) {
                               if (!names_.site(event.argument, &text)) return true;
                               name = wire::spawn_name(event);
                           } else if (event.type == wire::EventType::kChannelCreate ||
                                      event.type == wire::EventType::kWaitableCreate) {
                               name = static_cast<std::uint32_t>(event.ext64[0]);
                           }
                           return name != wire::kNone && !names_.text(name, &text);
                       });
}

void RecordWatch::learn_names() {
    auto state = target_->read_state();
    if (!state) return;
    state_ = std::move(*state);
    names_ = Names(state_.strings, state_.sites, state_.pools);
    scan_.names_learned();
}

void RecordWatch::evaluate_events(std::uint64_t up_to_ticks) {
    std::stable_sort(happened_.begin(), happened_.end(),
                     [](const Happened& a, const Happened& b) { return a.event.tsc < b.event.tsc; });
    const auto settled = std::find_if(happened_.begin(), happened_.end(),
                                      [&](const Happened& one) { return one.event.tsc > up_to_ticks; });
    const auto count = static_cast<std::size_t>(settled - happened_.begin());
    if (rule_->about_events() && asks_for_texts(*rule_) && names_unknown(count)) learn_names();
    for (auto one = happened_.begin(); one != settled; ++one) {
        const Ring& ring = *rings_[one->ring];
        if (!rule_->about_events()) {
            tally_.take(one->event);
        } else {
            scan_.take(one->event, ring.owner, ring.owner_index,
                       [&](const EventFacts& facts) { note_event(facts); });
        }
    }
    happened_.erase(happened_.begin(), settled);
}

void RecordWatch::evaluate_state() {
    auto state = target_->read_state();
    if (!state) return;
    tally_.complete(*state);
    traces::Moment moment;
    moment.state = std::move(*state);
    moment.t = moment.state.since_start_ns(moment.state.read_end_ticks);
    const StateAnswer answer = query_state(moment, rule_, 1);
    if (answer.matched == 0) return;
    note(fmt::format("the rule held at {:.3f} ms{}", static_cast<double>(moment.t) * 1e-6,
                     answer.rows.empty() ? "" : " (" + answer.rows.front().text + ")"));
}

void RecordWatch::loop() {
    const bool about_events = rule_->about_events();
    const auto slack = static_cast<std::uint64_t>(
        std::max<std::int64_t>(state_.clock.duration_ticks(kSettledNs), 0));
    auto next_state = Clock::now(), next_reach = next_state;
    while (!stop_.load(std::memory_order_relaxed) && held().empty()) {
        const std::uint64_t settled_ticks = base::read_tsc() - slack;
        drain();
        evaluate_events(settled_ticks);
        const auto now = Clock::now();
        if (about_events && now >= next_reach) {
            scan_.reach(settled_ticks, [&](const EventFacts& facts) { note_event(facts); });
            next_reach = now + kReachInterval;
        }
        if (!about_events && now >= next_state) {
            evaluate_state();
            next_state = now + kStateInterval;
        }
        std::this_thread::sleep_for(kRound);
    }
}

}  // namespace coroscope::rules
