// A recorder of the simplest kind: attaches to a runner through the handshake, listens, and while a measurement runs
// empties the rings as often as the recorder does, without writing anything down. It shows what being recorded costs the *target*.
//
// Threads: the driver's calls work() and rest(); between the two a thread of the watcher's own uses the Target and
// nobody else does. Blocks: attach() for the handshake, rest() until the rings were emptied once more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "driver/rows.h"
#include "instrumentation/base/result.h"
#include "instrumentation/inspect/target.h"

namespace coroscope::bench {

class Watcher {
public:
    struct Tally {
        std::uint64_t events = 0;  // that the target tried to write between work() and rest()
        std::uint64_t lost = 0;    // of those, dropped because the ring was full
    };

    // Listens to what `watch` says (not kNobody). Errors are those of Target::attach and listen.
    static base::Result<std::unique_ptr<Watcher>> attach(pid_t pid, Watch watch);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    void work();
    Tally rest();

private:
    // What the thread is to do: the driver asks for kWorking and kLastRound, the thread answers the latter by kResting.
    enum class State { kResting, kWorking, kLastRound, kEnding };

    explicit Watcher(std::unique_ptr<inspect::Target> target);
    void set_state(State state);
    void drain_loop();
    std::size_t drain_once();
    Tally totals() const;

    std::unique_ptr<inspect::Target> target_;  // the thread's unless it rests; the driver's while it rests
    std::vector<wire::EventSlot> slots_;
    Tally before_;
    std::mutex mutex_;
    std::condition_variable changed_;
    State state_ = State::kResting;  // under mutex_
    std::thread thread_;
};

}  // namespace coroscope::bench
