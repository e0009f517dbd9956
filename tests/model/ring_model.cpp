// Every order of the steps of one writer and one reader of a ring, tried out.
//
// The ring protocol (wire/ring.h) on a small scale: a ring of 8 slots, a writer that publishes groups of one to three
// slots, a reader that loads head, copies some slots one by one, and loads head again. Memory is a plain array, a step is
// one load or store, and steps happen in program order, which is what x86 and the fences in the code guarantee. The rules
// themselves are the ones that writer and reader use (ring_slot_settled, ring_has_room). A model without lap numbers: the
// second look at head has to be enough by itself.
//
// Each rule is also tried one slot laxer, and must then fail: a model that accepts everything proves nothing.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "instrumentation/wire/ring.h"

namespace coroscope::wire {
namespace {

constexpr std::uint32_t kSlots = 8;
constexpr std::uint64_t kHalf = 1ULL << 32;  // a slot of the model: position, plus kHalf while only half of it is stored

// What a world may do next, and what it must never do.
struct Rules {
    std::uint64_t slack = 0;       // slots by which the reader's rule is too lax
    std::uint64_t room_slack = 0;  // slots by which the writer's rule is too lax
    bool second_look = true;       // the reader loads head again after the copy
    bool drop_mode = false;        // the reader's tail holds the writer back
};

struct World {
    // Shared memory.
    std::uint64_t slots[kSlots] = {};
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    // The writer: which group, how many of its slots are stored.
    std::uint32_t group = 0;
    std::uint32_t stored = 0;
    bool half = false;
    // The reader.
    std::uint32_t phase = 0;     // 0 load head, 1 copy, 2 load head again and judge
    std::uint64_t position = 0;  // of the first slot of this round
    std::uint64_t seen_head = 0;
    std::uint64_t copied[kSlots] = {};
    std::uint32_t copied_count = 0;
    std::uint32_t rounds = 0;
    // The books.
    std::uint64_t accepted = 0;
    std::uint64_t overtaken = 0;
    std::uint64_t dropped_groups = 0;

    auto key() const {
        std::vector<std::uint64_t> key(slots, slots + kSlots);
        key.insert(key.end(), {head, tail, group, stored, half, phase, position, seen_head, copied_count,
                               rounds, accepted, overtaken, dropped_groups});
        key.insert(key.end(), copied, copied + copied_count);
        return key;
    }
};

class Model {
public:
    Model(Rules rules, std::vector<std::uint32_t> groups, std::uint32_t rounds)
        : rules_(rules), groups_(std::move(groups)), rounds_(rounds) {}

    // Explores every order. True when no order breaks the protocol.
    bool holds() {
        World start;
        for (std::uint64_t& slot : start.slots)
            slot = kHalf;  // never written
        explore(start);
        return !broken_;
    }
    std::size_t states() const { return seen_.size(); }
    std::uint64_t accepted_max() const { return accepted_max_; }
    std::uint64_t overtaken_max() const { return overtaken_max_; }

private:
    void explore(const World& world) {
        if (broken_ || !seen_.insert(world.key()).second) return;
        accepted_max_ = std::max(accepted_max_, world.accepted);
        overtaken_max_ = std::max(overtaken_max_, world.overtaken);
        if (World next = world; write_step(next)) explore(next);
        if (World next = world; read_step(next)) explore(next);
    }

    bool write_step(World& w) const {
        if (w.group == groups_.size()) return false;
        const std::uint32_t size = groups_[w.group];
        if (w.stored == 0 && !w.half && rules_.drop_mode &&
            !ring_has_room(w.head, size, w.tail + rules_.room_slack, kSlots)) {
            ++w.group;
            ++w.dropped_groups;
            return true;
        }
        if (w.stored < size) {  // each slot in two halves, as a torn copy would see it
            std::uint64_t& slot = w.slots[(w.head + w.stored) % kSlots];
            slot = w.head + w.stored + (w.half ? 0 : kHalf);
            if (w.half) ++w.stored;
            w.half = !w.half;
            return true;
        }
        w.head += size;
        w.stored = 0;
        ++w.group;
        return true;
    }

