// What a Moment says about the workers and their queues, and about the selects in the program's code: which arms fire, which starve.
#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/awaited.h"

namespace coroscope::traces {
namespace {

using inspect::SelectImage;
using inspect::StateImage;
using inspect::WorkerImage;
using nlohmann::json;

// So many chances that one arm took, and another none of: no accident.
constexpr std::uint64_t kChancesMin = 16;
// Of arms that are ready one is drawn, each as likely as the others: one of n that is always ready is drawn one time in n. One that is drawn
// eight times less often, where it should have been drawn kChancesMin times by then, is no accident: chance does that to one arm in sixty thousand.
constexpr std::uint64_t kUnluckyTimes = 8;

ArmLuck luck_of(const SelectImage& select, std::uint32_t arm) {
    const std::uint64_t fired = select.fired[arm], passed = select.passed_over[arm];
    std::uint64_t all = 0;
    for (const std::uint64_t count : select.fired)
        all += count;
    const std::uint64_t arms = std::max<std::uint64_t>(1, select.arms);
    if (passed >= kChancesMin * arms && passed / (kUnluckyTimes * arms) >= fired) return ArmLuck::kStarves;
    if (fired != 0) return ArmLuck::kFires;
    return all >= kChancesMin ? ArmLuck::kNeverReady : ArmLuck::kNotYet;
}

// Channels that those who wait there now wait for, by arm.
using Channels = std::unordered_map<std::uint64_t, std::unordered_map<std::uint32_t, std::set<std::string>>>;

SelectStat stat_of(const SelectImage& select, const Channels& channels) {
    SelectStat row;
    row.address = select.address;
    row.parked = select.parked;
    row.timed_out = select.timed_out;
    row.declined = select.declined;
    const auto here = channels.find(select.address);
    for (std::uint32_t n = 0; n < std::min(select.arms, wire::kSelectArmsCounted); ++n) {
        SelectArmStat arm;
        arm.does = (select.receives >> n & 1) != 0 ? "receive" : "send";
        arm.fired = select.fired[n];
        arm.passed_over = select.passed_over[n];
        arm.luck = luck_of(select, n);
        if (n + 1 == select.other_arm) {
            arm.does = select.declined != 0 ? "otherwise" : "timeout";
            arm.fired = select.declined != 0 ? select.declined : select.timed_out;
            arm.luck = arm.fired != 0 ? ArmLuck::kFires : ArmLuck::kNotYet;
        }
        if (here != channels.end()) {
            if (const auto names = here->second.find(n); names != here->second.end())
                arm.channel = *names->second.begin() + (names->second.size() > 1 ? ", ..." : "");
        }
        row.arms.push_back(std::move(arm));
    }
    row.more_arms = select.arms > wire::kSelectArmsCounted;
    return row;
}

}  // namespace

const char* luck_name(ArmLuck luck) {
    switch (luck) {
        case ArmLuck::kFires:
            return "fires";
        case ArmLuck::kNotYet:
            return "not yet";
        case ArmLuck::kNeverReady:
            return "never ready";
        case ArmLuck::kStarves:
            return "starves";
    }
    return "?";
}

std::vector<SelectStat> select_stats(Session& session, const StateImage& state) {
    Channels channels;
    std::unordered_map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> waiting;  // how many, the first
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked || coroutine.reason != wire::WaitReason::kSelect)
            continue;
        auto& [count, first] = waiting[coroutine.rip];
        first = count++ == 0 ? coroutine.identity : std::min(first, coroutine.identity);
        for (const inspect::SelectArmImage& arm : state.arms_of(coroutine))
            channels[coroutine.rip][arm.position].insert(channel_at_text(state, arm.channel));
    }
    std::vector<SelectStat> rows;
    rows.reserve(state.selects.size());
    for (const SelectImage& select : state.selects) {
        SelectStat row = stat_of(select, channels);
        if (const auto here = waiting.find(select.address); here != waiting.end())
            std::tie(row.waiting, row.first_waiting) = here->second;
        const std::vector<inspect::Frame>* frames = session.frames({select.address});
        if (frames != nullptr && !frames->empty()) {
            // The innermost one that is the program's: the call's own wrappers are inlined into it.
            const auto of_program = [](const inspect::Frame& frame) {
                const std::string_view name = std::string_view(frame.function)
                                                  .substr(0, frame.function.find_first_of("(<"));
                return !name.substr(name.rfind(' ') + 1).starts_with("cprime::");
            };
            auto frame = std::find_if(frames->begin(), frames->end(), of_program);
            if (frame == frames->end()) frame = frames->end() - 1;
            row.function = frame->function;
            if (!frame->file.empty()) row.site = fmt::format("{}:{}", frame->file, frame->line);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<WorkerStat> worker_stats(const StateImage& state, TimeNs t) {
    std::vector<WorkerStat> rows;
    for (const WorkerImage& worker : state.workers) {
        if (worker.state == wire::WorkerState::kAbsent) continue;
        WorkerStat row;
        row.worker = worker;
        if (const inspect::CoroutineImage* current = state.coroutine_at(worker.current);
            current != nullptr && worker.state == wire::WorkerState::kRunning) {
            row.current = current->identity;
            row.current_name = std::string(state.coroutine_name(*current));
        }
        for (const WorkerImage& other : state.workers) {
            if (worker.index < other.taken_from.size()) row.taken_by_others += other.taken_from[worker.index];
        }
        if (worker.timers_next_ticks != 0) {
            row.timer_next_in_ns = std::max<std::int64_t>(0,
                                                          state.since_start_ns(worker.timers_next_ticks) - t);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

json to_json(const std::vector<WorkerStat>& workers) {
    json rows = json::array();
    for (const WorkerStat& row : workers) {
        const WorkerImage& w = row.worker;
        json taken = json::object();
        for (std::size_t other = 0; other < w.taken_from.size(); ++other) {
            if (w.taken_from[other] != 0) taken[std::to_string(other)] = w.taken_from[other];
        }
        rows.push_back(
            {{"worker", w.index},
             {"state", inspect::worker_state_name(w.state)},
             {"current", row.current == 0 ? json(nullptr) : json(row.current)},
             {"current_name", row.current == 0 ? json(nullptr) : json(row.current_name)},
             {"ready", w.ready_length},
             {"bound", w.bound_length},
             {"switches", w.switches},
             {"spawned", w.spawned},
             {"exited", w.exited},
             {"wakes", w.wakes},
             {"parks", w.parks},
             {"injected", w.injected},
             {"steals", w.steals},
             {"stolen_from", std::move(taken)},
             {"taken_by_others", row.taken_by_others},
             {"timers",
              {{"armed", w.timers_armed},
               {"next_in_ns", row.timer_next_in_ns < 0 ? json(nullptr) : json(row.timer_next_in_ns)}}}});
    }
    return rows;
}

std::string taken_from_text(const WorkerImage& worker) {
    std::string text;
    for (std::size_t other = 0; other < worker.taken_from.size(); ++other) {
        if (worker.taken_from[other] != 0)
            text += fmt::format("{}{} from worker {}", text.empty() ? "" : ", ", worker.taken_from[other],
                                other);
    }
    return text;
}

std::string to_text(const std::vector<WorkerStat>& workers) {
    if (workers.empty()) return {};
    std::string out = fmt::format("{:<7} {:<11} {:>7} {:>7} {:>12} {:>10} {:>10} {:>10} {:>10} {:>10}  {}\n",
                                  "worker", "state", "ready", "bound", "switches", "wakes", "parks",
                                  "injected", "stole", "stolen", "timers");
    for (const WorkerStat& row : workers) {
        const WorkerImage& w = row.worker;
        std::string timers = w.timers_armed == 0 ? "-" : fmt::format("{}", w.timers_armed);
        if (row.timer_next_in_ns >= 0)
            timers += fmt::format(", next in {:.3f} ms", static_cast<double>(row.timer_next_in_ns) * 1e-6);
        out += fmt::format("{:<7} {:<11} {:>7} {:>7} {:>12} {:>10} {:>10} {:>10} {:>10} {:>10}  {}\n",
                           w.index, inspect::worker_state_name(w.state), w.ready_length, w.bound_length,
                           w.switches, w.wakes, w.parks, w.injected, w.steals, row.taken_by_others, timers);
        if (const std::string taken = taken_from_text(w); !taken.empty())
            out += fmt::format("  stole {}\n", taken);
    }
    return out;
}

json to_json(const std::vector<SelectStat>& selects) {
    json rows = json::array();
    for (const SelectStat& row : selects) {
        json arms = json::array();
        for (std::size_t n = 0; n < row.arms.size(); ++n) {
            const SelectArmStat& arm = row.arms[n];
            arms.push_back({{"arm", n},
                            {"does", arm.does},
                            {"channel", arm.channel.empty() ? json(nullptr) : json(arm.channel)},
                            {"fired", arm.fired},
                            {"passed_over", arm.passed_over},
                            {"luck", luck_name(arm.luck)}});
        }
        rows.push_back({{"site", row.site.empty() ? json(nullptr) : json(row.site)},
                        {"function", row.function.empty() ? json(nullptr) : json(row.function)},
                        {"pc", row.address},
                        {"waiting", row.waiting},
                        {"parked", row.parked},
                        {"timed_out", row.timed_out},
                        {"declined", row.declined},
                        {"arms", std::move(arms)}});
    }
    return rows;
}

std::string to_text(const std::vector<SelectStat>& selects) {
    std::string out;
    for (const SelectStat& row : selects) {
        out += fmt::format("select at {}: {} waiting, {} times parked\n",
                           row.site.empty() ? fmt::format("{:#x}", row.address) : row.site, row.waiting,
                           row.parked);
        for (std::size_t n = 0; n < row.arms.size(); ++n) {
            const SelectArmStat& arm = row.arms[n];
            const bool last = row.more_arms && n + 1 == row.arms.size();
            out += fmt::format("  arm {:<4} {:<10} {:<24} {:>12} fired {:>10} passed over{}{}\n",
                               fmt::format("{}{}", n, last ? "..." : ""), arm.does,
                               arm.channel.empty() ? "-" : arm.channel, arm.fired, arm.passed_over,
                               arm.luck == ArmLuck::kFires ? "" : "  ",
                               arm.luck == ArmLuck::kFires ? "" : luck_name(arm.luck));
        }
    }
    return out;
}

}  // namespace coroscope::traces
