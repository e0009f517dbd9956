// The runner of the `event` and `ring_to_memory` rows. `event`: one writer, one ring, nobody else. No runtime and no coroutines take part, so what is
// measured is the price of the event alone: stamp, record, counters, publication.
//
// The ring is overwritten (flight recorder mode), so nothing is ever dropped and no reader can hold the writer up. The floor
// it is compared with is what nobody can do without: rdtsc and one 16-byte store into a buffer of the same size.
#include <emmintrin.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "emit/ring_to_memory.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/armed_rule.h"
#include "instrumentation/emit/probes.h"
#include "instrumentation/emit/switch_probe.h"
#include "instrumentation/emit/ring_writer.h"
#include "runner/runner.h"

namespace {

using namespace coroscope;
using bench::Measured;

emit::RingWriter* g_writer = nullptr;
emit::RingSegment* g_segment = nullptr;
std::atomic<std::uint32_t> g_current{wire::kNone};

// `write` is called `count` times while `mask` is listened to. Every event asked for must have been written.
template <typename Write>
Measured write_events(std::uint64_t count, std::uint32_t mask, Write write) {
    g_segment->listen(mask, wire::RingMode::kOverwrite, 0);
    const std::uint64_t begin_ns = bench::now_ns();
    for (std::uint64_t i = 0; i < count; ++i)
        write(static_cast<std::uint32_t>(i));
    const std::uint64_t end_ns = bench::now_ns();
    g_segment->listen(0, wire::RingMode::kOff, 0);
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

Measured event(std::uint64_t count) {
    return write_events(count, wire::kCategoryCoroutine,
                        [](std::uint32_t i) { emit::probe::resume(g_writer, 0, i, i, i); });
}

Measured event_wide(std::uint64_t count) {
    return write_events(count, wire::kCategoryCoroutine, [](std::uint32_t i) {
        emit::probe::suspend(g_writer, 0, i, wire::WaitReason::kYield, wire::kNone, 0x400000, 0);
    });
}

// The stamp is there already, as for the second and third event of one switch.
Measured event_stamped(std::uint64_t count) {
    const std::uint64_t stamp = base::read_tsc();
    return write_events(count, wire::kCategoryCoroutine,
                        [stamp](std::uint32_t i) { emit::probe::resume(g_writer, stamp, i, i, i); });
}

// SUSPEND and RESUME of one switch, which share a stamp, as a yield tells them. An operation is one of the two.
Measured event_of_switch(std::uint64_t count) {
    Measured measured = write_events(count / 2, wire::kCategoryCoroutine, [](std::uint32_t i) {
        const std::uint64_t stamp = base::read_tsc();
        const emit::probe::Yielded yielded{.sequence = i, .caller_address = 0x400000, .next = i, .next_sequence = i, .next_identity = i};
        if (emit::probe::yielded(g_writer, stamp, yielded)) return;
        emit::probe::suspend(g_writer, stamp, i, wire::WaitReason::kYield, wire::kNone, 0x400000, 0);
        emit::probe::resume(g_writer, stamp, i, i, i);
    });
    measured.operations *= 2;
    return measured;
}

// A probe to which nobody listens, in a loop of nothing else.
Measured event_dormant(std::uint64_t count) {
    return write_events(count, 0, [](std::uint32_t i) {
        emit::probe::resume(g_writer, 0, i, i, i);
        asm volatile("" ::: "memory");
    });
}

// Events that nobody listens to, under an armed rule that none of them matches: WAKEs after a wait of a second, which it looks at, or none of its
// types.
Measured judged(std::uint64_t count, wire::EventType type) {
    static const auto state = emit::StateSegment::create({.shared = false}).value();
    state->ensure_records(wire::SectionKind::kCoroutines, 8);
    state->ensure_records(wire::SectionKind::kCoroutineDetails, 8);
    wire::RuleInstruction term{};
    term.op = wire::RuleOp::kCompare;
    term.compare = wire::RuleCompare::kGreater;
    term.left = wire::RuleField::kEventBlocked;
    term.left_object = wire::kRuleSubject;
    term.constant = 1e9;
    if (type != wire::EventType::kWake) {  // no lengths of time, then
        term.op = wire::RuleOp::kWord;
        term.left = wire::RuleField::kEventType;
    }
    wire::RuleProgram program;
    program.head.action = wire::RuleAction::kTell;
    program.head.count = 1;
    program.head.types[0] = std::uint64_t{1} << static_cast<unsigned>(type);
    program.instructions = {term};
    auto progress = std::make_shared<emit::RuleProgress>();
    if (program.needs_stamps()) progress->stamps = emit::RuleStamps::create(8).value();
    g_segment->arm(std::make_unique<emit::ArmedRule>(
        program, 1, progress,
        emit::ArmedRule::Surroundings{state.get(), g_segment->rule_hits().value(), nullptr, nullptr}));
    const Measured measured = write_events(count, 0, [](std::uint32_t i) {
        emit::probe::wake(g_writer, 0, i & 7, i, wire::WakeCause::kTimer);
        asm volatile("" ::: "memory");
    });
    g_segment->arm(nullptr);
    return measured;
}
Measured event_judged(std::uint64_t count) {
    return judged(count, wire::EventType::kWake);
}
Measured event_passed_over(std::uint64_t count) {
    return judged(count, wire::EventType::kExit);
}

Measured rdtsc_store(std::uint64_t count) {
    constexpr std::size_t kSlots = wire::kWorkerRingBytes / sizeof(__m128i);
    static __m128i slots[kSlots];
    const std::uint64_t begin_ns = bench::now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        _mm_store_si128(&slots[i & (kSlots - 1)],
                        _mm_set_epi64x(static_cast<long long>(i), static_cast<long long>(base::read_tsc())));
        asm volatile("" ::: "memory");
    }
    const std::uint64_t end_ns = bench::now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

Measured rdtsc(std::uint64_t count) {
    const std::uint64_t begin_ns = bench::now_ns();
    for (std::uint64_t i = 0; i < count; ++i)
        bench::keep(base::read_tsc());
    const std::uint64_t end_ns = bench::now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

Measured emptied(std::uint64_t count) {
    return bench::ring_to_memory(*g_segment, *g_writer, count, 0);
}

Measured emptied_at_80m(std::uint64_t count) {
    return bench::ring_to_memory(*g_segment, *g_writer, count, 80);
}

constexpr bench::Workload kWorkloads[] = {
    {"ring_to_memory", emptied_at_80m},
    {"ring_to_memory_full", emptied},
    {"event", event},
    {"event_wide", event_wide},
    {"event_stamped", event_stamped},
    {"event_of_switch", event_of_switch},
    {"event_dormant", event_dormant},
    {"event_judged", event_judged},
    {"event_passed_over", event_passed_over},
    {"rdtsc_store", rdtsc_store},
    {"rdtsc", rdtsc},
};

}  // namespace

int main() {
    auto segment = emit::RingSegment::create(1, false);
    if (!segment.ok()) {
        std::fprintf(stderr, "bench_emit: %s\n", segment.error().message.c_str());
        return 3;
    }
    g_segment = segment->get();
    g_writer = g_segment->register_thread(wire::RingOwner::kWorker, 0, &g_current);
    const int status = bench::serve("emit", kWorkloads);
    g_segment->unregister_thread(g_writer);
    return status;
}
