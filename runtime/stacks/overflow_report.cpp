// Fixed buffers and write(2): this runs where little can be trusted.
#include "runtime/stacks/overflow_report.h"

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>

#include "runtime/entry/runtime_state.h"
#include "runtime/learning/unheld_rows.h"
#include "runtime/stacks/backtrace.h"
#include "runtime/stacks/say.h"

namespace cprime::detail {
namespace {

constexpr const char* kClassNames[] = {"micro", "small", "medium", "large"};

struct Identified : ReportedCoroutine {
    std::uint8_t pool;
    unsigned size_class;
    unsigned slot_bytes;
    unsigned grown_bytes;  // 0 = it did not grow
    wire::StackBounds bounds;
};

void copy(char* to, std::size_t bytes, std::string_view from) {
    const std::size_t length = from.size() < bytes - 1 ? from.size() : bytes - 1;
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
}

Identified identify(std::uint32_t index) {
    Identified who{};
    static_cast<ReportedCoroutine&>(who) = reported_coroutine(index);
    const wire::CoroutineRecord& self = record(index);
    who.pool = self.pool;
    who.size_class = static_cast<unsigned>(g_runtime->pools.size_class(self.pool));
    const Pools& pools = g_runtime->pools;
    const PoolGeometry& geometry = pools.geometry(self.pool);
    who.slot_bytes = geometry.slot_bytes;
    who.bounds = pools.bounds(self.pool, self.slot);
    if (pools.grown(self.pool, self.slot)) who.grown_bytes = geometry.slot_bytes + geometry.reserve_bytes;
    return who;
}

void say_what(const Identified& who, std::uint32_t worker, const OverflowSeen& seen) {
    char grown[40] = "";
    if (who.grown_bytes != 0) std::snprintf(grown, sizeof grown, ", grown in place to %u", who.grown_bytes);
    char wanted[64] = "how much more it wanted is not known";
    if (seen.lowest != 0 && seen.lowest < who.bounds.low) {
        std::snprintf(wanted, sizeof wanted, "it wanted at least %llu bytes more",
                      static_cast<unsigned long long>(who.bounds.low - seen.lowest));
    }
    say("cprime: stack overflow in coroutine %llu \"%s\" spawned at %s on worker %u: %s; its class is %s "
        "(%u bytes%s): %s\n",
        static_cast<unsigned long long>(who.identity), who.name, who.place, worker, seen.sign,
        kClassNames[who.size_class], who.slot_bytes, grown, wanted);
}

void say_ways(const Identified& who) {
    say("  to mend it, one of:\n");
    if (who.pool == kPoolLarge) {
        say("    no class is larger: reduce its recursion or its frames\n");
    } else if (who.pool == kPoolSignalSmall) {
        say("    a larger one at the handler: cprime::SignalComplexity::complex\n");
    } else if (who.pool == kPoolSignal) {
        say("    the deep work in a coroutine of its own: {.size_class = cprime::size_class::large}\n");
    } else {
        say("    a larger class at the spawn: {.size_class = cprime::size_class::%s}\n",
            kClassNames[who.size_class + 1]);
        say("    a class chosen by what was measured: 'coroscope record' a run, 'coroscope sizes' the trace, "
            "then "
            "CPRIME_SIZES=FILE\n");
    }
    say("    a stack that grows: build the code with cprime_growable_stacks(TARGET) in CMake, or wrap the "
        "deep call in "
        "cprime::call_on_bigger_stack\n");
}

// One report at a time. Kernel's id of the thread that writes; 0 = none. Writers and readers: reporting threads; acquire and
// release, since the frames' walk keeps its state in static memory.
std::atomic<pid_t> reporter{0};

}  // namespace

bool begin_report() {
    const pid_t self = gettid();
    for (pid_t nobody = 0; !reporter.compare_exchange_weak(nobody, self, std::memory_order_acquire);
         nobody = 0) {
        if (nobody == self) return false;
        sched_yield();
    }
    return true;
}

void end_report() {
    reporter.store(0, std::memory_order_release);
}

ReportedCoroutine reported_coroutine(std::uint32_t index) {
    ReportedCoroutine who{};
    const std::uint32_t site = detail(index).site.load(std::memory_order_relaxed);
    const std::uint32_t name = detail(index).name.load(std::memory_order_relaxed);
    who.identity = detail(index).identity.load(std::memory_order_relaxed);
    if (site == wire::kNone) {
        copy(who.place, sizeof who.place, "an unknown site");
        return who;
    }
    const wire::SiteRecord& place = g_runtime->sites.record(site);
    char file[192];
    copy(who.name, sizeof who.name, g_runtime->segment->string(name != wire::kNone ? name : place.name));
    copy(file, sizeof file, g_runtime->segment->string(place.file));
    std::snprintf(who.place, sizeof who.place, "%s:%u", file, place.line);
    return who;
}

void say_overflow(std::uint32_t index, std::uint32_t worker, const OverflowSeen& seen) {
    if (!begin_report()) return;
    say_overflow_in_turn(index, worker, seen);
    end_report();
}

void say_overflow_in_turn(std::uint32_t index, std::uint32_t worker, const OverflowSeen& seen) {
    const Identified who = identify(index);
    say_what(who, worker, seen);
    const bool knows = seen.lowest != 0 && seen.lowest < who.bounds.low;
    say_unheld_overflow(index, knows ? who.bounds.high - seen.lowest : who.bounds.high - who.bounds.low);
    say_ways(who);
    say_backtrace(seen.rip, seen.faulted);
}

}  // namespace cprime::detail
