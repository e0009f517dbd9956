// Model: a keyframe and the events after it make the state at a later moment.
//
// The keyframe was copied while the program ran: of the events around it some are in it and some are not. Time cannot tell (a change
// is stamped before it is written), sequence numbers can: every record carries the number of its last change, every event the low
// 24 bits of the number that the change gave it.
//
//   coroutine  the newest event by sequence says the state. Every event adds a known step to the sequence (SPAWN 2, RESUME 1, SUSPEND 1,
//              WAKE 2, PAUSE 2, UNPAUSE 2, EXIT 1), so the sum of the steps seen tells whether one is missing in between.
//   channel    sends and receives are counted, each once: an event is taken if its operation number is above the keyframe's.
//   waitable   the newest event by operation number says owner and value.
//   select     the arms told right before a SUSPEND are those of that wait, and over with it.
//   pool       the newest event of a slot says whether it is used (a spawn under way has one before it has a coroutine); and it is while a
//              coroutine has it. Where pool events are missing, or were not listened to, the latter alone.
//   worker     the last event of its own ring says what it does.
//
// What a field's value is made of stands in wire/fields.h; the test takes its comparison from there.
//
//   M1  Events of one ring arrive in order; those of different rings in the order of their stamps, give or take a moment: an effect may come
//       shortly before its cause.
//   M2  After a loss nothing is guessed: a record is kUnknown unless an event after the loss named it without a gap in its sequence, or
//       the next keyframe proves (same sequence) that nothing happened.
//   M3  Nothing in an event or keyframe is trusted to be in range; memory follows the number of events, not what they say.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/traces/model_test.cpp (generated histories against a plain oracle) and
// model_live_test.cpp (keyframes of the running demo).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring.h"
#include "traces/sparse_table.h"

namespace coroscope::traces {

class Model {
public:
    // `mask`: what was listened to since the keyframe (wire::Category).
    explicit Model(inspect::StateImage keyframe, std::uint32_t mask = wire::kEverything);

    // Takes an event that the ring of this owner carried. Those stamped long before the keyframe must not be handed in (M1).
    void apply(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);
    // Events of some ring are missing, the last of them stamped `until_ticks`. What was over before the keyframe is in it.
    void lose(std::uint64_t until_ticks);

    // The state once every event up to `ticks` was applied. `later`: a keyframe taken after it, or null; it proves what losses left
    // open and names what was made since the first keyframe (sites, slabs). Leaves the model empty.
    inspect::StateImage finish(std::uint64_t ticks, const inspect::StateImage* later);

    // Records as they stand now, before finish(): nullptr where there is none, or nobody knows whose it is; kUnknown where events are missing. What
    // finish() derives from other records is not in them: lengths, who waits where, which slots are used.
    const inspect::CoroutineImage* coroutine_now(std::uint32_t index);
    std::span<const inspect::SelectArmImage> arms_now(std::uint32_t coroutine) const;
    const inspect::ChannelImage* channel_now(std::uint32_t index);
    const inspect::WaitableImage* waitable_now(std::uint32_t index);
    const inspect::WorkerImage* worker_now(std::uint32_t index) const;
    const inspect::PoolImage* pool_now(std::uint32_t index) const;
    bool segment_now(std::uint32_t pool, std::uint32_t slot) const;  // a coroutine's stack goes on there

private:
    struct Coroutine {
        inspect::CoroutineImage image;
        std::uint32_t base = 0, top = 0;  // sequence in the keyframe, and of the newest event
        std::uint32_t steps = 0;          // that the events seen after `base` account for
        std::uint32_t spawned_at = 0, suspended_at = 0;
        std::uint64_t changed_ticks = 0;            // stamp of the newest event; 0 = none seen
        std::uint32_t woken_at = 0;                 // sequence of its newest wake-up
        std::vector<inspect::SelectArmImage> arms;  // of its present wait
        bool sequence_known = false;
        bool base_assumed = false;  // the first event seen was not its spawn, which may come a moment later
        bool in_keyframe = false;
        bool in_use = false;
        bool identity_known = false;
    };
    struct Channel {
        inspect::ChannelImage image;
        std::uint32_t base = 0, top = 0, steps = 0;
        std::uint64_t changed_ticks = 0;
        bool operations_known = false;
        bool base_assumed = false;  // as above: its creation may follow
        bool in_keyframe = false;
        bool live = false;
        bool identity_known = false;
    };
    struct Waitable {
        inspect::WaitableImage image;
        std::uint32_t base = 0, top = 0, steps = 0;
        std::uint64_t changed_ticks = 0;
        bool operations_known = false;
        bool base_assumed = false;  // as above
        bool in_keyframe = false;
        bool live = false;
        bool identity_known = false;
    };
    enum class Place {
        kOld,
        kLate,
        kNewest
    };  // in the keyframe already; older than the newest applied; the newest

