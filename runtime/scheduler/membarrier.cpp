// The heavy half of the asymmetric fences (atomics.h): membarrier(2), registered once for the process.
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "instrumentation/base/check.h"
#include "runtime/scheduler/atomics.h"

namespace cprime::detail::sync {
namespace {

// A process that has not registered is refused the expedited form. A child of fork() inherits the registration.
bool registered() noexcept {
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0U, 0) == 0;
}

}  // namespace

const bool g_light_fence_is_free = registered();

void heavy_fence() noexcept {
    if (g_light_fence_is_free) {
        CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0U, 0) == 0);
    } else {
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
}

}  // namespace cprime::detail::sync
