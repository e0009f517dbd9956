// A part of the demo: some coroutines that do one thing together, and what is known of them while everything stands still.
#pragma once

#include "edges.h"

namespace demo {

class Part {
public:
    virtual ~Part() = default;

    // How many of its coroutines play by the schedule.
    virtual int players() const { return 0; }
    // Whether everybody else in it waits, now that the players hold.
    virtual bool at_rest() const = 0;
    // Writes down who waits for what during the hold.
    virtual void note_edges(Edges& edges) const = 0;
    // Ends it, after the last act, and waits until it has ended.
    virtual void finish() = 0;
};

}  // namespace demo
