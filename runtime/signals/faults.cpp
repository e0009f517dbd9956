// Policies, and the handler's decision.
#include "runtime/signals/faults.h"

#include <algorithm>
#include <cstdio>
#include <new>
#include <thread>
#include <utility>

#include "instrumentation/emit/signal_probes.h"
#include "runtime/by_hand/whereabouts.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/entry/spare_workers.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/tables.h"
#include "runtime/signals/fault_ending.h"
#include "runtime/signals/fault_report.h"
#include "runtime/signals/fault_safety.h"
#include "runtime/signals/signal_records.h"
#include "runtime/stacks/overflow.h"
#include "runtime/stacks/overflow_report.h"
#include "runtime/stacks/say.h"
#include "runtime/switch/switch.h"

namespace cprime {

Fault::Fault(std::shared_ptr<const FaultInfo> info)
    : info_(std::move(info)),
      sentence_(std::make_shared<const std::string>(info_->report.substr(0, info_->report.find('\n')))) {}

void on_fault(int number, FaultPolicy policy, FaultHandler handler, Place place) {
    detail::runtime("on_fault");
    bool known = false;
    for (const int fault : detail::kFaultNumbers)
        known |= fault == number;
    if (!known) {
        std::fprintf(stderr,
                     "cprime: signal %d is no fault; on_fault takes SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP "
                     "and SIGABRT, and "
                     "signals().handle the others\n",
                     number);
        detail::end_program();
    }
    detail::g_faults.set(number, policy, std::move(handler), place);
}

void on_fault(FaultPolicy policy, FaultHandler handler, Place place) {
    detail::runtime("on_fault");
    detail::g_faults.set(0, policy, std::move(handler), place);
}

FaultCounts fault_counts() noexcept {
    return detail::g_faults.counts();
}

namespace detail {

Faults g_faults;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

bool survives(FaultPolicy policy) {
    return policy == FaultPolicy::abandon || policy == FaultPolicy::replace_worker;
}

bool on_own_stack(const Worker& worker, std::uint64_t rsp) {
    return rsp >= worker.stack_low && rsp < worker.stack_high;
}

// Whether the coroutine's stack pointer, and the ends of its stack, are as they should be. `overflow`: the guard of its stack was hit.
const char* why_stack_is_lost(std::uint32_t index, std::uint64_t rsp, std::uint64_t address, bool overflow) {
    const wire::CoroutineRecord& self = record(index);
    const Pools& pools = g_runtime->pools;
    if (self.pool == kPoolLocal) return "its stack lies in a MicroPool, which is the program's to take back";
    if (by_hand_of(index) != nullptr) return "it resumes a Coroutine by hand, whose stack it stands on";
    const StackPlace place = g_runtime->segments.place(index, running_stack_limit());
    if (pools.has_canaries(self.pool) && !pools.canary_intact(self.pool, self.slot))
        return "a canary was overwritten: it has run over the end of its stack, or its neighbour has";
    if (overflow) {
        std::uint8_t pool = 0;
        std::uint32_t slot = 0;
        if (!pools.find_address(address, &pool, &slot) || pool != place.pool || slot != place.slot)
            return "it has run over stacks of others";
        return nullptr;
    }
    return pools.holds(place.pool, place.slot, rsp) ? nullptr : "its stack pointer lies outside of its stack";
}

// What a thread handed over is copied on one that is no worker, so that channel handles belong to no coroutine.
FaultHandler unowned(FaultHandler handler) {
    FaultHandler copy;
    std::thread([&] { copy = handler; }).join();
    return copy;
}

}  // namespace

bool Faults::start(std::uint32_t workers_count, const FaultOptions& options) {
    seen_.reset(new (std::nothrow) FaultSeen[workers_count]);
    if (seen_ == nullptr) return false;
    most_ = options.most;
    abandoned_.store(0, kRelaxed);
    slots_quarantined_.store(0, kRelaxed);
    replaced_.store(0, kRelaxed);
    forget_faults();
    find_modules();
    for (const int number : kFaultNumbers)
        g_signal_records.of(number).route.store(wire::SignalRoute::kFault, kRelaxed);
    set(0, options.policy, options.handler, CPRIME_HERE);
    return true;
}

void Faults::stop() {
    const std::lock_guard<std::mutex> hold(lock_);
    for (auto& rule : rules_)
        rule.reset();
    graves_.clear();
    identities_.clear();
    seen_.reset();
}

void Faults::set(int number, FaultPolicy policy, FaultHandler handler, const Place& place) {
    if (handler != nullptr && !survives(policy)) {
        std::fputs(
            "cprime: a handler of faults was given to a policy after which it cannot run; with "
            "FaultPolicy::abandon and "
            "FaultPolicy::replace_worker it can\n",
            stderr);
        end_program();
    }
    std::shared_ptr<const Rule> rule;
    if (handler != nullptr) rule = std::make_shared<const Rule>(Rule{unowned(std::move(handler)), place});
    const std::lock_guard<std::mutex> hold(lock_);
    if (policy == FaultPolicy::replace_worker) g_spare_workers.prepare();
    for (const int each : kFaultNumbers) {
        if (number != 0 && each != number) continue;
        rules_[static_cast<std::size_t>(each)] = rule;
        policies_[static_cast<std::size_t>(each)].store(static_cast<std::uint8_t>(policy), kRelaxed);
    }
}

std::shared_ptr<const Faults::Rule> Faults::rule(int number) {
    const std::lock_guard<std::mutex> hold(lock_);
    return rules_[static_cast<std::size_t>(number)];
}

void Faults::dig(std::uint32_t index, const Grave& grave) {
    const std::lock_guard<std::mutex> hold(lock_);
    graves_.try_emplace(index, grave);  // of two the first, where it had lived
    identities_.insert(detail::detail(index).identity.load(kRelaxed));
}

bool Faults::was_abandoned(std::uint64_t identity) {
    if (!anybody_abandoned()) return false;
    const std::lock_guard<std::mutex> hold(lock_);
    return identities_.count(identity) != 0;
}

Grave Faults::bury(std::uint32_t index) {
    const std::lock_guard<std::mutex> hold(lock_);
    const auto found = graves_.find(index);
    CHECK(found != graves_.end());
    const Grave grave = found->second;
    graves_.erase(found);
    return grave;
}

FaultCounts Faults::counts() const {
    return {abandoned_.load(kRelaxed), slots_quarantined_.load(kRelaxed), replaced_.load(kRelaxed)};
}

// Null: it may be survived, as far as the worker knows; its frames are judged apart.
const char* Faults::why_not(const Worker& worker, const ucontext_t& context, std::uint64_t address,
                            bool overflow) const {
    const auto rsp = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RSP]);
    const auto rip = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
    if (on_own_stack(worker, rsp) || is_runtime_code(rip))
        return "the runtime's own code ran, whose tables may be damaged";
    if (const char* lost = why_stack_is_lost(worker.current_index, rsp, address, overflow); lost != nullptr)
        return lost;
    if ((detail(worker.current_index).private_word & kPrivateEndsBare) != 0)
        return "it faulted a third time while it was ending";
    return abandoned_.load(kRelaxed) >= most_
               ? "as many coroutines have been abandoned as FaultOptions::most allows"
               : nullptr;
}

