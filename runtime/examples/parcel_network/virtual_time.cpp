#include "virtual_time.h"

#include <algorithm>
#include <cstdlib>

namespace parcels {

VirtualTime::VirtualTime(std::uint32_t agents) : due_(agents) {
    agents_.reserve(agents);
}

bool VirtualTime::run() {
    while (waiting_ > 0) {
        std::pop_heap(due_.begin(), end(), is_later);
        const Due next = due_[--waiting_];
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
    if (waiting_ == due_.size()) std::abort();  // somebody was woken twice
    due_[waiting_++] = {when, agent};
    std::push_heap(due_.begin(), end(), is_later);
}

bool VirtualTime::begin() {
    return static_cast<bool>(cprime::suspend());
}

bool VirtualTime::pause() {
    stepped_.set();
    return static_cast<bool>(cprime::suspend());
}

}  // namespace parcels
