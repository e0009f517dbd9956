// AnySignal: a signal of the program, of whatever type, with where it came from and what caused it. A handle that may be copied and kept.
//
// A signal is a value of any class type of the program: struct NetworkDown { std::string host; }. If it has message() or what(), that is what is
// said of it.
//
// Thread: any; the value is constant. Texts are computed when asked for. Tested in tests/unit/runtime/local_signal_test.cpp.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "cprime/place.h"

namespace cprime {

namespace detail {

// What the runtime keeps of a signal that was raised.
struct HeldSignal : std::enable_shared_from_this<HeldSignal> {
    HeldSignal(const std::type_info& of_type, const Place& at) noexcept : type(&of_type), place(at) {}
    HeldSignal(const HeldSignal&) = delete;
    HeldSignal& operator=(const HeldSignal&) = delete;
    virtual ~HeldSignal();  // one that a catch of the program's own ended counts as recovered from

    virtual const void* value() const noexcept = 0;
    virtual std::string message() const = 0;
    // As the exception that unwinds to its scope.
    virtual void raise_held(std::shared_ptr<HeldSignal> self) const = 0;

    const std::type_info* type;
    Place place;  // where it was raised
    std::shared_ptr<HeldSignal> cause;
    std::uint64_t raiser = 0;  // identity of the coroutine; 0 = a thread that is no worker
    std::string raiser_text;  // "coroutine 7 "fetch" spawned at main.cpp:12", where nobody caught it; else ""
    std::vector<std::uint64_t> frames;  // return addresses from the raise outwards, where nobody caught it
    std::uint64_t raised_ticks = 0;
    std::uint32_t record = 0xffffffffU;  // wire::SignalRecord; none without a Runtime,
    std::uint32_t epoch = 0;             // and of which Runtime
    std::uint32_t causes_count = 0;      // length of the chain behind `cause`
    bool in_handler = false;  // raised by a coroutine that handles one: it is not handed on to another such
    // Its arrival was counted and what became of it was not yet. Writers: who raises it; whoever recovers or loses it, once, by exchange. Relaxed:
    // a count.
    std::atomic<bool> pending{false};
};

template <typename S>
struct HeldAs;

}  // namespace detail

class AnySignal {
public:
    AnySignal() = default;
    explicit AnySignal(std::shared_ptr<detail::HeldSignal> held) noexcept : held_(std::move(held)) {}

    // Whether there is one.
    explicit operator bool() const noexcept { return held_ != nullptr; }
    // The name of its type, valid for ever; "" when empty, as all that follows.
    std::string_view name() const noexcept;
    // The value, if it is of that type, else null. Lives as long as some AnySignal of it.
    template <typename S>
    const S* as() const noexcept {
        return held_ != nullptr && *held_->type == typeid(S) ? static_cast<const S*>(held_->value()) : nullptr;
    }
    // What its message() or what() says; "" if it has none.
    std::string message() const;
    // The signal that was being recovered from, or handled, when this one was raised. A chain of 64 begins anew.
    AnySignal cause() const noexcept { return AnySignal(held_ == nullptr ? nullptr : held_->cause); }
    Place place() const noexcept { return held_ == nullptr ? Place() : held_->place; }
    // Identity of the coroutine that raised it; 0: a thread that is no worker.
    std::uint64_t raised_by() const noexcept { return held_ == nullptr ? 0 : held_->raiser; }
    // Who that is, with its site, and where it stood, outermost last, as addr2line understands it: of one that no scope caught.
    std::string raised_by_text() const { return held_ == nullptr ? std::string() : held_->raiser_text; }
    std::vector<std::string> backtrace() const;
    // "FileError: settings.json, raised at config.cpp:40, because of IoError: errno 2, raised at config.cpp:31": the whole chain.
    std::string text() const;

    const std::shared_ptr<detail::HeldSignal>& held() const noexcept { return held_; }

private:
    std::shared_ptr<detail::HeldSignal> held_;
};

namespace detail {

// What unwinds. A scope catches it by type; a program that catches std::exception finds it, too.
class RaisedSignal : public std::exception {
public:
    explicit RaisedSignal(std::shared_ptr<HeldSignal> signal) noexcept : held(std::move(signal)) {}
    const char* what() const noexcept override;  // AnySignal::text(), made when asked for

    std::shared_ptr<HeldSignal> held;

private:
    mutable std::shared_ptr<const std::string> text_;
};
template <typename S>
class Raised final : public RaisedSignal {
    using RaisedSignal::RaisedSignal;
};

template <typename S>
struct HeldAs final : HeldSignal {
    HeldAs(S&& given, const Place& at) : HeldSignal(typeid(S), at), signal(std::move(given)) {}

    const void* value() const noexcept override { return &signal; }
    std::string message() const override {
        if constexpr (requires {
                          { signal.message() } -> std::convertible_to<std::string>;
                      }) {
            return signal.message();
        } else if constexpr (requires {
                                 { signal.message } -> std::convertible_to<std::string>;
                             }) {
            return signal.message;
        } else if constexpr (requires {
                                 { signal.what() } -> std::convertible_to<std::string>;
                             }) {
            return signal.what();
        } else {
            return {};
        }
    }
    void raise_held(std::shared_ptr<HeldSignal> self) const override { throw Raised<S>(std::move(self)); }

    S signal;
};

// What may be raised: a class of the program's own.
template <typename S>
concept Signal = std::is_class_v<S> && std::same_as<S, std::remove_cv_t<S>> &&
    std::is_move_constructible_v<S> && !std::same_as<S, AnySignal>;

}  // namespace detail
}  // namespace cprime
