// Guard pages by MADV_GUARD_INSTALL, batched through process_madvise where the kernel lets a process do that to itself,
// else one madvise a guard, else mprotect.
#include "runtime/stacks/guards.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>

namespace cprime::detail {
namespace {

constexpr int kMadvGuardInstall = 102, kMadvGuardRemove = 103;
constexpr std::uint32_t kBatch = 256;

std::atomic<bool> marking_enabled{true};  // written by tests only
// Guards made by mprotect. Writers: whoever makes some; relaxed, since nothing but this count hangs on it.
std::atomic<std::int64_t> protected_count{0};

// How many of them there may be.
std::int64_t protected_max() {
    static const std::int64_t most = [] {
        constexpr std::int64_t kStandard = 65'530;
        std::int64_t maps = kStandard;
        if (std::FILE* file = std::fopen("/proc/sys/vm/max_map_count", "re"); file != nullptr) {
            long long read = 0;
            if (std::fscanf(file, "%lld", &read) == 1 && read > 0) maps = read;
            std::fclose(file);
        }
        return maps * 7 / 8 / 2;
    }();
    return most;
}

int own_pidfd() {
    static const int fd = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
    return fd;
}

// All guards in few system calls; false when this kernel cannot.
bool mark_batched(std::uint64_t base, std::uint64_t stride_bytes, std::uint32_t count, std::uint64_t bytes) {
    if (own_pidfd() < 0) return false;
    std::array<iovec, kBatch> guards;
    for (std::uint32_t done = 0; done < count;) {
        const std::uint32_t now = count - done < kBatch ? count - done : kBatch;
        for (std::uint32_t i = 0; i < now; ++i) {
            guards[i] = {reinterpret_cast<void*>(base + (done + i) * stride_bytes), bytes};
        }
        const long marked = syscall(SYS_process_madvise, own_pidfd(), guards.data(),
                                    static_cast<unsigned long>(now), kMadvGuardInstall, 0);
        if (marked != static_cast<long>(now * bytes)) return false;
        done += now;
    }
    return true;
}

bool mark_one_by_one(std::uint64_t base, std::uint64_t stride_bytes, std::uint32_t count, std::uint64_t bytes) {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (madvise(reinterpret_cast<void*>(base + i * stride_bytes), bytes, kMadvGuardInstall) != 0)
            return false;
    }
    return true;
}

}  // namespace

void set_guard_marking(bool enabled) {
    marking_enabled.store(enabled, std::memory_order_relaxed);
}

GuardsMade install_guards(std::uint64_t base, std::uint64_t stride_bytes, std::uint32_t count,
                          std::uint64_t bytes) {
    if (marking_enabled.load(std::memory_order_relaxed) &&
        (mark_batched(base, stride_bytes, count, bytes) || mark_one_by_one(base, stride_bytes, count, bytes))) {
        return {GuardKind::kMarked, count};
    }
    const std::int64_t room = protected_max() - protected_count.fetch_add(count, std::memory_order_relaxed);
    const auto wanted = static_cast<std::uint32_t>(std::clamp<std::int64_t>(room, 0, count));
    std::uint32_t made = 0;
    while (made < wanted &&
           mprotect(reinterpret_cast<void*>(base + made * stride_bytes), bytes, PROT_NONE) == 0)
        ++made;
    protected_count.fetch_sub(count - made, std::memory_order_relaxed);
    return {GuardKind::kProtected, made};
}

bool remove_guards(std::uint64_t base, std::uint64_t bytes) {
    auto* memory = reinterpret_cast<void*>(base);
    if (marking_enabled.load(std::memory_order_relaxed) && madvise(memory, bytes, kMadvGuardRemove) == 0)
        return true;
    return mprotect(memory, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool restore_guards(std::uint64_t base, std::uint64_t bytes) {
    auto* memory = reinterpret_cast<void*>(base);
    if (marking_enabled.load(std::memory_order_relaxed) && madvise(memory, bytes, kMadvGuardInstall) == 0)
        return true;
    return mprotect(memory, bytes, PROT_NONE) == 0;
}

void forget_guards() {
    protected_count.store(0, std::memory_order_relaxed);
}

}  // namespace cprime::detail
