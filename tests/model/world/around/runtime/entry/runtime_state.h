// The runtime of a model: what parking, channels and selects ask of it, and nothing of how it runs.
//
// Stands before the real one among the include folders of the models that have a world (../../../world.h). Coroutines here have no
// pools, no canaries and no segments of stack; nobody profiles.
#pragma once

#include <cstdint>
#include <string_view>

#include "cprime/place.h"
#include "instrumentation/emit/probes.h"
#include "instrumentation/emit/state_segment.h"
#include "runtime/scheduler/joiners.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/timers.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

struct RuntimeState {
    struct Pools {
        bool has_canaries(std::uint8_t) const { return false; }
        std::uint8_t size_class(std::uint8_t) const { return 0; }
    };
    struct Segments {
        void trim(Worker&, std::uint32_t) {}
    };
    struct Sites {
        struct Record {
            std::uint32_t name = wire::kNone;
        };
        std::uint32_t find(const Place&, std::string_view, std::uint32_t) { return wire::kNone; }
        Record record(std::uint32_t) const { return {}; }
    };

    emit::StateSegment* segment = nullptr;
    Scheduler scheduler;
    Joiners joiners;
    Pools pools;
    Segments segments;
    Sites sites;
};

extern RuntimeState* g_runtime;

RuntimeState& runtime(const char* call);

inline bool profiling_stacks() {
    return false;
}

}  // namespace cprime::detail
