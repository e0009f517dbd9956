#include "virtual_time.h"

#include <algorithm>

namespace parcels {

VirtualTime::VirtualTime(std::uint32_t agents) {
    agents_.reserve(agents);
    due_.reserve(agents);
}

bool VirtualTime::run() {
    while (!due_.empty()) {
        std::pop_heap(due_.begin(), due_.end(), is_later);
        const Due next = due_.back();
        due_.pop_back();
        now_ = next.when;
        ++events_;
        // It may still be about to suspend itself, on another worker.
        while (!agents_[next.agent].resume()) {
            if (!cprime::yield()) return false;
        }
        if (!stepped_.wait()) return false;
    }
    return true;
}

void VirtualTime::wake(std::uint32_t agent, Seconds when) {
    due_.push_back({when, agent});
    std::push_heap(due_.begin(), due_.end(), is_later);
}

bool VirtualTime::begin() {
    return static_cast<bool>(cprime::suspend());
}

bool VirtualTime::pause() {
    stepped_.set();
    return static_cast<bool>(cprime::suspend());
}

}  // namespace parcels
