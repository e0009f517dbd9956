// Climbers: coroutines that begin on 256 bytes and whose stacks grow as they climb.
#pragma once

#include <cprime/cprime.h>

#include <vector>

#include "part.h"
#include "schedule.h"

namespace demo {

struct Rope {
    int pull;  // how hard; 0: come down and stay
};

class Climbers : public Part {
public:
    explicit Climbers(Schedule& schedule);

    int players() const override { return 1; }
    bool at_rest() const override;
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    cprime::ChannelEnds<Rope> ropes_ = cprime::make_channel<Rope>("ropes");
    std::vector<cprime::JoinHandle<int>> climbers_;
    cprime::JoinHandle<void> guide_;
};

}  // namespace demo
