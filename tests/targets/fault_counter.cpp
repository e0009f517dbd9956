// Faults over and over and lives on, then says what became of it as one line of JSON.
//
//   fault_counter [N]      N faults, and then the end; without a number: until SIGTERM
//
// Four coroutines each spawn one after the other that faults: by a null pointer, a division by zero, an illegal instruction, abort(). They are
// joined, and what join() throws is counted: "faults" were made, "caught" were thrown, "abandoned" is the runtime's count, "arrived" and "failed"
// those of the four signals, "mistakes" faults that were told wrongly and coroutines that did not end by theirs; "signals" are SIGRTMIN's that were
// handled meanwhile. It says "ready" first.
#include <cprime/cprime.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int kNumbers[] = {SIGSEGV, SIGFPE, SIGILL, SIGABRT};
std::atomic<long> g_faults{0}, g_caught{0}, g_mistakes{0};
std::atomic<bool> g_end{false};
volatile int g_zero = 0;
volatile int* volatile g_nowhere = nullptr;

[[gnu::noinline]] int fault(int number) {
    int quotient = 1;
    switch (number) {
        case SIGSEGV:
            *g_nowhere = 1;
            break;
        case SIGFPE:
            asm volatile("cltd; idivl %1" : "+a"(quotient) : "m"(g_zero) : "edx");
            break;
        case SIGILL:
            asm volatile("ud2");
            break;
        default:
            std::abort();
    }
    return quotient;
}

// Its share of `most`; 0 = until the end.
void fault_and_fault(int number, long most) {
    for (long i = 0; most == 0 ? !g_end : i < most; ++i) {
        auto faulty = cprime::spawn("faulty", [number] { return fault(number); });
        ++g_faults;
        try {
            static_cast<void>(faulty.join());
            ++g_mistakes;
        } catch (const cprime::Fault& caught) {
            ++g_caught;
            if (caught.info().number != number || caught.info().name != "faulty") ++g_mistakes;
        }
        // Each keeps its stack: some thousands a second are enough.
        if (most == 0) static_cast<void>(cprime::sleep_for(std::chrono::milliseconds(1)));
    }
}

}  // namespace

int main(int count, char** arguments) {
    const long most = count > 1 ? std::atol(arguments[1]) : 0;
    cprime::Runtime runtime({.workers = 2,
                             .stall_report_ms = 0,
                             .faults = {.policy = cprime::FaultPolicy::abandon, .most = 1'000'000}});
    cprime::signals()
        .handle(
            SIGRTMIN, [](const cprime::SignalInfo&) {}, cprime::SignalComplexity::micro)
        .handle(SIGTERM, [] { g_end = true; });
    std::puts("ready");
    std::fflush(stdout);
    runtime.run([most] {
        std::vector<cprime::JoinHandle<void>> all;
        for (const int number : kNumbers)
            all.push_back(cprime::spawn("faults", [number, most] { fault_and_fault(number, most / 4); }));
        for (auto& each : all)
            each.join();
    });
    unsigned long long arrived = 0, failed = 0;
    for (const int number : kNumbers) {
        arrived += cprime::signals().count(number).arrived;
        failed += cprime::signals().count(number).failed;
    }
    const cprime::SignalCounts sent = cprime::signals().count(SIGRTMIN);
    std::printf(
        "{\"faults\": %ld, \"caught\": %ld, \"abandoned\": %llu, \"arrived\": %llu, \"failed\": %llu, "
        "\"mistakes\": %ld, "
        "\"signals\": %llu}\n",
        g_faults.load(), g_caught.load(), static_cast<unsigned long long>(cprime::fault_counts().abandoned),
        arrived, failed, g_mistakes.load(), static_cast<unsigned long long>(sent.finished));
    return 0;
}
