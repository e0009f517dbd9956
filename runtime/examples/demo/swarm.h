// A swarm: very many coroutines that wait for sparks on one channel, and somebody who throws them.
//
// Channels serve in the order of arrival, so each spark wakes the member that has waited longest, which glows for a moment and goes
// back to the end of the line. A member needs less than 256 bytes of stack. It does not say so (unless --hints): it gets the default,
// 16 KiB, until `coroscope sizes` has seen it.
#pragma once

#include <cprime/cprime.h>

#include <vector>

#include "part.h"
#include "schedule.h"

namespace demo {

struct Spark {
    bool last;  // whoever gets it leaves the swarm
};

class Swarm : public Part {
public:
    // Members are made a thousand at a time, with a breath in between: a program that makes 100,000 coroutines at once is seen, but
    // not what else happens meanwhile.
    Swarm(Schedule& schedule, unsigned members, bool hints);

    int players() const override { return thrower_.joinable() ? 1 : 0; }
    bool at_rest() const override;
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    cprime::ChannelEnds<Spark> sparks_ = cprime::make_channel<Spark>("sparks");
    cprime::JoinHandle<void> thrower_;
    std::vector<cprime::JoinHandle<void>> members_;
};

}  // namespace demo
