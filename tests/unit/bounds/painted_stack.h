// A stack that is painted before a function runs on it, so that it can be said afterwards how deep it went.
//
// Not a coroutine's: nothing of the runtime is here. The bytes below the return address are counted, as bounds::Bound counts them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace coroscope::bounds::test {

class PaintedStack {
public:
    explicit PaintedStack(std::size_t bytes = 64 << 10) : memory_(bytes + kAlignment) {}

    // Bytes below the return address that function(argument) changed, at least; a byte that happens to get the paint's value again is not
    // seen, so each caller runs twice with different paint.
    std::size_t depth_of(long (*function)(long), long argument) {
        const std::size_t once = depth_with(kPaints[0], function, argument);
        const std::size_t twice = depth_with(kPaints[1], function, argument);
        return once > twice ? once : twice;
    }

private:
    static constexpr std::size_t kAlignment = 64;
    static constexpr std::uint8_t kPaints[] = {0xa7, 0x5c};

    [[gnu::noinline]] std::size_t depth_with(std::uint8_t paint, long (*function)(long), long argument) {
        std::memset(memory_.data(), paint, memory_.size());
        const auto end = reinterpret_cast<std::uintptr_t>(memory_.data() + memory_.size());
        const std::uintptr_t top = end & ~(kAlignment - 1);
        // rbx keeps this thread's stack pointer: the callee preserves it.
        asm volatile(
            "movq %%rsp, %%rbx\n\t"
            "movq %[top], %%rsp\n\t"
            "call *%[function]\n\t"
            "movq %%rbx, %%rsp\n\t"
            : "+D"(argument)
            : [top] "r"(top), [function] "a"(function)
            : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
              "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
              "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
        const std::uintptr_t return_address = top - sizeof(std::uint64_t);
        for (const std::uint8_t& byte : memory_) {
            const auto at = reinterpret_cast<std::uintptr_t>(&byte);
            if (at >= return_address) break;
            if (byte != paint) return return_address - at;
        }
        return 0;
    }

    std::vector<std::uint8_t> memory_;
};

}  // namespace coroscope::bounds::test
