// EventPump: two threads that carry events from a target's rings to a file and a tally.
//
//   rings --drain thread--> blocks of slots --log thread--> RingLog (counts, tally, chunks of the file)
//
// The drain thread only copies and moves the tail, so that a ring of 4 MiB never fills while somebody compresses: at 83M events/s it holds
// 3 ms. When the log thread falls behind, more and more chunks go out uncompressed (packing_grade.h); when more than Limits::queue_bytes wait, the
// rings are left to fill and the program counts what it drops: it is never held up, and memory is bounded, however slow disk or reader are. With
// RingMode::kBlock its threads wait instead, as long as the drain thread beats, which it does whatever the log thread waits for.
//
//   E1  The Target given is used by the drain thread alone from start() to stop().
//   E2  Every 1/4 s, after Limits::mark_bytes of slots, and at the end, the open chunks are flushed and a mark with all counts follows them.
//   E3  events accepted + dropped + overtaken = emitted, at the end, per ring and type.
//
// Thread: member functions from any thread. Blocks: stop() until everything is written. Tested with the running demo in tests/e2e and
// through RingLog in tests/unit/traces.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "instrumentation/inspect/target.h"
#include "traces/moment.h"
#include "traces/packing_grade.h"
#include "traces/ring_log.h"
#include "traces/tables.h"
#include "traces/tally.h"
#include "traces/trace_writer.h"
#include "traces/withheld_watch.h"

namespace coroscope::traces {

class EventPump {
public:
    struct Limits {
        std::uint64_t queue_bytes = 512ULL << 20;  // of slots that wait for the log thread
        std::uint64_t mark_bytes = ~0ULL;          // of slots between two marks
        bool verbatim = true;  // rather than be lost, events may be stored as they lay in the ring, ten times as large
        std::function<bool()> room;  // whether more may be taken now; none = always. Called on the drain thread
    };
    // `target` must be attached and not yet listening; `writer` may be null. Both outlive the pump.
    EventPump(inspect::Target& target, TraceWriter* writer, const Limits& limits);
    EventPump(inspect::Target& target, TraceWriter* writer) : EventPump(target, writer, Limits{}) {}
    ~EventPump();

    // Asks the target for events (mask 0: only its state is watched) and starts the threads. A program that waits for its first viewer goes
    // on at let_begin(). Errors: those of Target::listen.
    base::Status start(std::uint32_t mask, wire::RingMode mode, std::uint32_t sample_period);
    // Whoever looks at the program has seen the state that it begins from. Only the first call does something, within milliseconds.
    void let_begin();
    // From the next round of the drain thread on, other events are listened to; what is in the rings by then is still taken. A refusal shows in
    // listening_refused().
    void listen(std::uint32_t mask, wire::RingMode mode, std::uint32_t sample_period);
    bool listening_refused() const { return refused_.load(std::memory_order_relaxed); }
    // From the next mark on, which this waits for, chunks and marks go to `writer` (nullptr: nowhere), counted from there. All that a look sees that
    // begins afterwards, and that is listened to, is in it. The one before may be gone then.
    void use_writer(TraceWriter* writer);
    // Stops listening (if the target lives), takes what the rings still hold, writes the last mark. Idempotent.
    void stop();

    // What the drain thread saw last; polled every few milliseconds.
    bool end_announced() const { return end_announced_.load(std::memory_order_acquire); }
    bool target_alive() const { return target_alive_.load(std::memory_order_acquire); }
    // Answers the announcement of the end, once all events that were drained before are in the file.
    void acknowledge_end() { acknowledge_.store(true, std::memory_order_release); }
    // Waits until everything drained before the call is logged and flushed.
    void flush();

