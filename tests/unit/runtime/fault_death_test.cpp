// Faults that end the program: by default, or because nobody can tell what going on would mean. Each says which, and dies by its own signal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cprime/cprime.h>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dlfcn.h>
#include <link.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace cprime {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::KilledBySignal;
using testing::Not;

[[gnu::noinline]] void write_to(volatile int* where) {
    *where = 1;
}
const char* volatile bad_text = reinterpret_cast<const char*>(0x20);
void* volatile bad_memory = reinterpret_cast<void*>(0x100020);

class FaultDeath : public testing::Test {
protected:
    void SetUp() override {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "the sanitizer answers these faults in its own way";
#endif
    }
};

const RuntimeOptions kAbandon{.workers = 1, .faults = {.policy = FaultPolicy::abandon}};

template <typename F>
void in_a_coroutine(const RuntimeOptions& options, F function) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    run(options, [&function] {
        try {
            spawn("faulty", function).join();
        } catch (const Fault&) {
        }
    });
}

// Resumes a coroutine by hand that runs it.
template <typename F>
void resume_once(F function) {
    Coroutine<void, void> by_hand([&function](auto&) { function(); });
    static_cast<void>(by_hand.resume());
}

pid_t thread_named(const std::string& wanted) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(task.path() / "comm"), name);
        if (name == wanted) return std::stoi(task.path().filename());
    }
    return 0;
}

TEST_F(FaultDeath, by_default_each_is_reported_and_ends_the_program_by_its_own_signal) {
    const auto report = [](const char* what) {
        return AllOf(ContainsRegex(std::string("cprime: ") + what),
                     HasSubstr("the program ends by it; cprime/fault.h says"),
                     ContainsRegex("#0 +/.*fault_death_test\\+0x|#0 .*libc"),
                     Not(HasSubstr("backtrace ended")));
    };
    EXPECT_EXIT(in_a_coroutine({.workers = 1}, [] { write_to(nullptr); }), KilledBySignal(SIGSEGV),
                report("SIGSEGV in coroutine [0-9]+ \"faulty\" .*it wrote to address 0x0, a null pointer"));
    EXPECT_EXIT(in_a_coroutine({.workers = 1}, [] { asm volatile("ud2"); }), KilledBySignal(SIGILL),
                report("SIGILL in"));
    EXPECT_EXIT(in_a_coroutine({.workers = 1}, [] { asm volatile("int3"); }), KilledBySignal(SIGTRAP),
                report("SIGTRAP in"));
    EXPECT_EXIT(in_a_coroutine({.workers = 1}, [] { std::abort(); }), KilledBySignal(SIGABRT),
                report("SIGABRT in .*abort\\(\\) was called"));
    EXPECT_EXIT(
        in_a_coroutine(
            {.workers = 1},
            [] {
                int quotient = 1;
                asm volatile("xorl %%ecx, %%ecx; cltd; idivl %%ecx" : "+a"(quotient) : : "ecx", "edx");
            }),
        KilledBySignal(SIGFPE), report("SIGFPE in"));
}

void earlier_handler(int, siginfo_t*, void*) {
    constexpr char kText[] = "the earlier handler has it\n";
    static_cast<void>(write(STDERR_FILENO, kText, sizeof kText - 1));
    _exit(7);
}
void install_earlier_handler() {
    struct sigaction action {};
    action.sa_sigaction = &earlier_handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
}

TEST_F(FaultDeath, what_was_installed_before_has_its_turn_after_the_report) {
    EXPECT_EXIT(
        {
            install_earlier_handler();
            in_a_coroutine({.workers = 1}, [] { write_to(nullptr); });
        },
        testing::ExitedWithCode(7),
        AllOf(HasSubstr("cprime: SIGSEGV in coroutine"), HasSubstr("the earlier handler has it")));
    EXPECT_EXIT(
        {
            install_earlier_handler();
            in_a_coroutine({.workers = 1, .faults = {.policy = FaultPolicy::pass}}, [] { write_to(nullptr); });
        },
        testing::ExitedWithCode(7), AllOf(Not(HasSubstr("cprime:")), HasSubstr("the earlier handler has it")));
}

