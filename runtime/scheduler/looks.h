// What is told of a coroutine to who asks from within the program: policies, views, lists of idle ones.
//
// Thread: any. Private to this folder.
#pragma once

#include <cstdint>
#include <string_view>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/pool.h"

namespace cprime::detail {

namespace wire = coroscope::wire;

// From a parked stack pointer to its slot's top. One that stands on a segment, or on the stack of a coroutine by hand, has used its slot up or rests
// in it: it counts as full.
inline std::uint64_t stack_used_from(std::uint64_t rsp, const wire::StackBounds& slot) {
    return rsp <= slot.high && rsp >= slot.low ? slot.high - rsp : slot.high - slot.low;
}

// "channel-receive"; "" for kNothing.
std::string_view reason_text(wire::WaitReason reason);

// Its own name, else that of its site, and where it was spawned. Valid while the Runtime lives.
struct Origin {
    std::string_view name, file;
    std::uint32_t line = 0;
};
Origin origin_of(std::uint32_t index);

}  // namespace cprime::detail
