// CHECK and DCHECK: assertions that tell the reader what broke.
//
// CHECK stays on in release: it guards promises whose breach would corrupt somebody else's data. DCHECK guards what
// the surrounding code makes true and is compiled out with NDEBUG. Both print one line to stderr and abort; neither
// allocates, so they may be used on a coroutine's stack and while the runtime holds a lock. A layer that knows more
// (the runtime: which coroutine, which worker) installs a context printer.
//
// Thread: any. Blocks: never (it ends the process).
#pragma once

#include <cstdio>
#include <cstdlib>

namespace coroscope::base {

// Writes what the current thread was doing into `buffer` (at most `bytes`, zero-terminated). Installed once at start.
using CheckContext = void (*)(char* buffer, unsigned long bytes);

inline CheckContext& check_context() {
    static CheckContext context = nullptr;
    return context;
}

[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) {
    char context[160] = "";
    if (check_context() != nullptr) check_context()(context, sizeof context);
    std::fprintf(stderr, "coroscope: check failed: %s at %s:%d%s%s\n", expression, file, line,
                 context[0] != '\0' ? " in " : "", context);
    std::abort();
}

}  // namespace coroscope::base

#define CHECK(expression)                               \
    (__builtin_expect(static_cast<bool>(expression), 1) \
         ? static_cast<void>(0)                         \
         : ::coroscope::base::check_failed(#expression, __FILE__, __LINE__))
#ifdef NDEBUG
#define DCHECK(expression) static_cast<void>(0)
#else
#define DCHECK(expression) CHECK(expression)
#endif