    Place advance(Coroutine& coroutine, std::uint32_t sequence, std::uint32_t step, std::uint64_t ticks);
    bool begin_unseen(Coroutine& coroutine, std::uint32_t sequence, std::uint32_t step, std::uint64_t ticks);
    void spawn(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);
    void resume(const wire::DecodedEvent& event, std::uint32_t worker);
    void suspend(const wire::DecodedEvent& event, std::uint32_t worker);
    void wake(const wire::DecodedEvent& event, std::uint32_t worker);
    std::uint64_t current_identity(const wire::DecodedEvent& event, std::uint32_t worker) const;
    void woken(const wire::DecodedEvent& event, std::uint32_t worker, inspect::CoroutineImage& image);
    void select_arm(const wire::DecodedEvent& event);
    std::vector<inspect::SelectArmImage> take_arms(std::uint32_t coroutine, std::uint32_t worker);
    void hold(const wire::DecodedEvent& event, bool held);
    void exit(const wire::DecodedEvent& event);
    void channel(const wire::DecodedEvent& event);
    void channel_create(Channel& channel, const wire::DecodedEvent& event, bool late);
    void channel_destroyed(Channel& channel);
    void waitable(const wire::DecodedEvent& event);
    void worker(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);

    template <typename Record>
    bool missed(const Record& record, bool counted) const;
    // Free in the keyframe, and nothing is known of it since.
    template <typename Record>
    bool end_was_lost(const Record& record) const {
        return lost_any_ && !record.in_keyframe && record.changed_ticks < keyframe_begin_ticks_;
    }
    void settle(Coroutine& coroutine, const inspect::StateImage* later);
    void collect_coroutines(const inspect::StateImage* later);
    void collect_channels(const inspect::StateImage* later);
    void collect_waitables(const inspect::StateImage* later);
    std::uint64_t* used_word(std::uint32_t pool, std::uint32_t slot);
    void collect_pools(const inspect::StateImage* later);
    void name_slabs(const inspect::StateImage* later);

    static std::uint64_t slot_key(std::uint32_t pool, std::uint32_t slot) {
        return std::uint64_t{pool} << 32 | slot;
    }

    inspect::StateImage image_;
    std::uint64_t keyframe_begin_ticks_ = 0, keyframe_end_ticks_ = 0;
    SparseTable<Coroutine> coroutines_;
    SparseTable<Channel> channels_;
    SparseTable<Waitable> waitables_;
    std::map<std::uint32_t, std::vector<inspect::SelectArmImage>>
        arms_told_;                                            // coroutine -> of the SUSPEND that follows
    std::set<std::uint32_t> lost_since_resume_;                // workers
    std::map<std::uint32_t, std::uint8_t> resumed_identity8_;  // worker -> of the last RESUME there
    std::map<std::uint64_t, std::uint32_t> segments_;  // slot_key -> coroutine whose stack goes on there
    std::map<std::uint32_t, std::uint64_t> last_allocated_;  // worker -> slot_key
    bool pools_told_;  // pool events are listened to
    std::uint64_t lost_until_ticks_ = 0;  // of the latest loss that reaches beyond the keyframe's begin; 0 = none
    bool lost_any_ = false;
};

}  // namespace coroscope::traces
