// What a Session answers that has nothing better to say: names that are all known at once, and no memory to look at.
#include "traces/session.h"

namespace coroscope::traces {

std::vector<inspect::Frame> Session::known_frames(const std::vector<std::uint64_t>& pcs) {
    if (const std::vector<inspect::Frame>* named = frames(pcs)) return *named;
    std::vector<inspect::Frame> bare(pcs.size());
    for (std::size_t i = 0; i < pcs.size(); ++i)
        bare[i].pc = pcs[i];
    return bare;
}

const inspect::Symbolizer::Place* Session::place(std::uint64_t /*address*/) {
    static const inspect::Symbolizer::Place nowhere;
    return &nowhere;
}

std::shared_ptr<const inspect::RawStack> Session::raw_stack(std::uint64_t /*identity*/, std::string* message) {
    *message = "There is no memory of this program to look at.";
    return nullptr;
}

}  // namespace coroscope::traces
