// Who a coroutine is, and what it waits for, in the words of reports.
//
// Place: for whatever the runtime says on stderr about coroutines and objects. Knows the records and their names, decides nothing.
//
// Thread: any. Of a coroutine or an object that comes and goes meanwhile the words may be another's; nothing is written. Allocates.
// Tested in tests/unit/runtime/{deadlock,stall,cancel_sleep}_test.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "instrumentation/wire/coroutine.h"

namespace cprime::detail {

// Its own name or that of its site; "" when it has none.
std::string name_of_coroutine(std::uint32_t index);
// `coroutine 7 "parser"`.
std::string coroutine_text(std::uint32_t index);
// `coroutine 7 "parser" spawned at main.cpp:12`.
std::string coroutine_and_site_text(std::uint32_t index);

// `channel "lines" (main.cpp:9)`.
std::string channel_text(std::uint32_t index);
// `waits to receive from channel "lines" (main.cpp:9)`: of a parked one.
std::string wait_text(std::uint32_t index);
// Where it goes on, as addr2line understands it: `program+0x1234`; "" where the address lies in no loaded file.
std::string place_text(std::uint64_t rip);

}  // namespace cprime::detail
