// Selects, steals, timers and wake-ups of every kind, for viewers to tell of.
//
//   crossroads busy SECONDS       selects that fire (and one arm that never can), work that is stolen, a thousand timers
//   crossroads deadlock SECONDS   two coroutines whose selects wait for each other on every arm; one beside them that only looks like it
//
// After SECONDS the first coroutine ends the rest. Two workers.
#include <cprime/cprime.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr int kSleepers = 1000;

using Handles = std::vector<cprime::JoinHandle<void>>;

// Both streets have traffic, the third one never has.
__attribute__((noinline)) void direct_traffic(const cprime::Receiver<int>& left,
                                              const cprime::Receiver<int>& right,
                                              const cprime::Receiver<int>& closed_street) {
    int car = 0;
    while (cprime::select(cprime::on_receive(left, car), cprime::on_receive(right, car),
                          cprime::on_receive(closed_street, car))) {
    }
}

// Parked for good: nobody orders, and nobody takes the bill.
__attribute__((noinline)) void wait_on_table(const cprime::Receiver<int>& orders,
                                             const cprime::Sender<int>& bills) {
    int order = 0;
    cprime::select(cprime::on_receive(orders, order), cprime::on_send(bills, 1));
}

__attribute__((noinline)) void wait_an_hour(const cprime::Receiver<int>& orders) {
    int order = 0;
    cprime::select(cprime::on_receive(orders, order), cprime::on_timeout(hours(1)));
}

// With a pause now and then, so that a worker comes to look for work elsewhere.
void drive(const cprime::Sender<int>& street) {
    for (int cars = 1; street.send(1); ++cars) {
        if (cars % 1000 == 0 && !cprime::sleep_for(milliseconds(1))) return;
    }
}

// Its child can only run elsewhere: this worker is kept busy until it has.
void have_a_child_stolen(const std::atomic<bool>& over) {
    while (!over.load(std::memory_order_relaxed)) {
        std::atomic<bool> ran{false};
        auto child = cprime::spawn("child", [&ran] { ran.store(true, std::memory_order_release); });
        while (!ran.load(std::memory_order_acquire)) {
        }
        if (!child.join() || !cprime::sleep_for(milliseconds(1))) return;
    }
}

void be_busy(int seconds) {
    std::atomic<bool> over{false};
    auto left = cprime::make_channel<int>("left", 4), right = cprime::make_channel<int>("right", 0);
    auto closed_street = cprime::make_channel<int>("closed street", 0);
    auto orders = cprime::make_channel<int>("orders", 0), bills = cprime::make_channel<int>("bills", 0);
    Handles handles;
    handles.push_back(cprime::spawn("director", [a = left.receiver, b = right.receiver,
                                                 c = closed_street.receiver] { direct_traffic(a, b, c); }));
    handles.push_back(cprime::spawn("left driver", [to = left.sender] { drive(to); }));
    handles.push_back(cprime::spawn("right driver", [to = right.sender] { drive(to); }));
    handles.push_back(
        cprime::spawn("waiter", [from = orders.receiver, to = bills.sender] { wait_on_table(from, to); }));
    handles.push_back(cprime::spawn("patient waiter", [from = orders.receiver] { wait_an_hour(from); }));
    handles.push_back(cprime::spawn("parent", [&over] { have_a_child_stolen(over); }));
    for (int i = 0; i < kSleepers; ++i)
        handles.push_back(cprime::spawn("sleeper", [] { cprime::sleep_for(hours(1)); }));
    cprime::sleep_for(std::chrono::seconds(seconds));
    over = true;
    left.sender.close();
    right.sender.close();
    orders.sender.close();
    for (auto& handle : handles)
        handle.cancel();
    for (auto& handle : handles)
        static_cast<void>(handle.join());
}

// North waits for east or for west, and only south could send either; south waits for an answer that only north could give.
void stand_still(int seconds) {
    auto east = cprime::make_channel<int>("east", 0), west = cprime::make_channel<int>("west", 0);
    auto answer = cprime::make_channel<int>("answer", 0), way_out = cprime::make_channel<int>("way out", 0);
    auto own = cprime::make_channel<int>("own", 0);
    Handles handles;
    handles.push_back(cprime::spawn(
        "north", [a = std::move(east.receiver), b = std::move(west.receiver), c = std::move(answer.sender)] {
            int word = 0;
            if (cprime::select(cprime::on_receive(a, word), cprime::on_receive(b, word))) c.send(word);
        }));
    handles.push_back(cprime::spawn(
        "south", [a = std::move(east.sender), b = std::move(west.sender), c = std::move(answer.receiver)] {
            if (const auto word = c.receive()) a.send(*word), b.send(*word);
        }));
    // One arm is as stuck as theirs (nobody but itself holds the other end); the other one is not: we could send.
    handles.push_back(cprime::spawn("near miss", [a = std::move(own.receiver), b = std::move(own.sender),
                                                  c = std::move(way_out.receiver)] {
        int word = 0;
        cprime::select(cprime::on_receive(a, word), cprime::on_receive(c, word));
        b.close();
    }));
    cprime::sleep_for(std::chrono::seconds(seconds));
    way_out.sender.close();
    for (auto& handle : handles)
        handle.cancel();
    for (auto& handle : handles)
        static_cast<void>(handle.join());
}

}  // namespace

int main(int argc, char** argv) {
    const bool deadlock = argc > 1 && std::strcmp(argv[1], "deadlock") == 0;
    const int seconds = argc > 2 ? std::atoi(argv[2]) : 2;
    return cprime::run({.workers = 2}, [=] {
        deadlock ? stand_still(seconds) : be_busy(seconds);
        return 0;
    });
}
