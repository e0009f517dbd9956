// A profile as text: one table, and after that of sites how coroutines came to run, who wakes whom, who spawns whom, and who is left.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "traces/analyses/profile.h"

namespace coroscope::analyses {
namespace {

constexpr std::size_t kWakesShown = 10, kReasonsShown = 2, kAliveShown = 10, kSpawnDepthMax = 12;

// "12.3 ms", three digits.
std::string duration_text(double ns) {
    constexpr std::pair<double, const char*> kScales[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
    for (const auto& [scale, unit] : kScales) {
        if (ns < scale) continue;
        const double value = ns / scale;
        return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, unit);
    }
    return fmt::format("{:.0f} ns", ns);
}

std::string reasons_text(const Times& times) {
    std::vector<std::pair<std::uint64_t, std::size_t>> parts;
    for (std::size_t r = 0; r < times.blocked_ticks.size(); ++r) {
        if (times.blocked_ticks[r] != 0) parts.emplace_back(times.blocked_ticks[r], r);
    }
    std::sort(parts.rbegin(), parts.rend());
    std::string text;
    const auto all = static_cast<double>(times.of(Activity::kBlocked));
    for (std::size_t i = 0; i < std::min(parts.size(), kReasonsShown); ++i) {
        text += fmt::format("{}{} {:.0f}%", text.empty() ? "" : ", ",
                            inspect::reason_name(static_cast<wire::WaitReason>(parts[i].second)),
                            100 * static_cast<double>(parts[i].first) / all);
    }
    return text;
}

class Printer {
public:
    explicit Printer(const Profile& profile) : profile_(profile), ns_(profile.ns_per_tick) {}

    std::string print() {
        head();
        table();
        const ProfileBy by = profile_.options.by;
        if (by == ProfileBy::kSite || by == ProfileBy::kWorker) switches();
        if (by == ProfileBy::kSite) {
            wakes();
            spawns();
        }
        if (by == ProfileBy::kSite || by == ProfileBy::kCoroutine) alive();
        return std::move(text_);
    }

private:
    template <typename... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        text_ += fmt::format(format, std::forward<Args>(args)...);
        while (text_.ends_with(' '))
            text_.pop_back();
        text_ += '\n';
    }
    std::string time(std::uint64_t ticks) const {
        return ticks == 0 ? "-" : duration_text(static_cast<double>(ticks) * ns_);
    }
    std::string quantile(const Latencies& latencies, double q) const {
        return latencies.samples() == 0 ? "-" : duration_text(latencies.quantile(q) * ns_);
    }

    void head() {
        line("{} events in {}, {} coroutines spawned, {} exited{}", profile_.counts.events,
             duration_text(static_cast<double>(profile_.duration_ns)), profile_.spawned, profile_.exited,
             profile_.ended.empty() ? "; the trace was cut short" : "; " + profile_.ended);
        if (!profile_.counts.losses.empty() || profile_.totals.of(Activity::kUnknown) != 0) {
            line("events are missing in {} places: {} of what coroutines did is not known",
                 profile_.counts.losses.size(), time(profile_.totals.of(Activity::kUnknown)));
        }
    }

    void table() {
        const ProfileBy by = profile_.options.by;
        std::size_t width = 8;
        const auto label = [&](const ProfileRow& row) {
            if (by == ProfileBy::kCoroutine) return fmt::format("{} \"{}\"", row.identity, row.name);
            if (by == ProfileBy::kSite && !row.name.empty()) return fmt::format("{} {}", row.label, row.name);
            return row.label;
        };
        for (const ProfileRow& row : profile_.rows)
            width = std::max(width, label(row).size());
        const char* extra = by == ProfileBy::kSite      ? "coroutines"
                            : by == ProfileBy::kChannel ? "received"
                            : by == ProfileBy::kWorker  ? "asleep"
                                                        : "end";
        line("\n{:<{}}  {:>10}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}  {:>9}  {:>8}  {:>8}  blocked by",
             kProfileByNames[static_cast<std::size_t>(by)], width, extra, "total", "running", "ready",
             "blocked", "runs", "suspends", "p50", "p99");
        const auto print_row = [&](const std::string& name, const std::string& more, const Times& times) {
            line("{:<{}}  {:>10}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}  {:>9}  {:>8}  {:>8}  {}", name, width,
                 more, time(times.total()), time(times.of(Activity::kRunning)),
                 time(times.of(Activity::kReady)), time(times.of(Activity::kBlocked)), times.runs,
                 times.suspends, quantile(times.wake_to_run, 0.5), quantile(times.wake_to_run, 0.99),
                 reasons_text(times));
        };
        for (const ProfileRow& row : profile_.rows) {
            print_row(label(row),
                      by == ProfileBy::kSite      ? std::to_string(row.coroutines)
                      : by == ProfileBy::kChannel ? std::to_string(row.received)
                      : by == ProfileBy::kWorker  ? time(row.idle_ticks)
                                                  : life_end_name(row.end),
                      row.times);
        }
        if (profile_.rows_left_out != 0) line("({} more; --top 0 shows all)", profile_.rows_left_out);
        print_row("all coroutines", "", profile_.totals);
        line("p50 and p99: from being woken to running");
    }

