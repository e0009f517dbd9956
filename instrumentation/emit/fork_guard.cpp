// The handlers run between fork() and its return, so they use nothing but system calls and fixed arrays. Locks are
// taken by the handler before fork, so the arrays are whole in the child.
#include "instrumentation/emit/fork_guard.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "instrumentation/base/check.h"
#include "instrumentation/emit/ring_writer.h"

namespace coroscope::emit {
namespace {

struct Region {
    void* address = nullptr;
    std::size_t bytes = 0;
};

constexpr std::size_t kRegionsMax = 8;
constexpr std::size_t kDescriptorsMax = 64;

std::mutex g_lock;
Region g_regions[kRegionsMax];
int g_descriptors[kDescriptorsMax];  // descriptor + 1; 0 = free entry
// Written by the child's only thread before fork() returns there; read by fault handlers and API calls.
std::atomic<bool> g_forked{false};

void before_fork() {
    g_lock.lock();
}
void in_parent() {
    g_lock.unlock();
}

void in_child() {
    bool had_segment = false;
    for (Region& region : g_regions) {
        if (region.address == nullptr) continue;
        had_segment = true;
        syscall(SYS_mmap, region.address, region.bytes, PROT_NONE,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        region = {};
    }
    for (int& fd : g_descriptors) {
        if (fd != 0) syscall(SYS_close, fd - 1);
        fd = 0;
    }
    g_listen.mask.store(0, std::memory_order_relaxed);
    if (had_segment) g_forked.store(true, std::memory_order_relaxed);
    g_lock.unlock();
}

void install_once() {
    static std::once_flag once;
    std::call_once(once, [] { pthread_atfork(before_fork, in_parent, in_child); });
}

}  // namespace

void guard_region(void* address, std::size_t bytes) {
    install_once();
    std::lock_guard hold(g_lock);
    for (Region& region : g_regions) {
        if (region.address != nullptr) continue;
        region = {address, bytes};
        return;
    }
    CHECK(!"more segments than kRegionsMax");
}

void unguard_region(void* address) {
    std::lock_guard hold(g_lock);
    for (Region& region : g_regions) {
        if (region.address == address) region = {};
    }
}

void guard_descriptor(int fd) {
    CHECK(fd >= 0);
    install_once();
    std::lock_guard hold(g_lock);
    for (int& entry : g_descriptors) {
        if (entry != 0) continue;
        entry = fd + 1;
        return;
    }
    CHECK(!"more descriptors than kDescriptorsMax");
}

void unguard_descriptor(int fd) {
    std::lock_guard hold(g_lock);
    for (int& entry : g_descriptors) {
        if (entry == fd + 1) entry = 0;
    }
}

bool forked_child() {
    return g_forked.load(std::memory_order_relaxed);
}

}  // namespace coroscope::emit
