// The assembly: registers, alignment, where a stack ends, and what a debugger or unwinder sees.
#include "runtime/switch/switch.h"

#include <gtest/gtest.h>
#include <unwind.h>

#include <cprime/runtime.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/entry/runtime_state.h"

namespace cprime::detail {
namespace {

// Two contexts that hand control to and fro through cprime_switch alone.
struct Pair {
    void* main_rsp = nullptr;
    void* other_rsp = nullptr;
    int steps = 0;
};

void bounce(void* argument) {
    auto& pair = *static_cast<Pair*>(argument);
    while (true) {
        ++pair.steps;
        cprime_switch(&pair.other_rsp, pair.main_rsp);
    }
}

TEST(Switch, goes_there_and_back) {
    alignas(16) static char stack[64 << 10];
    Pair pair;
    pair.other_rsp = make_first_bare_frame(reinterpret_cast<std::uint64_t>(stack + sizeof stack), &bounce,
                                           &pair);
    for (int i = 1; i <= 100; ++i) {
        cprime_switch(&pair.main_rsp, pair.other_rsp);
        ASSERT_EQ(pair.steps, i);
    }
}

// Fills the registers that a call must preserve with a pattern, calls door(first, second), and returns how many of them came back changed.
extern "C" int preserve_check(const void* door, const void* first, void* second);
asm(R"(
    .text
    .globl preserve_check
    .type preserve_check, @function
preserve_check:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    sub $24, %rsp
    mov %rsp, (%rsp)
    lea 0x11(%rsp), %rbx
    lea 0x22(%rsp), %r12
    lea 0x33(%rsp), %r13
    lea 0x44(%rsp), %r14
    lea 0x55(%rsp), %r15
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    call *%rax
    xor %eax, %eax
    xor %ecx, %ecx
    cmp %rsp, (%rsp)
    setne %cl
    add %ecx, %eax
    sub $0x11, %rbx
    cmp %rsp, %rbx
    setne %cl
    add %ecx, %eax
    sub $0x22, %r12
    cmp %rsp, %r12
    setne %cl
    add %ecx, %eax
    sub $0x33, %r13
    cmp %rsp, %r13
    setne %cl
    add %ecx, %eax
    sub $0x44, %r14
    cmp %rsp, %r14
    setne %cl
    add %ecx, %eax
    sub $0x55, %r15
    cmp %rsp, %r15
    setne %cl
    add %ecx, %eax
    add $24, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size preserve_check, . - preserve_check
)");

int park_check(ParkFunction function, void* request) {
    return preserve_check(reinterpret_cast<const void*>(&cprime_park), reinterpret_cast<const void*>(function), request);
}

TEST(Switch, a_call_preserves_what_calls_must_preserve) {
    run({.workers = 2}, [] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 8; ++i) {
            handles.push_back(spawn("checker", [] {
                for (int round = 0; round < 200; ++round) {
                    YieldRequest yields;
                    EXPECT_EQ(park_check(&cprime_yield_coroutine, &yields), 0);
                    SleepRequest sleeps{1000, Status::ok};
                    EXPECT_EQ(park_check(&sleep_coroutine, &sleeps), 0);
                }
            }));
        }
        for (auto& handle : handles)
            handle.join();
    });
    YieldRequest outside;
    EXPECT_EQ(park_check(&cprime_yield_coroutine, &outside), 0) << "on a thread that is no worker";
}

TEST(Switch, the_short_yield_preserves_them_too_whoever_listens) {
    for (const std::uint32_t mask : {0U, wire::kEventCategories, wire::kEverything}) {
        Runtime runtime({.workers = 1});
        g_runtime->rings->listen(mask, wire::RingMode::kOverwrite, 2);
        runtime.run([] {
            std::vector<JoinHandle<void>> handles;
            for (int i = 0; i < 8; ++i) {
                handles.push_back(spawn("checker", [] {
                    YieldRequest yields;
                    for (int round = 0; round < 200; ++round)
                        EXPECT_EQ(preserve_check(reinterpret_cast<const void*>(&cprime_yield), &yields, nullptr), 0);
                }));
            }
            for (auto& handle : handles)
                handle.join();
        });
        g_runtime->rings->listen(0, wire::RingMode::kOff, 0);
    }
}

