// What a policy is told, and what of its answers is believed.
#include "runtime/scheduler/policy_queue.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cprime/detail/policy_faults.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/looks.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

ReadyCoroutine::Time time_at(std::int64_t ns) {
    return ReadyCoroutine::Time(std::chrono::nanoseconds(ns));
}

}  // namespace

PolicyQueue::PolicyQueue(AnyPolicy policy) : policy_(std::move(policy)) {
    if (!policy_->empty()) {
        fatal("the scheduling policy '" + std::string(policy_->name()) +
                  "' was given to a Runtime although it is not empty; make a new one",
              1);
    }
}

void PolicyQueue::spawned(std::uint32_t index, std::int64_t deadline_ns) {
    entry(index) = {.deadline_ns = deadline_ns != 0 ? deadline_ns : INT64_MAX};
}

void PolicyQueue::add(std::uint32_t index) {
    const wire::CoroutineRecord& its = record(index);
    const wire::CoroutineDetail& about = detail(index);
    Entry& kept = entry(index);
    ReadyCoroutine told;
    told.id = {about.identity.load(kRelaxed), index};
    const Origin origin = origin_of(index);
    told.name = origin.name;
    told.file = origin.file;
    told.line = origin.line;
    told.priority = static_cast<unsigned>(about.priority.load(kRelaxed));
    const wire::StackBounds slot = g_runtime->pools.bounds(its.pool, its.slot);
    told.stack_used = stack_used_from(its.rsp.load(kRelaxed), slot);
    told.stack_size = slot.high - slot.low;
    told.deadline = time_at(kept.deadline_ns);
    told.ready_since = time_at(monotonic_ns());
    told.times_run = kept.times_run;
    kept.given = told.id.id;
    ++length_;
    policy_->ready(told);
}

std::uint32_t PolicyQueue::take(std::uint32_t worker) {
    const std::optional<ReadyId> named = policy_->next(worker);
    if (!named) policy_misbehaves(policy_->name(), PolicyFault::names_nobody, length_);
    if (named->place >= wire::kCoroutinesMax || named->id == 0 || entry(named->place).given != named->id)
        policy_misbehaves(policy_->name(), PolicyFault::names_a_stranger, named->id);
    Entry& kept = entry(named->place);
    kept.given = 0;
    ++kept.times_run;
    --length_;
    check_policy_empty(policy_->name(), policy_->empty(), length_);
    return named->place;
}

void policy_misbehaves(std::string_view policy, PolicyFault fault, std::uint64_t number) {
    constexpr const char* kSentences[] = {
        "named nobody, although it was given %llu that it has not named yet",
        "named coroutine %llu, which it was not given or has named already",
        "says that it is empty, although it has not named %llu of those that it was given",
        "says that it is not empty, although all that it was given were named: %llu are left"};
    char what[160];
    std::snprintf(what, sizeof what, kSentences[static_cast<std::size_t>(fault)],
                  static_cast<unsigned long long>(number));
    std::fprintf(stderr, "cprime: the scheduling policy '%.*s' %s\n", static_cast<int>(policy.size()),
                 policy.data(), what);
    std::abort();
}

ResumePoint set_own_deadline(Worker* worker, std::uint32_t index, void* argument) noexcept {
    if (worker == nullptr) return nullptr;
    if (PolicyQueue* policy = g_runtime->scheduler.policy())
        policy->set_deadline(index, static_cast<DeadlineRequest*>(argument)->ns);
    return keep_running(*worker);
}

}  // namespace cprime::detail
