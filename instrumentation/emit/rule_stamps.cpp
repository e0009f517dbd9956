// See rule_stamps.h.
#include "instrumentation/emit/rule_stamps.h"

#include <sys/mman.h>

#include "instrumentation/wire/coroutine.h"

namespace coroscope::emit {
namespace {

using wire::EventType;
using wire::kNotMeasured;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint32_t kKnown = 1U << 31;  // in a sequence: there is one
constexpr std::uint32_t kWoken = 1U << 30;  // in `ready`: by a WAKE

// Sequence numbers are 24 bits.
bool follows(std::uint32_t before, std::uint32_t sequence24, std::uint32_t step) {
    return (before & kKnown) != 0 && ((before + step) & 0xffffffU) == sequence24;
}

std::uint64_t between(std::uint64_t from, std::uint64_t to) {
    return to > from ? to - from : 0;
}

}  // namespace

// All zero: nothing is known.
struct RuleStamps::Entry {
    std::atomic<std::uint32_t> suspend, ready,
        resume;                        // sequence numbers of the last such events, with kKnown
    std::atomic<std::uint32_t> aside;  // of the SUSPEND that is set aside, with kKnown
    std::atomic<std::uint64_t> suspend_ticks, ready_ticks, resume_ticks;
    std::atomic<std::uint64_t> blocked,
        was_ready;  // of the last wait, and before the last run: ticks + 1; 0 = not known
    std::atomic<std::uint32_t> object, argument, worker, reserved;
    std::atomic<std::uint64_t> ticks, known, truth, doubt;
};

base::Result<std::unique_ptr<RuleStamps>> RuleStamps::create(std::uint32_t coroutines) {
    static_assert(sizeof(Entry) <= 128);
    void* memory = mmap(nullptr, std::size_t{coroutines} * sizeof(Entry), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return base::error(base::ErrorCode::kRefused,
                           "there is no address space for lengths of time: raise `ulimit -v`");
    return std::unique_ptr<RuleStamps>(new RuleStamps(memory, coroutines));
}

RuleStamps::~RuleStamps() {
    munmap(entries_, std::size_t{count_} * sizeof(Entry));
}

void RuleStamps::forget() {
    madvise(entries_, std::size_t{count_} * sizeof(Entry), MADV_DONTNEED);
}

RuleSpans RuleStamps::take(const Happened& event, std::uint32_t coroutine) {
    RuleSpans spans;
    if (coroutine >= count_) return spans;
    Entry& entry = entries_[coroutine];
    const std::uint32_t sequence = wire::low24(event.argument);
    const auto known = [](std::uint64_t plus_one) { return plus_one == 0 ? kNotMeasured : plus_one - 1; };
    const auto become_ready = [&](std::uint32_t tagged) {
        entry.ready_ticks.store(event.ticks, kRelaxed);
        entry.ready.store(tagged, kRelaxed);
    };
    const auto end_run = [&] {
        if (!follows(entry.resume.load(kRelaxed), sequence, 1)) return;
        spans.run = between(entry.resume_ticks.load(kRelaxed), event.ticks);
        spans.ready = known(entry.was_ready.load(kRelaxed));
    };
    switch (event.type) {
        case EventType::kSpawn:
            for (auto* tag : {&entry.suspend, &entry.resume, &entry.aside})
                tag->store(0, kRelaxed);
            become_ready((static_cast<std::uint32_t>(event.words[3] >> 32) & 0xffffffU) | kKnown);
            break;
        case EventType::kResume: {
            const std::uint32_t ready = entry.ready.load(kRelaxed);
            const bool known_ready = follows(ready & ~kWoken, sequence, 1);
            const std::uint64_t was_ready = known_ready
                                                ? between(entry.ready_ticks.load(kRelaxed), event.ticks) + 1
                                                : 0;
            entry.was_ready.store(was_ready, kRelaxed);
            if (!known_ready || (ready & kWoken) == 0) entry.blocked.store(0, kRelaxed);
            entry.resume_ticks.store(event.ticks, kRelaxed);
            entry.resume.store(sequence | kKnown, kRelaxed);
            spans.ready = known(was_ready);
            spans.blocked = known(entry.blocked.load(kRelaxed));
            break;
        }
        case EventType::kSuspend: {
            end_run();
            entry.suspend_ticks.store(event.ticks, kRelaxed);
            entry.suspend.store(sequence | kKnown, kRelaxed);
            const auto reason = static_cast<wire::WaitReason>(wire::high8(event.argument));
            if (reason == wire::WaitReason::kYield || reason == wire::WaitReason::kPause)
                become_ready(sequence | kKnown);
            break;
        }
        case EventType::kWake: {
            const bool waited = follows(entry.suspend.load(kRelaxed), sequence, 2);
            const std::uint64_t blocked = waited ? between(entry.suspend_ticks.load(kRelaxed), event.ticks) + 1
                                                 : 0;
            entry.blocked.store(blocked, kRelaxed);
            become_ready(sequence | kKnown | kWoken);
            spans.blocked = known(blocked);
            break;
        }
        case EventType::kUnpause:
            become_ready(sequence | kKnown);
            break;
        case EventType::kExit:
            end_run();
            for (auto* tag : {&entry.suspend, &entry.ready, &entry.resume, &entry.aside})
                tag->store(0, kRelaxed);
            break;
        default:
            break;
    }
    return spans;
}

void RuleStamps::set_aside(std::uint32_t coroutine, const Aside& aside) {
    if (coroutine >= count_) return;
    Entry& entry = entries_[coroutine];
    entry.object.store(aside.object, kRelaxed);
    entry.argument.store(aside.argument, kRelaxed);
    entry.worker.store(aside.worker, kRelaxed);
    entry.ticks.store(aside.ticks, kRelaxed);
    entry.known.store(aside.bits.known, kRelaxed);
    entry.truth.store(aside.bits.truth, kRelaxed);
    entry.doubt.store(aside.bits.doubt, kRelaxed);
    entry.aside.store((aside.sequence24 & 0xffffffU) | kKnown, kRelaxed);
}

bool RuleStamps::take_aside(std::uint32_t coroutine, std::uint32_t wake_sequence24, Aside* aside) {
    if (coroutine >= count_) return false;
    Entry& entry = entries_[coroutine];
    const std::uint32_t tag = entry.aside.load(kRelaxed);
    if ((tag & kKnown) == 0) return false;
    entry.aside.store(0, kRelaxed);
    if (!follows(tag, wake_sequence24, 2)) return false;
    *aside = {tag & 0xffffffU,
              entry.object.load(kRelaxed),
              entry.argument.load(kRelaxed),
              entry.worker.load(kRelaxed),
              entry.ticks.load(kRelaxed),
              {entry.known.load(kRelaxed), entry.truth.load(kRelaxed), entry.doubt.load(kRelaxed)}};
    return true;
}

}  // namespace coroscope::emit
