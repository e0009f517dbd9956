#include "traces/analyses/lint_slices.h"

#include <algorithm>

#include <fmt/format.h>

#include "traces/analyses/lint_rules.h"
#include "traces/size_rows.h"

namespace coroscope::analyses {

void SliceLints::enter(const Life& life, const Span& span) {
    if (!search_.wanted()) return;
    if (span.activity == Activity::kReady) {
        if (span.reason != wire::WaitReason::kPause) ready_since_[life.identity] = span.begin_ticks;
        return;
    }
    if (span.activity != Activity::kRunning) return;
    const auto ready = ready_since_.find(life.identity);
    const auto before = last_.find(span.worker);
    if (ready == ready_since_.end() || before == last_.end()) return;
    const Slice& slice = before->second;
    const std::uint64_t from = std::max(slice.begin_ticks, ready->second),
                        to = std::min(slice.end_ticks, span.begin_ticks);
    const std::int64_t kept_ns = to > from ? walk_.duration_ns(to - from) : 0;
    if (kept_ns < kHogNs || slice.identity == life.identity || slice.identity == 0) return;
    Hog& hog = hogs_[slice.site];
    ++hog.times;
    const std::int64_t ran_ns = walk_.duration_ns(slice.end_ticks - slice.begin_ticks);
    if (ran_ns <= hog.longest_ns) return;
    hog.longest_ns = ran_ns;
    hog.worker = span.worker;
    hog.slice = slice;
    hog.waiter = life.identity;
    hog.waiter_name = walk_.directory().name(life);
}

void SliceLints::leave(const Life& life, const Span& span) {
    if (!search_.wanted()) return;
    if (span.activity == Activity::kReady || span.activity == Activity::kUnknown)
        ready_since_.erase(life.identity);
    if (span.activity == Activity::kRunning)
        last_[span.worker] = {life.identity, span.begin_ticks, span.end_ticks, life.site};
}

void SliceLints::ended(const Life& life, LifeEnd /*how*/, std::uint64_t /*ticks*/) {
    ready_since_.erase(life.identity);
}

void SliceLints::finish(std::vector<Lint>& lints) const {
    for (const auto& [site, hog] : hogs_) {
        const std::string text = walk_.directory().site(site);
        Lint lint;
        lint.rule = kNeverYields;
        lint.count = hog.times;
        lint.about = short_site(text);
        lint.sentence = fmt::format(
            "coroutines of {} ran for up to {} without a scheduling point, {} while others were ready to run "
            "on their worker",
            lint.about, brief_ns(hog.longest_ns), counted(hog.times, "time", "times"));
        point_at(lint, LintEvidence::Kind::kTime,
                 fmt::format("{:.3f} s", static_cast<double>(walk_.time_ns(hog.slice.begin_ticks)) * 1e-9),
                 static_cast<std::uint64_t>(std::max<std::int64_t>(0, walk_.time_ns(hog.slice.begin_ticks))));
        point_at(lint, LintEvidence::Kind::kCoroutine,
                 fmt::format("{} ({})", walk_.directory().site_name(site), hog.slice.identity),
                 hog.slice.identity);
        point_at(lint, LintEvidence::Kind::kWorker, fmt::format("worker {}", hog.worker), hog.worker);
        point_at(lint, LintEvidence::Kind::kSite, text);
        point_at(lint, LintEvidence::Kind::kCoroutine, fmt::format("{} ({})", hog.waiter_name, hog.waiter),
                 hog.waiter);
        lints.push_back(std::move(lint));
    }
}

base::Result<LintPast> read_lint_past(const std::shared_ptr<const traces::Replay>& replay,
                                      const traces::Search& search) {
    LintPast past;
    if (auto added = past.sizes.add_trace(replay->reader(), &search); !added) return added.error();
    // Shares the reader with the replay, which keeps it.
    auto walk = TraceWalk::make(std::shared_ptr<const traces::TraceReader>(replay, &replay->reader()));
    if (!walk) return walk.error();
    SliceLints slices(**walk, search);
    if (search.wanted()) (*walk)->run(slices);
    slices.finish(past.slices);
    return past;
}

base::Result<LintReport> lints_of_past(const traces::Replay& replay, const LintPast& past,
                                       traces::Session& session, traces::TimeNs t) {
    auto now = replay.moment_at(t);
    if (!now) return now.error();
    constexpr traces::TimeNs kApartNs = 1'050'000'000;  // longer than anything that a rule asks for must have lasted
    auto before = replay.moment_at(std::max(replay.begin(), (*now)->t - kApartNs));
    if (!before) return before.error();
    const traces::Stat stat = traces::compute_stat(session, **now);
    const traces::Waits waits = traces::compute_waits(**now);
    LintReport report = compute_lints(
        {**now, stat, waits, (*before)->t < (*now)->t ? before->get() : nullptr, true, &past.sizes});
    for (const Lint& lint : past.slices) {
        const bool told = std::any_of(report.lints.begin(), report.lints.end(),
                                      [&](const Lint& other) { return other.key() == lint.key(); });
        if (!told) report.lints.push_back(lint);
    }
    std::erase(report.blind, std::string(lint_rules()[kNeverYields].id));
    report.whole_past = true;
    order_lints(report.lints);
    return report;
}

}  // namespace coroscope::analyses
