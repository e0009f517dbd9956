// SchedulingPolicy: an order of one's own, in which ready coroutines run.
//
//   struct LastComeFirstServed {
//       void ready(const cprime::ReadyCoroutine& coroutine) noexcept { stack.push_back(coroutine.id); }
//       std::optional<cprime::ReadyId> next(unsigned) noexcept { ReadyId id = stack.back(); stack.pop_back(); return id; }
//       bool empty() const noexcept { return stack.empty(); }
//       std::vector<cprime::ReadyId> stack;
//   };
//   cprime::run({.policy = cprime::make_policy<LastComeFirstServed>()}, [] { ... });
//
// policies.h holds three that are ready-made: RoundRobin, ByScore, EarliestDeadlineFirst. The same policies order things that are resumed by
// hand (hand_scheduler.h).
//
// What the scheduler does with one
//   ready(coroutine)   the coroutine became ready: it was spawned, woken, or has yielded. It is given once, until next() names it
//   next(worker)       this worker has nothing to run: who runs? Asked only when somebody was given who was not named yet, and must then name one
//                      of those; which worker asks is a hint (0 in a HandScheduler)
//   empty()            whether nobody is left to be named; compared with what the scheduler knows
// Priorities and deadlines mean what the policy makes of them. Stealing, the place behind the running coroutine, newest_first and child_first do not
// apply. Outside the policy remain coroutines bound to one worker (SpawnOptions::worker), which take turns with it, and those made of signals,
// which come before it, but for every 65th pick. A cancelled coroutine is made ready like any other. yield() of a coroutine goes on at once
// when nobody else is ready.
//
// The policy's functions run under the scheduler's lock, one at a time, on the stack of a worker or of another thread that wakes somebody: they are
// short, noexcept, and make no call of the runtime, which would wait for that lock for ever. They may allocate; what they throw ends the program.
//
// Bad policies: one that names whom it was not given (or names somebody twice), that names nobody although somebody was given, or whose empty()
// says otherwise than is so, ends the program with a sentence that names it. So does a Runtime that is given one which is not empty.
//
// Cost: one lock a wake-up and one a pick, whatever the policy does itself, and 40 bytes a coroutine. Without a policy: nothing.
//
// Tested in tests/unit/runtime/scheduling_policy_test.cpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "cprime/detail/park.h"

namespace cprime {

// Names somebody who is ready. `id` is what people know it by; `place` is how the scheduler finds it, and keeps apart who has the same id.
struct ReadyId {
    std::uint64_t id = 0;
    std::uint32_t place = 0;
    friend bool operator==(const ReadyId&, const ReadyId&) = default;
};

// What a policy is told of somebody who became ready. By value: nothing in it changes later; the texts stay valid while the Runtime (or the
// HandScheduler's task) lives.
struct ReadyCoroutine {
    using Time = std::chrono::steady_clock::time_point;

    ReadyId id;
    std::string_view name = {};   // its own, else its site's; "" = none
    std::string_view file = {};   // of its spawn site; "" = not known
    std::uint32_t line = 0;       // of its spawn site
    unsigned priority = 2;        // 1 high, 2 normal, 3 low: the smaller is the more urgent
    std::size_t stack_used = 0;   // bytes, where it stands now
    std::size_t stack_size = 0;   // bytes of its slot; 0 = has no stack that is known
    Time deadline = Time::max();  // SpawnOptions::deadline, set_deadline(); max() = none
    Time ready_since = {};        // now
    std::uint64_t times_run = 0;  // how often it was named before
};

template <typename P>
concept SchedulingPolicy = requires(P& policy, const P& seen, const ReadyCoroutine& coroutine,
                                    unsigned worker) {
    { policy.ready(coroutine) }
    noexcept->std::same_as<void>;
    { policy.next(worker) }
    noexcept->std::same_as<std::optional<ReadyId>>;
    { seen.empty() }
    noexcept->std::convertible_to<bool>;
};

namespace detail {

// A policy of any type, as the scheduler holds it.
class ErasedPolicy {
public:
    virtual ~ErasedPolicy() = default;
    virtual void ready(const ReadyCoroutine& coroutine) noexcept = 0;
    virtual std::optional<ReadyId> next(unsigned worker) noexcept = 0;
    virtual bool empty() const noexcept = 0;
    virtual std::string_view name() const noexcept = 0;
};

// "cprime::RoundRobin", as the compiler spells it.
template <typename P>
constexpr std::string_view policy_name() {
    const std::string_view text = __PRETTY_FUNCTION__;
    const std::size_t begin = text.find("P = ") + 4;
    const std::size_t end = text.find_first_of(";]", begin);
    return text.substr(begin, end - begin);
}

template <SchedulingPolicy P>
class PolicyHolder final : public ErasedPolicy {
public:
    template <typename... Arguments>
    explicit PolicyHolder(Arguments&&... arguments) : policy_{std::forward<Arguments>(arguments)...} {}
    void ready(const ReadyCoroutine& coroutine) noexcept override { policy_.ready(coroutine); }
    std::optional<ReadyId> next(unsigned worker) noexcept override { return policy_.next(worker); }
    bool empty() const noexcept override { return policy_.empty(); }
    std::string_view name() const noexcept override { return policy_name<P>(); }

private:
    P policy_;
};

struct DeadlineRequest {
    std::int64_t ns;  // steady_clock's
};
ResumePoint set_own_deadline(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

}  // namespace detail

// A policy of any type, for RuntimeOptions::policy. One Runtime at a time uses it; afterwards it may be given to another one.
using AnyPolicy = std::shared_ptr<detail::ErasedPolicy>;

// Makes the policy P{arguments...}.
template <SchedulingPolicy P, typename... Arguments>
AnyPolicy make_policy(Arguments&&... arguments) {
    return std::make_shared<detail::PolicyHolder<P>>(std::forward<Arguments>(arguments)...);
}

// Until when the caller is to have done what it does: told to the policy from the next time on that the caller becomes ready. max() = no deadline
// any more. Nobody enforces it. Any thread; does nothing outside coroutines, or where the Runtime has no policy.
[[gnu::always_inline]] inline void set_deadline(std::chrono::steady_clock::time_point deadline) noexcept {
    detail::DeadlineRequest request{deadline.time_since_epoch().count()};
    detail::park<&detail::set_own_deadline>(&request);
}

}  // namespace cprime
