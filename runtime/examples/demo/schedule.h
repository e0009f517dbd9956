// The demo's time: two acts of 100 beats a second, and a hold between them.
//
// Whoever acts by itself is a *player*: it does something on every beat and holds between the acts. Holding parks it on the channel
// "gate", in which nothing is ever sent: when the conductor closes it, all of them go on. Those who only react (the stages of a
// pipeline, a swarm) come to rest by themselves once the players hold.
//
// Thread: play() by any coroutine, all at once; the rest by the conductor (demo.cpp).
#pragma once

#include <cprime/cprime.h>

#include <atomic>
#include <chrono>

namespace demo {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Schedule {
public:
    static constexpr milliseconds kBeat{10};
    static constexpr int kActs = 2;

    // `start`: when the program started. Each act and the hold take a third of the run.
    Schedule(Clock::time_point start, milliseconds run)
        : beats_(static_cast<int>(run / kBeat / 3)), act_start_(start), hold_end_(start + run * 2 / 3) {}

    // Calls on_beat() at each beat of both acts, and holds between them. Ends early when on_beat() says false or the caller was
    // asked to end. A beat that is late does not wait.
    template <typename OnBeat>
    void play(OnBeat on_beat) {
        for (int act = 0; act < kActs; ++act) {
            if (act > 0 && !hold()) return;
            for (int beat = 0; beat < beats_; ++beat) {
                if (!wait_for(beat) || !on_beat()) return;
            }
        }
    }

    int players_holding() const { return holding_; }
    Clock::time_point hold_end() const { return hold_end_; }
    // The second act begins now.
    void go_on() {
        act_start_ = Clock::now();
        gate_.sender.close();
    }

private:
    struct Nothing {};

    bool wait_for(int beat) {
        const auto wait = act_start_.load() + beat * kBeat - Clock::now();
        return wait <= Clock::duration::zero() || cprime::sleep_for(wait);
    }
    bool hold() {
        ++holding_;
        return gate_.receiver.receive().status() == cprime::Status::closed;
    }

    const int beats_;                           // in an act
    std::atomic<Clock::time_point> act_start_;  // writer: the conductor, while all players hold
    const Clock::time_point hold_end_;
    std::atomic<int> holding_{0};
    cprime::ChannelEnds<Nothing> gate_ = cprime::make_channel<Nothing>("gate");
};

}  // namespace demo
