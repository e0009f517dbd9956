// ForeignHandlers: finds handlers that code other than the runtime has installed, where they are in its way.
//
//   of a signal that the signal thread waits for    it is not taken where the signal is not blocked: the library's handler runs there instead
//   of any signal, without SA_ONSTACK               it would run on a coroutine's stack, and a signal takes 3.4 KiB of that
//
// Each is named (function in file), said once on stderr and flagged in its SignalRecord; nothing is taken back. The system is asked at the start,
// then every second, more seldom while nothing changes: 62 calls of 0.1 µs. Naming takes the dynamic linker's lock, when something was found.
//
// Thread: the signal thread. Tested in tests/unit/runtime/foreign_handlers_test.cpp.
#pragma once

#include <signal.h>

#include <array>
#include <cstdint>

#include "instrumentation/wire/limits.h"

namespace cprime::detail {

class ForeignHandlers {
public:
    // Looks, if it is time; milliseconds until it wants to be called again.
    int look();

private:
    bool look_at(int number);  // whether something has changed

    struct Seen {
        const void* handler = nullptr;
        bool told = false;
    };
    std::array<Seen, coroscope::wire::kSignalsMax> seen_{};
    std::int64_t looked_ms_ = 0, pause_ms_ = 0;
};

}  // namespace cprime::detail
