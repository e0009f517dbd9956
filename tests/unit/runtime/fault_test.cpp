// Faults that are survived: one coroutine ends, all others go on, and what is told of it is true.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cprime/channel.h>
#include <cprime/defer.h>
#include <cprime/fault.h>
#include <cprime/mutex.h>
#include <cprime/runtime.h>

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/signals/faults.h"
#include "runtime/signals/signal_records.h"

namespace cprime {
namespace {

namespace wire = coroscope::wire;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#if defined(__SANITIZE_THREAD__)
constexpr bool kHoldsSignalsBack = true;  // TSan calls handlers of what it takes for asynchronous later, and abort() is its own
#else
constexpr bool kHoldsSignalsBack = false;
#endif

[[gnu::noinline, gnu::no_sanitize("address", "thread", "undefined")]] void write_to(volatile int* where) {
    *where = 1;
}
// The quotient of what nobody knows in advance.
[[gnu::noinline]] int divide_by(volatile int* divisor) {
    int quotient = 1;
    asm volatile("cltd; idivl %1" : "+a"(quotient) : "m"(*divisor) : "edx");
    return quotient;
}
// A page that its file does not reach.
[[gnu::noinline, gnu::no_sanitize("address", "thread")]] void read_past_the_file() {
    char path[] = "/tmp/cprime-fault-XXXXXX";
    const int file = mkstemp(path);
    unlink(path);
    auto* page = static_cast<volatile char*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0));
    close(file);
    static_cast<void>(page[0]);
}

[[gnu::noinline]] void fault(int number) {
    static volatile int zero = 0;
    switch (number) {
        case SIGSEGV:
            write_to(nullptr);
            break;
        case SIGFPE:
            static_cast<void>(divide_by(&zero));
            break;
        case SIGILL:
            asm volatile("ud2");
            break;
        case SIGBUS:
            read_past_the_file();
            break;
        case SIGTRAP:
            asm volatile("int3");
            break;
        default:
            std::abort();
    }
}

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t all = 0, resident = 0;
    file >> all >> resident;
    return resident * 4096;
}

// What a function says on stderr.
template <typename F>
std::string said(F&& function) {
    testing::internal::CaptureStderr();
    function();
    return testing::internal::GetCapturedStderr();
}

const wire::SignalRecord& counts_of(int number) {
    return detail::g_signal_records.of(number);
}

struct Case {
    int number;
    size_class wish;
    unsigned workers;
};

class FaultOfEachKind : public testing::TestWithParam<std::tuple<int, size_class, unsigned>> {};

