// call_on_bigger_stack: room for one deep call, in code that does not grow by itself.
//
//   auto tree = cprime::call_on_bigger_stack([&] { return parse(text); });
//   cprime::call_on_bigger_stack(200 << 10, [&] { render(scene); });
//
// If the running stack has that much left the function is simply called there. Else it runs on a segment: a slot of a larger class
// that belongs to the coroutine from then on, kept while it is running and given back when it parks outside the call. Nothing moves:
// addresses of locals stay what they are. The function may park, and what it throws arrives at the caller. The site's later spawns
// start in the larger class.
//
// Thread: any. On a thread that is no worker, and in coroutines resumed by hand, the function is called where it stands. Cost: 8
// cycles where there is room, about 20 on a segment that is there already; taking one is a pool allocation. Tested in
// tests/unit/growable/torture_test.cpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace cprime {

namespace detail {

extern "C" void cprime_call_on_bigger_stack(void (*function)(void*), void* argument, std::size_t bytes);

inline constexpr std::size_t kBiggerStackBytes = 12U << 10;  // fits a segment of the Medium class
inline constexpr std::size_t kBiggestStackBytes = (8U << 20) - (8U << 10);  // fits one of the Large class

}  // namespace detail

// function() with at least `bytes` of stack (at most about 8 MiB: more ends the program with the overflow report). Returns what it returns
// (an object or nothing, no reference) and throws what it throws.
template <std::invocable F>
std::invoke_result_t<F> call_on_bigger_stack(std::size_t bytes, F&& function) {
    using T = std::invoke_result_t<F>;
    static_assert(!std::is_reference_v<T>, "return a pointer: the result is moved from the bigger stack");
    if (bytes > detail::kBiggestStackBytes)
        bytes = std::size_t{1} << 40;  // no segment has that: reported there
    if constexpr (std::is_void_v<T>) {
        detail::cprime_call_on_bigger_stack(
            [](void* f) { static_cast<F&&> (*static_cast<std::remove_reference_t<F>*>(f))(); }, &function,
            bytes);
    } else {
        struct Call {
            std::remove_reference_t<F>* function;
            std::optional<T> result;
        } call{&function, {}};
        detail::cprime_call_on_bigger_stack(
            [](void* c) {
                auto* self = static_cast<Call*>(c);
                self->result.emplace(static_cast<F&&>(*self->function)());
            },
            &call, bytes);
        return std::move(*call.result);
    }
}
template <std::invocable F>
std::invoke_result_t<F> call_on_bigger_stack(F&& function) {
    return call_on_bigger_stack(detail::kBiggerStackBytes, std::forward<F>(function));
}

}  // namespace cprime
