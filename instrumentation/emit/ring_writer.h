// Event rings as their writers see them: the ring segment, one RingWriter a thread, and who listens.
//
// Called through emit/probes.h by the runtime; the agent (emit/agent.h) turns listening on and off. Format
// and the protocol between writer and reader: wire/ring.h.
//
//   W1  A RingWriter is used by one thread at a time, never from a signal handler.
//   W2  A group (an event with its EXT slots, or two events of one switch) is published by one store of head, and is at most
//       kRingGroupSlotsMax long.
//   W3  Every block (ring_block_slots) opens with SYNC; a group never crosses a block.
//   W4  emitted[t] = written[t] + dropped[t] at every quiet moment, SYNC, LOSS, MASK and PAD included (those are
//       never dropped); a run of drops is told by a LOSS group before the next event that finds room.
//   W5  A dormant ring costs no memory: it is populated when first listened to (or when it is registered while
//       somebody listens) and keeps its memory from then on. No event ever waits for a page fault.
//
// What a listener asked for is noticed by `epoch`: a writer compares it with the one it acted on last and,
// when it differs, reads mask and mode anew and writes SYNC and MASK before its event.
//
// While a rule is armed (emit/armed_rule.h) a writer has no room without prepare(), so that each event comes by judge() first; nothing is asked
// of events otherwise. Which rule a writer judges by it says in `pinned_`, from one epoch to the next.
//
// Threads: see each function. Tested in tests/unit/emit/ring_writer_test.cpp, tests/stress/ring_stress.cpp
// and tests/model/ring_model.cpp; cost of an event: printed by tests/unit/emit/event_cost_test.cpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/event.h"
#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/ring.h"

namespace coroscope::emit {

class ArmedRule;
class RuleHits;

// What is listened to now. Written by whoever calls RingSegment::listen (the agent's thread); read by every
// probe.
struct alignas(64) ListenState {
    // wire::Category: of what is written, and of what a rule looks at. Relaxed: a probe that sees it late emits late, nothing more.
    std::atomic<std::uint32_t> mask{0};
    // Stored (release) after mode, reader and memory are in place; writers load it (acquire) [ring.epoch].
    std::atomic<std::uint32_t> epoch{0};
    std::atomic<std::uint32_t> mode{0};  // wire::RingMode; read after epoch
    std::atomic<std::uint32_t> sample_period{0};
    std::atomic<std::uint32_t> written{0};  // wire::Category: of what is written to rings; read after epoch
    // Stored before the epoch; a writer that says in pinned_ which one it has, and then finds the same one here, may use it until it says
    // otherwise [rule.pin].
    std::atomic<ArmedRule*> rule{nullptr};
};
extern ListenState g_listen;

class RingSegment;

// On cache lines of its own: neighbours in the array belong to other threads.
class alignas(64) RingWriter {
public:
    // Writes one event of one, two or three slots. `stamp` in ticks (all 64 bits); 0 = taken here. Never blocks
    // but in kBlock mode, and then only while the reader is alive and behind.
    void write(std::uint64_t stamp, wire::EventType type, std::uint64_t word1);
    void write(std::uint64_t stamp, wire::EventType type, std::uint64_t word1, std::uint64_t ext48,
               std::uint64_t ext64);
    void write(std::uint64_t stamp, wire::EventType type, std::uint64_t word1, std::uint64_t first_ext48,
               std::uint64_t first_ext64, std::uint64_t second_ext48, std::uint64_t second_ext64);

    // The SUSPEND of one coroutine and the RESUME of the next, which share a stamp, as one group. False: nothing was written, because something
    // has to be written first or a rule wants to see them: the ordinary way does that.
    bool write_switch(std::uint64_t stamp, std::uint64_t suspend_word1, std::uint64_t ext48, std::uint64_t ext64, std::uint64_t resume_word1);

    std::uint32_t index() const { return index_; }  // of its RingEntry: what WorkerRecord::ring holds

    // The next event is done on behalf of this coroutine (of which the event tells the identity); for rules.
    void name_other_party(std::uint32_t coroutine) { other_party_ = coroutine; }

private:
    friend class RingSegment;
    struct Place;

