// Terminal: a screen of its own in the terminal that we run in, keys as they are pressed, and everything as it was afterwards.
//
// As it was: at the end, after a signal, when we are stopped (Ctrl-Z, SIGTSTP) and go on, and when a check or a fault of our own
// ends us. Signals that ask us to end are told by wait() like keys are; those of faults restore the terminal in their handler and
// then do what they do.
//
// No library: cursor to a place, clear to the end of the line, the alternate screen and colours are what every terminal of the
// last thirty years knows.
//
// Thread: the main thread, before others are started (they inherit the mask of signals). One at a time. Blocks: wait(). Tested by
// tests/e2e/top_test.py, with a pseudo terminal.
#pragma once

#include <cstdint>
#include <string>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"

namespace coroscope::app {

enum class KeyKind : std::uint8_t {
    kNone,
    kText,
    kUp,
    kDown,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kEscape,
    kBackspace,
    kResized,
    kAskedToEnd
};
struct Key {
    KeyKind kind = KeyKind::kNone;
    std::string text = {};  // of kText: one character, UTF-8
};

// Whether both ends that we talk through are a terminal.
bool is_terminal();

class Terminal {
public:
    // From now on signals that ask us to end or to stop are told by wait().
    Terminal();
    ~Terminal();
    // Takes the screen and the keys. Errors: kIo when the terminal refuses.
    base::Status enter();
    // Gives both back; signals are told as before.
    void leave();
    // Whether a signal has asked us to end, before enter(); wait() tells it again.
    bool asked_to_end();

    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    struct Size {
        int columns = 80, rows = 24;
    };
    Size size() const;
    // The next key or signal; kNone when none came in time.
    Key wait(int timeout_ms);
    // Replaces what the screen shows. Lines that are too many or too long are the caller's mistake to avoid.
    void draw(const std::string& lines);

private:
    Key key_from(const std::string& bytes);
    void stop_until_continued();

    base::FileDescriptor signals_;
    std::string typed_;  // bytes that were read and are not keys yet
    bool hung_up_ = false;
};

}  // namespace coroscope::app
