// What a rule is held against: an event with what is known of its coroutine, and objects of the state plane.
//
// Plain values and pointers that somebody else owns (a Moment, a StateCursor, an EventContext); nothing is copied or allocated for an
// evaluation. Filled by event_context.h, state_cursor.h and query.cpp, read by evaluator.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event_decoder.h"

namespace coroscope::rules {

// A length of time that may not be known, or only as "so long by now, and not over".
struct Span {
    enum class Known : std::uint8_t { kNo, kExactly, kAtLeast };
    Known known = Known::kNo;
    double ns = 0;
};

// Names that indices stand for. `strings` and `sites` must outlive it.
class Names {
public:
    Names() = default;
    Names(std::string_view strings, const std::vector<inspect::SiteImage>& sites,
          const std::vector<inspect::PoolImage>& pools);

    // False: the index stands for nothing that is known yet.
    bool text(std::uint32_t string, std::string_view* text) const;
    // The coroutine's own name, else that of its site.
    bool coroutine(std::uint32_t name, std::uint32_t site, std::string_view* text) const;
    bool site(std::uint32_t site, std::string_view* text) const;
    bool function(std::uint32_t site, std::string_view* text) const;
    // wire::SizeClass of a pool; kNone: there is no such pool.
    std::uint32_t size_class(std::uint32_t pool) const {
        return pool < classes_.size() ? classes_[pool] : wire::kNone;
    }

private:
    struct Site {
        std::uint32_t function = wire::kNone, name = wire::kNone;
        std::string text;
    };
    std::string_view strings_;
    std::vector<Site> sites_;
    std::vector<std::uint32_t> classes_;  // by pool
};

// An event, and the coroutine that it is of: the one that it names, or else the one that ran.
struct EventFacts {
    const wire::DecodedEvent* event = nullptr;
    double time_ns = 0;                     // since the runtime's start
    std::uint32_t worker = wire::kNone;     // whose ring it was; kNone = another thread's
    std::uint32_t coroutine = wire::kNone;  // index
    std::uint64_t identity = 0;             // 0 = nobody, or not known
    std::uint32_t name = wire::kNone, site = wire::kNone, pool = wire::kNone;
    Span blocked;  // WAKE, RESUME: the wait that is over; SUSPEND: the wait that it begins
    Span ready;    // RESUME: from ready to running; SUSPEND, EXIT: before the run that ends here
    Span run;      // SUSPEND, EXIT: the run that ends here
};

struct PoolFacts {
    std::uint32_t index = 0;
    wire::SizeClass size_class = wire::SizeClass::kMedium;
    wire::PoolPurpose purpose = wire::PoolPurpose::kOrdinary;
    std::uint64_t slots = 0, used = 0, slot_bytes = 0;
};

// One object, or for an event each kind's own; nullptr: there is none, or it is not known.
struct Objects {
    const inspect::CoroutineImage* coroutine = nullptr;
    const inspect::ChannelImage* channel = nullptr;
    const inspect::WorkerImage* worker = nullptr;
    const inspect::WaitableImage* lock = nullptr;
    const PoolFacts* pool = nullptr;
};

struct Scope {
    const Names* names = nullptr;
    const EventFacts* event = nullptr;  // of an event rule
    Objects subject;
    const Objects* references = nullptr;  // one for each of the rule's, where it has any
    std::uint64_t now_ticks = 0;          // for how long something has lasted
    double ns_per_tick = 0;
};

}  // namespace coroscope::rules
