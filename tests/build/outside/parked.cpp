// Parks eight coroutines for good, in a function of its own, and prints a line once an exception has crossed a wait.
#include <cprime/cprime.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <vector>

__attribute__((noinline)) int wait_here(const cprime::Receiver<int>& in) {
    int sum = 1;
    while (auto item = in.receive())
        sum += *item;
    return sum;
}

int main() {
    return cprime::run({.workers = 2}, [] {
        auto [out, in] = cprime::make_channel<int>("nothing comes");
        std::vector<cprime::JoinHandle<int>> parked;
        for (int i = 0; i < 8; ++i)
            parked.push_back(cprime::spawn("parked", [in = in] { return wait_here(in); }));
        auto thrower = cprime::spawn("thrower", [] {
            try {
                cprime::sleep_for(std::chrono::milliseconds(1));
                throw std::runtime_error("crossed");
            } catch (const std::exception& error) {
                cprime::yield();
                std::printf("%s\n", error.what());
                std::fflush(stdout);
            }
        });
        thrower.join();
        while (cprime::sleep_for(std::chrono::seconds(1))) {
        }
        return 0;
    });
}
