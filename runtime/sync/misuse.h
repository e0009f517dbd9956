// Calls that their caller may not make: each ends the program with one sentence that names who, which object and the way out.
//
// Thread: any; called with the object's record locked (nobody goes on after it).
#pragma once

#include <cstdint>
#include <string>

#include "cprime/detail/waitable_calls.h"
#include "instrumentation/wire/waitable.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// `mutex "accounts" (bank.cpp:12)`.
std::string text_of(const wire::WaitableRecord& object);

// "cprime: <who> <does> <object>; <remedy>". `owner`: who called, as it would hold the object.
[[noreturn]] void misuse(std::uint64_t owner, const char* does, const wire::WaitableRecord& object,
                         const char* remedy);
// The caller would wait for itself.
[[noreturn]] void waits_for_itself(std::uint64_t owner, const char* does, const wire::WaitableRecord& object,
                                   const char* remedy);
// The caller gives back what it does not hold.
[[noreturn]] void not_the_owner(std::uint64_t owner, const char* does, const wire::WaitableRecord& object);

// Nobody holds the object or waits for it: else it must not be destroyed.
void check_unused(const wire::WaitableRecord& object);

[[noreturn]] void no_room_for(const Waitable& object);

}  // namespace cprime::detail