    bool settled(std::uint64_t head, std::uint64_t position) const {
        return head - position <= ring_usable_slots(kSlots) + rules_.slack;
    }

    bool read_step(World& w) {
        if (w.rounds == rounds_) return false;
        switch (w.phase) {
            case 0:
                w.seen_head = w.head;
                if (!settled(w.head, w.position)) {
                    const std::uint64_t oldest = w.head - ring_usable_slots(kSlots) - rules_.slack;
                    w.overtaken += oldest - w.position;
                    w.position = oldest;
                }
                w.copied_count = 0;
                w.phase = w.seen_head == w.position ? 0 : 1;
                if (w.phase == 0) ++w.rounds;
                return true;
            case 1:
                w.copied[w.copied_count] = w.slots[(w.position + w.copied_count) % kSlots];
                ++w.copied_count;
                if (w.position + w.copied_count == w.seen_head) w.phase = 2;
                return true;
            default:
                judge(w);
                return true;
        }
    }

    void judge(World& w) {
        const std::uint64_t head = rules_.second_look ? w.head : w.seen_head;
        for (std::uint32_t i = 0; i < w.copied_count; ++i) {
            const std::uint64_t position = w.position + i;
            if (!settled(head, position)) {
                ++w.overtaken;
                continue;
            }
            if (w.copied[i] != position) broken_ = true;  // torn, or of another lap
            ++w.accepted;
        }
        w.position += w.copied_count;
        if (w.accepted + w.overtaken != w.position) broken_ = true;
        if (rules_.drop_mode && w.overtaken != 0)
            broken_ = true;  // whoever holds the tail loses nothing unseen
        w.tail = w.position;
        w.phase = 0;
        ++w.rounds;
    }

    Rules rules_;
    std::vector<std::uint32_t> groups_;
    std::uint32_t rounds_;
    std::set<std::vector<std::uint64_t>> seen_;
    std::uint64_t accepted_max_ = 0;
    std::uint64_t overtaken_max_ = 0;
    bool broken_ = false;
};

const std::vector<std::uint32_t> kMixedGroups = {1, 3, 2, 3, 1, 3, 3, 2};

TEST(ring_model, a_reader_without_a_tail_accepts_nothing_torn_or_foreign_in_any_order) {
    Model model({}, kMixedGroups, 3);
    EXPECT_TRUE(model.holds());
    EXPECT_GT(model.states(), 10'000U);
    EXPECT_GT(model.accepted_max(), 4U);   // it does read,
    EXPECT_GT(model.overtaken_max(), 4U);  // and it is lapped
}

TEST(ring_model, a_recorder_in_drop_mode_reads_everything_that_was_written_in_any_order) {
    Model model({.drop_mode = true}, kMixedGroups, 4);
    EXPECT_TRUE(model.holds());
    EXPECT_GT(model.states(), 2'000U);
    EXPECT_GT(model.accepted_max(), 8U);  // more than a lap
}

TEST(ring_model, without_the_second_look_at_head_torn_slots_are_accepted) {
    EXPECT_FALSE(Model({.second_look = false}, kMixedGroups, 3).holds());
}

TEST(ring_model, the_distance_that_readers_keep_is_exactly_what_the_largest_group_needs) {
    const std::vector<std::uint32_t> largest = {kRingGroupSlotsMax, 1, kRingGroupSlotsMax,
                                                kRingGroupSlotsMax, 1, 3};
    EXPECT_TRUE(Model({}, largest, 3).holds());
    EXPECT_FALSE(Model({.slack = 1}, largest, 3).holds());
    // Today's groups have three slots at most: one slot to spare.
    EXPECT_TRUE(Model({.slack = 1}, kMixedGroups, 3).holds());
    EXPECT_FALSE(Model({.slack = 2}, kMixedGroups, 3).holds());
}

TEST(ring_model, a_writer_that_takes_one_slot_more_than_the_rule_gives_breaks_the_recorder) {
    EXPECT_FALSE(Model({.room_slack = 1, .drop_mode = true}, {1, 1, 1, 1, 1, 1, 1, 1}, 4).holds());
}

}  // namespace
}  // namespace coroscope::wire
