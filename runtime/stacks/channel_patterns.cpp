// The channel pattern of a site (cprime/channel_pattern.h), where viewers find it: in the site's record.
//
// Thread: any, on a worker's stack or on a thread that is none. Tested in tests/unit/runtime/channel_pattern_test.cpp.
#include "cprime/channel_pattern.h"
#include "instrumentation/wire/site.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {

static_assert(static_cast<int>(channel_pattern::none) == static_cast<int>(wire::ChannelPattern::kNoChannel));
static_assert(static_cast<int>(channel_pattern::select) == static_cast<int>(wire::ChannelPattern::kSelect));

ResumePoint note_pattern(Worker* worker, std::uint32_t, void* argument) noexcept {
    const auto& request = *static_cast<PatternRequest*>(argument);
    const std::uint32_t site = g_runtime->sites.find(request.place, request.name, 0);
    if (site != wire::kNone) {
        auto& pattern = g_runtime->sites.record(site).pattern;
        const auto said = static_cast<wire::ChannelPattern>(request.pattern);
        // Written only when it changes: the record stays a shared line.
        if (pattern.load(std::memory_order_relaxed) != said) pattern.store(said, std::memory_order_relaxed);
    }
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace cprime::detail
