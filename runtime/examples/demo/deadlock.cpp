#include "deadlock.h"

#include <chrono>
#include <utility>

#include "totals.h"

namespace demo {
namespace {

// Polite to a fault: sends only after it was sent something.
void answer(const cprime::Receiver<int>& in, const cprime::Sender<int>& out, Tally& tally_in,
            Tally& tally_out) {
    if (!in.receive()) return;
    ++tally_in.received;
    if (out.send(1)) ++tally_out.sent;
}

}  // namespace

Deadlock::Deadlock(Kind kind) {
    Tally& tally_left = totals().channel("to left");
    Tally& tally_right = totals().channel("to right");
    auto to_left = cprime::make_channel<int>("to left");
    auto to_right = cprime::make_channel<int>("to right");
    to_left_ = to_left.receiver;
    to_right_ = to_right.receiver;
    if (kind == Kind::near_miss) {
        friend_ = spawn_counted({.name = "friend"}, [out = to_left.sender, &tally_left] {
            static_cast<void>(cprime::sleep_for(std::chrono::hours(1)));  // it will be woken when the demo ends
            if (out.try_send(1)) ++tally_left.sent;
        });
    }
    left_ = spawn_counted({.name = "left"},
                          [in = std::move(to_left.receiver), out = std::move(to_right.sender), &tally_left,
                           &tally_right] { answer(in, out, tally_left, tally_right); });
    right_ = spawn_counted({.name = "right"},
                           [in = std::move(to_right.receiver), out = std::move(to_left.sender), &tally_left,
                            &tally_right] { answer(in, out, tally_right, tally_left); });
}

bool Deadlock::at_rest() const {
    return to_left_.statistics().receivers_waiting == 1 && to_right_.statistics().receivers_waiting == 1;
}

void Deadlock::note_edges(Edges& edges) const {
    edges.receives(left_.id(), "to left");
    edges.receives(right_.id(), "to right");
    if (friend_.joinable()) edges.sleeps(friend_.id());
}

// Only somebody from outside the cycle can end it: cancelling makes their receive() answer `cancelled`.
void Deadlock::finish() {
    to_left_.reset();
    to_right_.reset();
    if (friend_.joinable()) {
        friend_.cancel();
        friend_.join();
    } else {
        left_.cancel();
        right_.cancel();
    }
    left_.join();
    right_.join();
}

}  // namespace demo
