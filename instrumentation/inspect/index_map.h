// A flat hash map from 64-bit keys to positions, for the look-ups of an image.
//
// Images are rebuilt many times a second with 100,000 coroutines in them: node-based maps cost more than
// reading the segment itself. Open addressing, linear probing, at most half full, no erase: an image is
// indexed as a whole. Keys are mostly consecutive, and asked for in their order: sixteen of them lie side by side, and
// only their blocks are scattered. A place holds eight bytes, so the whole key is asked of the row itself.
//
// Thread: a value type; const use by many threads at once. Tested in tests/unit/inspect/state_image_test.cpp.
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
        const std::size_t slots = std::bit_ceil(std::max<std::size_t>(count * 2, kBlock));
        entries_.assign(slots, {0, wire::kNone});
        shift_ = 64 - std::countr_zero(slots);
    }
    // The last position set for a key stays. `key_of(position)`: the key of what lies there. CHECKed by the caller: no more keys than reset() was
    // told.
    template <typename KeyOf>
    void set(std::uint64_t key, std::uint32_t position, const KeyOf& key_of) {
        entries_[slot_of(key, key_of)] = {tag_of(key), position};
    }
    // wire::kNone when absent.
    template <typename KeyOf>
    std::uint32_t find(std::uint64_t key, const KeyOf& key_of) const {
        return entries_.empty() ? wire::kNone : entries_[slot_of(key, key_of)].position;
    }

private:
    static constexpr std::size_t kBlock = 16;
    struct Entry {
        std::uint32_t tag;
        std::uint32_t position;  // kNone = empty
    };
    // Differs where only the lower or only the upper halves differ.
    static std::uint32_t tag_of(std::uint64_t key) {
        return static_cast<std::uint32_t>(key) ^ (static_cast<std::uint32_t>(key >> 32) * 0x9e3779b1U);
    }
    // Where `key` is, or the empty place where it would be put. Fibonacci hashing of its block.
    template <typename KeyOf>
    std::size_t slot_of(std::uint64_t key, const KeyOf& key_of) const {
        const std::size_t mask = entries_.size() - 1;
        const std::uint32_t tag = tag_of(key);
        std::size_t slot = (((key / kBlock) * 0x9e3779b97f4a7c15ULL) >> shift_ & ~(kBlock - 1)) | (key % kBlock);
        while (entries_[slot].position != wire::kNone && (entries_[slot].tag != tag || key_of(entries_[slot].position) != key))
            slot = (slot + 1) & mask;
        return slot;
    }
    std::vector<Entry> entries_;
    int shift_ = 60;
};

}  // namespace coroscope::inspect
