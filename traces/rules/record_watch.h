// RecordWatch: waits for a rule to hold in a running program, beside whoever records it.
//
//   event rules   rings of the target, read as a watcher reads them (the recorder's own reading is not touched), the rings of one round
//                 interleaved by time; what came in the last moment waits for the next round, so that an effect does not overtake its cause
//   state rules   the state plane, 50 times a second, completed by what the events say of since when
//
// A thread of its own, so that neither a keyframe nor a compression keeps it from the rings. What is overtaken all the same is counted.
//
// Thread: start() and the destructor by one thread, the rest by any. Blocks: start() for the handshake. Tested in tests/e2e/record_on_test.py.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/inspect/target.h"
#include "traces/rules/event_scan.h"
#include "traces/tally.h"

namespace coroscope::rules {

class RecordWatch {
public:
    // Attaches; to be called before the target is asked for events, so that the first ones are seen. Errors: those of Target::attach.
    static base::Result<std::unique_ptr<RecordWatch>> start(std::uint32_t pid,
                                                            std::shared_ptr<const Rule> rule);
    ~RecordWatch();
    RecordWatch(const RecordWatch&) = delete;
    RecordWatch& operator=(const RecordWatch&) = delete;

    // Once the rule has held: "the rule held at 78.753 ms (suspend of 73 "librarian")"; "" before.
    std::string held() const;
    // Slots that were overwritten before the rule saw them.
    std::uint64_t overtaken() const { return overtaken_.load(std::memory_order_relaxed); }

private:
    struct Ring {
        wire::EventDecoder decoder;
        wire::RingOwner owner = wire::RingOwner::kFree;
        std::uint32_t owner_index = 0;
    };
    struct Happened {
        wire::DecodedEvent event;
        std::uint32_t ring = 0;
    };

    RecordWatch(std::shared_ptr<const Rule> rule, std::unique_ptr<inspect::Target> target,
                inspect::StateImage state);
    void loop();
    void drain();
    void evaluate_events(std::uint64_t up_to_ticks);
    bool names_unknown(std::size_t count) const;
    void learn_names();
    void evaluate_state();
    void note_event(const EventFacts& facts);
    void note(const std::string& sentence);

    const std::shared_ptr<const Rule> rule_;
    const std::unique_ptr<inspect::Target> target_;
    inspect::StateImage state_;  // of the last look; names_ points into it
    Names names_;
    EventScan scan_;
    traces::Tally tally_;
    std::uint64_t begin_ticks_ = 0;
    std::vector<std::unique_ptr<Ring>> rings_;
    std::vector<wire::EventSlot> slots_;
    std::vector<Happened> happened_;  // ascending time

    std::atomic<bool> stop_{false};  // writer: the destructor; reader: the thread
    std::atomic<std::uint64_t> overtaken_{0};
    mutable std::mutex lock_;  // guards held_
    std::string held_;
    std::thread thread_;
};

}  // namespace coroscope::rules
