// Dining philosophers: every kind of synchronisation object at work, or a deadlock of mutexes that stands still.
//
//   philosophers mended SECONDS      eat for so long, then print how often and end
//   philosophers deadlock SECONDS    each takes the left fork first, and all at once; after SECONDS the first coroutine ends the rest
//
// Forks are mutexes named "fork 0" ... Mended, philosophers take them in the order of their numbers, a semaphore lets four sit down at a time, and
// the menu (a shared mutex), a bell (an event), rounds (a barrier), a waiter (a condition), a clock (a sleep) and the opening of the kitchen (a
// once, a latch) keep them moving; now and then a short-lived mutex comes and goes.
#include <cprime/cprime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using std::chrono::milliseconds;

constexpr int kSeats = 5;

struct Table {
    std::array<cprime::Mutex, kSeats> forks = {cprime::Mutex("fork 0"), cprime::Mutex("fork 1"),
                                               cprime::Mutex("fork 2"), cprime::Mutex("fork 3"),
                                               cprime::Mutex("fork 4")};
    cprime::Semaphore chairs{kSeats - 1, "chairs", kSeats - 1};
    cprime::SharedMutex menu{"menu"};
    cprime::Mutex kitchen{"kitchen"};
    cprime::ConditionVariable served{"served"};
    cprime::Event bell{"bell", cprime::Event::resets_itself};
    cprime::Once opened{"opened"};
    cprime::Latch seated{kSeats, "seated"};
    cprime::Barrier all_have_one{kSeats, "all have one"};
    int plates = 0;
    std::atomic<long> meals{0};
    std::atomic<bool> closing{false};
};

void eat_for_ever(Table& table, int seat) {
    cprime::Mutex& left = table.forks[static_cast<std::size_t>(seat)];
    cprime::Mutex& right = table.forks[static_cast<std::size_t>((seat + 1) % kSeats)];
    const cprime::MutexLock first(left);
    if (!first || !table.all_have_one.arrive_and_wait()) return;
    const cprime::MutexLock second(right);  // everybody has a left fork: nobody gets a right one
}

bool eat_once(Table& table, int seat) {
    if (!table.chairs.acquire()) return false;
    const int low = std::min(seat, (seat + 1) % kSeats), high = std::max(seat, (seat + 1) % kSeats);
    bool eaten = false;
    {
        const cprime::MutexLock first(table.forks[static_cast<std::size_t>(low)]);
        const cprime::MutexLock second(table.forks[static_cast<std::size_t>(high)]);
        const cprime::ReaderLock chosen(table.menu);
        eaten = first && second && chosen && cprime::yield();
    }
    table.chairs.release();
    if (!eaten) return false;
    cprime::MutexLock hold(table.kitchen);
    if (!hold) return false;
    --table.plates;
    table.bell.set();
    const auto plate = table.served.wait(table.kitchen, [&] { return table.plates > 0 || table.closing; });
    ++table.meals;
    return static_cast<bool>(plate);
}

void dine(Table& table, int seat) {
    if (!table.opened.call([&] { table.plates = kSeats; })) return;
    if (!table.seated.arrive_and_wait()) return;
    for (int round = 0; !table.closing; ++round) {
        if (!eat_once(table, seat)) return;
        if (round % 16 == 0) {
            cprime::Mutex napkin("napkin");
            const cprime::MutexLock hold(napkin);
            if (!cprime::sleep_for(milliseconds(1))) return;
        }
    }
}

void cook(Table& table) {
    while (!table.closing) {
        static_cast<void>(table.bell.wait_for(milliseconds(20)));
        const cprime::MutexLock hold(table.kitchen);
        if (!hold) return;
        table.plates = kSeats;
        table.served.notify_all();
        const cprime::WriterLock change(table.menu);
        if (!change) return;
    }
    const cprime::MutexLock hold(table.kitchen);  // whoever waits for a plate finds that there are none any more
    table.served.notify_all();
}

int dinner(bool deadlock, int seconds) {
    Table table;
    std::vector<cprime::JoinHandle<void>> guests;
    for (int seat = 0; seat < kSeats; ++seat) {
        guests.push_back(cprime::spawn("philosopher", [&table, seat, deadlock] {
            deadlock ? eat_for_ever(table, seat) : dine(table, seat);
        }));
    }
    if (!deadlock) guests.push_back(cprime::spawn("cook", [&table] { cook(table); }));
    static_cast<void>(cprime::sleep_for(std::chrono::seconds(seconds)));
    table.closing = true;
    for (auto& guest : guests) {
        if (deadlock) guest.cancel();
    }
    for (auto& guest : guests)
        static_cast<void>(guest.join());
    std::printf("{\"meals\": %ld}\n", table.meals.load());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const bool deadlock = argc > 1 && std::strcmp(argv[1], "deadlock") == 0;
    const int seconds = argc > 2 ? std::atoi(argv[2]) : 2;
    return cprime::run({.workers = 2}, [=] { return dinner(deadlock, seconds); });
}