TEST_F(FaultDeath, of_a_thread_that_is_no_worker_goes_to_who_was_there_before) {
    EXPECT_EXIT(
        {
            install_earlier_handler();
            run(kAbandon, [] { std::thread([] { write_to(nullptr); }).join(); });
        },
        testing::ExitedWithCode(7), AllOf(Not(HasSubstr("cprime:")), HasSubstr("the earlier handler has it")));
}

TEST_F(FaultDeath, of_a_call_that_blocks_goes_to_who_was_there_before) {
    EXPECT_EXIT(
        {
            install_earlier_handler();
            run(kAbandon, [] { static_cast<void>(blocking([] { write_to(nullptr); })); });
        },
        testing::ExitedWithCode(7), AllOf(Not(HasSubstr("cprime:")), HasSubstr("the earlier handler has it")));
}

// Code of the program's may run there, when the last copy of a handler goes.
TEST_F(FaultDeath, of_the_signal_thread_goes_to_who_was_there_before) {
    EXPECT_EXIT(
        {
            install_earlier_handler();
            run(kAbandon, [] {
                syscall(SYS_tgkill, getpid(), thread_named("cprime-signals"), SIGSEGV);
                static_cast<void>(sleep_for(std::chrono::hours(1)));
            });
        },
        testing::ExitedWithCode(7), AllOf(Not(HasSubstr("cprime:")), HasSubstr("the earlier handler has it")));
}

TEST_F(FaultDeath, on_the_stack_of_a_coroutine_by_hand_is_not_survived) {
    const auto faulty = [] { write_to(nullptr); };
    EXPECT_EXIT(in_a_coroutine(kAbandon, [&] { resume_once(faulty); }), KilledBySignal(SIGSEGV),
                HasSubstr("it cannot be survived: it resumes a Coroutine by hand, whose stack it stands on"));
    EXPECT_EXIT(in_a_coroutine(kAbandon, [&] { resume_once([&] { resume_once(faulty); }); }),
                KilledBySignal(SIGSEGV), HasSubstr("it cannot be survived: it resumes a Coroutine by hand"));
}

TEST_F(FaultDeath, on_the_stack_of_a_coroutine_by_hand_of_a_thread_goes_to_who_was_there_before) {
    const auto faulty = [] { write_to(nullptr); };
    const auto answered = AllOf(Not(HasSubstr("cprime:")), HasSubstr("the earlier handler has it"));
    EXPECT_EXIT(
        {
            install_earlier_handler();
            run(kAbandon, [&] { std::thread([&] { resume_once(faulty); }).join(); });
        },
        testing::ExitedWithCode(7), answered);
    EXPECT_EXIT(
        {
            install_earlier_handler();
            resume_once(faulty);  // without any Runtime
        },
        testing::ExitedWithCode(7), answered);
}

// Of a coroutine that has come back from one, as of any other.
TEST_F(FaultDeath, after_a_coroutine_by_hand_has_yielded_is_survived) {
    EXPECT_EXIT(
        {
            in_a_coroutine(kAbandon, [] {
                resume_once([] {});
                write_to(nullptr);
            });
            _exit(fault_counts().abandoned == 1 ? 3 : 4);
        },
        testing::ExitedWithCode(3), HasSubstr("it is abandoned"));
}

TEST_F(FaultDeath, with_no_stack_to_end_on_says_which_limit_to_raise) {
    RuntimeOptions options = kAbandon;
    options.pools = {.signal_slots_max = 1, .emergency_slots = 1};
    EXPECT_EXIT(run(options,
                    [] {
                        std::atomic<int> waiting{0};
                        signals().handle(SIGRTMIN, [&] {
                            ++waiting;
                            static_cast<void>(sleep_for(std::chrono::hours(1)));
                        });
                        sigqueue(getpid(), SIGRTMIN, {});
                        sigqueue(getpid(), SIGRTMIN, {});
                        while (waiting != 2)
                            static_cast<void>(yield());
                        spawn("faulty", [] { write_to(nullptr); }).join();
                    }),
                KilledBySignal(SIGABRT),
                ContainsRegex("coroutine [0-9]+ cannot be abandoned: there is no stack for it to end on"));
}

