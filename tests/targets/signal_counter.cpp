// Counts the real-time signals that it gets, each by a coroutine, until SIGTERM; then says what became of them as one line of JSON.
//
// It says "ready" first. Every signal's value is its number from 0; one that comes twice, or is out of range, is a mistake that it counts.
#include <cprime/cprime.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

namespace {
constexpr int kValuesMost = 100'000;
std::array<std::atomic<unsigned char>, kValuesMost> g_times{};
std::atomic<int> g_mistakes{0};

void count(const cprime::SignalInfo& signal) {
    if (signal.value < 0 || signal.value >= kValuesMost ||
        g_times[static_cast<std::size_t>(signal.value)].fetch_add(1) != 0)
        ++g_mistakes;
}
}  // namespace

int main() {
    cprime::Runtime runtime({.workers = 2, .stall_report_ms = 0});
    cprime::signals().handle(SIGRTMIN, &count, cprime::SignalComplexity::micro);
    std::puts("ready");
    std::fflush(stdout);
    runtime.run([] {
        while (cprime::sleep_for(std::chrono::hours(1))) {
        }
        const auto all_have_ended = [] {
            const cprime::SignalCounts counts = cprime::signals().count(SIGRTMIN);
            return counts.finished == counts.arrived;
        };
        while (!all_have_ended())
            static_cast<void>(cprime::yield());
    });
    const cprime::SignalCounts counts = cprime::signals().count(SIGRTMIN);
    std::printf(
        "{\"arrived\": %llu, \"delivered\": %llu, \"finished\": %llu, \"lost\": %llu, \"coalesced\": %llu, "
        "\"mistakes\": %d}\n",
        static_cast<unsigned long long>(counts.arrived), static_cast<unsigned long long>(counts.delivered),
        static_cast<unsigned long long>(counts.finished), static_cast<unsigned long long>(counts.lost),
        static_cast<unsigned long long>(counts.coalesced), g_mistakes.load());
    return 0;
}
