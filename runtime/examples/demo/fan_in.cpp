#include "fan_in.h"

#include <utility>

#include "totals.h"

namespace demo {
namespace {

constexpr unsigned kReporters = 4;
constexpr std::uint32_t kTray = 8;  // reports that lie on the desk
constexpr int kReportsPerBeat = 3;

void report(unsigned reporter, const cprime::Sender<Report>& reports) {
    Tally& tally = totals().channel("reports");
    for (unsigned number = 0; reports.send({reporter, number}); ++number)
        ++tally.sent;
}

void take_reports(Schedule& schedule, const cprime::Receiver<Report>& reports) {
    Tally& tally = totals().channel("reports");
    schedule.play([&] {
        for (int i = 0; i < kReportsPerBeat; ++i) {
            if (!reports.receive()) return false;
            ++tally.received;
        }
        return true;
    });
}

}  // namespace

FanIn::FanIn(Schedule& schedule) {
    auto [sender, receiver] = cprime::make_channel<Report>("reports", kTray);
    reports_ = sender;
    for (unsigned i = 0; i < kReporters; ++i) {
        reporters_.push_back(spawn_counted({.name = "reporter"}, [i, out = sender] { report(i, out); }));
    }
    desk_ = spawn_counted({.name = "desk"},
                          [&schedule, in = std::move(receiver)] { take_reports(schedule, in); });
}

bool FanIn::at_rest() const {
    return reports_.statistics().senders_waiting == kReporters;
}

void FanIn::note_edges(Edges& edges) const {
    edges.receives(desk_.id(), "gate");
    for (const auto& reporter : reporters_)
        edges.sends(reporter.id(), "reports");
}

void FanIn::finish() {
    reports_.reset();
    desk_.join();
    for (auto& reporter : reporters_)
        reporter.join();
}

}  // namespace demo
