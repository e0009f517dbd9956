// Overflow: whoever runs out of stack is named, with its site, its class, what it wanted, the ways out and its frames, and the
// process ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cprime/runtime.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "instrumentation/base/check.h"

// Exported (the program is linked so), so that reports can name them.
extern "C" {
// Calls itself without end.
[[gnu::noinline]] int overflow_test_recurse(int depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(depth);
    asm volatile("" : : "r"(&frame) : "memory");  // a frame a call, whatever the optimiser thinks
    return depth == 0 ? 0 : overflow_test_recurse(depth - 1) + frame[0];
}

// Pushes until the stack ends, with a frame pointer that its unwind information relies on and that leads nowhere.
void overflow_test_lost();
asm(R"(
    .text
    .globl  overflow_test_lost
    .type   overflow_test_lost, @function
overflow_test_lost:
    .cfi_startproc
    movq    $4096, %rbp
    .cfi_def_cfa %rbp, 16
    .cfi_offset %rip, -8
1:  pushq   %rax
    jmp     1b
    .cfi_endproc
    .size   overflow_test_lost, . - overflow_test_lost
)");
}

namespace cprime {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// What every report holds beside its first sentence. `way`: the class it advises.
auto is_whole_report(const std::string& first, const std::string& way) {
    return AllOf(ContainsRegex(first), ContainsRegex("to mend it, one of:.*" + way),
                 HasSubstr("cprime_growable_stacks(TARGET)"), HasSubstr("cprime::call_on_bigger_stack"),
                 Not(HasSubstr("report_overflow")), Not(HasSubstr("suspend_current")),
                 Not(HasSubstr("on_fault")));
}
auto advises(const std::string& first, const std::string& next_class) {
    return AllOf(is_whole_report(first, "a larger class at the spawn: .*size_class::" + next_class + "}"),
                 HasSubstr("'coroscope sizes'"), HasSubstr("CPRIME_SIZES=FILE"));
}
// The frames begin with one of this program; `named`: functions that must follow, from the inside out.
auto has_frames(const std::string& named) {
    return AllOf(ContainsRegex("its frames, innermost first .*#0 +/[^ ]*/overflow_test\\+0x[0-9a-f]+"),
                 ContainsRegex(named), Not(HasSubstr("backtrace ended")));
}

// Uses about `bytes` of stack below the caller, word by word from the top, and touches all of it.
[[gnu::noinline, gnu::no_sanitize("address")]] void use_stack(std::size_t bytes) {
    auto* memory = static_cast<volatile char*>(__builtin_alloca(bytes));
    for (std::size_t i = bytes; i-- > 0;)
        memory[i] = 1;
}

class Overflow : public testing::Test {
protected:
    void SetUp() override {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "sanitizer builds enlarge the small classes and report faults themselves";
#endif
    }
};

TEST_F(Overflow, of_a_micro_slot_is_seen_by_its_canary_at_the_next_park) {
    EXPECT_EXIT(
        run({.workers = 1},
            [] {
                // The slot above is the culprit, so that what it overwrites is nobody's.
                auto first = spawn({.name = "below", .size_class = size_class::micro}, [] { yield(); });
                auto second = spawn({.name = "greedy", .size_class = size_class::micro}, [] {
                    use_stack(200);
                    yield();
                });
                second.join();
                first.join();
            }),
        testing::KilledBySignal(SIGABRT),
        AllOf(advises("stack overflow in coroutine [0-9]+ \"greedy\" spawned at "
                      "tests/unit/runtime/overflow_test.cpp:[0-9]+ on worker 0: a "
                      "canary .* was overwritten; its class is micro \\(256 bytes\\): how much more it "
                      "wanted is not known",
                      "small"),
              has_frames("#0 ")));
}

// Coroutines that wait below the culprit's slot, so that what it overwrites has owners and is not the slab's guard page.
template <typename F>
void above_others(size_class wish, F&& culprit) {
    run({.workers = 1}, [wish, &culprit] {
        std::vector<JoinHandle<void>> others;
        for (int i = 0; i < 4; ++i) {
            others.push_back(
                spawn({.name = "other", .size_class = wish}, [] { sleep_for(std::chrono::hours(1)); }));
        }
        culprit();
    });
}

TEST_F(Overflow, of_a_small_slot_is_seen_at_exit) {
    EXPECT_EXIT(above_others(size_class::small,
                             [] {
                                 spawn({.name = "small one", .size_class = size_class::small}, [] {
                                     use_stack(2100);
                                 }).join();
                             }),
                testing::KilledBySignal(SIGABRT),
                AllOf(advises("\"small one\" .* its class is small \\(2048 bytes\\): ", "medium"),
                      HasSubstr("its function had returned: no frame is left")));
}

TEST_F(Overflow, of_the_lowest_slot_of_a_slab_hits_the_guard_below_the_slab) {
    EXPECT_EXIT(
        run({.workers = 1},
            [] { spawn({.name = "lowest", .size_class = size_class::small}, [] { use_stack(4000); }).join(); }),
        testing::KilledBySignal(SIGSEGV),
        AllOf(advises("\"lowest\" .*it ran into a guard page; its class is small .*: it wanted at least "
                      "[0-9]+ bytes "
                      "more",
                      "medium"),
              has_frames("#0 ")));
}

TEST_F(Overflow, of_a_medium_stack_hits_its_guard_page_at_once) {
    EXPECT_EXIT(
        run({.workers = 2}, [] { spawn("deep one", [] { overflow_test_recurse(100000); }).join(); }),
        testing::KilledBySignal(SIGSEGV),
        AllOf(advises(
                  "stack overflow in coroutine [0-9]+ \"deep one\" spawned at "
                  "tests/unit/runtime/overflow_test.cpp:[0-9]+ on worker [01]: "
                  "it ran into a guard page; its class is medium \\(16384 bytes, grown in place to 65536\\): "
                  "it wanted at least [0-9]{1,4} bytes more\n",
                  "large"),
              // One line for all calls but the last, whose fault lies elsewhere.
              has_frames("#0 +[^ ]+  overflow_test_recurse\n"
                         " +#1 +[^ ]+  overflow_test_recurse  \\([0-9]{2,3} frames of it\\)\n")));
}

TEST_F(Overflow, of_a_large_stack_says_that_no_class_is_larger) {
    EXPECT_EXIT(
        run({.workers = 1},
            [] {
                spawn({.name = "endless", .size_class = size_class::large}, [] {
                    overflow_test_recurse(1 << 30);
                }).join();
            }),
        testing::KilledBySignal(SIGSEGV),
        AllOf(is_whole_report("\"endless\" .*its class is large .*: it wanted at least [0-9]{1,4} bytes more",
                              "no class is larger: reduce its recursion"),
              has_frames("#1 +[^ ]+  overflow_test_recurse  \\([0-9]{4,5} frames of it\\)\n")));
}

TEST_F(Overflow, a_stack_pointer_outside_the_slot_is_seen_even_with_whole_canaries) {
    EXPECT_EXIT(
        above_others(size_class::micro,
                     [] {
                         spawn({.name = "leaper", .size_class = size_class::micro}, [] {
                             // Steps over the canary and over the hot end of the slot below.
                             auto* frame = static_cast<volatile char*>(__builtin_alloca(400));
                             frame[399] = 1;
                             sleep_for(std::chrono::microseconds(1));
                         }).join();
                     }),
        testing::KilledBySignal(SIGABRT),
        AllOf(advises("\"leaper\" .*its stack pointer has left the slot; its class is micro .*: it wanted at "
                      "least [2-3][0-9][0-9] bytes more",
                      "small"),
              has_frames("#0 ")));
}

TEST_F(Overflow, that_steps_over_whole_slots_into_another_guard_is_named_as_well) {
    EXPECT_EXIT(
        above_others(size_class::medium,
                     [] {
                         spawn("giant frame", [] {
                             auto* frame = static_cast<volatile char*>(__builtin_alloca(70 << 10));
                             for (std::size_t at = 70 << 10; at > 0; at -= 1024)
                                 frame[at - 1024] = 1;
                         }).join();
                     }),
        testing::KilledBySignal(SIGSEGV),
        AllOf(
            advises("\"giant frame\" .*it ran into a guard page; its class is medium .*: it wanted at least "
                    "[0-9]{4,5} bytes more",
                    "large"),
            has_frames("#0 ")));
}

TEST_F(Overflow, of_a_stack_that_cannot_be_walked_ends_its_frames_and_not_the_report) {
    EXPECT_EXIT(run({.workers = 1}, [] { spawn("lost", [] { overflow_test_lost(); }).join(); }),
                testing::KilledBySignal(SIGSEGV),
                AllOf(advises("\"lost\" .*it ran into a guard page; its class is medium", "large"),
                      ContainsRegex("innermost first .*:\n.*#0 .*overflow_test_lost"),
                      HasSubstr("(backtrace ended: what lies further out cannot be read)")));
}

TEST_F(Overflow, on_two_workers_at_once_is_two_reports_that_do_not_mix_or_one) {
    EXPECT_EXIT(run({.workers = 2},
                    [] {
                        std::atomic<int> waiting{2};
                        const auto both = [&waiting] {
                            waiting.fetch_sub(1);
                            while (waiting.load() != 0)
                                static_cast<void>(yield());
                            overflow_test_recurse(1 << 20);
                        };
                        auto first = spawn("first", both);
                        spawn("second", both).join();
                    }),
                testing::KilledBySignal(SIGSEGV),
                // The last line of a report stands before the next one's first.
                AllOf(ContainsRegex("stack overflow .*to mend it.*innermost first.*#0 "),
                      Not(ContainsRegex("to mend it, one of:[^#]*to mend it"))));
}

TEST_F(Overflow, a_wild_pointer_into_anothers_guard_is_no_overflow) {
    EXPECT_EXIT(run({.workers = 1},
                    [] {
                        spawn("wild", [] {
                            const volatile char local = 0;
                            // Five pages of the stack four slots above: one of them is its guard.
                            const auto page = reinterpret_cast<std::uintptr_t>(&local) & ~std::uintptr_t{4095};
                            auto* wild = reinterpret_cast<volatile char*>(page + 4 * std::uintptr_t{69632});
                            for (int i = 0; i < 5; ++i)
                                wild[i * 4096] = 1;
                        }).join();
                    }),
                testing::KilledBySignal(SIGSEGV),
                AllOf(HasSubstr("at the end of another coroutine's stack"), Not(HasSubstr("stack overflow"))));
}

TEST_F(Overflow, a_fault_that_is_no_overflow_is_left_to_whoever_handled_it_before) {
    EXPECT_EXIT(
        {
            struct sigaction action {};
            action.sa_handler = [](int) { _exit(42); };
            sigaction(SIGSEGV, &action, nullptr);
            run({.workers = 1}, [] {
                volatile std::uintptr_t nowhere = 8;
                *reinterpret_cast<volatile int*>(nowhere) = 1;
            });
        },
        testing::ExitedWithCode(42), AllOf(HasSubstr("cprime: SIGSEGV in coroutine"), Not(HasSubstr("stack overflow"))));
}

TEST_F(Overflow, a_failed_check_names_the_coroutine_and_the_worker) {
    EXPECT_EXIT(run({.workers = 1},
                    [] {
                        detail::park(
                            [](detail::Worker*, std::uint32_t, void*) noexcept -> detail::ResumePoint {
                                coroscope::base::check_failed("1 == 2", "here", 1);
                            },
                            nullptr);
                    }),
                testing::KilledBySignal(SIGABRT),
                "check failed: 1 == 2 at here:1 in coroutine [0-9]+ on worker 0");
}

}  // namespace
}  // namespace cprime