bool Faults::answer(Worker& worker, int number, const siginfo_t& info, ucontext_t& context, bool overflow) {
    const FaultPolicy asked = policy(number);
    const std::uint32_t index = worker.current_index;
    const auto rip = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
    const auto rsp = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RSP]);
    const bool in_runtime = on_own_stack(worker, rsp);
    // What the runtime ends by itself it has explained.
    if ((asked == FaultPolicy::pass && !overflow) || (number == SIGABRT && in_runtime)) return false;
    if (!begin_report()) return false;
    const std::uint64_t address = fault_address(number, info, context);
    wire::SignalRecord& counts = g_signal_records.of(number);
    counts.arrived.fetch_add(1, kRelaxed);

    Judgement judged;
    const StackPlace place = g_runtime->segments.place(index, running_stack_limit());
    const wire::StackBounds stack = g_runtime->pools.bounds(place.pool, place.slot);
    const AtTheCall at_the_call(context, stack.low, stack.high);
    if (survives(asked)) {
        if (const char* refusal = why_not(worker, context, address, overflow); refusal != nullptr) {
            std::snprintf(judged.why_not, sizeof judged.why_not, "%s", refusal);
        } else {
            judged = judge_frames(info.si_code <= 0, at_the_call.rip());
        }
    }
    const bool survived = survives(asked) && !judged.refused();
    FaultSeen& seen = seen_[worker.index];
    seen.replaces = survived && asked == FaultPolicy::replace_worker && g_spare_workers.reserve(worker);

    char fate[512];
    if (!survives(asked)) {
        std::snprintf(fate, sizeof fate, "the program ends by it; cprime/fault.h says how others may go on");
    } else if (!survived) {
        std::snprintf(fate, sizeof fate, "it cannot be survived: %s", judged.why_not);
    } else {
        const std::uint64_t nth = abandoned_.fetch_add(1, kRelaxed) + 1;
        const char* thread = seen.replaces ? ", its worker's thread is replaced"
                             : asked == FaultPolicy::replace_worker
                                 ? ", no thread was ready to replace its worker's"
                                 : "";
        std::snprintf(fate, sizeof fate,
                      "it is abandoned: its stack is kept, destructors of its frames do not run%s; %llu so "
                      "far, at most %llu",
                      thread, static_cast<unsigned long long>(nth), static_cast<unsigned long long>(most_));
    }
    const FaultReport report{.index = index,
                             .worker = worker.index,
                             .number = number,
                             .code = info.si_code,
                             .info = &info,
                             .context = &context,
                             .rip = rip,
                             .fate = fate,
                             .in_runtime = in_runtime};
    const std::uint32_t times = survived ? count_fault_at(judged.program != 0 ? judged.program : rip) : 1;
    begin_copy(seen.text, sizeof seen.text, times > 1);
    if (overflow) {
        say_overflow_in_turn(
            index, worker.index,
            {.sign = "it ran into a guard page", .lowest = std::min(address, rsp), .rip = rip, .faulted = true});
        if (survives(asked)) say("  %s\n", fate);
    } else {
        say_fault(report, at_the_call.rip());
    }
    seen.text_bytes = end_copy();
    if (times > 1) say_fault_again(report, times);
    end_report();
    if (!survived) {
        counts.lost.fetch_add(1, kRelaxed);
        // Into the worker's own ring, which it does not write while a coroutine's code runs.
        if (!in_runtime) {
            emit::probe::fault(worker.ring, 0, static_cast<std::uint32_t>(number), wire::FaultOutcome::kDied,
                               static_cast<std::uint32_t>(info.si_code), address, rip);
        }
        return false;
    }
    seen.number = number;
    seen.code = info.si_code;
    seen.address = address;
    seen.rip = rip;
    seen.rsp = rsp;
    seen.alternate_stack = reinterpret_cast<std::uint64_t>(context.uc_stack.ss_sp);
    seen.alternate_stack_bytes = context.uc_stack.ss_size;
    return true;
}

