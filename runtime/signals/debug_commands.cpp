// The interactive handler: a signal stops its thread, and somebody at the terminal says what to do. Everything here is async-signal-safe: no
// allocation, no stdio, no lock.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "cprime/direct_signal.h"
#include "instrumentation/wire/limits.h"
#include "runtime/signals/direct_signals.h"

namespace cprime {
namespace detail {
namespace {

// Writer: debug(), before the handler is installed; reader: the handler. What is called twice meanwhile may see one of both.
DebugOptions g_options;
std::atomic<bool> g_asking{false};  // somebody is at it; acquire and release around it

// Text that goes out in one write().
class Line {
public:
    explicit Line(int descriptor) : descriptor_(descriptor) {}
    ~Line() {
        std::size_t done = 0;
        while (done < bytes_) {
            const ssize_t wrote = write(descriptor_, text_ + done, bytes_ - done);
            if (wrote < 0 && errno != EINTR) return;
            if (wrote > 0) done += static_cast<std::size_t>(wrote);
        }
    }
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    Line& operator<<(const char* text) {
        for (; *text != 0 && bytes_ < sizeof text_; ++text)
            text_[bytes_++] = *text;
        return *this;
    }
    Line& operator<<(std::uint64_t number) {
        char digits[24];
        char* at = digits + sizeof digits;
        *--at = 0;
        do {
            *--at = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        return *this << at;
    }

private:
    int descriptor_;
    std::size_t bytes_ = 0;
    char text_[512];
};

// One line without its end, cut at the size of `text`. False: there are no more.
bool read_line(int descriptor, char* text, std::size_t size) {
    std::size_t bytes = 0;
    while (true) {
        char letter = 0;
        const ssize_t got = read(descriptor, &letter, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 && bytes == 0) return false;
        if (got <= 0 || letter == '\n') break;
        if (bytes + 1 < size) text[bytes++] = letter;
    }
    text[bytes] = 0;
    return true;
}

void print_figures(int output) {
    const DirectFigures figures = direct_figures();
    if (figures.has_runtime) {
        Line(output) << figures.alive << " coroutines alive, " << figures.spawned << " spawned, "
                     << figures.switches << " switches on " << figures.workers << " workers\n";
    } else {
        Line(output) << "no runtime\n";
    }
    for (int number = 1; number < static_cast<int>(coroscope::wire::kSignalsMax); ++number) {
        if (const std::uint64_t arrived = direct_arrived(number); arrived != 0)
            Line(output) << "signal " << static_cast<std::uint64_t>(number) << ": " << arrived << " arrived, "
                         << direct_finished(number) << " handled\n";
    }
}

void print_help(int output) {
    Line(output) << "stat      what the program has done\n"
                 << "continue  go on with the program\n"
                 << "exit      end it, code 1\n";
    for (std::size_t i = 0; i < g_options.commands_count; ++i)
        Line(output) << g_options.commands[i].name << "  " << g_options.commands[i].does << "\n";
}

// Whether the program goes on.
bool obey(char* text, int output) {
    char* arguments = std::strchr(text, ' ');
    if (arguments != nullptr) *arguments++ = 0;
    for (std::size_t i = 0; i < g_options.commands_count; ++i) {
        if (std::strcmp(text, g_options.commands[i].name) != 0) continue;
        g_options.commands[i].run(arguments != nullptr ? arguments : "");
        return false;
    }
    if (std::strcmp(text, "continue") == 0) return true;
    if (std::strcmp(text, "exit") == 0) _exit(1);
    if (std::strcmp(text, "stat") == 0) {
        print_figures(output);
    } else if (std::strcmp(text, "help") == 0) {
        print_help(output);
    } else if (*text != 0) {
        Line(output) << "unknown command: " << text << " (try help)\n";
    }
    return false;
}

void ask(const SignalInfo& info) {
    if (g_asking.exchange(true, std::memory_order_acquire)) return;
    const bool needs_terminal = g_options.input < 0 || g_options.output < 0;
    const int terminal = needs_terminal ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    const int input = g_options.input >= 0 ? g_options.input : terminal;
    const int output = g_options.output >= 0 ? g_options.output : terminal;
    if (input < 0 || output < 0) {
        Line(STDERR_FILENO)
            << "cprime: signal " << static_cast<std::uint64_t>(info.number)
            << " asks what to do, and there is no terminal to answer at; name descriptors in DebugOptions\n";
    } else {
        Line(output) << "cprime: stopped by signal " << static_cast<std::uint64_t>(info.number)
                     << "; stat, continue, exit, help\n";
        char text[128];
        do {
            Line(output) << "debug> ";
        } while (read_line(input, text, sizeof text) && !obey(text, output));
    }
    if (terminal >= 0) close(terminal);
    g_asking.store(false, std::memory_order_release);
}

}  // namespace
}  // namespace detail

DirectSignals& DirectSignals::debug(int number, const DebugOptions& options) {
    detail::g_options = options;
    return handle(number, &detail::ask);
}

}  // namespace cprime
