// Where the control blocks are: record(index) and detail(index), one addition each.
//
// Each section of the state segment has a fixed window of the reservation, so that record r lies at base + r * size. The
// bases are constant while a runtime lives.
//
// Thread: any. The index must be one that the runtime handed out; nothing is checked here.
#pragma once

#include <cstdint>

#include "instrumentation/wire/coroutine.h"

namespace cprime::detail {

namespace wire = coroscope::wire;

struct Tables {
    wire::CoroutineRecord* records = nullptr;
    wire::CoroutineDetail* details = nullptr;
};
[[gnu::visibility("hidden")]] extern Tables g_tables;  // writer: the thread that starts the runtime, before any worker exists

inline wire::CoroutineRecord& record(std::uint32_t index) {
    return g_tables.records[index];
}
inline wire::CoroutineDetail& detail(std::uint32_t index) {
    return g_tables.details[index];
}

}  // namespace cprime::detail
