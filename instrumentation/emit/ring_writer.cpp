// The writer's half of [ring.publish]. write() is the whole cost of an event while there is room; prepare() does everything
// that comes up once in a block or less.
#include "instrumentation/emit/ring_writer.h"

#include <algorithm>
#include <bit>
#include <ctime>

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/armed_rule.h"
#include "instrumentation/wire/ring_reader.h"

namespace coroscope::emit {
namespace {

using wire::EventType;
using wire::RingMode;

constexpr std::uint64_t kSyncTicksMax = 1ULL << 46;         // a quarter of what 48 bits hold
constexpr std::uint64_t kReaderPatienceNs = 1'000'000'000;  // kBlock: a heartbeat older than this is a dead reader's
constexpr timespec kReaderPoll = {0, 50'000};

std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

ListenState g_listen;

// Where the slots of a group lie, and their lap: a group never crosses a block, and so never the ring's end. Read once, since each vector store
// makes the compiler forget what it has read.
struct RingWriter::Place {
    explicit Place(const RingWriter& writer)
        : at(writer.slots_ + (writer.head_ & (writer.slots_count_ - 1))),
          lap(static_cast<std::uint8_t>(writer.head_ >> writer.slots_log2_)) {}
    void store(std::uint64_t offset, std::uint64_t stamp, EventType type, std::uint64_t word1) const {
        wire::store_slot(at + offset, wire::make_slot(stamp, type, lap, word1));
    }

    wire::EventSlot* at;
    std::uint8_t lap;
};

inline void RingWriter::publish(std::uint64_t slots) {
    head_ += slots;
    // [ring.publish] release: a reader that sees this head sees the slots. The fence keeps the next group's stores behind
    // it: a reader that sees any of them sees this head at least. Both cost nothing on x86 but hold the compiler.
    ring_->head.store(head_, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_release);
}

// After publish(): a thread that is off its processor in between has told an event that is not counted yet, which a reader can put right; the other
// way about it would seem lost.
inline void RingWriter::count(EventType type, std::uint64_t events) {
    std::atomic<std::uint64_t>& counter = ring_->emitted[static_cast<std::uint8_t>(type)];
    counter.store(counter.load(std::memory_order_relaxed) + events,
                  std::memory_order_relaxed);  // this thread only
}

// The slots of one event whose place is ready: `exts` are pairs of 48 and 64 bits.
template <typename... Exts>
inline void RingWriter::put(std::uint64_t stamp, EventType type, std::uint64_t word1, Exts... exts) {
    const Place place(*this);
    place.store(0, stamp, type, word1);
    const std::uint64_t words[] = {exts..., 0};
    constexpr std::uint64_t kExts = sizeof...(exts) / 2;
    for (std::uint64_t i = 0; i < kExts; ++i)
        place.store(i + 1, words[2 * i], EventType::kExt, words[2 * i + 1]);
    publish(1 + kExts);
    count(type);
}

bool RingWriter::write_switch(std::uint64_t stamp, std::uint64_t suspend_word1, std::uint64_t ext48, std::uint64_t ext64,
                              std::uint64_t resume_word1) {
    if (!ready(stamp, 3)) return false;
    const Place place(*this);
    place.store(0, stamp, EventType::kSuspend, suspend_word1);
    place.store(1, ext48, EventType::kExt, ext64);
    place.store(2, stamp, EventType::kResume, resume_word1);
    publish(3);
    count(EventType::kSuspend);
    count(EventType::kResume);
    return true;
}

template <typename... Exts>
__attribute__((noinline, cold)) void RingWriter::put_prepared(std::uint64_t stamp, EventType type,
                                                              std::uint64_t word1, Exts... exts) {
    if (g_listen.epoch.load(std::memory_order_acquire) != epoch_) refresh_epoch();  // [ring.epoch]
    if (rule_ != nullptr && !judge(stamp, type, word1, exts...)) return;
    if (prepare(stamp, type, 1 + sizeof...(exts) / 2)) put(stamp, type, word1, exts...);
}

// The rare case is a tail call, so that the usual one saves no registers.
template <typename... Exts>
inline void RingWriter::write_any(std::uint64_t stamp, EventType type, std::uint64_t word1, Exts... exts) {
    if (stamp == 0) stamp = base::read_tsc();
    if (!ready(stamp, 1 + sizeof...(exts) / 2)) return put_prepared(stamp, type, word1, exts...);
    put(stamp, type, word1, exts...);
}

void RingWriter::write(std::uint64_t stamp, EventType type, std::uint64_t word1) {
    write_any(stamp, type, word1);
}

void RingWriter::write(std::uint64_t stamp, EventType type, std::uint64_t word1, std::uint64_t ext48,
                       std::uint64_t ext64) {
    write_any(stamp, type, word1, ext48, ext64);
}

void RingWriter::write(std::uint64_t stamp, EventType type, std::uint64_t word1, std::uint64_t first_ext48,
                       std::uint64_t first_ext64, std::uint64_t second_ext48, std::uint64_t second_ext64) {
    write_any(stamp, type, word1, first_ext48, first_ext64, second_ext48, second_ext64);
}

// Holds the armed rule against an event. False: it was for the rule alone, nobody listens to its category.
template <typename... Exts>
bool RingWriter::judge(std::uint64_t stamp, EventType type, std::uint64_t word1, Exts... exts) {
    const std::uint64_t words[] = {exts..., 0, 0, 0, 0};
    const bool of_worker = entry_->owner.load(std::memory_order_relaxed) ==
                           static_cast<std::uint32_t>(wire::RingOwner::kWorker);
    rule_->judge({.ticks = stamp,
                  .type = type,
                  .object = static_cast<std::uint32_t>(word1),
                  .argument = static_cast<std::uint32_t>(word1 >> 32),
                  .words = {words[0], words[1], words[2], words[3]},
                  .current = current_ != nullptr ? current_->load(std::memory_order_relaxed) : wire::kNone,
                  .worker = of_worker ? entry_->owner_index : wire::kNone,
                  .other_party = other_party_});
    other_party_ = wire::kNone;
    return (mask_ & wire::category_of(type)) != 0;
}

void RingWriter::pin_rule() {
    do {
        rule_ = g_listen.rule.load(std::memory_order_seq_cst);
        pinned_.store(rule_, std::memory_order_seq_cst);  // [rule.pin]
    } while (g_listen.rule.load(std::memory_order_seq_cst) != rule_);
}

// Makes everything so that `slots` slots may be stored at head_, writing what has to come first. False: the event is not to
// be written (nobody listens any more, or there is no room and it has been counted as dropped).
bool RingWriter::prepare(std::uint64_t stamp, EventType type, std::uint32_t slots) {
    if (mode_ == RingMode::kOff) return false;
    if (slots_count_ == 0) {
        write_event(nullptr, stamp, type, 0);  // no memory for this ring: counted with those that have none
        return false;
    }
    const std::uint64_t block_slots = wire::ring_block_slots(slots_count_);
    const std::uint64_t into_block = head_ % block_slots;
    bool sync = sync_wanted_ || into_block == 0 || stamp >= sync_due_;
    const auto needed = [&] {
        return (sync ? 2U : 0U) + (lost_count_ != 0 ? 2U : 0U) + (told_mask_ != mask_ ? 1U : 0U) + slots;
    };
    std::uint64_t pads = 0;
    if (needed() > block_slots - into_block) {
        pads = block_slots - into_block;
        sync = true;
    }
    if (!open_room(pads + needed())) {
        if (mode_ == RingMode::kBlock && g_listen.epoch.load(std::memory_order_acquire) != epoch_) {  // [ring.epoch]
            // While it waited somebody else came to listen, or nobody does: then the event is no loss.
            refresh_epoch();
            return (mask_ & wire::category_of(type)) != 0 && prepare(stamp, type, slots);
        }
        drop(stamp, type);
        return false;
    }
    write_pads(stamp, pads);
    if (sync) write_sync(stamp);
    if (lost_count_ != 0) write_loss(stamp);
    if (told_mask_ != mask_) {
        Place(*this).store(0, stamp, EventType::kMask, wire::make_word1(mask_, told_mask_));
        publish(1);
        count(EventType::kMask);
        told_mask_ = mask_;
    }
    refresh_limit();
    return true;
}

void RingWriter::refresh_epoch() {
    // [ring.epoch] acquire: mode, reader page and memory belong to this epoch or a later one.
    epoch_ = g_listen.epoch.load(std::memory_order_acquire);
    mode_ = static_cast<RingMode>(g_listen.mode.load(std::memory_order_relaxed));
    mask_ = g_listen.written.load(std::memory_order_relaxed);
    pin_rule();
    limit_ = 0;
    if (slots_count_ == 0) {
        slots_count_ = entry_->slots.load(std::memory_order_acquire);  // [ring.entry]
        if (slots_count_ != 0) slots_log2_ = static_cast<std::uint32_t>(std::countr_zero(slots_count_));
    }
    if (mode_ == RingMode::kOff || slots_count_ == 0) return;
    sync_wanted_ = true;
    // Another reader, another tail: what it has not acknowledged counts as not read, at most what the ring holds.
    tail_ = clamped_tail(head_ > usable_slots() ? head_ - usable_slots() : 0);
    ring_->epoch_seen.store(epoch_, std::memory_order_relaxed);
}

// The reader's tail if it is one: not before `known`, not past head.
std::uint64_t RingWriter::clamped_tail(std::uint64_t known) const {
    // [ring.tail] acquire: the reader has finished copying what lies before; its slots may be overwritten.
    const std::uint64_t tail = reader_->lines[index_].tail.load(std::memory_order_acquire);
    return tail >= known && tail <= head_ ? tail : known;
}

bool RingWriter::open_room(std::uint64_t wanted_slots) {
    if (mode_ == RingMode::kOverwrite) return true;
    if (wire::ring_has_room(head_, wanted_slots, tail_, slots_count_)) return true;
    tail_ = clamped_tail(tail_);
    if (wire::ring_has_room(head_, wanted_slots, tail_, slots_count_)) return true;
    return mode_ == RingMode::kBlock && wait_for_reader(wanted_slots);
}

// kBlock: the reader is another process that wakes nobody, so this polls. It gives up when the reader stops beating, or
// when what is listened to changes (the agent saw the reader go). Patience is counted from the last beat: a reader that stands still holds
// nobody up a second time.
bool RingWriter::wait_for_reader(std::uint64_t wanted_slots) {
    const std::uint64_t since_ns = monotonic_ns();
    const std::uint64_t before_ns = ring_->blocked_ns.load(std::memory_order_relaxed);
    std::uint64_t now_ns = since_ns;
    bool room = false;
    while (!room && g_listen.epoch.load(std::memory_order_acquire) == epoch_) {
        if (now_ns > reader_->heartbeat_ns.load(std::memory_order_relaxed) + kReaderPatienceNs) break;
        nanosleep(&kReaderPoll, nullptr);
        tail_ = clamped_tail(tail_);
        room = wire::ring_has_room(head_, wanted_slots, tail_, slots_count_);
        now_ns = monotonic_ns();
        ring_->blocked_ns.store(before_ns + (now_ns - since_ns), std::memory_order_relaxed);
    }
    return room;
}

void RingWriter::write_pads(std::uint64_t stamp, std::uint64_t count_slots) {
    if (count_slots == 0) return;
    for (std::uint64_t i = 0; i < count_slots; ++i) {
        Place(*this).store(0, stamp, EventType::kPad, 0);
        publish(1);
    }
    count(EventType::kPad, count_slots);
}

void RingWriter::write_sync(std::uint64_t stamp) {
    const std::uint32_t current = current_ != nullptr ? current_->load(std::memory_order_relaxed)
                                                      : wire::kNone;
    const Place place(*this);
    place.store(0, stamp, EventType::kSync, wire::make_word1(current, mask_));
    place.store(1, ring_->dropped_total.load(std::memory_order_relaxed), EventType::kExt, stamp);
    publish(2);
    count(EventType::kSync);
    sync_wanted_ = false;
    sync_due_ = stamp + kSyncTicksMax;
}

void RingWriter::write_loss(std::uint64_t stamp) {
    const auto lost = static_cast<std::uint32_t>(std::min<std::uint64_t>(lost_count_, 0xffffffffU));
    const Place place(*this);
    place.store(0, stamp, EventType::kLoss, wire::make_word1(lost, 0));
    place.store(1, 0, EventType::kExt, lost_since_);
    publish(2);
    count(EventType::kLoss);
    lost_count_ = 0;
}

void RingWriter::refresh_limit() {
    if (rule_ != nullptr) return;  // 0, so that the next event comes by judge()
    const std::uint64_t block_slots = wire::ring_block_slots(slots_count_);
    const std::uint64_t block_end = (head_ / block_slots + 1) * block_slots;
    limit_ = mode_ == RingMode::kOverwrite ? block_end : std::min(block_end, tail_ + usable_slots());
}

void RingWriter::drop(std::uint64_t stamp, EventType type) {
    if (lost_count_++ == 0) lost_since_ = stamp;
    limit_ = 0;  // whatever fits next has to tell the loss first
    count(type);
    const auto number = static_cast<std::uint8_t>(type);
    ring_->dropped[number].store(ring_->dropped[number].load(std::memory_order_relaxed) + 1,
                                 std::memory_order_relaxed);
    ring_->dropped_total.store(ring_->dropped_total.load(std::memory_order_relaxed) + 1,
                               std::memory_order_relaxed);
}

}  // namespace coroscope::emit
