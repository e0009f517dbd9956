// A program that stands still: what is looked at twice is the same twice.
//
//   still_life COUNT SECONDS
//
// COUNT coroutines from three sites park for good (receiving, sending, joining), then the first coroutine sleeps for SECONDS, prints "{}" and
// ends the rest. Nothing moves in between: window, command line and gdb must all say the same.
#include <cprime/cprime.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

__attribute__((noinline)) int receive_for_good(const cprime::Receiver<int>& in) {
    int sum = 0;
    while (auto item = in.receive())
        sum += *item;
    return sum;
}

__attribute__((noinline)) void send_for_good(const cprime::Sender<int>& out) {
    while (out.send(1)) {
    }
}

int stand_still(int count, int seconds) {
    auto [in_tx, in_rx] = cprime::make_channel<int>("nothing comes", 0);
    auto [out_tx, out_rx] = cprime::make_channel<int>("nobody takes", 0);
    std::vector<cprime::JoinHandle<void>> handles;
    for (int i = 0; i < count; ++i) {
        if (i % 3 == 0) {
            handles.push_back(cprime::spawn("receiver", [rx = in_rx] { receive_for_good(rx); }));
        } else if (i % 3 == 1) {
            handles.push_back(cprime::spawn("sender", [tx = out_tx] { send_for_good(tx); }));
        } else {
            handles.push_back(cprime::spawn("nested", [rx = in_rx] {
                auto inner = cprime::spawn("inner", [rx] { receive_for_good(rx); });
                inner.join();
            }));
        }
    }
    cprime::sleep_for(std::chrono::seconds(seconds));
    std::printf("{}\n");
    in_tx.close();
    out_rx.reset();
    for (auto& handle : handles)
        handle.join();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 99, seconds = argc > 2 ? std::atoi(argv[2]) : 30;
    return cprime::run({.workers = 2}, [=] { return stand_still(count, seconds); });
}
