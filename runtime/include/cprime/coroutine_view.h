// CoroutineView: what is known of a scheduled coroutine at one moment, by value.
//
//   auto handle = cprime::spawn("parser", parse);
//   const cprime::CoroutineView seen = handle.view();
//   if (seen.state() == cprime::coroutine_state::waiting) log(seen.name(), seen.waits_for());
//
// A view is a copy: the coroutine goes on meanwhile and may have ended, and neither it nor its handle is kept by it. refresh() looks again.
// It is Schedulable and Resumable (schedulable.h): resume() wakes a coroutine that has suspended itself, as JoinHandle::resume() does.
//
// Thread: any while a Runtime lives; texts stay valid as long. Looking fits a Micro stack and takes some 100 ns, under a lock that sweeps for idle
// coroutines (idle.h) hold as well. Tested in tests/unit/runtime/coroutine_view_test.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cprime/detail/park.h"
#include "cprime/detail/spawn_request.h"
#include "cprime/priority.h"
#include "cprime/schedulable.h"

namespace cprime {

class CoroutineView;

namespace detail {
struct ViewAccess;  // the runtime's, which fills views
// Fills the view (CoroutineView*) anew, by its id and place.
ResumePoint look_at_coroutine(Worker* worker, std::uint32_t coroutine, void* view) noexcept;
}  // namespace detail

class CoroutineView {
public:
    // Of nobody: complete.
    CoroutineView() = default;

    // Never reused within a process; 0 = of nobody.
    std::uint64_t id() const noexcept { return id_; }
    // Its own, else that of its site.
    std::string_view name() const noexcept { return name_; }
    // Where it was spawned.
    std::string_view file() const noexcept { return file_; }
    std::uint32_t line() const noexcept { return line_; }
    ::cprime::priority priority() const noexcept { return static_cast<::cprime::priority>(priority_); }
    // `resumable`: it has suspended itself. `running` also while it is ready.
    coroutine_state state() const noexcept { return state_; }
    // "join", "channel-receive", "sleep" ...; "" where it does not wait.
    std::string_view waits_for() const noexcept { return waits_for_; }
    // Bytes; the whole slot while it runs on a part of it that is not known. 0 when it runs or has ended.
    std::size_t stack_used() const noexcept { return stack_used_; }
    // Bytes of its slot.
    std::size_t stack_size() const noexcept { return stack_size_; }
    // Address in its code at which it goes on; 0 while it runs, and when it has ended.
    std::uint64_t resume_point() const noexcept { return resume_point_; }
    // Since when the runtime knows that it stands as it does: the first look, or sweep (idle.h), that found it so. Now, while it runs.
    std::chrono::steady_clock::time_point last_activity() const noexcept { return last_activity_; }

    // Looks again.
    [[gnu::always_inline]] void refresh() noexcept { detail::park<&detail::look_at_coroutine>(this); }
    // Wakes it if it has suspended itself, and says whether it did; looks again.
    bool resume() noexcept {
        detail::HandleRequest request{place_, id_, false};
        detail::park<&detail::resume_coroutine>(&request);
        refresh();
        return request.found;
    }
    // Asks it to end, as JoinHandle::cancel() does. False when it had ended.
    bool cancel() const noexcept {
        detail::HandleRequest request{place_, id_, false};
        detail::park<&detail::cancel_coroutine>(&request);
        return request.found;
    }

private:
    template <typename T>
    friend class JoinHandle;
    friend struct detail::ViewAccess;
    CoroutineView(std::uint64_t id, std::uint32_t place) noexcept : id_(id), place_(place) { refresh(); }

    std::uint64_t id_ = 0;
    std::uint32_t place_ = detail::kNoCoroutine;
    std::uint32_t line_ = 0;
    std::string_view name_, file_, waits_for_;
    std::size_t stack_used_ = 0, stack_size_ = 0;
    std::uint64_t resume_point_ = 0;
    std::chrono::steady_clock::time_point last_activity_;
    coroutine_state state_ = coroutine_state::complete;
    std::uint8_t priority_ = static_cast<std::uint8_t>(priority::normal);
};

}  // namespace cprime
