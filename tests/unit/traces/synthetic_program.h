// A program that never ran: coroutines, channels and workers as plain values, changed step by step by the rules of
// wire/coroutine.h and wire/channel.h,
// with an event for each change. It is the oracle of the model's tests: its state is what every rebuilt state must equal.
//
// Steps are driven by a list of numbers (a choice each), so that RapidCheck can generate and shrink whole histories. Nothing random inside.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event.h"

namespace coroscope::traces {

class SyntheticProgram {
public:
    // `locks`: some of its steps use mutexes and events (wire/waitable.h), and slots are told of as they are taken and given back.
    // `selects`: some wait in selects, and its state says who woke whom.
    explicit SyntheticProgram(std::uint32_t workers_count, bool locks = false, bool selects = false);

    // One step: the worker chosen does something that it may do now.
    void step(std::uint16_t choice);
    // From now until keep_events(): events of this ring are dropped, counted, and told by a LOSS group afterwards.
    void drop_events(std::uint32_t ring);
    void keep_events(std::uint32_t ring);

    // What is true now. Consistencies are exact, but for what runs.
    inspect::StateImage truth() const;
    // What a reader would copy who began at the moment of `before` and ended now, meeting each record at one time or the other.
    inspect::StateImage copied_while_running(const inspect::StateImage& before, std::uint64_t choices) const;

    std::uint64_t now() const { return ticks_; }
    const std::vector<wire::EventSlot>& ring(std::uint32_t ring) const { return rings_[ring].slots; }
    std::uint32_t rings_count() const { return static_cast<std::uint32_t>(rings_.size()); }
    // By type, attempts and those dropped.
    const std::map<wire::EventType, std::uint64_t>& emitted(std::uint32_t ring) const {
        return rings_[ring].emitted;
    }
    const std::map<wire::EventType, std::uint64_t>& dropped(std::uint32_t ring) const {
        return rings_[ring].dropped;
    }

private:
    struct Ring {
        std::vector<wire::EventSlot> slots;
        std::map<wire::EventType, std::uint64_t> emitted, dropped;
        bool dropping = false;
        std::uint64_t lost = 0;
        std::uint64_t lost_since = 0;
    };
    struct Channel {
        inspect::ChannelImage image;
        std::vector<std::uint32_t> senders, receivers;  // parked coroutines, oldest first
    };

    struct Lock {
        inspect::WaitableImage image;
        std::vector<std::uint32_t> waiting;  // parked coroutines, oldest first
    };

    struct Ext {
        std::uint64_t low48, word;
    };
    void emit(std::uint32_t ring, wire::EventType type, std::uint32_t object, std::uint32_t argument,
              std::vector<Ext> ext = {});
    void write(Ring& ring, wire::EventType type, std::uint32_t object, std::uint32_t argument,
               const std::vector<Ext>& ext);

    void resume_somebody(std::uint32_t worker, std::uint16_t choice);
    void run(std::uint32_t worker, std::uint16_t choice);
    void spawn(std::uint32_t worker);
    void suspend(std::uint32_t worker, wire::WaitReason reason, std::uint32_t object, std::uint64_t deadline);
    void wake(std::uint32_t worker, std::uint32_t index, wire::WakeCause cause);
    void exit(std::uint32_t worker);
    void create_channel(std::uint32_t worker, std::uint16_t choice);
    void send(std::uint32_t worker, Channel& channel);
    void receive(std::uint32_t worker, Channel& channel);
    void close(std::uint32_t worker, Channel& channel);
    void destroy(std::uint32_t worker, Channel& channel);
    void moved(std::uint32_t worker, Channel& channel, wire::EventType type, std::uint64_t other_party);
    // synthetic_selects.cpp
    void use_select(std::uint32_t worker, std::uint16_t choice);
    void retire_select(std::uint32_t coroutine);
    // synthetic_locks.cpp
    void use_lock(std::uint32_t worker, std::uint16_t choice);
    void create_lock(std::uint32_t worker, std::uint16_t choice);
    void destroy_lock(std::uint32_t worker, Lock& lock);
    void use_mutex(std::uint32_t worker, Lock& mutex);
    void use_event(std::uint32_t worker, Lock& event);
    void changed(std::uint32_t worker, Lock& lock, wire::EventType type, std::uint64_t owner,
                 std::uint32_t value);
    void wait_for(std::uint32_t worker, Lock& lock);
    Channel* pick_channel(std::uint16_t choice);
    inspect::CoroutineImage& running(std::uint32_t worker) { return coroutines_[workers_[worker].current]; }

    std::uint64_t ticks_ = 1'000'000'000;
    std::uint64_t next_identity_ = 1;
    std::uint64_t next_channel_identity_ = 1;
    std::map<std::uint32_t, inspect::CoroutineImage> coroutines_;  // by index; free ones keep their sequence
    std::map<std::uint32_t, Channel> channels_;  // by index; dead ones keep their operation number
    std::map<std::uint32_t, Lock> locks_;        // the same
    std::map<std::uint32_t, std::vector<inspect::SelectArmImage>> arms_;  // by coroutine that waits in a select
    bool has_locks_, has_selects_;
    std::uint64_t next_lock_identity_ = 1;
    std::vector<std::uint32_t> ready_, sleeping_;
    std::vector<inspect::WorkerImage> workers_;
    std::vector<Ring> rings_;
};

}  // namespace coroscope::traces
