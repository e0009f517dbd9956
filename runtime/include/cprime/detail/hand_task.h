// A task of any kind, as a HandScheduler sees it. Not part of the public interface.
//
// Thread: the scheduler's.
#pragma once

#include <chrono>
#include <type_traits>
#include <utility>

#include "cprime/schedulable.h"
#include "cprime/scheduling_policy.h"

namespace cprime::detail {

// A task of any kind, as the scheduler sees it.
class HandTask {
public:
    using Time = std::chrono::steady_clock::time_point;
    virtual ~HandTask() = default;
    virtual coroutine_state look() = 0;  // anew
    virtual void resume() = 0;
    virtual void note(Time when) = 0;
    virtual Time last_activity() const = 0;
    virtual void tell(ReadyCoroutine& told) const = 0;
};

// `Held`: T, or a pointer to one that somebody else keeps.
template <typename T, typename Held>
class HandTaskOf final : public HandTask {
public:
    explicit HandTaskOf(Held held) : held_(std::move(held)) {}
    T& it() {
        if constexpr (std::is_pointer_v<Held>) {
            return *held_;
        } else {
            return held_;
        }
    }
    const T& it() const { return const_cast<HandTaskOf*>(this)->it(); }

    coroutine_state look() override {
        if constexpr (requires { it().refresh(); }) it().refresh();
        return it().state();
    }
    void resume() override { static_cast<void>(it().resume()); }
    void note(Time when) override {
        if constexpr (requires { it().note_activity(when); }) it().note_activity(when);
    }
    Time last_activity() const override { return it().last_activity(); }
    void tell(ReadyCoroutine& told) const override {
        told.id.id = it().id();
        told.priority = static_cast<unsigned>(it().priority());
        told.stack_used = it().stack_used();
        if constexpr (requires { it().stack_size(); }) told.stack_size = it().stack_size();
        if constexpr (requires { it().name(); }) told.name = it().name();
        if constexpr (requires { it().deadline(); }) told.deadline = it().deadline();
    }

private:
    Held held_;
};

}  // namespace cprime::detail
