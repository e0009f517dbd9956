// See stack_model.h.
#include "views/stack_model.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "views/format.h"

namespace coroscope::views {

MergedStacks merge_stacks(const traces::Moment& moment, const FilterMatch* match) {
    MergedStacks merged;
    merged.table = moment.table;
    merged.all = match != nullptr ? match->count : moment.state.coroutines.size();
    std::unordered_map<std::uint32_t, std::size_t> at;
    for (const inspect::CoroutineImage& coroutine : moment.state.coroutines) {
        if (match != nullptr && !match->by_position[static_cast<std::size_t>(&coroutine - moment.state.coroutines.data())]) continue;
        const inspect::StackRef* stack = moment.stack_of(coroutine);
        if (stack == nullptr || stack->stack == wire::kNone) {
            ++merged.without;
            continue;
        }
        const auto [entry, added] = at.try_emplace(stack->stack, merged.stacks.size());
        if (added) merged.stacks.push_back({stack->stack, 0, coroutine.identity, 0});
        MergedStack& row = merged.stacks[entry->second];
        ++row.count;
        row.first_identity = std::min(row.first_identity, coroutine.identity);
        row.used_bytes_max = std::max<std::uint64_t>(row.used_bytes_max, stack->used_bytes);
    }
    std::sort(merged.stacks.begin(), merged.stacks.end(), [](const MergedStack& a, const MergedStack& b) {
        return a.count != b.count ? a.count > b.count : a.first_identity < b.first_identity;
    });
    return merged;
}

ConsistencyLabel consistency_label(const inspect::CoroutineImage& coroutine, const inspect::StackRef* stack) {
    if (coroutine.consistency == inspect::Consistency::kUnknown) {
        return {"unknown", "Events about it were lost; the next keyframe will tell.", false};
    }
    if (stack == nullptr) {
        if (coroutine.state == wire::CoroutineState::kRunning) {
            return {"running", "It is on a worker now; its stack is read when it parks. L looks at it: its worker stands still for a moment.", false};
        }
        return {"partial", "No stack was captured since it parked; only where it parked is known.", false};
    }
    switch (stack->consistency) {
        case inspect::Consistency::kExact:
            if (coroutine.state == wire::CoroutineState::kRunning)
                return {"exact", "It ran when the program ended; these were its frames.", true};
            return {"exact", "Copied while the coroutine stayed parked.", true};
        case inspect::Consistency::kTorn:
            return {"torn", "It moved on while its stack was copied; the frames may not belong together.",
                    false};
        case inspect::Consistency::kRunning:
            return {"running", "It was on a worker when it was looked at.", false};
        case inspect::Consistency::kUnknown:
            break;
    }
    return {"unknown", "Events about it were lost; the next keyframe will tell.", false};
}

std::string end_text(inspect::UnwindEnd end) {
    switch (end) {
        case inspect::UnwindEnd::kEntry:
            return {};
        case inspect::UnwindEnd::kNoRule:
            return "The walk ended early: there is no unwind information for this address.";
        case inspect::UnwindEnd::kBadMemory:
            return "The walk ended early: a saved register lies outside the copied stack.";
        case inspect::UnwindEnd::kTooDeep:
            return "The stack is deeper than what is kept; its outer frames are cut.";
        case inspect::UnwindEnd::kNotUnwound:
            return "The stack was not unwound.";
    }
    return {};
}

std::string position_text(const inspect::Frame& frame) {
    if (frame.file.empty()) return {};
    return frame.line != 0 ? fmt::format("{}:{}", frame.file, frame.line) : frame.file;
}

bool runtime_frame(const inspect::Frame& frame) {
    const std::string name = short_function(frame.function);
    return name.starts_with("cprime::") || name.starts_with("cprime_");
}

std::size_t own_frame(const std::vector<inspect::Frame>& frames) {
    const auto own = std::find_if_not(frames.begin(), frames.end(), runtime_frame);
    return own == frames.end() ? 0 : static_cast<std::size_t>(own - frames.begin());
}

std::string function_text(const inspect::Frame& frame) {
    if (!frame.function.empty()) return short_function(frame.function);
    const std::string place = inspect::module_place(frame);
    return place.empty() ? fmt::format("{:#x}", frame.pc) : place;
}

static std::string unnamed(const inspect::Frame& frame) {
    const std::string place = inspect::module_place(frame);
    return place.empty() ? "?" : place;
}

std::string frames_text(const std::vector<inspect::Frame>& frames) {
    std::string text;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const inspect::Frame& frame = frames[i];
        text += fmt::format("#{:<3} {:#018x} {}{}", i, frame.pc,
                            frame.function.empty() ? unnamed(frame) : frame.function,
                            frame.inlined ? " [inlined]" : "");
        if (const std::string position = position_text(frame); !position.empty()) text += " at " + position;
        text += '\n';
    }
    return text;
}

}  // namespace coroscope::views