    void switches() {
        line("\n{:<12}  {:>10}  ticks from one coroutine's stamp to the next one's", "runs by", "runs");
        for (std::size_t k = 0; k < kSwitchKindsCount; ++k) {
            const SwitchCost& cost = profile_.switches[k];
            std::string ticks = "not measured";
            if (cost.ticks.samples() != 0) {
                ticks = fmt::format("p50 {:.0f}  p99 {:.0f} ({} runs)", cost.ticks.quantile(0.5),
                                    cost.ticks.quantile(0.99), cost.ticks.samples());
            }
            if (cost.one_stamp != 0) ticks += fmt::format("; {} with one stamp for both", cost.one_stamp);
            line("{:<12}  {:>10}  {}", kSwitchKindNames[k], profile_.totals.switches[k], ticks);
        }
    }

    void wakes() {
        if (profile_.wakes.empty()) return;
        std::size_t width = 5;
        for (std::size_t i = 0; i < std::min(kWakesShown, profile_.wakes.size()); ++i)
            width = std::max(width, profile_.wakes[i].from.size());
        line("\n{:>10}  {:<{}}  wakes", "times", "who", width);
        for (std::size_t i = 0; i < std::min(kWakesShown, profile_.wakes.size()); ++i) {
            const WakeRow& row = profile_.wakes[i];
            line("{:>10}  {:<{}}  {}, which runs after {} (p50)", row.count, row.from, width, row.to,
                 quantile(row.wake_to_run, 0.5));
        }
        if (profile_.wakes.size() > kWakesShown)
            line("({} more in --json)", profile_.wakes.size() - kWakesShown);
    }

    void spawn_tree(const std::string& from, std::size_t depth, std::set<std::string>& above) {
        for (const SpawnRow& row : profile_.spawns) {
            if (row.from != from) continue;
            const bool again = above.contains(row.to);
            line("{:>10}  {}{}{}", row.count, std::string(2 * depth, ' '), row.to, again ? " (as above)" : "");
            if (again || depth >= kSpawnDepthMax) continue;
            above.insert(row.to);
            spawn_tree(row.to, depth + 1, above);
        }
    }

    void spawns() {
        if (profile_.spawns.empty()) return;
        line("\n{:>10}  at, indented: by those above", "spawned");
        std::set<std::string> targets, above;
        for (const SpawnRow& row : profile_.spawns) {
            if (row.from != row.to) targets.insert(row.to);
        }
        // Roots: threads outside, and sites whose own spawns were not seen.
        std::set<std::string> roots;
        for (const SpawnRow& row : profile_.spawns) {
            if (!targets.contains(row.from)) roots.insert(row.from);
        }
        if (roots.empty()) roots.insert(profile_.spawns.front().from);
        for (const std::string& root : roots) {
            line("{:>10}  {}", "", root);
            spawn_tree(root, 1, above);
        }
    }

    void alive() {
        if (profile_.alive_at_end.empty()) return;
        line("\n{:>10}  {:>10}  never ended", "count", "forgotten");
        for (std::size_t i = 0; i < std::min(kAliveShown, profile_.alive_at_end.size()); ++i) {
            const AliveRow& row = profile_.alive_at_end[i];
            const std::string forgotten = row.stuck != 0 ? std::to_string(row.stuck)
                                          : row.perhaps_stuck != 0
                                              ? fmt::format("perhaps {}", row.perhaps_stuck)
                                              : "-";
            line("{:>10}  {:>10}  {} {}, {}{}{}", row.count, forgotten, row.site, row.name, row.state,
                 row.waits_on.empty() ? "" : " on ", row.waits_on);
        }
        if (profile_.alive_at_end.size() > kAliveShown)
            line("({} more in --json)", profile_.alive_at_end.size() - kAliveShown);
    }

    const Profile& profile_;
    const double ns_;
    std::string text_;
};

}  // namespace

std::string to_text(const Profile& profile) {
    return Printer(profile).print();
}

}  // namespace coroscope::analyses
