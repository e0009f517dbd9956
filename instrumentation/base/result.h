// Result<T>: a value, or one sentence that names what failed and the way out.
//
// Errors cross a folder as values. The code says which family the command line maps to an exit code; the message is
// shown to the user as it is. There is no implicit default: a Result must be looked at before its value is taken
// (CHECK in release).
//
// Thread: a value type, like std::variant.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "instrumentation/base/check.h"

namespace coroscope::base {

// What kind of thing went wrong; the command line turns it into its exit code.
enum class ErrorCode {
    kUsage,       // the caller asked for something that cannot be asked for (exit 2)
    kUnreadable,  // a file, process or segment cannot be read (exit 3)
    kVersion,     // the other side speaks another version (exit 3)
    kRefused,     // permissions (exit 3)
    kGone,        // the process or object is no longer there (exit 3)
    kCorrupt,     // bytes that are not what they must be (exit 3)
    kIo,          // writing failed, e.g. the disk is full (exit 3)
    kInternal,    // a bug of ours
};

struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string message;  // one sentence, no trailing newline
};

template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    // The value; CHECKs that there is one.
    T& value() & {
        CHECK(ok());
        return std::get<0>(state_);
    }
    const T& value() const& {
        CHECK(ok());
        return std::get<0>(state_);
    }
    T&& value() && {
        CHECK(ok());
        return std::get<0>(std::move(state_));
    }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }

    // The error; CHECKs that there is one.
    const Error& error() const {
        CHECK(!ok());
        return std::get<1>(state_);
    }

private:
    std::variant<T, Error> state_;
};

// A result without a value.
struct Unit {};
using Status = Result<Unit>;
inline Status ok_status() {
    return Unit{};
}

inline Error error(ErrorCode code, std::string message) {
    return Error{code, std::move(message)};
}

}  // namespace coroscope::base
