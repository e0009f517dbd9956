// A program of very many waits that do not look alike, for the wait graph.
//
//   waiting_room PAIRS CROWD SECONDS
//
// PAIRS coroutines receive from a channel of their own each, CROWD others of as many names from the channel "desk". The first coroutine sleeps for
// SECONDS, prints "{}" and closes the channels. Nobody but it has a sender: 2 * PAIRS + CROWD + 1 nodes that wait, and who could wake them all.
#include <cprime/cprime.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

__attribute__((noinline)) void wait_at(const cprime::Receiver<int>& in) {
    while (in.receive()) {
    }
}

int open_the_room(int pairs, int crowd, int seconds) {
    auto [desk, served] = cprime::make_channel<int>("desk", 0);
    std::vector<cprime::Sender<int>> doors;
    std::vector<cprime::JoinHandle<void>> handles;
    for (int i = 0; i < pairs; ++i) {
        auto [door, opened] = cprime::make_channel<int>(("door " + std::to_string(i)).c_str(), 0);
        handles.push_back(cprime::spawn(("guest " + std::to_string(i)).c_str(), [rx = opened] { wait_at(rx); }));
        doors.push_back(door);
    }
    for (int i = 0; i < crowd; ++i)
        handles.push_back(cprime::spawn(("visitor " + std::to_string(i)).c_str(), [rx = served] { wait_at(rx); }));
    cprime::sleep_for(std::chrono::seconds(seconds));
    std::printf("{}\n");
    desk.close();
    for (cprime::Sender<int>& door : doors)
        door.close();
    for (auto& handle : handles)
        handle.join();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const int pairs = argc > 1 ? std::atoi(argv[1]) : 200, crowd = argc > 2 ? std::atoi(argv[2]) : 99, seconds = argc > 3 ? std::atoi(argv[3]) : 2;
    return cprime::run({.workers = 2}, [=] { return open_the_room(pairs, crowd, seconds); });
}
