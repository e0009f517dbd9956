// Header by header, each checked against the pools.
#include "instrumentation/inspect/grown_stack.h"

#include <algorithm>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/stack_segment.h"

namespace coroscope::inspect {
namespace {

constexpr std::size_t kSegmentsMax = 4096;     // a recursion over many Large segments; more is a circle
constexpr std::uint64_t kBytesMax = 4U << 20;  // of all pieces together: the innermost ones are kept

}  // namespace

std::vector<StackSpan> segment_spans(const MemoryReader& read, const StateImage& state, const wire::StackBounds& own,
                                     std::uint64_t rsp, std::uint64_t limit) {
    std::vector<StackSpan> spans;
    while (rsp < own.low || rsp >= own.high) {
        wire::StackSegmentHeader header;
        if (spans.size() == kSegmentsMax || !read(wire::segment_header_address(limit), &header, sizeof header))
            return {};
        if (header.pool >= state.pools.size()) return {};
        const wire::StackBounds bounds = state.pools[header.pool].bounds(header.slot);
        const bool fits = limit > bounds.low && limit < bounds.high && header.top > limit &&
                          header.top <= bounds.high && rsp >= bounds.low && rsp < header.top;
        if (!fits) return {};
        spans.push_back({rsp, header.top, limit, true, header.pool, header.slot});
        rsp = header.previous_rsp;
        limit = header.previous_limit;
    }
    spans.push_back({rsp, own.high, limit, false, 0, 0});
    return spans;
}

GrownStack read_grown_stack(const MemoryReader& read, const StateImage& state, const wire::StackBounds& own,
                            std::uint64_t rsp) {
    wire::SavedFrame saved;
    if (!read(rsp, &saved, sizeof saved)) return {};
    return read_grown_stack(read, state, own, rsp, saved.stack_limit);
}

GrownStack read_grown_stack(const MemoryReader& read, const StateImage& state, const wire::StackBounds& own,
                            std::uint64_t rsp, std::uint64_t limit) {
    GrownStack stack;
    std::vector<StackSpan> spans = segment_spans(read, state, own, rsp, limit);
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < spans.size(); ++i) {
        spans[i].high = std::min(spans[i].high, spans[i].low + kBytesMax - total);
        total += spans[i].high - spans[i].low;
        if (total == kBytesMax) spans.resize(i + 1);
    }
    stack.memory.resize(total);
    std::uint64_t offset = 0;
    for (const StackSpan& span : spans) {
        const std::uint64_t bytes = span.high - span.low;
        if (!read(span.low, stack.memory.data() + offset, bytes)) {
            stack.pieces.clear();
            return stack;
        }
        stack.pieces.push_back({span.low, stack.memory.data() + offset, bytes});
        offset += bytes;
    }
    return stack;
}

}  // namespace coroscope::inspect