// By return address, or by where the function starts that it lies in.
std::vector<std::uint64_t> addresses_of_callers(bool functions = false) {
    std::vector<std::uint64_t> addresses;
    struct Walk {
        std::vector<std::uint64_t>& list;
        bool functions;
    } walk{addresses, functions};
    _Unwind_Backtrace(
        [](_Unwind_Context* context, void* argument) {
            auto& walking = *static_cast<Walk*>(argument);
            if (_Unwind_GetIP(context) == 0) return _URC_NO_REASON;
            walking.list.push_back(walking.functions ? _Unwind_GetRegionStart(context)
                                                     : _Unwind_GetIP(context));
            return _URC_NO_REASON;
        },
        &walk);
    while (!addresses.empty() && addresses.back() == 0)
        addresses.pop_back();
    return addresses;
}

bool in_switch_code(std::uint64_t address) {
    return address >= reinterpret_cast<std::uint64_t>(&cprime_park) &&
           address <= reinterpret_cast<std::uint64_t>(&cprime_park_end);
}

TEST(Switch, a_stack_ends_at_the_trampoline) {
    run({.workers = 1}, [] {
        const auto addresses = addresses_of_callers();
        ASSERT_GE(addresses.size(), 3U);
        EXPECT_GE(addresses.back(), reinterpret_cast<std::uint64_t>(&cprime_trampoline));
        EXPECT_TRUE(in_switch_code(addresses.back()));
        for (std::size_t i = 0; i + 1 < addresses.size(); ++i)
            EXPECT_FALSE(in_switch_code(addresses[i])) << i;
    });
}

TEST(Switch, from_inside_the_runtime_unwinding_goes_on_into_the_callers_frames) {
    run({.workers = 1}, [] {
        const auto outside = addresses_of_callers(true);
        std::vector<std::uint64_t> inside;
        park(
            [](Worker* worker, std::uint32_t, void* list) noexcept -> ResumePoint {
                *static_cast<std::vector<std::uint64_t>*>(list) = addresses_of_callers(true);
                return worker->current;
            },
            &inside);
        // addresses_of_callers, the park function, cprime_park, then what the coroutine itself sees.
        ASSERT_GE(inside.size(), outside.size());
        EXPECT_EQ(inside.back(), outside.back());
        EXPECT_EQ(inside[inside.size() - 2], outside[outside.size() - 2]) << "the entry function";
        int switch_frames = 0;
        for (const std::uint64_t address : inside)
            switch_frames += in_switch_code(address) ? 1 : 0;
        EXPECT_EQ(switch_frames, 2) << "cprime_park and the trampoline";
    });
}

TEST(Switch, the_record_of_a_parked_coroutine_names_the_callers_address_and_a_saved_frame) {
    run({.workers = 1}, [] {
        auto parked = spawn("parked", [] { sleep_for(std::chrono::hours(1)); });
        yield();
        std::uint32_t index = 0;
        while (detail(index).identity.load() != parked.id())
            ++index;
        const auto& self = record(index);
        const auto* frame = reinterpret_cast<const coroscope::wire::SavedFrame*>(self.rsp.load());
        EXPECT_EQ(frame->return_address, self.rip.load());
        EXPECT_FALSE(in_switch_code(self.rip.load())) << "inlined wrappers: it is in the user's own function";
        const auto bounds = g_runtime->pools.bounds(self.pool, self.slot);
        EXPECT_GE(self.rsp.load(), bounds.low);
        EXPECT_LT(self.rsp.load(), bounds.high);
        parked.cancel();
        parked.join();
    });
}

TEST(Switch, a_coroutine_that_never_ran_would_start_at_the_trampoline) {
    run({.workers = 1}, [] {
        auto fresh = spawn("fresh", [] {});
        std::uint32_t index = 0;
        while (detail(index).identity.load() != fresh.id())
            ++index;
        EXPECT_EQ(record(index).rip.load(), reinterpret_cast<std::uint64_t>(&cprime_trampoline));
        EXPECT_NE(record(index).flags.load() & coroscope::wire::kCoroutineNeverRan, 0);
        fresh.join();
    });
}

}  // namespace
}  // namespace cprime::detail
