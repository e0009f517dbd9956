// A flat hash map from 64-bit keys to positions, for the look-ups of an image.
//
// Images are rebuilt many times a second with 100,000 coroutines in them: node-based maps cost more than
// reading the segment itself. Open addressing, linear probing, at most half full, no erase: an image is
// indexed as a whole.
//
// Thread: a value type; const use by many threads at once. Tested in tests/unit/inspect.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "instrumentation/wire/limits.h"

namespace coroscope::inspect {

class IndexMap {
public:
    // Forgets everything and makes room for `count` keys.
    void reset(std::size_t count) {
        const std::size_t slots = std::bit_ceil(std::max<std::size_t>(count * 2, 16));
        entries_.assign(slots, {0, wire::kNone});
        shift_ = 64 - std::countr_zero(slots);
    }
    // The last position set for a key stays. CHECKed by the caller: no more keys than reset() was told.
    void set(std::uint64_t key, std::uint32_t position) {
        Entry& entry = entries_[slot_of(key)];
        entry = {key, position};
    }
    // wire::kNone when absent.
    std::uint32_t find(std::uint64_t key) const {
        return entries_.empty() ? wire::kNone : entries_[slot_of(key)].position;
    }

private:
    struct Entry {
        std::uint64_t key;
        std::uint32_t position;  // kNone = empty
    };
    // Where `key` is, or the empty place where it would be put. Fibonacci hashing: keys are mostly
    // consecutive.
    std::size_t slot_of(std::uint64_t key) const {
        const std::size_t mask = entries_.size() - 1;
        std::size_t slot = (key * 0x9e3779b97f4a7c15ULL) >> shift_;
        while (entries_[slot].position != wire::kNone && entries_[slot].key != key)
            slot = (slot + 1) & mask;
        return slot;
    }
    std::vector<Entry> entries_;
    int shift_ = 60;
};

}  // namespace coroscope::inspect
