// Contracts, measured: what the runtime's switches and the C library's string functions take below their return address.
#include "instrumentation/bounds/contracts.h"

#include <gtest/gtest.h>

#include <cprime/cprime.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "painted_stack.h"

namespace coroscope::bounds::test {
namespace {

// Bytes below the return address that function(first, second) changed on the stack that runs, counted within the kilobyte below it. The function
// may park: what is below a parked frame is nobody's.
[[gnu::noinline]] std::uint64_t depth_here(void* function, void* first, void* second) {
    register void* called asm("r12") = function;
    register void* one asm("r13") = first;
    register void* two asm("r14") = second;
    std::uint64_t lowest = 0;
    std::uint64_t call = 0;
    asm volatile(
        "movq %%rsp, %%rbx\n\t"
        "subq $256, %%rsp\n\t"  // over the red zone
        "andq $-16, %%rsp\n\t"
        "leaq -1024(%%rsp), %%rdi\n\t"
        "movl $1024, %%ecx\n\t"
        "movb $0xa7, %%al\n\t"
        "rep stosb\n\t"
        "movq %%r13, %%rdi\n\t"
        "movq %%r14, %%rsi\n\t"
        "call *%%r12\n\t"
        "leaq -1024(%%rsp), %%rdi\n\t"
        "movl $1025, %%ecx\n\t"
        "movb $0xa7, %%al\n\t"
        "repe scasb\n\t"
        "decq %%rdi\n\t"
        "movq %%rsp, %%rsi\n\t"
        "movq %%rbx, %%rsp\n\t"
        : "=&D"(lowest), "=&S"(call)
        : "r"(called), "r"(one), "r"(two)
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2",
          "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
    return call - sizeof(std::uint64_t) - lowest;
}

TEST(BoundContracts, the_switches_take_what_is_promised) {
    cprime::Runtime runtime({.workers = 1});
    std::uint64_t parked = 0;
    std::uint64_t yielded = 0;
    std::uint64_t slowly = 0;
    runtime.run([&] {
        auto other = cprime::spawn([] {
            for (int i = 0; i < 8; ++i)
                static_cast<void>(cprime::yield());
        });
        for (int i = 0; i < 4; ++i) {
            cprime::detail::YieldRequest request;
            auto* const short_way = reinterpret_cast<void*>(&cprime::detail::cprime_yield);
            yielded = std::max(yielded, depth_here(short_way, &request, nullptr));
            auto* const door = reinterpret_cast<void*>(&cprime::detail::cprime_park);
            slowly = std::max(
                slowly,
                depth_here(door, reinterpret_cast<void*>(&cprime::detail::cprime_yield_coroutine), &request));
            cprime::detail::DescribeRequest about;
            parked = std::max(
                parked,
                depth_here(door, reinterpret_cast<void*>(&cprime::detail::describe_coroutine), &about));
        }
        static_cast<void>(other.join());
    });
    const Contract* const park = contract_of("cprime_park");
    ASSERT_NE(park, nullptr);
    EXPECT_EQ(std::max(parked, slowly), park->depth);
    const Contract* const yield = contract_of("cprime_yield");
    ASSERT_NE(yield, nullptr);
    EXPECT_LE(yielded, yield->depth);
    EXPECT_GT(yielded, 0U);
}

template <typename Call>
std::size_t deepest(const Call&) {
    PaintedStack stack;
    std::size_t depth = 0;
    for (const long bytes : {0L, 1L, 7L, 16L, 33L, 64L, 127L, 256L, 1000L, 4097L, 30000L}) {
        for (const long shift : {0L, 1L, 15L, 31L}) {
            depth = std::max(depth, stack.depth_of(static_cast<long (*)(long)>(Call{}), bytes << 8 | shift));
        }
    }
    return depth;
}

char g_from[40000];
char g_to[40000];

TEST(BoundContracts, string_functions_stay_within_a_leafs_red_zone) {
    // Each body calls one function; its own frame is counted too, so what is measured is more than the contract is about.
    constexpr std::size_t kFrameOfBody = 64;
    std::memset(g_from, 'a', sizeof g_from - 1);
    struct Named {
        const char* name;
        std::size_t depth;
    };
    const auto copy = [](long n) -> long {
        return *static_cast<char*>(std::memcpy(g_to + (n & 255), g_from, static_cast<std::size_t>(n >> 8)));
    };
    const auto move = [](long n) -> long {
        return *static_cast<char*>(std::memmove(g_from + (n & 255), g_from, static_cast<std::size_t>(n >> 8)));
    };
    const auto set = [](long n) -> long {
        return *static_cast<char*>(std::memset(g_to + (n & 255), 'b', static_cast<std::size_t>(n >> 8)));
    };
    const auto compare = [](long n) -> long {
        return std::memcmp(g_to + (n & 255), g_from, static_cast<std::size_t>(n >> 8));
    };
    const auto length = [](long n) -> long {
        return static_cast<long>(std::strlen(g_from + 30000 - (n >> 8) + (n & 255)));
    };
    for (const Named& one :
         {Named{"memcpy", deepest(copy)}, Named{"memmove", deepest(move)}, Named{"memset", deepest(set)},
          Named{"memcmp", deepest(compare)}, Named{"strlen", deepest(length)}}) {
        const Contract* const contract = contract_of(one.name);
        ASSERT_NE(contract, nullptr) << one.name;
        EXPECT_LE(one.depth, contract->depth + kFrameOfBody) << one.name;
    }
}

TEST(BoundContracts, the_clock_stays_within_its_depth) {
    constexpr std::size_t kFrameOfBody = 64;
    PaintedStack stack;
    std::size_t depth = 0;
    const auto look = [](long clock) -> long {
        std::timespec now{};
        return clock_gettime(static_cast<clockid_t>(clock), &now) + now.tv_nsec;
    };
    for (const long clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                             CLOCK_THREAD_CPUTIME_ID, CLOCK_BOOTTIME, 9999}) {
        look(clock);  // bound now, which every bound takes for granted
        depth = std::max(depth, stack.depth_of(static_cast<long (*)(long)>(look), clock));
    }
    const Contract* const contract = contract_of("clock_gettime");
    ASSERT_NE(contract, nullptr);
    EXPECT_LE(depth, contract->depth + kFrameOfBody);
    EXPECT_GT(depth, 0U);
}

TEST(BoundContracts, names_are_found_as_programs_have_them) {
    EXPECT_EQ(contract_of("frobnicate"), nullptr);
    EXPECT_EQ(contract_of("__wrap_memcpy"), contract_of("memcpy"));
    const Contract* const thrown = contract_of("_ZSt20__throw_length_errorPKc");
    ASSERT_NE(thrown, nullptr);
    EXPECT_EQ(thrown->kind, Contract::Kind::kThrows);
    EXPECT_EQ(contract_of("_ZSt4cout"), nullptr);
}

TEST(BoundContracts, a_coroutine_holds_its_closure_and_at_least_the_frame_of_its_last_park) {
    EXPECT_EQ(coroutine_bytes(0, 1, 1), 16U + 8U + 56U);
    EXPECT_EQ(coroutine_bytes(200, 24, 8), 32U + 8U + 200U);
    EXPECT_EQ(coroutine_bytes(200, 64, 64), 64U + 48U + 8U + 200U);
}

}  // namespace
}  // namespace coroscope::bounds::test
