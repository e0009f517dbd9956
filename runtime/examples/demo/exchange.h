// One coroutine that waits for three channels at once: whichever has something, and all that close.
#pragma once

#include <cprime/cprime.h>

#include <cstdint>
#include <vector>

#include "part.h"
#include "schedule.h"

namespace demo {

struct Order {
    std::uint32_t price;
};

class Exchange : public Part {
public:
    Exchange(Schedule& schedule, std::uint64_t seed);

    int players() const override { return 3; }
    bool at_rest() const override;
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    cprime::Receiver<Order> bids_, asks_, news_;  // only to look at, until the finish
    std::vector<cprime::JoinHandle<void>> traders_;
    cprime::JoinHandle<std::uint64_t> matcher_;
};

}  // namespace demo
