// See lint_look.h.
#include "views/lint_look.h"

#include <utility>

namespace coroscope::views {
namespace {

using analyses::LintReport;

constexpr traces::TimeNs kApartNs = 1'050'000'000;  // longer than anything that a rule asks for must have lasted

LintReport report_of(traces::Session& session, const traces::Moment& now, const traces::Moment* before,
                     bool one_instant) {
    const traces::Stat stat = traces::compute_stat(session, now);
    const traces::Waits waits = traces::compute_waits(now);
    return analyses::compute_lints({now, stat, waits, before, one_instant});
}

}  // namespace

LintBook::MomentPtr LintBook::look_before(const MomentPtr& now) {
    const auto far_enough = [&](const MomentPtr& look) {
        return look != nullptr && now->t - look->t >= kApartNs;
    };
    // Another time is looked at, or another program.
    if ((earlier_ != nullptr && now->t < earlier_->t) || (later_ != nullptr && now->t < later_->t))
        earlier_ = later_ = nullptr;
    if (far_enough(later_)) earlier_ = std::exchange(later_, now);
    if (later_ == nullptr) later_ = now;
    return far_enough(earlier_) ? earlier_ : nullptr;
}

LintBook::PastReport LintBook::report_of_past(Whole& whole,
                                              const std::shared_ptr<const traces::Replay>& replay,
                                              traces::Session& session, traces::TimeNs t,
                                              const traces::Search& search) {
    if (whole.of != replay) {
        auto past = analyses::read_lint_past(replay, search);
        if (!past.ok()) return {nullptr, past.error().message};
        if (!search.wanted()) return {};
        whole = {replay, std::make_shared<const analyses::LintPast>(std::move(*past))};
    }
    auto report = analyses::lints_of_past(*replay, *whole.past, session, t);
    if (!report.ok()) return {nullptr, report.error().message};
    return {std::make_shared<const LintReport>(std::move(*report)), ""};
}

void LintBook::update(Workspace& ws) {
    recorded_ = ws.info.kind == traces::SessionKind::kRecorded;
    const std::shared_ptr<const traces::Replay> replay = recorded_ ? ws.session->replay() : nullptr;
    if (replay != nullptr) {
        past_.want(ws.searches, {replay, ws.moment->t},
                   [whole = whole_, replay, session = ws.session, t = ws.moment->t](traces::Search& search) {
                       return report_of_past(*whole, replay, *session, t, search);
                   });
        problem_ = past_.value() == nullptr ? "" : past_.value()->problem;
    } else if (!recorded_) {
        const MomentPtr before = look_before(ws.moment);
        now_.want(ws.background, ws.moment,
                  [session = ws.session, now = ws.moment, before,
                   still = ws.info.kind == traces::SessionKind::kCore] {
                      return report_of(*session, *now, before.get(), still);
                  });
    }
    if (const auto newest = report(); newest.get() != seen_) {
        seen_ = newest.get();
        ++changes_;
    }
}

std::shared_ptr<const LintReport> LintBook::report() const {
    if (!recorded_) return now_.shared();
    return past_.value() == nullptr ? nullptr : past_.value()->report;
}

LintReport LintBook::compute(Workspace& ws) {
    if (ws.info.kind == traces::SessionKind::kRecorded) {
        Whole whole;
        const traces::Search search;
        PastReport made = report_of_past(whole, ws.session->replay(), *ws.session, ws.moment->t, search);
        problem_ = made.problem;
        return made.report == nullptr ? LintReport() : *made.report;
    }
    const MomentPtr before = look_before(ws.moment);
    return report_of(*ws.session, *ws.moment, before.get(), ws.info.kind == traces::SessionKind::kCore);
}

void LintBook::reset() {
    now_.reset();
    past_.reset();
    whole_ = std::make_shared<Whole>();
    earlier_ = later_ = nullptr;
    problem_.clear();
}

}  // namespace coroscope::views