    // Whether `slots` more slots may be written right now without anything else first.
    bool ready(std::uint64_t stamp, std::uint32_t slots) const {
        // [ring.epoch] acquire: mode and reader page of that epoch are visible; free on x86.
        return __builtin_expect(head_ + slots <= limit_, 1) &&
               __builtin_expect(g_listen.epoch.load(std::memory_order_acquire) == epoch_, 1) &&
               __builtin_expect(stamp < sync_due_, 1);
    }
    template <typename... Exts>
    void put(std::uint64_t stamp, wire::EventType type, std::uint64_t word1, Exts... exts);
    template <typename... Exts>
    void put_prepared(std::uint64_t stamp, wire::EventType type, std::uint64_t word1, Exts... exts);
    template <typename... Exts>
    void write_any(std::uint64_t stamp, wire::EventType type, std::uint64_t word1, Exts... exts);
    template <typename... Exts>
    bool judge(std::uint64_t stamp, wire::EventType type, std::uint64_t word1, Exts... exts);
    void pin_rule();
    bool prepare(std::uint64_t stamp, wire::EventType type, std::uint32_t slots);
    void refresh_epoch();
    std::uint64_t clamped_tail(std::uint64_t known) const;
    bool open_room(std::uint64_t wanted_slots);
    bool wait_for_reader(std::uint64_t wanted_slots);
    void write_pads(std::uint64_t stamp, std::uint64_t count);
    void write_sync(std::uint64_t stamp);
    void write_loss(std::uint64_t stamp);
    void refresh_limit();
    void publish(std::uint64_t slots);
    void count(wire::EventType type, std::uint64_t events = 1);
    void drop(std::uint64_t stamp, wire::EventType type);
    std::uint64_t usable_slots() const { return wire::ring_usable_slots(slots_count_); }

    // The thread's own; only what the pointers lead to is shared memory. The first line is all that an event needs.
    std::uint64_t head_ = 0;      // next position
    std::uint64_t limit_ = 0;     // no slot at or past it without prepare(): end of block, or end of room
    std::uint64_t sync_due_ = 0;  // stamp from which a SYNC is due: 48 bits must not wrap between two
    wire::EventSlot* slots_ = nullptr;
    wire::RingHeader* ring_ = nullptr;
    std::uint32_t epoch_ = 0;        // acted on last
    std::uint32_t slots_count_ = 0;  // 0 = no memory yet
    std::uint32_t slots_log2_ = 0;

    std::uint32_t mask_ = 0;       // of that epoch
    std::uint32_t told_mask_ = 0;  // in the last MASK event
    wire::RingMode mode_ = wire::RingMode::kOff;
    bool sync_wanted_ = true;
    std::uint32_t index_ = 0;
    std::uint32_t planned_slots_ = 0;  // of the ring; known at registration, before there is memory
    wire::RingEntry* entry_ = nullptr;
    const wire::ReaderPage* reader_ = nullptr;
    const std::atomic<std::uint32_t>* current_ = nullptr;
    std::uint64_t tail_ = 0;        // the reader's, clamped
    std::uint64_t lost_since_ = 0;  // stamp of the first event dropped since the last LOSS
    std::uint64_t lost_count_ = 0;  // events
    ArmedRule* rule_ = nullptr;     // of that epoch
    std::uint32_t other_party_ = wire::kNone;
    // rule_, for the agent, which frees a rule that nobody has pinned. Sequentially consistent on both sides [rule.pin].
    std::atomic<ArmedRule*> pinned_{nullptr};
};

class RingSegment {
public:
    // Reserves the ring segment (memfd; or private memory when `shared` is false) and makes it the process's
    // one: probes of outside threads find it. At most one lives at a time. `nonce`: the state segment's.
    static base::Result<std::unique_ptr<RingSegment>> create(std::uint64_t nonce, bool shared);
    ~RingSegment();
    RingSegment(const RingSegment&) = delete;
    RingSegment& operator=(const RingSegment&) = delete;

