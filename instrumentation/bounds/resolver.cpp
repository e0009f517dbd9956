// Sets of addresses per register, to a fixed point over the resolver's steps.
#include "instrumentation/bounds/resolver.h"

#include <algorithm>
#include <array>

namespace coroscope::bounds {
namespace {

using inspect::Flow;

constexpr std::uint64_t kResolverBytesMax = 4096;
constexpr std::size_t kChoicesMax = 64;
constexpr std::uint8_t kRax = 0;

// What a register may hold: one of some addresses, or anything.
struct Held {
    bool anything = true;
    std::vector<std::uint64_t> addresses;  // ascending

    void add(const Held& other) {
        anything = anything || other.anything;
        std::vector<std::uint64_t> both;
        std::set_union(addresses.begin(), addresses.end(), other.addresses.begin(), other.addresses.end(),
                       std::back_inserter(both));
        addresses = std::move(both);
        if (anything || addresses.size() > kChoicesMax) *this = {};
    }
    bool operator==(const Held&) const = default;
};
using Registers = std::array<Held, kRegistersCount>;

Held one(std::uint64_t address) {
    return {false, {address}};
}

class ResolverWalk {
public:
    ResolverWalk(Binary& binary, std::vector<Step> steps)
        : binary_(binary), steps_(std::move(steps)), before_(steps_.size()) {}
    // False: it may return what is not known.
    bool walk();
    const std::vector<std::uint64_t>& returned() const { return returned_.addresses; }

private:
    void apply(const Step& step, Registers& registers);
    bool reach(std::uint64_t address, const Registers& registers);

    Binary& binary_;
    const std::vector<Step> steps_;
    std::vector<std::optional<Registers>> before_;
    std::vector<std::size_t> to_walk_;
    Held returned_ = {false, {}};
};

void ResolverWalk::apply(const Step& step, Registers& registers) {
    const bool bare_slot = step.slot != 0 && step.base == kNoRegister && step.index == kNoRegister;
    for (std::uint8_t number = 0; number < kRegistersCount; ++number) {
        if ((step.clobbers & (1U << number)) == 0) continue;
        const bool address = bare_slot && step.memory_bytes == 0 && step.clobbers == 1U << number &&
                             step.effect == Effect::kOther;
        registers[number] = address ? one(step.slot) : Held{};
    }
    if (step.to == kNoRegister || step.effect == Effect::kCompare) return;
    Held made;
    switch (step.effect) {
        case Effect::kSum:
            if (step.amount == 0 && step.from != kNoRegister) made = registers[step.from];
            break;
        case Effect::kMaybe:
            made = registers[step.to];
            made.add(registers[step.from]);
            break;
        case Effect::kConstant:
            made = one(static_cast<std::uint64_t>(static_cast<std::int64_t>(step.amount)));
            break;
        case Effect::kLoad:
            if (const Binary::Slot slot = bare_slot ? binary_.slot(step.slot) : Binary::Slot{};
                slot.kind == Binary::Slot::Kind::kAddress)
                made = one(slot.address);
            break;
        default:
            break;
    }
    registers[step.to] = std::move(made);
}

bool ResolverWalk::reach(std::uint64_t address, const Registers& registers) {
    const std::size_t number = step_at(steps_, address);
    if (number == steps_.size()) return false;
    std::optional<Registers>& known = before_[number];
    Registers both = registers;
    if (known) {
        for (std::size_t i = 0; i < kRegistersCount; ++i)
            both[i].add((*known)[i]);
        if (both == *known) return true;
    }
    known = std::move(both);
    to_walk_.push_back(number);
    return true;
}

bool ResolverWalk::walk() {
    if (steps_.empty() || !reach(steps_.front().address, {})) return false;
    while (!to_walk_.empty()) {
        const Step& step = steps_[to_walk_.back()];
        Registers registers = *before_[to_walk_.back()];
        to_walk_.pop_back();
        if (step.effect == Effect::kBad || step.flow == Flow::kTrap) continue;
        if (step.flow == Flow::kReturn) {
            returned_.add(registers[kRax]);
            if (returned_.anything) return false;
            continue;
        }
        if (step.flow == Flow::kCall) {
            registers = {};  // the few that are preserved hold no choice yet
        } else {
            apply(step, registers);
        }
        if ((step.flow == Flow::kBranch || step.flow == Flow::kJump) && !reach(step.target, registers))
            return false;
        if (step.flow != Flow::kJump && !reach(step.address + step.bytes, registers)) return false;
    }
    return !returned_.addresses.empty();
}

}  // namespace

std::optional<std::vector<std::uint32_t>> choices_of(Binary& binary, Decoder& decoder,
                                                     const Function& resolver) {
    if (resolver.high - resolver.low > kResolverBytesMax) return std::nullopt;
    ResolverWalk walk(binary, decoder.decode(binary.bytes(resolver.low, resolver.high), resolver.low));
    if (!walk.walk()) return std::nullopt;
    std::vector<std::uint32_t> functions;
    for (const std::uint64_t address : walk.returned()) {
        const auto function = binary.function_at(address);
        if (!function || binary.functions()[*function].chosen_at_start) return std::nullopt;
        functions.push_back(*function);
    }
    return functions;
}

}  // namespace coroscope::bounds
