// See judge.h.
#include "judge.h"

#include <cinttypes>
#include <cstdio>

namespace chains {

Judge::Whose Judge::whose(std::uint64_t pc) {
    const auto found = known_.find(pc);
    if (found != known_.end()) return found->second;
    const coroscope::inspect::Frame& frame = symbols_.frames(pc).back();
    const std::string file = frame.module.substr(frame.module.rfind('/') + 1);
    const bool chain = (file.starts_with("chains") || file.starts_with("libchains")) &&
                       frame.function != "__morestack";
    return known_.emplace(pc, chain ? Whose::kChain : Whose::kNobody).first->second;
}

std::string Judge::verdict(const std::vector<std::uint64_t>& pcs, const Shadow& shadow) {
    std::uint32_t left = shadow.depth;  // functions of the record not met yet
    std::size_t k = 0;
    for (; k + 1 < pcs.size() && left > 0; ++k) {
        if (whose(pcs[k]) != Whose::kChain) continue;
        if (pcs[k + 1] != shadow.returns[--left])
            return "frame " + std::to_string(k) + " of " + std::to_string(pcs.size()) +
                   " is followed by another caller";
    }
    if (left > 0) return std::to_string(left) + " functions of the record are missing";
    std::size_t more = 0;
    for (std::size_t i = k; i < pcs.size(); ++i)
        more += whose(pcs[i]) == Whose::kChain ? 1 : 0;
    // The body's function, the closure that calls it and may be inlined or not, what runs that, and the trampoline.
    if (more < 2 || more > 5)
        return std::to_string(more) +
               " frames where the coroutine's own function and its trampoline should be";
    return "";
}

std::string Judge::text(const std::vector<std::uint64_t>& pcs) {
    std::string text;
    for (const std::uint64_t pc : pcs) {
        const coroscope::inspect::Frame& frame = symbols_.frames(pc).back();
        char line[40];
        std::snprintf(line, sizeof line, "  %#" PRIx64 "  ", pc);
        text += line + (frame.function.empty() ? "?" : frame.function) + "  " + frame.module + "\n";
    }
    return text;
}

}  // namespace chains
