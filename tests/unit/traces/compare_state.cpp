// See compare_state.h.
#include "compare_state.h"

#include <algorithm>
#include <set>

namespace coroscope::traces {
namespace {

using inspect::ChannelImage;
using inspect::CoroutineImage;
using inspect::SelectArmImage;
using inspect::StateImage;
using inspect::WaitableImage;
using inspect::WorkerImage;

constexpr std::size_t kDifferencesMax = 20;

template <typename Row>
using Field = std::function<std::uint64_t(const Row&)>;
template <typename Row>
using Fields = std::map<std::string, Field<Row>>;

const Fields<CoroutineImage>& coroutine_fields() {
    static const Fields<CoroutineImage> fields = {
        {"sequence", [](const CoroutineImage& c) { return c.sequence; }},
        {"state", [](const CoroutineImage& c) { return static_cast<std::uint64_t>(c.state); }},
        {"reason", [](const CoroutineImage& c) { return static_cast<std::uint64_t>(c.reason); }},
        {"wait_object", [](const CoroutineImage& c) { return c.wait_object; }},
        {"deadline_ticks", [](const CoroutineImage& c) { return c.deadline_ticks; }},
        {"identity", [](const CoroutineImage& c) { return c.identity; }},
        {"spawner", [](const CoroutineImage& c) { return c.spawner; }},
        {"site", [](const CoroutineImage& c) { return c.site; }},
        {"name", [](const CoroutineImage& c) { return c.name; }},
        {"pool", [](const CoroutineImage& c) { return c.pool; }},
        {"slot", [](const CoroutineImage& c) { return c.slot; }},
        {"worker", [](const CoroutineImage& c) { return c.worker; }},
        {"rip", [](const CoroutineImage& c) { return c.rip; }},
    };
    return fields;
}
// While it runs, what it waited for last is nobody's business, and its registers are on the processor.
bool means_nothing_while_running(const std::string& field) {
    return field == "reason" || field == "wait_object" || field == "deadline_ticks" || field == "rip";
}

const Fields<ChannelImage>& channel_fields() {
    static const Fields<ChannelImage> fields = {
        {"identity", [](const ChannelImage& c) { return c.identity; }},
        {"name", [](const ChannelImage& c) { return c.name; }},
        {"capacity", [](const ChannelImage& c) { return c.capacity; }},
        {"operations", [](const ChannelImage& c) { return c.operations; }},
        {"length", [](const ChannelImage& c) { return c.length; }},
        {"sent", [](const ChannelImage& c) { return c.sent; }},
        {"received", [](const ChannelImage& c) { return c.received; }},
        {"closed", [](const ChannelImage& c) { return c.closed; }},
        {"senders_waiting", [](const ChannelImage& c) { return c.senders_waiting; }},
        {"receivers_waiting", [](const ChannelImage& c) { return c.receivers_waiting; }},
    };
    return fields;
}
// Counted over the coroutines that wait, which the channel's own number does not cover.
bool follows_from_coroutines(const std::string& field) {
    return field == "senders_waiting" || field == "receivers_waiting";
}

const Fields<SelectArmImage>& arm_fields() {
    static const Fields<SelectArmImage> fields = {
        {"channel", [](const SelectArmImage& a) { return a.channel; }},
        {"position", [](const SelectArmImage& a) { return a.position; }},
        {"receives", [](const SelectArmImage& a) { return a.receives; }},
    };
    return fields;
}

const Fields<WaitableImage>& waitable_fields() {
    static const Fields<WaitableImage> fields = {
        {"identity", [](const WaitableImage& w) { return w.identity; }},
        {"kind", [](const WaitableImage& w) { return static_cast<std::uint64_t>(w.kind); }},
        {"name", [](const WaitableImage& w) { return w.name; }},
        {"site", [](const WaitableImage& w) { return w.site; }},
        {"limit", [](const WaitableImage& w) { return w.limit; }},
        {"operations", [](const WaitableImage& w) { return w.operations; }},
        {"owner", [](const WaitableImage& w) { return w.owner; }},
        {"value", [](const WaitableImage& w) { return w.value; }},
        {"waiting", [](const WaitableImage& w) { return w.waiting; }},
    };
    return fields;
}

const Fields<WorkerImage>& worker_fields() {
    static const Fields<WorkerImage> fields = {
        {"current", [](const WorkerImage& w) { return w.current; }},
        {"state", [](const WorkerImage& w) { return static_cast<std::uint64_t>(w.state); }},
    };
    return fields;
}

class Comparer {
public:
    Comparer(const StateImage& rebuilt, const StateImage& truth) : rebuilt_(rebuilt), truth_(truth) {}

