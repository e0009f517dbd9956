// A deadlock made of channels, and a near miss.
//
// left waits for what only right can send, and right for what only left can send: every handle of the opposite side is held inside
// the cycle, so nobody can ever break it. In the near miss a third coroutine, asleep, holds one more sender: the picture is nearly the
// same, but it will come to an end.
#pragma once

#include <cprime/cprime.h>

#include <cstdint>

#include "part.h"

namespace demo {

class Deadlock : public Part {
public:
    enum class Kind { certain, near_miss };
    explicit Deadlock(Kind kind);

    bool at_rest() const override;
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    cprime::Receiver<int> to_left_;  // only to look at, until the finish
    cprime::Receiver<int> to_right_;
    cprime::JoinHandle<void> left_;
    cprime::JoinHandle<void> right_;
    cprime::JoinHandle<void> friend_;  // of the near miss
};

}  // namespace demo
