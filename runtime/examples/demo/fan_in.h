// Fan-in: several reporters, one desk that takes its time.
//
// The buffer is nearly always full and the reporters wait in line to send: who is behind, and why, is what the wait graph shows.
// When the desk has had enough it gives up its receiver; with the last receiver the channel closes, and the reporters learn it
// from send().
#pragma once

#include <cprime/cprime.h>

#include <vector>

#include "part.h"
#include "schedule.h"

namespace demo {

struct Report {
    unsigned reporter;
    unsigned number;
};

class FanIn : public Part {
public:
    explicit FanIn(Schedule& schedule);

    int players() const override { return 1; }
    bool at_rest() const override;
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    cprime::Sender<Report> reports_;  // only to look at, until the finish
    cprime::JoinHandle<void> desk_;
    std::vector<cprime::JoinHandle<void>> reporters_;
};

}  // namespace demo
