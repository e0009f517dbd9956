// The heavy half of the asymmetric fences (atomics.h): membarrier(2), registered once for the process; and the light half where it is not free.
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

constinit std::atomic<bool> g_light_fence_is_free{false};

namespace {
constinit bool g_membarrier_is_registered = false;  // constant after static initialisation
[[maybe_unused]] const bool at_start = [] {
    g_membarrier_is_registered = registered();
    g_light_fence_is_free.store(g_membarrier_is_registered, std::memory_order_relaxed);
    return true;
}();
}  // namespace

void light_fence_slowly() noexcept {
    if (g_membarrier_is_registered) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    shake();
}

void shake_light_fence(bool yes) noexcept {
    g_light_fence_is_free.store(g_membarrier_is_registered && !yes, std::memory_order_relaxed);
}

void heavy_fence() noexcept {
    if (g_membarrier_is_registered) {
        CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0U, 0) == 0);
    } else {
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
}

}  // namespace cprime::detail::sync
