// The switch from a spawner to what it has spawned.
#include "runtime/scheduler/child_first.h"

#include "runtime/scheduler/enqueue.h"
#include "runtime/scheduler/switching.h"

namespace cprime::detail {

ResumePoint run_child_first(Worker& worker, std::uint32_t parent, std::uint32_t child) {
    wire::CoroutineRecord& self = record(parent);
    const std::uint8_t flags = self.flags.load(std::memory_order_relaxed);
    if ((flags & wire::kCoroutineSpecial) != 0) {
        enqueue(worker, child, false);
        return keep_running(worker);
    }
    self.reason.store(wire::WaitReason::kYield, std::memory_order_relaxed);
    self.wait_object.store(wire::kNone, std::memory_order_relaxed);
    self.state.store(wire::CoroutineState::kReady, std::memory_order_relaxed);
    put_away(worker, self, parent, flags, wire::WaitReason::kYield, wire::kNone, 0);
    enqueue(worker, parent, !worker.queue.newest_first());
    return take_up(worker, child);
}

}  // namespace cprime::detail
