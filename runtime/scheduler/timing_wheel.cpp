// Linking, moving down, taking out.
#include "runtime/scheduler/timing_wheel.h"

#include <algorithm>
#include <bit>

namespace cprime::detail {

void TimingWheel::start(TimerNodes& nodes, std::uint32_t number, std::uint32_t granule_shift,
                        std::uint64_t now) {
    CHECK(number < 1U << 16 && granule_shift >= 6 && granule_shift <= 32);
    nodes_ = &nodes;
    number_ = number;
    granule_shift_ = granule_shift;
    elapsed_ = now >> granule_shift;
}

std::uint64_t TimingWheel::granule_of(std::uint64_t deadline) const {
    const std::uint64_t granule = (deadline >> granule_shift_) +
                                  ((deadline & ((1ULL << granule_shift_) - 1)) != 0 ? 1 : 0);
    // The end of time: there next() must not wrap around.
    return std::clamp<std::uint64_t>(granule, elapsed_, ~0ULL >> granule_shift_);
}

void TimingWheel::arm(std::uint32_t index, std::uint32_t sequence, std::uint64_t deadline, std::uint64_t now) {
    if (armed_ == 0) elapsed_ = std::max(elapsed_, now >> granule_shift_);  // W3: nothing is in use
    TimerNode& node = nodes_->make(index);
    // [timers.place] acquire: whoever took it out of another wheel is done with it.
    const std::uint32_t place = node.place.load(std::memory_order_acquire);
    DCHECK(place == 0);
    static_cast<void>(place);
    node.deadline = deadline;
    node.sequence = sequence;
    std::uint16_t& use = chunk_use(index >> TimerNodes::kChunkShift);
    use = static_cast<std::uint16_t>((use + 1) | kTouched);
    ++armed_;
    link(index, node);
}

void TimingWheel::link(std::uint32_t index, TimerNode& node) {
    const std::uint64_t granule = granule_of(node.deadline);
    const std::uint64_t differs = granule ^ elapsed_;
    const std::uint32_t level = differs == 0 ? 0
                                             : (63 - static_cast<std::uint32_t>(std::countl_zero(differs))) /
                                                   kDigitBits;
    const auto number = static_cast<std::uint32_t>(granule >> (level * kDigitBits)) % kSlots;
    const std::uint32_t slot = level * kSlots + number;
    if ((in_use_[level] >> number & 1) == 0) {
        in_use_[level] |= 1ULL << number;
        levels_in_use_ |= 1U << level;
        heads_[slot] = node.next = node.previous = index;
    } else {
        TimerNode& first = nodes_->at(heads_[slot]);
        node.next = heads_[slot];
        node.previous = first.previous;
        nodes_->at(first.previous).next = index;
        first.previous = index;
    }
    node.place.store(number_ << 16 | (slot + 1), std::memory_order_relaxed);
}

void TimingWheel::detach(std::uint32_t index, TimerNode& node) {
    const std::uint32_t slot = (node.place.load(std::memory_order_relaxed) & 0xffffU) - 1;
    if (node.next == index) {
        const std::uint32_t level = slot / kSlots;
        in_use_[level] &= ~(1ULL << (slot % kSlots));
        if (in_use_[level] == 0) levels_in_use_ &= ~(1U << level);
    } else {
        nodes_->at(node.previous).next = node.next;
        nodes_->at(node.next).previous = node.previous;
        if (heads_[slot] == index) heads_[slot] = node.next;
    }
}

bool TimingWheel::cancel(std::uint32_t index) {
    TimerNode* node = nodes_->find(index);
    if (node == nullptr) return false;
    const std::uint32_t place = node->place.load(std::memory_order_relaxed);
    if (place == 0 || wheel_of(place) != number_) return false;
    detach(index, *node);
    node->place.store(0, std::memory_order_release);  // [timers.place]
    --armed_;
    --chunk_use(index >> TimerNodes::kChunkShift);
    return true;
}

bool TimingWheel::first_slot(Slot& slot) const {
    bool found = false;
    // From the top: of slots that begin together the highest comes out (W2).
    for (std::uint32_t left = levels_in_use_; left != 0;) {
        const std::uint32_t level = 31 - static_cast<std::uint32_t>(std::countl_zero(left));
        left &= ~(1U << level);
        const auto number = static_cast<std::uint32_t>(std::countr_zero(in_use_[level]));
        const std::uint64_t higher_digits = elapsed_ >> ((level + 1) * kDigitBits);  // at most 60 bits
        const std::uint64_t begin = (higher_digits << kDigitBits | number) << (level * kDigitBits);
        if (!found || begin < slot.begin) slot = {level, number, begin};
        found = true;
    }
    return found;
}

std::uint64_t TimingWheel::next() const {
    Slot slot{};
    return first_slot(slot) ? slot.begin << granule_shift_ : kNoDeadline;
}

std::uint32_t TimingWheel::collect(std::uint64_t now, Due* out, std::uint32_t room) {
    const std::uint64_t now_granule = now >> granule_shift_;
    std::uint32_t count = 0;
    std::uint32_t moves_left = kMovesMost;
    Slot slot{};
    while (first_slot(slot) && slot.begin <= now_granule) {
        elapsed_ = std::max(elapsed_, slot.begin);  // W3: no slot in use begins before this one
        const std::uint32_t at = slot.level * kSlots + slot.number;
        while ((in_use_[slot.level] >> slot.number & 1) != 0) {
            if ((slot.level == 0 && count == room) || (slot.level != 0 && moves_left-- == 0)) return count;
            const std::uint32_t index = heads_[at];
            TimerNode& node = nodes_->at(index);
            __builtin_prefetch(&nodes_->at(node.next));
            // Read before it is taken out: who finds it out may arm it anew, in another wheel [timers.place].
            const Due due{node.deadline, index, node.sequence};
            detach(index, node);
            if (slot.level != 0) {
                link(index, node);  // its place is never 0 meanwhile: whoever cancels it comes for it
                continue;
            }
            node.place.store(0, std::memory_order_release);  // [timers.place]
            out[count++] = due;
            --armed_;
            --chunk_use(index >> TimerNodes::kChunkShift);
        }
    }
    elapsed_ = std::max(elapsed_, now_granule);
    return count;
}

bool TimingWheel::take_touched(std::uint32_t chunk) {
    std::uint16_t& use = chunk_use(chunk);
    const bool touched = (use & kTouched) != 0;
    // Reading costs no page; writing would.
    if (touched) use = static_cast<std::uint16_t>(use & ~kTouched);
    return touched;
}

}  // namespace cprime::detail
