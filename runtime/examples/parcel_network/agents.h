// Who lives in the simulation: parcels, which want to get somewhere, and trucks, which drive until all are there.
//
// live() is what an agent's coroutine runs. It is written as if time were real.
#pragma once

#include <cstdint>

#include "network.h"
#include "virtual_time.h"

namespace parcels {

class Parcel {
public:
    Parcel(Network& network, VirtualTime& time, std::uint32_t me, std::uint64_t random);

    void live();

    // The quickest that it could have been: sorted at once, and no wait for trucks.
    Seconds least() const;
    Seconds posted() const { return posted_; }
    Seconds delivered() const { return delivered_; }

private:
    bool be_sorted();

    Network& network_;
    VirtualTime& time_;
    const std::uint32_t me_, from_, to_;
    std::uint32_t at_;
    Seconds posted_, delivered_ = 0;
};

class Truck {
public:
    Truck(Network& network, VirtualTime& time, std::uint32_t me, std::uint32_t line, std::uint32_t parcels)
        : network_(network), time_(time), me_(me), line_(line), parcels_(parcels) {}

    void live();

private:
    Network& network_;
    VirtualTime& time_;
    const std::uint32_t me_, line_, parcels_;
};

}  // namespace parcels
