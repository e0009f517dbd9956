// See event_window.h.
#include "traces/rules/event_window.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "traces/event_feed.h"
#include "traces/ring_log.h"
#include "traces/rules/event_rows.h"
#include "traces/rules/event_scan.h"
#include "traces/rules/new_ground.h"

namespace coroscope::rules {
namespace {

constexpr std::uint32_t kWindowEventsBetweenLooks = 4096;  // at whether it is still wanted, and what was set aside

// Events stamped begin < t <= end.
struct WindowStretch {
    std::uint64_t begin_ticks = 0, end_ticks = 0;
};

// Between keyframes, ascending; together all that lies in (first, last].
std::vector<WindowStretch> stretches_between(const traces::TraceReader& reader, std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> borders = {first};
    for (const std::uint32_t position : reader.keyframes()) {
        const std::uint64_t ticks = reader.chunks()[position].header.ticks_max;
        if (ticks > borders.back() && ticks < last) borders.push_back(ticks);
    }
    borders.push_back(last);
    std::vector<WindowStretch> all;
    for (std::size_t i = 0; i + 1 < borders.size(); ++i)
        if (borders[i] < borders[i + 1]) all.push_back({borders[i], borders[i + 1]});
    return all;
}

class WindowLook {
public:
    WindowLook(const traces::Replay& replay, const EventWindowWish& wish, std::shared_ptr<const Rule> rule, traces::Search& search)
        : replay_(replay),
          reader_(replay.reader()),
          wish_(wish),
          rule_(std::move(rule)),
          search_(search),
          names_(names_of(reader_)) {}

    // Whether some event of it can match, by the counts of its chunks.
    bool may_match(const WindowStretch& stretch) const {
        const auto events = reader_.events();
        return std::any_of(events.begin(), events.end(), [&](std::uint32_t position) {
            const traces::ChunkRef& chunk = reader_.chunks()[position];
            if (chunk.header.ticks_max <= stretch.begin_ticks || chunk.header.ticks_min > stretch.end_ticks) return false;
            return std::any_of(chunk.counts.begin(), chunk.counts.end(), [&](const traces::TypeCount& row) {
                return row.count != 0 && rule_->may_match(static_cast<wire::EventType>(row.type));
            });
        });
    }

    // The first `most` rows of the stretch, ascending.
    base::Status first_of(const WindowStretch& stretch, std::size_t most, std::vector<WindowRow>* rows) {
        bool full = false;
        const auto take = [&](const EventFacts& facts, const ObjectNames& objects) {
            if (rows->size() == most && facts.event->tsc >= rows->back().ticks) return;
            add(facts, objects, rows);
            if (rows->size() > most) rows->pop_back();
            full = rows->size() == most;
        };
        return scan(stretch, take, [&](std::uint64_t ticks) { return full && ticks > rows->back().ticks; });
    }

    // The last `most` of it, ascending; more where several share the stamp of the first.
    base::Status last_of(WindowStretch stretch, std::size_t most, std::vector<WindowRow>* rows) {
        std::vector<std::uint64_t> stamps;
        const auto never = [](std::uint64_t) { return false; };
        auto status = scan(
            stretch, [&](const EventFacts& facts, const ObjectNames&) { stamps.push_back(facts.event->tsc); }, never);
        if (!status || stamps.empty() || !search_.wanted()) return status;
        if (stamps.size() > most) {
            const auto nth = stamps.end() - static_cast<std::ptrdiff_t>(most);
            std::nth_element(stamps.begin(), nth, stamps.end());
            stretch.begin_ticks = std::max(stretch.begin_ticks, *nth - 1);
        }
        return scan(
            stretch, [&](const EventFacts& facts, const ObjectNames& objects) { add(facts, objects, rows); }, never);
    }

    std::uint64_t scanned() const { return scanned_; }
    std::uint64_t gaps() const { return gaps_; }

private:
    // take(facts, objects) for each match; done(ticks): whether what is stamped so and later is not asked for.
    template <typename Take, typename Done>
    base::Status scan(const WindowStretch& stretch, Take&& take, Done&& done) {
        auto keyframe = keyframe_for(reader_, stretch.begin_ticks);
        if (!keyframe.ok()) return keyframe.error();
        if (keyframe->strings.empty()) keyframe->strings = reader_.strings();
        EventScan::Options options;
        options.from_ticks = stretch.begin_ticks + 1;
        options.to_ticks = stretch.end_ticks;
        EventScan scan(rule_, *keyframe, names_, options);
        ObjectNames objects(*keyframe, names_);
        const auto match = [&](const EventFacts& facts) {
            if (traces::is_bookkeeping(facts.event->type)) return;
            if (wish_.coroutine != 0 && facts.identity != wish_.coroutine) return;
            if (!is_of_whom(facts)) return;
            if (!wish_.object.empty() && objects.of(*facts.event) != wish_.object) return;
            take(facts, objects);
        };
        // Of a rule that asks what came of a wait, until that of each is known.
        const bool waits = rule_->needs_outcome();
        const std::uint64_t begin = keyframe->read_begin_ticks < options.from_ticks ? EventScan::first_ticks_after(*keyframe) : 0;
        traces::EventFeed feed(reader_, begin, waits ? std::numeric_limits<std::uint64_t>::max() : options.to_ticks);
        NewGround ground(reader_);
        std::uint64_t last_ticks = options.to_ticks;
        std::uint32_t count = 0;
        feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
            ++scanned_;
            if (++count % kWindowEventsBetweenLooks == 0) {
                if (!search_.wanted()) return false;
                if (waits && event.tsc > options.to_ticks) {
                    scan.reach(event.tsc, match);
                    if (!scan.set_aside_between(options.from_ticks, options.to_ticks)) return false;
                }
            }
            if (!waits && done(event.tsc)) return false;
            ground.pass(feed, event.tsc, [&](std::uint64_t until_ticks) { scan.lose(until_ticks); });
            while (ground.reached(event.tsc)) {
                const auto anew = ground.take();
                if (!anew) continue;
                traces::EventFeed around(reader_, EventScan::first_ticks_after(*anew), anew->read_end_ticks);
                scan.renew(*anew, around);
                objects.renew(*anew);
            }
            objects.learn(event);
            last_ticks = std::max(last_ticks, event.tsc);
            scan.take(event, ring.owner, ring.owner_index, match);
            return true;
        });
        if (!search_.wanted()) return base::ok_status();
        scan.reach(last_ticks, match);
        gaps_ = std::max<std::uint64_t>(gaps_, feed.losses().size());
        return base::ok_status();
    }