TEST_P(FaultOfEachKind, in_one_of_many_leaves_the_others_finishing_correctly) {
    const auto [number, wish, workers] = GetParam();
    if (kHoldsSignalsBack && (number == SIGABRT || number == SIGTRAP)) GTEST_SKIP() << "TSan stands before this signal";
    constexpr int kCoroutines = kSanitized ? 1'000 : 10'000;
    constexpr int kFaulty = kCoroutines / 3;
    std::atomic<int> finished{0};
    std::uint64_t sum = 0;
    int faults = 0;
    const std::string text = said([&, number = number, wish = wish] {
        run({.workers = workers,
             .chaos = number % 2 == 0 ? std::optional<std::uint64_t>(number) : std::nullopt,
             .faults = {.policy = FaultPolicy::abandon}},
            [&] {
                std::vector<JoinHandle<int>> handles;
                for (int i = 0; i < kCoroutines; ++i) {
                    handles.push_back(spawn({.name = "one of many", .size_class = wish}, [&, i] {
                        static_cast<void>(yield());
                        if (i == kFaulty) fault(number);
                        static_cast<void>(yield());
                        finished.fetch_add(1);
                        return i;
                    }));
                }
                for (int i = 0; i < kCoroutines; ++i) {
                    try {
                        sum += static_cast<std::uint64_t>(*handles[static_cast<std::size_t>(i)].join());
                    } catch (const Fault& caught) {
                        ++faults;
                        EXPECT_EQ(i, kFaulty);
                        EXPECT_EQ(caught.info().number, number);
                        EXPECT_EQ(caught.info().name, "one of many");
                        EXPECT_THAT(caught.info().site, HasSubstr("fault_test.cpp:"));
                        EXPECT_THAT(caught.what(), HasSubstr("\"one of many\""));
                    }
                }
                EXPECT_EQ(fault_counts().abandoned, 1u);
                EXPECT_EQ(fault_counts().slots_quarantined, 1u);
                EXPECT_EQ(counts_of(number).arrived.load(), 1u);
                EXPECT_EQ(counts_of(number).delivered.load(), 1u);
                EXPECT_EQ(counts_of(number).failed.load(), 1u);
                EXPECT_EQ(counts_of(number).route.load(), wire::SignalRoute::kFault);
            });
    });
    EXPECT_EQ(faults, 1);
    EXPECT_EQ(finished.load(), kCoroutines - 1);
    EXPECT_EQ(sum, std::uint64_t{kCoroutines} * (kCoroutines - 1) / 2 - kFaulty);
    EXPECT_THAT(
        text,
        AllOf(
            ContainsRegex(
                "cprime: SIG[A-Z]+ in coroutine [0-9]+ \"one of many\" spawned at .*fault_test.cpp:[0-9]+ on "
                "worker [0-9]+: "),
            HasSubstr("it is abandoned: its stack is kept"), HasSubstr("its frames, innermost first")));
    if (!kSanitized) {
        EXPECT_THAT(text, Not(HasSubstr("backtrace ended")));
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FaultOfEachKind,
                         testing::Combine(testing::Values(SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGABRT, SIGTRAP),
                                          testing::Values(size_class::small, size_class::medium),
                                          testing::Values(1u, 4u)));
INSTANTIATE_TEST_SUITE_P(OtherStacks, FaultOfEachKind,
                         testing::Combine(testing::Values(SIGSEGV, SIGFPE),
                                          testing::Values(size_class::micro, size_class::large),
                                          testing::Values(1u)));

TEST(Fault, tells_what_was_accessed_how_and_which_locks_stay_held) {
    const std::string text = said([] {
        run({.workers = 1, .faults = {.policy = FaultPolicy::abandon}}, [] {
            Mutex lock("accounts");
            EXPECT_THROW(spawn("bank",
                               [&] {
                                   EXPECT_TRUE(lock.lock());
                                   write_to(reinterpret_cast<volatile int*>(0x10));
                               })
                             .join(),
                         Fault);
            EXPECT_FALSE(lock.try_lock());
        });
    });
    EXPECT_THAT(text, AllOf(ContainsRegex("SIGSEGV in coroutine [0-9]+ \"bank\" .*: it wrote to address "
                                          "0x10, just above a null pointer"),
                            ContainsRegex("it holds mutex \"accounts\".*, which stays so; 0 wait for it"),
                            HasSubstr("rip 0000")));
}

TEST(Fault, calls_the_handler_as_a_coroutine_with_the_report) {
    static_cast<void>(said([] {
        run({.workers = 2}, [] {
            Channel<FaultInfo> told("told", 1);
            on_fault(SIGFPE, FaultPolicy::abandon, [&](const FaultInfo& fault) {
                static_cast<void>(yield());
                static_cast<void>(told.send(fault));
            });
            auto faulty = spawn("divides", [] { fault(SIGFPE); });
            const std::uint64_t id = faulty.id();
            EXPECT_THROW(faulty.join(), Fault);
            const auto fault = told.receive();
            ASSERT_TRUE(fault);
            EXPECT_EQ(fault->number, SIGFPE);
            EXPECT_EQ(fault->code, FPE_INTDIV);
            EXPECT_EQ(fault->coroutine, id);
            EXPECT_EQ(fault->address, fault->rip);
            EXPECT_THAT(fault->report, AllOf(HasSubstr("it divided an integer by zero"), HasSubstr("#0 ")));
        });
    }));
}

TEST(Fault, in_a_function_of_the_c_library_that_takes_no_lock_is_survived) {
    if (kSanitized) GTEST_SKIP() << "the sanitizer stands before these functions";
    const std::string text = said([] {
        run({.workers = 1, .faults = {.policy = FaultPolicy::abandon}}, [] {
            static const char* volatile nothing = nullptr;
            static volatile std::size_t length = 0;
            EXPECT_THROW(spawn("measures", [] { length = std::strlen(nothing); }).join(), Fault);
            EXPECT_THROW(spawn("formats",
                               [] {
                                   char line[64];
                                   std::snprintf(line, sizeof line, "%s",
                                                 reinterpret_cast<const char*>(length + 0x20));
                               })
                             .join(),
                         Fault);
        });
    });
    EXPECT_THAT(text, AllOf(HasSubstr("\"measures\""), HasSubstr("\"formats\"")));
}

TEST(Fault, of_a_call_through_a_pointer_that_leads_nowhere_shows_who_called) {
    if (kSanitized) GTEST_SKIP() << "frames of the sanitizer come in between";
    const std::string text = said([] {
        run({.workers = 1, .faults = {.policy = FaultPolicy::abandon}}, [] {
            static void (*volatile nowhere)() = nullptr;
            EXPECT_THROW(spawn("jumps",
                               [] {
                                   nowhere();
                                   asm volatile("");  // no tail call
                               })
                             .join(),
                         Fault);
        });
    });
    EXPECT_THAT(text, AllOf(HasSubstr("it jumped to address 0x0, a null pointer"),
                            HasSubstr("no code lies at its rip"), Not(HasSubstr("backtrace ended"))));
}

TEST(Fault, of_a_stack_that_ran_out_has_the_report_of_overflows_and_is_survived) {
    if (kSanitized) GTEST_SKIP() << "sanitizer builds report it themselves";
    const std::string text = said([] {
        run({.workers = 1, .faults = {.policy = FaultPolicy::abandon}}, [] {
            struct Deep {
                [[gnu::noinline]] static int go(int depth) {
                    volatile char frame[512];
                    frame[0] = static_cast<char>(depth);
                    asm volatile("" : : "r"(&frame) : "memory");
                    return depth == 0 ? 0 : go(depth - 1) + frame[0];
                }
            };
            EXPECT_THROW(static_cast<void>(spawn("deep", [] { return Deep::go(1'000'000); }).join()), Fault);
            EXPECT_EQ(*spawn("after it", [] { return 7; }).join(), 7);
        });
    });
    EXPECT_THAT(text, AllOf(HasSubstr("stack overflow in coroutine"), HasSubstr("to mend it, one of"),
                            HasSubstr("it is abandoned")));
}

TEST(Fault, a_thousand_in_a_row_cost_their_stacks_and_nothing_else) {
    constexpr int kFaults = kSanitized ? 100 : 1'000;
    const std::string text = said([] {
        run({.workers = 1, .faults = {.policy = FaultPolicy::abandon, .most = 3'000}}, [] {
            const auto burst = [](int count) {
                for (int i = 0; i < count; ++i) {
                    auto handle = spawn("again and again", [] {
                        write_to(nullptr);
                        return 1;
                    });
                    EXPECT_THROW(handle.join(), Fault);
                }
            };
            burst(kFaults);
            const std::uint64_t before = resident_bytes();
            burst(kFaults);
            // A Medium stack of which one page is in use, its record, its part of the bitmaps and tables of pages.
            const std::uint64_t each = (resident_bytes() - before) / kFaults;
            if (!kSanitized) {
                EXPECT_LT(each, 2u * 4096 + 512);
            }
            EXPECT_EQ(fault_counts().slots_quarantined, 2u * kFaults);
            EXPECT_EQ(detail::g_runtime->pools.used(detail::kPoolSignal), 0u);
        });
    });
    EXPECT_THAT(text, ContainsRegex("where one was reported before: the 2nd time"));
}

TEST(Fault, while_it_ends_by_a_fault_loses_what_it_deferred_and_no_more) {
    static int runs = 0;
    runs = 0;
    static_cast<void>(said([] {
        run({.workers = 1, .faults = {.policy = FaultPolicy::abandon}}, [] {
            auto faulty = spawn("twice", [] {
                const auto never = defer([] { ++runs; });  // further out than the one that faults
                const auto faults = defer([] {
                    ++runs;
                    write_to(nullptr);
                });
                fault(SIGFPE);
            });
            EXPECT_THROW(faulty.join(), Fault);
            EXPECT_EQ(fault_counts().abandoned, 2u);
            EXPECT_EQ(fault_counts().slots_quarantined, 2u);
        });
    }));
    EXPECT_EQ(runs, 1);
}

TEST(Fault, what_it_deferred_runs_as_the_same_coroutine_and_may_wait) {
    static std::uint64_t deferred_by = 0;
    deferred_by = 0;
    static_cast<void>(said([] {
        run({.workers = 2, .faults = {.policy = FaultPolicy::abandon}}, [] {
            auto faulty = spawn("defers", [] {
                const auto later = defer([] {
                    static_cast<void>(yield());
                    deferred_by = this_id();
                });
                write_to(nullptr);
            });
            const std::uint64_t id = faulty.id();
            EXPECT_THROW(faulty.join(), Fault);
            EXPECT_EQ(deferred_by, id);
        });
    }));
}

TEST(Fault, leaves_the_record_as_exited_and_abandoned_on_a_slot_that_nobody_gets) {
    static_cast<void>(said([] {
        run({.workers = 1, .faults = {.policy = FaultPolicy::abandon}}, [] {
            static std::uint32_t index;
            auto faulty = spawn("buried", [] {
                index = detail::cprime_current_worker->current_index;
                write_to(nullptr);
            });
            EXPECT_THROW(faulty.join(), Fault);
            const wire::CoroutineRecord& grave = detail::record(index);
            EXPECT_EQ(grave.state.load(), wire::CoroutineState::kExited);
            EXPECT_NE(grave.flags.load() & wire::kCoroutineAbandoned, 0);
            EXPECT_EQ(grave.pool, detail::kPoolMedium);
            const std::uint32_t slot = grave.slot;
            std::vector<JoinHandle<void>> others;
            for (int i = 0; i < 600; ++i) {
                others.push_back(spawn([slot] {
                    EXPECT_NE(detail::record(detail::cprime_current_worker->current_index).slot, slot);
                    static_cast<void>(yield());
                }));
            }
            for (auto& other : others)
                other.join();
        });
    }));
}

thread_local int of_the_thread = 0;

TEST(Fault, may_replace_the_thread_of_its_worker) {
    if (kSanitized) GTEST_SKIP() << "sanitizers wait for ever for a thread that ends so";
    const std::string text = said([] {
        run({.workers = 2, .faults = {.policy = FaultPolicy::replace_worker}}, [] {
            for (int i = 0; i < 20; ++i) {
                static std::atomic<pid_t> faulted{0};
                auto faulty = spawn("breaks its thread", [] {
                    faulted = gettid();
                    of_the_thread = 1;
                    write_to(nullptr);
                });
                EXPECT_THROW(faulty.join(), Fault);
                std::vector<JoinHandle<bool>> others;
                for (int other = 0; other < 100; ++other) {
                    others.push_back(spawn([] {
                        static_cast<void>(yield());
                        return gettid() != faulted && of_the_thread == 0;
                    }));
                }
                for (auto& other : others)
                    EXPECT_TRUE(*other.join());
            }
            EXPECT_EQ(fault_counts().abandoned, 20u);
            EXPECT_GE(fault_counts().workers_replaced, 1u);
        });
    });
    EXPECT_THAT(text, HasSubstr("its worker's thread is replaced"));
}

}  // namespace
}  // namespace cprime
