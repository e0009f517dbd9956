// See selected_frames.h.
#include "views/selected_frames.h"

#include <algorithm>

#include "views/describe.h"
#include "views/stack_model.h"

namespace coroscope::views {

SelectedFrames selected_frames(Workspace& ws) {
    SelectedFrames selected;
    selected.coroutine = ws.selected();
    if (selected.coroutine == nullptr) return selected;
    const inspect::StackRef* stack = ws.moment->stack_of(*selected.coroutine);
    selected.unwound = stack != nullptr && stack->stack != wire::kNone && ws.moment->table != nullptr;
    const bool running = selected.coroutine->state == wire::CoroutineState::kRunning;
    if (!selected.unwound && (running || selected.coroutine->rip == 0)) return selected;
    const std::vector<std::uint64_t> parked_at = {selected.coroutine->rip};
    const std::vector<std::uint64_t>& pcs = selected.unwound ? ws.moment->table->pcs(stack->stack) : parked_at;
    const std::vector<inspect::Frame>* named = ws.session->frames(pcs);
    selected.named = named != nullptr;
    selected.frames = named != nullptr ? *named : ws.session->known_frames(pcs);
    const std::size_t chosen = ws.selection().frame;
    selected.chosen = chosen == Selection::kOwnFrame ? own_frame(selected.frames)
                      : selected.frames.empty()      ? 0
                                                     : std::min(chosen, selected.frames.size() - 1);
    return selected;
}

std::vector<std::string> level_names(const std::vector<inspect::Frame>& frames) {
    std::vector<std::string> names;
    const inspect::Frame* own = nullptr;  // the innermost call of the program's that was inlined here
    for (const inspect::Frame& frame : frames) {
        if (frame.inlined) {
            if (own == nullptr && !runtime_frame(frame)) own = &frame;
            continue;
        }
        std::string name = function_text(frame);
        if (own != nullptr && runtime_frame(frame)) name = function_text(*own) + ", inlined into " + name;
        names.push_back(std::move(name));
        own = nullptr;
    }
    return names;
}

std::size_t level_of(const std::vector<inspect::Frame>& frames, std::size_t frame) {
    std::size_t level = 0;
    for (std::size_t i = 0; i < std::min(frame, frames.size()); ++i)
        level += frames[i].inlined ? 0 : 1;
    return level;
}

std::size_t first_of_level(const std::vector<inspect::Frame>& frames, std::size_t level) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (level == 0) return i;
        level -= frames[i].inlined ? 0 : 1;
    }
    return frames.empty() ? 0 : frames.size() - 1;
}

CodeContext code_context(const Workspace& ws, const inspect::CoroutineImage& coroutine,
                         const std::vector<inspect::Frame>& frames, std::size_t chosen) {
    CodeContext context;
    const inspect::StateImage& state = ws.moment->state;
    context.switch_low = state.park_address;
    context.switch_high = state.park_end_address;
    if (chosen >= frames.size()) return context;
    const std::size_t level = level_of(frames, chosen), first = first_of_level(frames, level);
    context.pc = frames[chosen].pc;
    context.file = frames[chosen].file;
    context.innermost = level == 0;
    context.runs = coroutine.state == wire::CoroutineState::kRunning;
    for (std::size_t i = first; i < frames.size() && context.function.empty(); ++i) {
        if (!frames[i].inlined) context.function = frames[i].function;
    }
    if (level == 0) {
        context.waits = state_text(coroutine);
        if (const std::string object = waits_on_text(state, coroutine); !object.empty())
            context.waits += (coroutine.reason == wire::WaitReason::kSleep ? " " : " on ") +
                             object;  // "until ..."
    } else {
        context.callee = function_text(frames[first - 1]);
    }
    return context;
}

}  // namespace coroscope::views
