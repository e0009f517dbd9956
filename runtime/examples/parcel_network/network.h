// The network: depots on a grid, each with a few machines that sort; between neighbours a line, on which a truck leaves every now and then.
//
// Who waits for a machine, or for a truck, stands in a queue, linked by number: an agent is in one queue at most.
//
// Thread: the agent that runs (virtual_time.h).
#pragma once

#include <cstdint>
#include <vector>

#include "virtual_time.h"

namespace parcels {

inline constexpr std::uint32_t kNobody = ~0U;

class Network {
public:
    static constexpr std::uint32_t kSide = 8, kDepots = kSide * kSide, kMachines = 3;
    static constexpr std::uint32_t kDirections = 4,
                                   kLines = kDepots * kDirections;  // those at the edge lead nowhere
    static constexpr Seconds kSorting = 12;
    static constexpr std::uint32_t kTruckHolds = 60;

    Network(VirtualTime& time, std::uint64_t seed, std::uint32_t agents);

    // True: the agent has a machine. False: it will be woken when it has one.
    bool take_machine(std::uint32_t depot, std::uint32_t agent);
    void give_machine(std::uint32_t depot);
    // The agent waits for a truck there, and is woken where that arrives.
    void board(std::uint32_t line, std::uint32_t agent);
    // A truck leaves, with those who have waited longest.
    void drive(std::uint32_t line);

    // The line out of `depot` by which to get to `to`, and where it leads.
    static std::uint32_t line_towards(std::uint32_t depot, std::uint32_t to);
    static std::uint32_t end_of(std::uint32_t line);
    // Seconds between two trucks, and of a drive.
    Seconds period_of(std::uint32_t line) const { return lines_[line].period; }
    Seconds drive_of(std::uint32_t line) const { return lines_[line].drive; }

    void count_delivered() { ++delivered_; }
    std::uint32_t delivered() const { return delivered_; }
    std::uint64_t truck_loads() const { return truck_loads_; }

private:
    struct Queue {
        std::uint32_t first = kNobody, last = kNobody;
    };
    struct Depot {
        std::uint32_t free_machines = kMachines;
        Queue waiting;
    };
    struct Line {
        Seconds period, drive;
        Queue waiting;
    };
    void append(Queue& queue, std::uint32_t agent);
    std::uint32_t take_first(Queue& queue);

    VirtualTime& time_;
    std::vector<Depot> depots_;
    std::vector<Line> lines_;
    std::vector<std::uint32_t> next_;  // in the queue, by agent
    std::uint32_t delivered_ = 0;
    std::uint64_t truck_loads_ = 0;
};

}  // namespace parcels
