#include "network.h"

#include "../measured/random.h"

namespace parcels {
namespace {

enum Direction : std::uint32_t { kEast, kWest, kSouth, kNorth };

constexpr std::uint64_t kOfLines = 1ULL << 32;  // draws of lines, apart from those of parcels

}  // namespace

Network::Network(VirtualTime& time, std::uint64_t seed, std::uint32_t agents)
    : time_(time), depots_(kDepots), next_(agents, kNobody) {
    for (std::uint32_t line = 0; line < kLines; ++line) {
        const std::uint64_t random = measured::drawn(seed, kOfLines + line, 0);
        lines_.push_back(
            {static_cast<Seconds>(600 + random % 600), static_cast<Seconds>(1200 + (random >> 32) % 1200), {}});
    }
}

void Network::append(Queue& queue, std::uint32_t agent) {
    next_[agent] = kNobody;
    (queue.first == kNobody ? queue.first : next_[queue.last]) = agent;
    queue.last = agent;
}

std::uint32_t Network::take_first(Queue& queue) {
    const std::uint32_t first = queue.first;
    if (first != kNobody) queue.first = next_[first];
    return first;
}

bool Network::take_machine(std::uint32_t depot, std::uint32_t agent) {
    if (depots_[depot].free_machines > 0) {
        --depots_[depot].free_machines;
        return true;
    }
    append(depots_[depot].waiting, agent);
    return false;
}

void Network::give_machine(std::uint32_t depot) {
    const std::uint32_t next = take_first(depots_[depot].waiting);
    if (next == kNobody) {
        ++depots_[depot].free_machines;
    } else {
        time_.wake(next, time_.now());
    }
}

void Network::board(std::uint32_t line, std::uint32_t agent) {
    append(lines_[line].waiting, agent);
}

void Network::drive(std::uint32_t line) {
    for (std::uint32_t seat = 0; seat < kTruckHolds; ++seat) {
        const std::uint32_t parcel = take_first(lines_[line].waiting);
        if (parcel == kNobody) return;
        if (seat == 0) ++truck_loads_;
        time_.wake(parcel, time_.now() + lines_[line].drive);
    }
}

std::uint32_t Network::line_towards(std::uint32_t depot, std::uint32_t to) {
    const std::uint32_t x = depot % kSide, y = depot / kSide, to_x = to % kSide, to_y = to / kSide;
    const Direction direction = x < to_x ? kEast : x > to_x ? kWest : y < to_y ? kSouth : kNorth;
    return depot * kDirections + direction;
}

std::uint32_t Network::end_of(std::uint32_t line) {
    const std::uint32_t depot = line / kDirections;
    switch (line % kDirections) {
        case kEast:
            return depot + 1;
        case kWest:
            return depot - 1;
        case kSouth:
            return depot + kSide;
        default:
            return depot - kSide;
    }
}

}  // namespace parcels