    bool is_of_whom(const EventFacts& facts) {
        if (!wish_.of_whom) return true;
        const auto [known, fresh] = of_whom_.try_emplace(facts.identity, false);
        if (fresh) {
            std::string_view name, site;
            if (!names_.coroutine(facts.name, facts.site, &name)) name = {};
            if (!names_.site(facts.site, &site)) site = {};
            known->second = wish_.of_whom(facts.identity, name, site);
        }
        return known->second;
    }

    void add(const EventFacts& facts, const ObjectNames& objects, std::vector<WindowRow>* rows) {
        WindowRow row{row_of(facts, names_, objects), facts.event->tsc, replay_.time_with(facts.event->tsc)};
        const auto after = std::upper_bound(rows->begin(), rows->end(), row.ticks,
                                            [](std::uint64_t ticks, const WindowRow& other) { return ticks < other.ticks; });
        rows->insert(after, std::move(row));
    }

    const traces::Replay& replay_;
    const traces::TraceReader& reader_;
    const EventWindowWish& wish_;
    const std::shared_ptr<const Rule> rule_;
    traces::Search& search_;
    const Names names_;
    std::unordered_map<std::uint64_t, bool> of_whom_;  // by identity
    std::uint64_t scanned_ = 0, gaps_ = 0;
};

}  // namespace

base::Result<std::shared_ptr<const Rule>> event_rule(const std::string& text) {
    if (text.find_first_not_of(' ') == std::string::npos) return std::shared_ptr<const Rule>();
    auto rule = Rule::parse(text);
    if (rule.ok() && !(*rule)->about_events())
        return base::error(base::ErrorCode::kUsage,
                           "this rule is about state, and an events table is filtered by rules about events, such as suspend and "
                           "blocked_ns > 1ms");
    return rule;
}

base::Result<EventWindow> events_around(const traces::Replay& replay, const EventWindowWish& wish, traces::Search& search) {
    std::shared_ptr<const Rule> rule = wish.rule;
    if (rule == nullptr) {
        auto anything = Rule::parse("time >= 0ns");
        if (!anything) return anything.error();
        rule = *anything;
    }
    const traces::TimeNs from = std::max(replay.begin(), wish.from.value_or(replay.begin())),
                         to = std::min(replay.end(), wish.to.value_or(replay.end()));
    EventWindow window;
    window.t = std::clamp(wish.t, from, std::max(from, to));
    window.known_from = window.known_to = window.t;
    if (from > to) return window;
    const std::uint64_t now = replay.ticks_of(window.t);
    const std::uint64_t first = replay.ticks_of(from), last = replay.ticks_of(to);
    WindowLook look(replay, wish, std::move(rule), search);

    auto stretches = stretches_between(replay.reader(), first == 0 ? 0 : first - 1, now);
    const std::size_t of = stretches.size();
    std::vector<WindowRow> before;
    while (!stretches.empty() && before.size() < wish.before && look.scanned() < wish.events_max && search.wanted()) {
        const WindowStretch stretch = stretches.back();
        stretches.pop_back();
        search.reached(of - stretches.size(), 2 * std::max<std::size_t>(of, 1));
        std::vector<WindowRow> rows;
        if (look.may_match(stretch)) {
            if (auto status = look.last_of(stretch, wish.before - before.size(), &rows); !status) return status.error();
        }
        before.insert(before.begin(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
        window.known_from = std::max(from, replay.time_with(stretch.begin_ticks));
    }
    if (before.size() >= wish.before) window.known_from = before.front().at;
    window.more_before = !stretches.empty() || before.size() >= wish.before;
    window.until_now = before.size();
    window.rows = std::move(before);

    const std::uint64_t scanned_before = look.scanned();
    stretches = stretches_between(replay.reader(), now, last);
    std::size_t next = 0, found = 0;
    for (; next < stretches.size() && found < wish.after && look.scanned() - scanned_before < wish.events_max && search.wanted();
         ++next) {
        search.reached(stretches.size() + next, 2 * stretches.size());
        std::vector<WindowRow> rows;
        if (look.may_match(stretches[next])) {
            if (auto status = look.first_of(stretches[next], wish.after - found, &rows); !status) return status.error();
        }
        found += rows.size();
        window.rows.insert(window.rows.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
        window.known_to = std::min(to, replay.time_of(stretches[next].end_ticks));
    }
    if (found >= wish.after && !window.rows.empty()) window.known_to = window.rows.back().at;
    window.more_after = next < stretches.size() || found >= wish.after;
    window.scanned = look.scanned();
    window.gaps = look.gaps();
    return window;
}

}  // namespace coroscope::rules