    Comparison run(bool workers_quiet) {
        coroutines();
        result_.quiet = result_.coroutines_moved == 0 &&
                        rebuilt_.coroutines.size() == truth_.coroutines.size();
        channels();
        result_.quiet = result_.quiet && result_.channels_moved == 0;
        waitables();
        if (result_.quiet) pools();
        if (workers_quiet) workers();
        return std::move(result_);
    }

private:
    void differ(const std::string& what, std::uint64_t ours, std::uint64_t theirs) {
        if (result_.differences.size() >= kDifferencesMax) return;
        result_.differences.push_back(what + ": rebuilt " + std::to_string(ours) + ", in truth " +
                                      std::to_string(theirs));
    }

    void coroutines() {
        for (const CoroutineImage& truth : truth_.coroutines) {
            const std::string who = "coroutine " + std::to_string(truth.index);
            const CoroutineImage* ours = rebuilt_.coroutine_at(truth.index);
            if (truth.consistency == inspect::Consistency::kTorn || ours == nullptr) {
                ++result_.coroutines_moved;  // ended since it was copied, or was being changed
                continue;
            }
            const auto ahead = static_cast<std::int32_t>(ours->sequence - truth.sequence);
            // Odd: copied in the middle of a change, or running.
            if (ahead < 0 && (truth.sequence & 1) == 0)
                differ(who + " sequence is behind", ours->sequence, truth.sequence);
            if (ahead != 0) {
                ++result_.coroutines_moved;
                continue;
            }
            ++result_.coroutines_same;
            const bool running = truth.state == wire::CoroutineState::kRunning;
            for (const auto& [field, get] : coroutine_fields()) {
                if (running && means_nothing_while_running(field)) continue;
                if (get(*ours) != get(truth)) differ(who + " " + field, get(*ours), get(truth));
            }
            waits_of(*ours, truth, who);
        }
        std::set<std::uint32_t> live;
        for (const CoroutineImage& truth : truth_.coroutines)
            live.insert(truth.index);
        for (const CoroutineImage& ours : rebuilt_.coroutines) {
            if (!live.contains(ours.index))
                ++result_.coroutines_moved;  // spawned since, or ended just before
        }
    }

    // What is not known (nobody saw it, or the copy was not of one moment) is no difference.
    void waits_of(const CoroutineImage& ours, const CoroutineImage& truth, const std::string& who) {
        const auto mine = rebuilt_.arms_of(ours), theirs = truth_.arms_of(truth);
        if (!theirs.empty()) {
            if (mine.size() != theirs.size()) return differ(who + " select arms", mine.size(), theirs.size());
            for (std::size_t i = 0; i < mine.size(); ++i) {
                for (const auto& [field, get] : arm_fields()) {
                    if (get(mine[i]) != get(theirs[i]))
                        differ(who + " select arm " + field, get(mine[i]), get(theirs[i]));
                }
            }
        }
        if (truth.woken_ticks == 0 || ours.woken_ticks == 0) return;
        ++result_.wakers_same;
        if (ours.woken_ticks != truth.woken_ticks)
            differ(who + " woken_ticks", ours.woken_ticks, truth.woken_ticks);
        if (ours.woken_by != 0 && truth.woken_by != 0 && ours.woken_by != truth.woken_by)
            differ(who + " woken_by", ours.woken_by, truth.woken_by);
        if (ours.woken_cause != truth.woken_cause)
            differ(who + " woken_cause", static_cast<std::uint64_t>(ours.woken_cause),
                   static_cast<std::uint64_t>(truth.woken_cause));
    }

