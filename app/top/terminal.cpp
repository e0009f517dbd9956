// See terminal.h.
#include "app/top/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace coroscope::app {
namespace {

constexpr const char* kEnterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H";
constexpr const char* kLeaveScreen = "\x1b[?25h\x1b[?1049l";
// A sequence of an arrow key comes in one piece; an Escape alone is one when nothing follows it for so long.
constexpr int kEscapePatienceMs = 30;

// What handlers of signals may touch: written before they are installed, or by an atomic.
termios g_before;
std::atomic<bool> g_changed{false};

void write_all(const char* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written < 0 && errno != EINTR && errno != EAGAIN) return;
        if (written <= 0) {
            pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
            poll(&waiting, 1, 100);
            continue;
        }
        bytes += written;
        size -= static_cast<std::size_t>(written);
    }
}

// Only calls that a signal's handler may make.
void restore() {
    if (!g_changed.exchange(false)) return;
    const ssize_t ignored = write(STDOUT_FILENO, kLeaveScreen, std::strlen(kLeaveScreen));
    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &g_before);
}

bool take_over() {
    termios raw = g_before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
    raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) return false;
    g_changed = true;
    write_all(kEnterScreen, std::strlen(kEnterScreen));
    return true;
}

void on_fault(int number) {
    const int saved = errno;
    restore();
    errno = saved;
    signal(number, SIG_DFL);
    raise(number);
}

sigset_t asked_signals() {
    sigset_t mask;
    sigemptyset(&mask);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH})
        sigaddset(&mask, number);
    return mask;
}

struct Sequence {
    const char* bytes;
    KeyKind kind;
};
constexpr Sequence kSequences[] = {
    {"\x1b[A", KeyKind::kUp},   {"\x1b[B", KeyKind::kDown},    {"\x1bOA", KeyKind::kUp},
    {"\x1bOB", KeyKind::kDown}, {"\x1b[5~", KeyKind::kPageUp}, {"\x1b[6~", KeyKind::kPageDown},
    {"\x1b[H", KeyKind::kHome}, {"\x1b[F", KeyKind::kEnd},     {"\x1b[1~", KeyKind::kHome},
    {"\x1b[4~", KeyKind::kEnd}, {"\x1bOH", KeyKind::kHome},    {"\x1bOF", KeyKind::kEnd},
};

std::size_t utf8_length(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

// An escape sequence ends with a letter or a tilde; "\x1b[" and "\x1bO" begin one.
std::size_t sequence_length(const std::string& typed) {
    if (typed.size() < 2 || (typed[1] != '[' && typed[1] != 'O')) return 1;
    for (std::size_t at = 2; at < typed.size(); ++at) {
        const char c = typed[at];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '~') return at + 1;
    }
    return typed.size();
}

}  // namespace

bool is_terminal() {
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

Terminal::Terminal() {
    const sigset_t mask = asked_signals();
    sigprocmask(SIG_BLOCK, &mask, nullptr);
    signals_.reset(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
}

base::Status Terminal::enter() {
    if (tcgetattr(STDIN_FILENO, &g_before) != 0)
        return base::error(base::ErrorCode::kIo, "the terminal does not say how it is set (" +
                                                     base::errno_text(errno) + "): use --once");
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
        signal(number, on_fault);
    if (!take_over())
        return base::error(base::ErrorCode::kIo, "the terminal cannot be set to tell each key (" +
                                                     base::errno_text(errno) + "): use --once");
    return base::ok_status();
}

Terminal::~Terminal() {
    restore();
}

void Terminal::leave() {
    restore();
}

bool Terminal::asked_to_end() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGTSTP) raise(SIGSTOP);
        if (info.ssi_signo != SIGTSTP && info.ssi_signo != SIGWINCH) hung_up_ = true;
    }
    return hung_up_;
}

Terminal::Size Terminal::size() const {
    winsize window{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
    return {window.ws_col, window.ws_row};
}

void Terminal::stop_until_continued() {
    restore();
    raise(SIGSTOP);
    take_over();
}

Key Terminal::wait(int timeout_ms) {
    if (hung_up_) return {KeyKind::kAskedToEnd};
    if (typed_.empty()) {
        pollfd waiting[] = {{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
        if (poll(waiting, 2, timeout_ms) <= 0) return {};
        if ((waiting[1].revents & POLLIN) != 0) {
            signalfd_siginfo info{};
            if (read(signals_.get(), &info, sizeof info) != sizeof info) return {};
            if (info.ssi_signo == SIGWINCH) return {KeyKind::kResized};
            if (info.ssi_signo != SIGTSTP) return {KeyKind::kAskedToEnd};
            stop_until_continued();
            return {KeyKind::kResized};
        }
        char bytes[64];
        const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
        if (got <= 0) {
            hung_up_ = got == 0 || (errno != EINTR && errno != EAGAIN);
            return {hung_up_ ? KeyKind::kAskedToEnd : KeyKind::kNone};
        }
        typed_.assign(bytes, static_cast<std::size_t>(got));
        if (typed_ == "\x1b") {  // the rest of a sequence may be on its way
            pollfd more{STDIN_FILENO, POLLIN, 0};
            if (poll(&more, 1, kEscapePatienceMs) > 0) {
                const ssize_t rest = read(STDIN_FILENO, bytes, sizeof bytes);
                if (rest > 0) typed_.append(bytes, static_cast<std::size_t>(rest));
            }
        }
    }
    const std::size_t length = std::min(
        typed_.size(), typed_[0] == '\x1b' ? sequence_length(typed_) : utf8_length(typed_[0]));
    const std::string bytes = typed_.substr(0, length);
    typed_.erase(0, length);
    return key_from(bytes);
}

Key Terminal::key_from(const std::string& bytes) {
    for (const Sequence& sequence : kSequences) {
        if (bytes == sequence.bytes) return {sequence.kind};
    }
    if (bytes == "\x1b") return {KeyKind::kEscape};
    if (bytes[0] == '\x1b') return {};
    if (bytes == "\r" || bytes == "\n") return {KeyKind::kEnter};
    if (bytes == "\x7f" || bytes == "\b") return {KeyKind::kBackspace};
    if (static_cast<unsigned char>(bytes[0]) < 0x20) return {};
    return {KeyKind::kText, bytes};
}

void Terminal::draw(const std::string& lines) {
    std::string out = "\x1b[H";
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size());
        out += lines.substr(at, end - at) + "\x1b[K";
        at = end + 1;
        if (at < lines.size()) out += "\r\n";
    }
    out += "\x1b[J";
    write_all(out.data(), out.size());
}

}  // namespace coroscope::app