    // Gives the calling thread a ring of its own: kWorkerRingBytes for workers, kThreadRingBytes for others.
    // `current`: where the thread's running coroutine stands (WorkerRecord::current), read by this thread only,
    // when it writes SYNC; null = never one. The caller stores it before it emits RESUME and clears it after it
    // emitted SUSPEND or EXIT. Null when all kRingsMax are taken (events are then counted in
    // RingSegmentHeader::events_without_ring). Takes a lock.
    RingWriter* register_thread(wire::RingOwner owner, std::uint32_t owner_index,
                                const std::atomic<std::uint32_t>* current);
    // Gives it back; the ring is used again by a later thread. By the same thread or after it ended.
    void unregister_thread(RingWriter* writer);

    // Sets what is listened to. Mask 0 or mode kOff: nothing, dormant. Populates every registered ring first.
    // Drop and block modes need a reader; without one they become kOverwrite. One caller at a time (the agent).
    void listen(std::uint32_t mask, wire::RingMode mode, std::uint32_t sample_period);

    // Puts a rule in force, or none: events of the categories that it looks at are judged, whether anybody listens or not. The one before goes
    // as soon as no writer uses it. One caller at a time (the agent).
    void arm(std::unique_ptr<ArmedRule> rule);
    // Where armed rules tell their hits; made at the first call. kRefused when no descriptor is left. The agent.
    base::Result<RuleHits*> rule_hits();

    // Maps a viewer's reader page (a memfd sealed against shrinking and growing, at least kReaderPageBytes)
    // read-only. kCorrupt with a sentence otherwise. The descriptor stays the caller's. One caller at a time
    // (the agent).
    base::Status attach_reader(int fd);
    // Forgets it. Safe while writers run: a page of zeros takes its place.
    void detach_reader();

    wire::RingSegmentHeader& header() { return *reinterpret_cast<wire::RingSegmentHeader*>(base_); }
    bool contains(const void* address) const {
        const auto* byte = static_cast<const std::byte*>(address);
        return byte >= base_ && byte < base_ + reservation_bytes_;
    }
    const std::byte* data() const { return base_; }
    bool shared() const { return fd_ >= 0; }
    int fd() const { return fd_; }
    int read_only_fd() const { return read_only_fd_; }
    std::uint64_t file_bytes() const;

private:
    RingSegment();
    void announce();                                       // under lock_
    bool allot(std::uint32_t index, std::uint32_t slots);  // under lock_
    bool populate(RingWriter& writer);                     // under lock_

    std::byte* base_ = nullptr;
    std::uint64_t reservation_bytes_ = 0;
    int fd_ = -1;
    int read_only_fd_ = -1;
    std::byte* reader_window_ = nullptr;  // kReaderPageBytes: the viewer's page, or zeros

    mutable std::mutex lock_;
    std::uint64_t file_bytes_ = 0;
    std::uint64_t next_offset_ = wire::kRingDirectoryBytes;
    std::uint32_t rings_count_ = 0;
    bool memory_short_told_ = false;
    bool reader_attached_ = false;
    std::unique_ptr<RingWriter[]> writers_;  // kRingsMax, same index as the entries
    // The agent's thread, until writers have ended: the one in force comes last.
    std::vector<std::unique_ptr<ArmedRule>> rules_;
    std::unique_ptr<RuleHits> rule_hits_;
};

// The calling thread's ring when it is no worker: registered on first use, given back when the thread ends.
// Null when there is no segment or no ring left. Takes a lock the first time.
RingWriter* thread_writer();

// What the probes call: forwards to the writer; with none the event is counted in events_without_ring.
void write_event(RingWriter* writer, std::uint64_t stamp, wire::EventType type, std::uint64_t word1);
void write_event(RingWriter* writer, std::uint64_t stamp, wire::EventType type, std::uint64_t word1,
                 std::uint64_t ext48, std::uint64_t ext64);
void write_event(RingWriter* writer, std::uint64_t stamp, wire::EventType type, std::uint64_t word1,
                 std::uint64_t first_ext48, std::uint64_t first_ext64, std::uint64_t second_ext48,
                 std::uint64_t second_ext64);

}  // namespace coroscope::emit
