// What an event costs, printed in nanoseconds; the bounds are far away, against a mistake and not against a busy machine.
#include <algorithm>
#include <cstdio>

#include "instrumentation/emit/armed_rule.h"
#include "ring_fixture.h"
#include "rule_programs.h"

namespace coroscope::emit {
namespace {

using wire::EventType;

constexpr std::uint32_t kRounds = 20'000;  // short: on a busy machine a long round is always interrupted
constexpr int kAttempts = 500;

// The best attempt, so that a neighbour on the machine does not count.
template <typename Body>
double ns_each(const base::ClockCalibration& clock, Body&& body) {
    double best = 1e9;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const std::uint64_t before = base::read_tsc_fenced();
        for (std::uint32_t i = 0; i < kRounds; ++i) {
            body(i);
            asm volatile("" ::: "memory");
        }
        const std::uint64_t after = base::read_tsc_fenced();
        best = std::min(
            best, static_cast<double>(clock.duration_ns(static_cast<std::int64_t>(after - before))) / kRounds);
    }
    return best;
}

class event_cost : public RingTest {};

TEST_F(event_cost, of_dormant_and_of_active_probes) {
    const base::ClockCalibration clock = base::calibrate_clock(20'000'000);
    RingWriter* writer = rings_->register_thread(wire::RingOwner::kWorker, 0, nullptr);
    const double loop = ns_each(clock, [](std::uint32_t) {});
    const double dormant = ns_each(
        clock, [&](std::uint32_t i) { probe::wake(writer, 0, i, i, wire::WakeCause::kTimer); });
    const double rdtsc = ns_each(clock, [](std::uint32_t) { static_cast<void>(base::read_tsc()); });
    listen_overwrite();
    const double stamped = ns_each(
        clock, [&](std::uint32_t i) { probe::wake(writer, 0, i, i, wire::WakeCause::kTimer); });
    std::uint64_t shared = base::read_tsc();
    const double unstamped = ns_each(
        clock, [&](std::uint32_t i) { probe::wake(writer, ++shared, i, i, wire::WakeCause::kTimer); });
    const double pair = ns_each(clock, [&](std::uint32_t i) {
        const std::uint64_t now = stamp();
        probe::suspend(writer, now, i, wire::WaitReason::kYield, wire::kNone, 0x1234, 0);
        probe::resume(writer, now, i, i, i);
    });
    std::printf(
        "event cost, ns: loop %.2f | dormant probe %.2f | rdtsc %.2f | event with its stamp %.2f | "
        "event with a shared stamp %.2f | suspend + resume with one stamp %.2f\n",
        loop, dormant - loop, rdtsc - loop, stamped - loop, unstamped - loop, pair - loop);
    // A rule that nothing here matches: one that does not look at such events, and one that does.
    const auto state = StateSegment::create({.shared = false}).value();
    state->ensure_records(wire::SectionKind::kCoroutines, 8);
    state->ensure_records(wire::SectionKind::kCoroutineDetails, 8);
    const auto judged = [&](const wire::RuleProgram& program) {
        auto progress = std::make_shared<RuleProgress>();
        if (program.needs_stamps()) progress->stamps = RuleStamps::create(8).value();
        rings_->arm(std::make_unique<ArmedRule>(
            program, 1, progress,
            ArmedRule::Surroundings{state.get(), rings_->rule_hits().value(), nullptr, nullptr}));
        return ns_each(clock, [&](std::uint32_t i) { probe::wake(writer, 0, i & 7, i, wire::WakeCause::kTimer); });
    };
    const double written_and_passed_over = judged(every(EventType::kExit));
    const double written_and_judged = judged(wakes_after(1e12));
    rings_->listen(0, wire::RingMode::kOff, 0);
    const double passed_over = judged(every(EventType::kExit));
    const double judged_alone = judged(wakes_after(1e12));
    rings_->arm(nullptr);
    std::printf(
        "under a rule that does not match, ns: passed over by type %.2f | judged by blocked_ns %.2f | and written: %.2f | %.2f\n",
        passed_over - loop, judged_alone - loop, written_and_passed_over - loop, written_and_judged - loop);
    EXPECT_LT(judged_alone - loop, 500.0);
    EXPECT_LT(dormant - loop, 5.0);
    EXPECT_LT(stamped - loop, 200.0);
    EXPECT_EQ(location(writer->index()).header->dropped_total.load(), 0U);
}

}  // namespace
}  // namespace coroscope::emit
