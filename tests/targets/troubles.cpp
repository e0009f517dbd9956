// A program with one trouble, or with what nearly is one; it stays as it is for SECONDS, then ends everybody.
//
//   troubles WHICH SECONDS
//
//   none        nobody but the first coroutine, which sleeps
//   leak        coroutines that wait for a channel which only they themselves could send to
//   leak-near   the same, but the first coroutine keeps a handle to send with
//   hog         one coroutine that counts and never yields, beside one that is ready; there is one worker
//   hog-near    the same with a yield now and then
//   lock        a coroutine that sleeps while it holds a lock that another one wants
//   lock-near   the same, but it unlocks while it sleeps
//   full        a channel that is full and from which nobody receives
//   full-near   the same, but somebody receives now and then
//   ended       a lock whose holder has ended, and one who wants it
//   orphan      two who wait for each other's lock, and one who waits for one of them to end
//   orphan-near the same two, and one who waits for somebody else, who sleeps
//   idle        six that are bound to one worker and always have something to do, beside a worker that sleeps
//   idle-near   the same six, but each pauses between: nobody stands in line
//   pool        a spawn that waits for a stack slot, since four that are asleep have all there are
//   pool-near   the same, but whoever has one ends soon
//   arms-near   a select of four arms that are always ready, of which chance draws one
#include <cprime/cprime.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using Clock = std::chrono::steady_clock;
using Handles = std::vector<cprime::JoinHandle<void>>;

std::atomic<bool> g_over{false};
// Locks that outlive the Runtime: one of them is never unlocked.
cprime::Mutex g_lock("ledger");

void leak(Handles& all, std::vector<cprime::Channel<int>>& kept, bool near) {
    for (int i = 0; i < 3; ++i) {
        cprime::Channel<int> own("own");
        if (near) kept.push_back(own);
        all.push_back(cprime::spawn("leaked", [own = std::move(own)] { (void)own.receive(); }));
    }
}

// With one worker: whoever is patient is ready whenever the other one runs.
void hog(Handles& all, Clock::time_point until, bool near) {
    all.push_back(cprime::spawn("patient", [] {
        while (!g_over && cprime::yield()) {
        }
    }));
    all.push_back(cprime::spawn("hog", [until, near] {
        for (auto next = Clock::now(); Clock::now() < until;) {
            if (!near || Clock::now() < next) continue;
            cprime::yield();
            next = Clock::now() + milliseconds(1);
        }
    }));
}

