// Set pieces: what needs several who know each other, and hits the places where wake-ups are easily lost.
#include <cstddef>
#include <utility>
#include <vector>

#include "world.h"

namespace cprime::soak {
namespace {

void join_all(std::vector<JoinHandle<void>>& handles) {
    for (auto& handle : handles)
        static_cast<void>(handle.join());
    handles.clear();
}

// A crowd meets several times; each time one of them is told that it came last.
void barrier(Random random) {
    const std::uint32_t parties = 2 + random.below(6), meetings = 1 + random.below(8);
    Barrier barrier(parties, "meeting");
    std::atomic<std::uint32_t> last_ones{0};
    std::vector<JoinHandle<void>> crowd;
    for (std::uint32_t i = 0; i < parties; ++i) {
        crowd.push_back(spawn("party", [&, mine = random.another()]() mutable {
            for (std::uint32_t n = 0; n < meetings; ++n) {
                if (mine.one_in(3)) static_cast<void>(sleep_for(mine.moment()));
                const Result<bool> met = barrier.arrive_and_wait();
                if (!met) fail("a barrier let go of somebody who was not cancelled");
                if (*met) last_ones.fetch_add(1);
            }
        }));
    }
    join_all(crowd);
    if (last_ones != meetings) fail("at a meeting not exactly one came last");
}

// Everybody waits for one condition; some have had enough before.
void notify_everybody(Random random) {
    Mutex mutex("crowd");
    ConditionVariable open("open");
    bool is_open = false;
    std::vector<JoinHandle<void>> crowd;
    for (std::uint32_t left = 1 + random.below(30); left > 0; --left) {
        crowd.push_back(spawn("waiter", [&, patient = random.one_in(2), limit = random.moment()] {
            const MutexLock lock(mutex);
            if (!lock) return;
            if (patient) {
                static_cast<void>(open.wait(mutex, [&] { return is_open; }));
            } else {
                static_cast<void>(open.wait_for(mutex, limit, [&] { return is_open; }));
            }
        }));
    }
    for (std::uint32_t n = random.below(static_cast<std::uint32_t>(crowd.size())); n > 0; --n) {
        if (random.one_in(4) && crowd[n].cancel()) counters.cancels.fetch_add(1, std::memory_order_relaxed);
        static_cast<void>(yield());
    }
    {
        const MutexLock lock(mutex);
        is_open = true;
        open.notify_all();
    }
    join_all(crowd);
}

// Many at once on the smallest stacks, half of them without a handle.
void storm(Random random) {
    const std::uint32_t drops = 20 + random.below(200);
    auto [out, in] = make_channel<std::uint64_t>("storm", random.below(4));
    std::vector<JoinHandle<void>> held;
    for (std::uint32_t i = 0; i < drops; ++i) {
        const SpawnOptions options{.name = "drop", .size_class = size_class::micro};
        if (i % 2 == 0) {
            spawn_detached(options, [out = out] { static_cast<void>(out.send(1U)); });
        } else {
            held.push_back(spawn(options, [out = out] { static_cast<void>(out.send(1U)); }));
        }
    }
    out.reset();
    std::uint64_t sum = 0;
    while (const auto one = in.receive())
        sum += *one;
    if (sum != drops) fail("items of a storm were lost or doubled");
    join_all(held);
}

int tree(Random random, int depth) {
    if (depth == 0) return 1;
    std::vector<JoinHandle<int>> children;
    for (std::uint32_t i = 0; i < 3; ++i)
        children.push_back(
            spawn("branch", [random = random.another(), depth] { return tree(random, depth - 1); }));
    int sum = 1;
    for (auto& child : children)
        sum += *child.join();
    return sum;
}

// Each joins the one before it; the joiners in between are cancelled at any time, and let go.
void chain_of_joiners(Random random) {
    if (const int depth = static_cast<int>(random.below(4)); tree(random, depth) != (depth == 0   ? 1
                                                                                     : depth == 1 ? 4
                                                                                     : depth == 2 ? 13
                                                                                                  : 40))
        fail("a tree of joins has lost a branch");
    const Channel<int> start("start");
    JoinHandle<void> before = spawn("first link",
                                    [in = start.receiver()] { static_cast<void>(in.receive()); });
    for (int i = 0; i < 6; ++i) {
        before = spawn("link", [mine = std::move(before), patient = random.one_in(2)]() mutable {
            if (!mine.join() && patient) static_cast<void>(yield());
        });
        if (random.one_in(3)) static_cast<void>(before.cancel());
    }
    static_cast<void>(yield());
    start.close();
    static_cast<void>(before.join());
}

// Deadlines that are armed on one worker, cancelled on another, and come while somebody is woken otherwise.
void timers(Random random) {
    auto [out, in] = make_channel<std::uint64_t>("ticks", random.below(2));
    std::vector<JoinHandle<void>> crowd;
    const Deadline together(random.moment());
    for (std::uint32_t i = 0; i < 20; ++i) {
        crowd.push_back(spawn("timed", [&, in = in, i, mine = random.another()]() mutable {
            for (int n = 0; n < 10; ++n) {
                if (i % 4 == 0) static_cast<void>(sleep_until(together));
                if (i % 4 == 1) static_cast<void>(sleep_for(mine.moment()));
                static_cast<void>(in.receive_for(std::chrono::microseconds(mine.below(300))));
            }
        }));
    }
    in.reset();
    for (std::uint64_t n = 0; n < 60; ++n) {
        static_cast<void>(out.send_for(n, std::chrono::microseconds(random.below(200))));
        if (random.one_in(8) && crowd[random.below(20)].cancel())
            counters.cancels.fetch_add(1, std::memory_order_relaxed);
    }
    join_all(crowd);
}

// One suspends itself, another insists on waking it; or it is cancelled.
void suspended(Random random) {
    std::atomic<int> woken{0};
    const int times = 1 + static_cast<int>(random.below(6));
    auto sleeper = spawn("suspended", [&] {
        for (int i = 0; i < times; ++i) {
            if (!suspend()) return;
            woken.fetch_add(1);
        }
    });
    const bool cancels = random.one_in(3);
    for (int i = 0; i < (cancels ? times - 1 : times); ++i) {
        while (!sleeper.resume() && !sleeper.is_complete())
            static_cast<void>(yield());
    }
    if (cancels && sleeper.cancel()) counters.cancels.fetch_add(1, std::memory_order_relaxed);
    static_cast<void>(sleeper.join());
    if (!cancels && woken != times) fail("a resume was lost");
}

// A latch, an event and a call that is made once, all waited for by the same crowd.
void gates(Random random) {
    const std::uint32_t parties = 1 + random.below(12);
    Latch arrived(parties, "arrived");
    Event go("go");
    Once once("once");
    std::atomic<int> calls{0};
    std::vector<JoinHandle<void>> crowd;
    for (std::uint32_t i = 0; i < parties; ++i) {
        crowd.push_back(spawn("runner", [&] {
            arrived.count_down();
            if (!go.wait()) fail("an event let go of somebody who was not cancelled");
            static_cast<void>(once.call([&] {
                static_cast<void>(yield());
                calls.fetch_add(1);
            }));
            if (calls != 1) fail("what is done once was not done once");
        }));
    }
    if (!arrived.wait()) fail("a latch let go of somebody who was not cancelled");
    go.set();
    join_all(crowd);
}

struct Question {
    std::uint64_t number;
    Sender<std::uint64_t> answer;
};

// Handles travel through channels; the last sender that goes ends the service.
void service(Random random) {
    auto [ask, questions] = make_channel<Question>("questions", random.below(3));
    std::vector<JoinHandle<void>> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(spawn("server", [in = questions] {
            while (auto question = in.receive())
                static_cast<void>(question->answer.send(question->number * 2));
        }));
    }
    questions.reset();
    for (std::uint64_t n = 0; n < 8; ++n) {
        all.push_back(spawn("client", [out = ask, n] {
            auto [sender, answer] = make_channel<std::uint64_t>("answer");
            if (!out.send(Question{n, std::move(sender)}))
                fail("a service closed before its clients were gone");
            if (*answer.receive() != 2 * n) fail("a wrong answer");
        }));
    }
    ask.reset();
    join_all(all);
}

}  // namespace

void play_scene(World&, Random random) {
    counters.scenes.fetch_add(1, std::memory_order_relaxed);
    switch (random.below(kScenes)) {
        case 0:
            return barrier(random);
        case 1:
            return notify_everybody(random);
        case 2:
            return storm(random);
        case 3:
            return chain_of_joiners(random);
        case 4:
            return timers(random);
        case 5:
            return suspended(random);
        case 6:
            return gates(random);
        default:
            return service(random);
    }
}

}  // namespace cprime::soak
