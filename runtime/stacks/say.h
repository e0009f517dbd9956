// say: a sentence on stderr from places that may neither allocate nor lock: fault handlers, a worker about to die.
//
// Thread: any. Async-signal-safe with %s, %u, %x and their long forms, for which vsnprintf allocates nothing.
#pragma once

#include <cstdint>

namespace cprime::detail {

// At most 1023 bytes; what is longer is cut rather than allocated. Enters the kernel.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

// What the calling thread says goes into `text` as well, which is always ended by a zero, until it calls end_copy(); `quietly`: and not to
// stderr. end_copy() answers how many bytes stand there. One thread at a time: whose turn it is to report (overflow_report.h).
void begin_copy(char* text, std::uint32_t bytes, bool quietly);
std::uint32_t end_copy();

}  // namespace cprime::detail
