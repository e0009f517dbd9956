// A program to take hold of: coroutines that count their rounds, and one that spins for a while without a runtime call.
//
//   busy_bodies COUNT SPIN_MS SECONDS
//
// COUNT coroutines count and yield until SECONDS have passed. "spinner" computes for SPIN_MS milliseconds between two yields (0: there is none).
// At the end one line of JSON: {"rounds": [...], "spins": N}. A thread that is no worker prints each line that it reads from stdin back with the
// present rounds: "look" -> {"rounds": [...], "spins": N}; so a test learns who ran, apart from the runtime. "spawn NAME" spawns a coroutine of that
// name first, which yields once and ends.
#include <cprime/cprime.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Counts {
    explicit Counts(std::size_t count) : rounds(count) {}
    std::vector<std::atomic<unsigned long>> rounds;
    std::atomic<unsigned long> spins{0};
    std::atomic<bool> over{false};

    void print() const {
        std::string line = "{\"rounds\": [";
        for (std::size_t i = 0; i < rounds.size(); ++i)
            line += (i == 0 ? "" : ", ") + std::to_string(rounds[i].load());
        std::printf("%s], \"spins\": %lu}\n", line.c_str(), spins.load());
        std::fflush(stdout);
    }
};

__attribute__((noinline)) void count_rounds(Counts& counts, std::size_t i) {
    while (!counts.over.load(std::memory_order_relaxed)) {
        counts.rounds[i].fetch_add(1, std::memory_order_relaxed);
        static_cast<void>(cprime::yield());
    }
}

__attribute__((noinline)) void spin_for(milliseconds duration, Counts& counts) {
    const auto end = steady_clock::now() + duration;
    while (steady_clock::now() < end && !counts.over.load(std::memory_order_relaxed)) {
    }
    counts.spins.fetch_add(1);
}

void answer(Counts& counts) {
    char line[64];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        std::string words(line);
        if (words.rfind("spawn ", 0) == 0) {
            const std::string name = words.substr(6, words.find('\n') - 6);
            cprime::spawn(name, [] { static_cast<void>(cprime::yield()); }).detach();
        }
        counts.print();
    }
}

int be_busy(std::size_t count, int spin_ms, int seconds) {
    auto counts = std::make_shared<Counts>(count);
    std::thread([counts] { answer(*counts); }).detach();
    std::vector<cprime::JoinHandle<void>> handles;
    for (std::size_t i = 0; i < count; ++i)
        handles.push_back(cprime::spawn("body", [counts, i] { count_rounds(*counts, i); }));
    if (spin_ms > 0)
        handles.push_back(cprime::spawn("spinner", [counts, spin_ms] {
            while (!counts->over.load()) {
                spin_for(milliseconds(spin_ms), *counts);
                static_cast<void>(cprime::yield());
            }
        }));
    static_cast<void>(cprime::sleep_for(std::chrono::seconds(seconds)));
    counts->over.store(true);
    for (auto& handle : handles)
        handle.join();
    counts->print();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 4;
    const int spin_ms = argc > 2 ? std::atoi(argv[2]) : 0;
    const int seconds = argc > 3 ? std::atoi(argv[3]) : 30;
    return cprime::run({.workers = 2}, [=] { return be_busy(static_cast<std::size_t>(count), spin_ms, seconds); });
}
