// say: a sentence on stderr from places that may neither allocate nor lock: fault handlers, a worker about to die.
//
// Thread: any. Async-signal-safe with %s, %u, %x and their long forms, for which vsnprintf allocates nothing.
#pragma once

namespace cprime::detail {

// At most 1023 bytes; what is longer is cut rather than allocated. Enters the kernel.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

}  // namespace cprime::detail