    void channels() {
        for (const ChannelImage& truth : truth_.channels) {
            const std::string who = "channel " + std::to_string(truth.index);
            const ChannelImage* ours = rebuilt_.channel_at(truth.index);
            if (ours == nullptr || truth.consistency == inspect::Consistency::kTorn) {
                ++result_.channels_moved;
                continue;
            }
            const auto ahead = static_cast<std::int32_t>(ours->operations - truth.operations);
            if (ahead < 0) differ(who + " operations are behind", ours->operations, truth.operations);
            if (ahead != 0) {
                ++result_.channels_moved;
                continue;
            }
            ++result_.channels_same;
            for (const auto& [field, get] : channel_fields()) {
                if (follows_from_coroutines(field) && !result_.quiet) continue;
                if (get(*ours) != get(truth)) differ(who + " " + field, get(*ours), get(truth));
            }
        }
    }

    void waitables() {
        for (const WaitableImage& truth : truth_.waitables) {
            const std::string who = "waitable " + std::to_string(truth.index);
            const WaitableImage* ours = rebuilt_.waitable_at(truth.index);
            if (ours == nullptr || truth.consistency == inspect::Consistency::kTorn) {
                ++result_.waitables_moved;
                continue;
            }
            const auto ahead = static_cast<std::int32_t>(ours->operations - truth.operations);
            if (ahead < 0) differ(who + " operations are behind", ours->operations, truth.operations);
            if (ahead != 0) {
                ++result_.waitables_moved;
                continue;
            }
            ++result_.waitables_same;
            for (const auto& [field, get] : waitable_fields()) {
                // Counted over the coroutines that wait, which the object's own number does not cover.
                if (field == "waiting" && !result_.quiet) continue;
                if (get(*ours) != get(truth)) differ(who + " " + field, get(*ours), get(truth));
            }
        }
    }

    void pools() {
        for (std::size_t p = 0; p < truth_.pools.size(); ++p) {
            const auto& truth = truth_.pools[p].slabs;
            const auto& ours = rebuilt_.pools[p].slabs;
            for (std::size_t s = 0; s < std::max(truth.size(), ours.size()); ++s) {
                for (std::uint32_t w = 0; w < wire::kSlabWords; ++w) {
                    const std::uint64_t theirs = s < truth.size() ? truth[s].used[w] : 0;
                    const std::uint64_t mine = s < ours.size() ? ours[s].used[w] : 0;
                    if (theirs != mine)
                        differ("pool " + std::to_string(p) + " slab " + std::to_string(s) + " used", mine,
                               theirs);
                }
            }
        }
    }

    void workers() {
        for (std::size_t w = 0; w < truth_.workers.size(); ++w) {
            if (w >= rebuilt_.workers.size())
                return differ("workers", rebuilt_.workers.size(), truth_.workers.size());
            for (const auto& [field, get] : worker_fields()) {
                const std::uint64_t ours = get(rebuilt_.workers[w]);
                const std::uint64_t theirs = get(truth_.workers[w]);
                if (ours != theirs) differ("worker " + std::to_string(w) + " " + field, ours, theirs);
            }
        }
    }

    const StateImage& rebuilt_;
    const StateImage& truth_;
    Comparison result_;
};

}  // namespace

std::vector<std::string> compared_fields() {
    std::vector<std::string> names = {"pool.used"};
    for (const auto& [field, get] : coroutine_fields())
        names.push_back("coroutine." + field);
    for (const auto& [field, get] : channel_fields())
        names.push_back("channel." + field);
    for (const auto& [field, get] : arm_fields())
        names.push_back("select-arm." + field);
    for (const auto& [field, get] : waitable_fields())
        names.push_back("waitable." + field);
    for (const auto& [field, get] : worker_fields())
        names.push_back("worker." + field);
    std::sort(names.begin(), names.end());
    return names;
}

Comparison compare(const StateImage& rebuilt, const StateImage& truth, bool workers_quiet) {
    return Comparer(rebuilt, truth).run(workers_quiet);
}

}  // namespace coroscope::traces