    // Per type, over all rings, up to now.
    std::array<EventCount, wire::kEventTypesMax> counts() const;
    // The same, where it is to be had soon: not while a slow disk or reader is waited for.
    std::optional<std::array<EventCount, wire::kEventTypesMax>> counts_within(std::chrono::milliseconds patience) const;
    std::uint64_t events_total() const { return events_total_.load(std::memory_order_relaxed); }
    std::uint64_t slots_drained() const { return slots_drained_.load(std::memory_order_relaxed); }
    // So long the program's threads have waited for room in their rings, together (RingMode::kBlock).
    std::uint64_t blocked_ns() const { return blocked_ns_.load(std::memory_order_relaxed); }
    std::uint64_t queued_bytes() const { return queued_bytes_.load(std::memory_order_relaxed); }
    // Fills what events know about an image.
    void complete(inspect::StateImage& image);
    std::vector<std::uint64_t> take_new_pcs();

private:
    struct Block {
        std::uint32_t ring = 0;
        std::uint64_t first_position = 0;
        std::uint64_t overtaken = 0;
        wire::RingOwner owner = wire::RingOwner::kFree;
        std::uint32_t owner_index = 0;
        std::vector<wire::EventSlot> slots;
        std::unique_ptr<Counts> mark;   // instead of slots: flush, then write these counts
        std::uint64_t mark_number = 0;  // of flush() calls that this mark answers
        bool last = false;              // of the mark: the counts are final
    };
    void drain_loop();
    bool drain_round(std::uint64_t* slots);
    void poll_target();
    void drain_rest();
    void tell_withheld(bool last);
    void listen_as_wished();
    void push(Block block);
    void push_mark(std::uint64_t number, bool last);
    std::vector<wire::EventSlot> spare_buffer();
    void keep_spare_locked(std::vector<wire::EventSlot> buffer);

    void log_loop();
    void log_block(Block& block);
    void log_mark(Counts& counts, bool last);
    RingLog& log_of(std::uint32_t ring);

    inspect::Target& target_;
    const Limits limits_;
    std::uint64_t begin_ticks_ = 0;
    std::optional<WithheldWatch> withheld_;  // of a recording; drain thread
    std::uint64_t withheld_position_ = 0;    // in kRecordersRing
    std::chrono::steady_clock::time_point next_withheld_;
    std::vector<inspect::Target::RingCounts> before_;  // counts when listening began, by ring
    std::uint64_t blocked_ns_before_ = 0;              // of all rings then
    bool blocks_ = false;  // nothing is left in the rings at the end; drain thread

    std::thread drain_thread_, log_thread_;
    std::atomic<bool> stop_{false};           // writer: stop(); reader: drain thread
    std::atomic<bool> acknowledge_{false};    // writer: whoever took the last keyframe; reader: drain thread
    std::atomic<bool> end_announced_{false};  // writer: drain thread
    std::atomic<bool> target_alive_{true};    // writer: drain thread
    std::atomic<bool> refused_{false};        // writer: drain thread; of the last listen()
    std::atomic<std::uint64_t> slots_drained_{0}, events_total_{0}, queued_bytes_{0}, blocked_ns_{0};

    std::mutex queue_lock_;  // guards what follows, up to log_lock_
    std::condition_variable queue_changed_, mark_logged_;
    std::deque<Block> queue_;
    std::vector<std::vector<wire::EventSlot>> spare_buffers_;
    std::uint64_t spare_bytes_ = 0;
    bool drain_done_ = false;
    bool log_done_ = false;
    struct Listening {
        std::uint32_t mask = 0;
        wire::RingMode mode = wire::RingMode::kOff;
        std::uint32_t sample_period = 0;
    };
    std::optional<Listening> wished_;
    std::optional<Listening> begins_with_;  // until the first look; whoever looks
    std::uint64_t marks_wanted_ = 0, marks_sent_ = 0, marks_logged_ = 0;  // numbers of flush() calls

    PackingGrade grade_;  // the log thread alone

    std::array<EventCount, wire::kEventTypesMax> counts_locked() const;

    mutable std::timed_mutex log_lock_;  // guards the rest
    TraceWriter* writer_;
    std::optional<TraceWriter*> next_writer_;  // from the next mark on
    Counts counts_before_;                     // of the mark at which writer_ began
    Tally tally_;
    std::vector<std::unique_ptr<RingLog>> logs_;  // by ring
    Counts last_counts_;
};

}  // namespace coroscope::traces