TEST_F(FaultDeath, inside_what_may_hold_a_lock_is_not_survived) {
    EXPECT_EXIT(in_a_coroutine(kAbandon, [] { std::printf("%s\n", bad_text); }), KilledBySignal(SIGSEGV),
                ContainsRegex("it cannot be survived: it was inside (printf|puts|__printf_chk) of libc.so.6, "
                              "which may hold a lock"));
    EXPECT_EXIT(in_a_coroutine(kAbandon, [] { std::free(bad_memory); }), KilledBySignal(SIGSEGV),
                ContainsRegex("it cannot be survived: it was inside (__libc_)?(free|cfree) of libc.so.6"));
    EXPECT_EXIT(in_a_coroutine(kAbandon,
                               [] {
                                   dl_iterate_phdr(
                                       [](dl_phdr_info*, std::size_t, void*) {
                                           write_to(nullptr);
                                           return 0;
                                       },
                                       nullptr);
                               }),
                KilledBySignal(SIGSEGV),
                HasSubstr("it cannot be survived: it was called by dl_iterate_phdr of libc.so.6"));
}

TEST_F(FaultDeath, that_the_allocator_raises_is_not_survived) {
    EXPECT_EXIT(in_a_coroutine(kAbandon,
                               [] {
                                   void* volatile memory = std::malloc(5000);
                                   void* volatile behind = std::malloc(5000);
                                   std::free(memory);
                                   std::free(memory);
                                   std::free(behind);
                               }),
                KilledBySignal(SIGABRT), HasSubstr("it cannot be survived: it was inside "));
}

TEST_F(FaultDeath, with_a_stack_pointer_that_leads_nowhere_is_not_survived) {
    EXPECT_EXIT(in_a_coroutine(kAbandon,
                               [] {
                                   asm volatile("movq $4096, %%rsp; pushq %%rax" : : : "memory");
                               }),
                KilledBySignal(SIGSEGV),
                HasSubstr("it cannot be survived: its stack pointer lies outside of its stack"));
}

TEST_F(FaultDeath, on_the_stack_of_a_micro_pool_is_not_survived) {
    EXPECT_EXIT(run(kAbandon,
                    [] {
                        MicroPool<4> pool;
                        pool.spawn("local", [] { write_to(nullptr); }).join();
                    }),
                KilledBySignal(SIGSEGV), HasSubstr("it cannot be survived: its stack lies in a MicroPool"));
}

TEST_F(FaultDeath, that_somebody_sends_is_not_survived) {
    EXPECT_EXIT(in_a_coroutine(kAbandon,
                               [] {
                                   kill(getpid(), SIGSEGV);
                                   while (true)
                                       asm volatile("");
                               }),
                KilledBySignal(SIGSEGV), testing::_);
}

TEST_F(FaultDeath, is_not_survived_more_often_than_allowed) {
    EXPECT_EXIT(run({.workers = 1, .faults = {.policy = FaultPolicy::abandon, .most = 3}},
                    [] {
                        for (int i = 0; i < 5; ++i) {
                            EXPECT_THROW(spawn("one of five", [] { write_to(nullptr); }).join(), Fault);
                        }
                    }),
                KilledBySignal(SIGSEGV),
                AllOf(HasSubstr("1 so far, at most 3"),
                      HasSubstr("as many coroutines have been abandoned as FaultOptions::most allows")));
}

TEST_F(FaultDeath, handlers_and_numbers_that_make_no_sense_are_refused_with_a_sentence) {
    EXPECT_EXIT(run(kAbandon, [] { on_fault(SIGUSR1, FaultPolicy::abandon); }), KilledBySignal(SIGABRT),
                ContainsRegex("cprime: signal 10 is no fault; on_fault takes SIGSEGV"));
    EXPECT_EXIT(run(kAbandon, [] { on_fault(FaultPolicy::die, [](const FaultInfo&) {}); }),
                KilledBySignal(SIGABRT),
                HasSubstr("a handler of faults was given to a policy after which it cannot run"));
}

}  // namespace
}  // namespace cprime
