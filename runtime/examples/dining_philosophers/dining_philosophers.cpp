// Philosophers around a table, a fork between each two, and two forks needed to eat.
//
//   dining_philosophers                       everybody takes the fork with the lower number first: all eat
//   dining_philosophers --deadlock [SECONDS]  everybody takes the left fork first: nobody ever eats. They sit like this for so
//                                             many seconds (none where nothing is said), for `coroscope waits`, then are cancelled
//
// Shows: a channel with room for one item as something that one holds at a time (a fork lies in it, or somebody has it); close() as a call to
// everybody at once; a deadlock, and its two remedies: an order in which all take what they need, so that no circle can close; or somebody
// outside the circle who cancels. Cancellation is a result: receive() answers `cancelled`, and each puts back what it holds.
#include <cprime/cprime.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t kPhilosophers = 5;
constexpr int kMeals = 200;  // of each

struct Fork {
    std::size_t number;
};
using Forks = std::vector<cprime::Channel<Fork>>;

Forks lay_the_table() {
    Forks forks;
    for (std::size_t number = 0; number < kPhilosophers; ++number) {
        forks.emplace_back("fork " + std::to_string(number), 1);
        forks.back().send({number});
    }
    return forks;
}

// How often it has eaten.
int dine(const cprime::Channel<Fork>& first, const cprime::Channel<Fork>& second) {
    int meals = 0;
    while (meals < kMeals) {
        const auto one = first.receive();
        if (!one) break;
        const auto other = second.receive();
        if (other) ++meals;
        if (other) second.send(*other);
        first.send(*one);
        if (!other || !cprime::yield()) break;
    }
    return meals;
}

bool everybody_eats() {
    Forks forks = lay_the_table();
    std::vector<cprime::JoinHandle<int>> philosophers;
    for (std::size_t seat = 0; seat < kPhilosophers; ++seat) {
        const std::size_t left = seat, right = (seat + 1) % kPhilosophers;
        philosophers.push_back(
            cprime::spawn("philosopher " + std::to_string(seat),
                          [first = forks[std::min(left, right)], second = forks[std::max(left, right)]] {
                              return dine(first, second);
                          }));
    }
    for (auto& philosopher : philosophers) {
        const auto meals = philosopher.join();
        if (meals && *meals == kMeals) continue;
        std::printf("dining_philosophers: somebody left the table hungry\n");
        return false;
    }
    std::printf("%zu philosophers ate %d times each\n", kPhilosophers, kMeals);
    return true;
}

// Takes the left fork, waits until everybody has one, and reaches for the right one. True when it got it.
bool dine_politely(const cprime::Channel<Fork>& left, const cprime::Channel<Fork>& right,
                   const cprime::Sender<int>& has_one, const cprime::Receiver<int>& all_have_one) {
    const auto one = left.receive();
    has_one.send(1);
    all_have_one.receive();  // nothing is ever sent here: it ends when the channel is closed
    const auto other = right.receive();
    if (other) right.send(*other);
    left.send(*one);
    return static_cast<bool>(other);
}

bool nobody_eats(std::chrono::seconds for_so_long) {
    Forks forks = lay_the_table();
    auto has_one = cprime::make_channel<int>("has a fork");
    auto all_have_one = cprime::make_channel<int>("all have a fork");
    std::vector<cprime::JoinHandle<bool>> philosophers;
    for (std::size_t seat = 0; seat < kPhilosophers; ++seat) {
        philosophers.push_back(cprime::spawn("philosopher " + std::to_string(seat),
                                             [left = forks[seat], right = forks[(seat + 1) % kPhilosophers],
                                              has_one = has_one.sender, all_have_one = all_have_one.receiver] {
                                                 return dine_politely(left, right, has_one, all_have_one);
                                             }));
    }
    for (std::size_t i = 0; i < kPhilosophers; ++i)
        has_one.receiver.receive();
    all_have_one.sender.close();
    for (const auto& fork : forks) {
        while (fork.statistics().receivers_waiting == 0)
            cprime::yield();
    }
    // Nobody but they could put a fork back, and Coroscope should know it: our handles would count as hope.
    forks.clear();
    std::printf("%zu philosophers hold a fork each and wait for another one\n", kPhilosophers);
    std::fflush(stdout);
    cprime::sleep_for(for_so_long);
    for (const auto& philosopher : philosophers) {
        if (!philosopher.is_complete()) continue;
        std::printf("dining_philosophers: somebody left, who should have waited for ever\n");
        return false;
    }
    for (auto& philosopher : philosophers)
        philosopher.cancel();
    for (auto& philosopher : philosophers)
        philosopher.join();  // true for one who got the fork that a cancelled neighbour had put back
    std::printf("cancelled, they put their forks back and left\n");
    return true;
}

}  // namespace

int main(int argument_count, char** arguments) {
    const bool deadlock = argument_count > 1 && std::strcmp(arguments[1], "--deadlock") == 0;
    const std::chrono::seconds seconds(argument_count > 2 ? std::atoi(arguments[2]) : 0);
    return cprime::run([&] { return deadlock ? nobody_eats(seconds) : everybody_eats(); }) ? 0 : 1;
}
