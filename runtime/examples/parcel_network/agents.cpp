#include "agents.h"

namespace parcels {

constexpr Seconds kDay = 24 * 3600;

Parcel::Parcel(Network& network, VirtualTime& time, std::uint32_t me, std::uint64_t random)
    : network_(network),
      time_(time),
      me_(me),
      from_(static_cast<std::uint32_t>(random % Network::kDepots)),
      to_(static_cast<std::uint32_t>(random / Network::kDepots % Network::kDepots)),
      at_(from_),
      posted_(static_cast<Seconds>((random >> 32) % kDay)) {
    time_.wake(me_, posted_);
}

void Parcel::live() {
    if (!time_.begin()) return;
    while (be_sorted() && at_ != to_) {
        const std::uint32_t line = Network::line_towards(at_, to_);
        network_.board(line, me_);
        if (!time_.pause()) return;
        at_ = Network::end_of(line);
    }
    delivered_ = time_.now();
    network_.count_delivered();
    time_.leave();
}

bool Parcel::be_sorted() {
    if (!network_.take_machine(at_, me_) && !time_.pause()) return false;
    if (!time_.wait(me_, Network::kSorting)) return false;
    network_.give_machine(at_);
    return true;
}

Seconds Parcel::least() const {
    Seconds least = Network::kSorting;
    for (std::uint32_t at = from_; at != to_;) {
        const std::uint32_t line = Network::line_towards(at, to_);
        least += network_.drive_of(line) + Network::kSorting;
        at = Network::end_of(line);
    }
    return least;
}

void Truck::live() {
    if (!time_.begin()) return;
    while (network_.delivered() < parcels_) {
        network_.drive(line_);
        if (!time_.wait(me_, network_.period_of(line_))) return;
    }
    time_.leave();
}

}  // namespace parcels
