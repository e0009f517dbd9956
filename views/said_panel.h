// What the selected coroutine says itself, as lines in the head of the stack view: the zones that it is in, what it is about, its last messages.
//
// Publishes "stack.said.zones", "stack.said.note" and "stack.said.message.N". Nothing is drawn where it has said nothing, or where there is no past.
//
// The frame's thread; the past is read on the searches' (traces/told_past.h).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "traces/told_past.h"
#include "views/past_look.h"
#include "views/workspace.h"

namespace coroscope::views {

class SaidPanel {
public:
    // Draws from `top` on in the present child; returns where the next line begins.
    float draw(Workspace& ws, const inspect::CoroutineImage& coroutine, float top);
    bool busy() const { return look_.in_flight(); }
    void reset() { look_.reset(); }
    // The same of the selected coroutine, computed anew; null where there is no past or nobody selected.
    static nlohmann::json dump(Workspace& ws);

private:
    struct Key {
        std::shared_ptr<const traces::Replay> replay;
        traces::TimeNs t = 0;
        std::uint64_t coroutine = 0;
        bool operator==(const Key&) const = default;
    };
    PastLook<Key, std::pair<std::uint64_t, traces::SaidBy>> look_;  // with whose it is
};

}  // namespace coroscope::views
