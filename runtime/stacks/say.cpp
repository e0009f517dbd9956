// A fixed buffer and write(2).
#include "runtime/stacks/say.h"

#include <unistd.h>

#include <cstdarg>
#include <cstdio>

namespace cprime::detail {

void say(const char* format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = std::vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= static_cast<int>(sizeof line)) length = sizeof line - 1;
    for (int written = 0; written < length;) {
        const ssize_t more = write(STDERR_FILENO, line + written, static_cast<std::size_t>(length - written));
        if (more <= 0) return;
        written += static_cast<int>(more);
    }
}

}  // namespace cprime::detail
