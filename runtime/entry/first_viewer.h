// FirstViewer: a program that was started to be watched waits here for whoever wants to watch it.
//
// A launcher (`coroscope record -- PROG`) sets CPRIME_WAIT_FOR_VIEWER=MS@NAME and can attach only once the agent stands; until then the
// first coroutines would have run unseen. So the runtime waits, after its agent has started and before anything can be spawned, until
// somebody listens or the time is over. Nobody coming is no error: the program runs as always.
//
// The launched script may start many programs, and only the first is watched. The launcher therefore listens on the abstract socket NAME as
// long as it looks for one; where a connection is refused, nobody is waited for.
//
// Thread: wait_ms() on the thread that makes the Runtime, changed() on the agent's. Tested in tests/unit/runtime/first_viewer_test.cpp.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace cprime::detail {

class FirstViewer {
public:
    // emit::AgentOptions::changed; `self` is the FirstViewer.
    static void changed(void* self, std::uint32_t mask, std::uint32_t sample_period);

    // Blocks until somebody listens, at most that long; true when somebody does.
    bool wait_ms(std::uint32_t ms);

    // Whether somebody listens on that abstract socket ("" = not asked: yes). Does not block.
    static bool expected(std::string_view socket_name);

private:
    std::mutex lock_;
    std::condition_variable came_;
    bool listens_ = false;  // guarded by lock_
};

}  // namespace cprime::detail