void lock(Handles& all, bool near) {
    all.push_back(cprime::spawn("holder", [near] {
        while (!g_over) {
            cprime::MutexLock hold(g_lock);
            if (!hold) return;
            if (near) hold.unlock();
            if (!cprime::sleep_for(near ? milliseconds(5) : milliseconds(60'000))) return;
        }
    }));
    all.push_back(cprime::spawn("wanter", [] {
        while (!g_over) {
            const cprime::MutexLock hold(g_lock);
            if (!hold || !cprime::yield()) return;
        }
    }));
}

void full(Handles& all, std::vector<cprime::Receiver<int>>& kept, bool near) {
    auto [out, in] = cprime::make_channel<int>("pipe", 2);
    all.push_back(cprime::spawn("producer", [tx = std::move(out)] {
        while (tx.send(1)) {
        }
    }));
    if (!near) {
        kept.push_back(std::move(in));
        return;
    }
    all.push_back(cprime::spawn("consumer", [rx = std::move(in)] {
        while (rx.receive() && cprime::sleep_for(milliseconds(100))) {
        }
    }));
}

void ended(Handles& all) {
    cprime::spawn("careless", [] { (void)g_lock.lock(); }).join();
    all.push_back(cprime::spawn("wanter", [] { const cprime::MutexLock hold(g_lock); }));
}

// Each has one lock and wants the other one's; whoever waits for the first to end is behind them, and in no ring.
void orphan(Handles& all, bool near) {
    static cprime::Mutex left("left"), right("right");
    static std::atomic<int> held{0};
    const auto takes = [](cprime::Mutex* one, cprime::Mutex* other) {
        return [one, other] {
            const cprime::MutexLock first(*one);
            ++held;
            while (held < 2 && cprime::yield()) {
            }
            const cprime::MutexLock second(*other);
        };
    };
    auto stuck = cprime::spawn("stuck", takes(&left, &right));
    all.push_back(cprime::spawn("stuck too", takes(&right, &left)));
    auto sleeper = cprime::spawn("sleeper", [] { cprime::sleep_for(seconds(60)); });
    auto waits_for = near ? std::move(sleeper) : std::move(stuck);
    all.push_back(near ? std::move(stuck) : std::move(sleeper));
    all.push_back(cprime::spawn("behind", [handle = std::move(waits_for)]() mutable {
        handle.join();
        handle.cancel();
    }));
}

void idle(Handles& all, bool near) {
    for (int i = 0; i < 6; ++i) {
        all.push_back(cprime::spawn({.name = "bound", .worker = 0}, [near] {
            while (!g_over && (near ? static_cast<bool>(cprime::sleep_for(milliseconds(100))) : static_cast<bool>(cprime::yield()))) {
                for (const auto until = Clock::now() + milliseconds(1); Clock::now() < until;) {
                }
            }
        }));
    }
}

// The pool has four slots for those of class Small (main()).
void pool(Handles& all, bool near) {
    all.push_back(cprime::spawn("spawner", [near] {
        Handles children;
        while (!g_over && children.size() < 2000) {
            try {
                children.push_back(cprime::spawn({.name = "child", .size_class = cprime::size_class::small},
                                                 [near] { cprime::sleep_for(near ? milliseconds(20) : milliseconds(60'000)); }));
            } catch (const cprime::Cancelled&) {
                break;
            }
        }
        for (auto& child : children)
            child.cancel();
        for (auto& child : children)
            child.join();
    }));
}

// Each item that is taken is put back before the next select.
void arms(Handles& all) {
    all.push_back(cprime::spawn("chooser", [] {
        cprime::Channel<int> a("a", 1), b("b", 1), c("c", 1), d("d", 1);
        cprime::Channel<int>* const channels[] = {&a, &b, &c, &d};
        for (cprime::Channel<int>* channel : channels)
            (void)channel->send(1);
        for (int item = 0; !g_over; cprime::yield()) {
            const auto fired = cprime::select(cprime::on_receive(a, item), cprime::on_receive(b, item), cprime::on_receive(c, item),
                                              cprime::on_receive(d, item));
            if (!fired) return;
            (void)channels[fired.arm]->send(1);
        }
    }));
}

int be_in_trouble(const std::string& which, int duration_s) {
    const auto until = Clock::now() + seconds(duration_s);
    const bool near = which.ends_with("-near");
    const std::string what = which.substr(0, which.find('-'));
    Handles all;
    std::vector<cprime::Channel<int>> channels;
    std::vector<cprime::Receiver<int>> receivers;
    if (what == "leak") leak(all, channels, near);
    if (what == "hog") hog(all, until, near);
    if (what == "lock") lock(all, near);
    if (what == "full") full(all, receivers, near);
    if (what == "ended") ended(all);
    if (what == "orphan") orphan(all, near);
    if (what == "idle") idle(all, near);
    if (what == "pool") pool(all, near);
    if (what == "arms") arms(all);
    cprime::sleep_for(until - Clock::now());
    g_over = true;
    for (auto& handle : all)
        handle.cancel();
    for (auto& handle : all)
        handle.join();
    std::printf("{}\n");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string which = argc > 1 ? argv[1] : "none";
    const int duration_s = argc > 2 ? std::atoi(argv[2]) : 30;
    return cprime::run({.workers = which.starts_with("hog") ? 1U : 2U,
                        .pools = {.small = {.slots_max = which.starts_with("pool") ? 4U : 0U, .when_full = cprime::WhenFull::wait}}},
                       [=] { return be_in_trouble(which, duration_s); });
}