// The worker goes on, or ends, on its own stack, with the processor's state as a thread begins with it.
void Faults::rewrite(Worker& worker, ucontext_t& context) {
    constexpr long long kDirectionTrapAlign = 0x400 | 0x100 | 0x40000;
    FaultSeen& seen = seen_[worker.index];
    auto& registers = context.uc_mcontext.gregs;
    registers[REG_EFL] &= ~kDirectionTrapAlign;
    if (context.uc_mcontext.fpregs != nullptr) {
        context.uc_mcontext.fpregs->cwd = 0x37f;
        context.uc_mcontext.fpregs->swd = 0;
        context.uc_mcontext.fpregs->ftw = 0;
        context.uc_mcontext.fpregs->mxcsr = 0x1f80;
    }
    const auto number = [](const auto* pointer) {
        return static_cast<long long>(reinterpret_cast<std::uintptr_t>(pointer));
    };
    if (seen.replaces) {
        registers[REG_RDI] = number(&worker);
        registers[REG_RSP] = static_cast<long long>(worker.stack_top - 8);  // as after a call
        registers[REG_RIP] = static_cast<long long>(reinterpret_cast<std::uintptr_t>(&leave_worker));
        return;
    }
    registers[REG_RBX] = number(&worker);
    registers[REG_RBP] = static_cast<long long>(reinterpret_cast<std::uintptr_t>(&end_faulted));
    registers[REG_R12] = number(end_of_stack());
    registers[REG_R13] = number(&seen);
    registers[REG_RSP] = static_cast<long long>(worker.stack_top);
    registers[REG_RIP] = static_cast<long long>(reinterpret_cast<std::uintptr_t>(&cprime_fault_landing));
}

}  // namespace detail
}  // namespace cprime
