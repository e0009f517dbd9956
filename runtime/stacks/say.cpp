// A fixed buffer and write(2).
#include "runtime/stacks/say.h"

#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace cprime::detail {
namespace {

// Kernel's id of the thread whose words are copied; 0 = none. Writer: that thread; readers: all that say something, each whether it is the one, so
// relaxed. What follows is that thread's own.
std::atomic<pid_t> copied{0};
char* copy_text = nullptr;
std::uint32_t copy_bytes = 0;
std::uint32_t copy_used = 0;
bool copy_quietly = false;

// Whether the line is to be written as well.
bool copy_line(const char* line, int length) {
    const pid_t thread = copied.load(std::memory_order_relaxed);
    if (thread == 0 || thread != gettid()) return true;
    const std::uint32_t room = copy_bytes - 1 - copy_used;
    const std::uint32_t taken = static_cast<std::uint32_t>(length) < room ? static_cast<std::uint32_t>(length)
                                                                          : room;
    std::memcpy(copy_text + copy_used, line, taken);
    copy_used += taken;
    copy_text[copy_used] = '\0';
    return !copy_quietly;
}

}  // namespace

void begin_copy(char* text, std::uint32_t bytes, bool quietly) {
    copy_text = text;
    copy_bytes = bytes;
    copy_used = 0;
    copy_quietly = quietly;
    copy_text[0] = '\0';
    copied.store(gettid(), std::memory_order_relaxed);
}

std::uint32_t end_copy() {
    copied.store(0, std::memory_order_relaxed);
    return copy_used;
}

void say(const char* format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = std::vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= static_cast<int>(sizeof line)) length = sizeof line - 1;
    if (length <= 0 || !copy_line(line, length)) return;
    for (int written = 0; written < length;) {
        const ssize_t more = write(STDERR_FILENO, line + written, static_cast<std::size_t>(length - written));
        if (more <= 0) return;
        written += static_cast<int>(more);
    }
}

}  // namespace cprime::detail
