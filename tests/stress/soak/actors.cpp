// What one actor of the soak does, move by move.
#include <sched.h>

#include <utility>
#include <vector>

#include "runtime/switch/sanitizer.h"
#include "world.h"

namespace cprime::soak {
namespace {

// Waits in its destructor, whyever the frame ends: by return, by a Mishap, by cancellation. Holds no lock meanwhile and takes none for good.
class Parting {
public:
    Parting(World& world, Random random) : world_(world), random_(random) {}
    Parting(const Parting&) = delete;
    Parting& operator=(const Parting&) = delete;
    ~Parting() {
        counters.partings.fetch_add(1, std::memory_order_relaxed);
        switch (random_.below(6)) {
            case 0:
                static_cast<void>(world_.lines[random_.below(World::kLines)].receive_for(random_.moment()));
                break;
            case 1:
                static_cast<void>(world_.tapes[random_.below(World::kTapes)].send_for(1U, random_.moment()));
                break;
            case 2:
                if (const MutexLock lock(world_.mutexes[1], random_.moment()); lock) {
                    static_cast<void>(yield());
                    ++world_.guarded[1];
                }
                break;
            case 3:
                static_cast<void>(sleep_for(random_.moment()));
                break;
            case 4: {
                auto child = spawn("last words", [] { static_cast<void>(yield()); });
                static_cast<void>(child.join());
                break;
            }
            default:
                static_cast<void>(yield());
        }
    }

private:
    World& world_;
    Random random_;
};

class Actor {
public:
    Actor(World& world, Random random, int depth, bool may_throw)
        : world_(world), random_(random), depth_(depth), may_throw_(may_throw) {}

    void act() {
        for (std::uint32_t moves = random_.below(depth_ == 0 ? 40 : 12); moves > 0; --moves) {
            counters.moves.fetch_add(1, std::memory_order_relaxed);
            const Status status = move();
            // Who was asked to end may dawdle: its further waits answer at once.
            if (status == Status::cancelled && !random_.one_in(3)) return;
            if (may_throw_ && random_.one_in(150)) throw_from_below();
        }
    }

private:
    Status move() {
        switch (random_.below(16)) {
            case 0:
            case 1:
                return send();
            case 2:
            case 3:
                return receive();
            case 4:
            case 5:
                return choose();
            case 6:
                return lock();
            case 7:
                return lock_shared();
            case 8:
                return take_place();
            case 9:
                return wait_for_change();
            case 10:
                return sleep_for(random_.moment()).status();
            case 11:
                return have_children();
            case 12:
                return climb();
            case 13:
                return count_by_hand();
            case 14:
                return random_.one_in(4) ? call_outside() : yield().status();
            default:
                return say_something();
        }
    }

    const Channel<Item>& line() { return world_.lines[random_.below(World::kLines)]; }
    const Channel<std::uint64_t>& tape() { return world_.tapes[random_.below(World::kTapes)]; }

    Status send() {
        const Parting parting(world_, random_.another());
        switch (random_.below(4)) {
            case 0:
                return line().send(Item(1)).status();
            case 1:
                return tape().send(1U).status();
            case 2:
                return line().send_for(Item(2), random_.moment()).status();
            default:
                return line().try_send(Item(3)).status();
        }
    }
    Status receive() {
        switch (random_.below(4)) {
            case 0:
                return line().receive().status();
            case 1:
                return tape().receive().status();
            case 2:
                return tape().receive_for(random_.moment()).status();
            default:
                return line().try_receive().status();
        }
    }
    Status choose() {
        Item got, gift(4);
        std::uint64_t word = 0;
        switch (random_.below(4)) {
            case 0:
                return select(on_receive(line(), got), on_receive(tape(), word), on_send(tape(), 5U)).status;
            case 1:
                return select(on_send(line(), std::move(gift)), on_receive(line(), got),
                              on_timeout(random_.moment()))
                    .status;
            case 2:
                return select(on_receive(line(), got), on_receive(line(), got), on_receive(line(), got),
                              on_timeout(random_.moment()))
                    .status;
            default:
                return select(on_receive(tape(), word), on_send(line(), std::move(gift)), otherwise()).status;
        }
    }
    Status lock() {
        const std::uint32_t which = random_.below(2);
        const MutexLock lock = random_.one_in(3) ? MutexLock(world_.mutexes[which], random_.moment())
                                                 : MutexLock(world_.mutexes[which]);
        if (!lock) return lock.status();
        const std::uint64_t before = world_.guarded[which];
        if (random_.one_in(2)) static_cast<void>(yield());
        if (random_.one_in(8)) static_cast<void>(sleep_for(random_.moment()));
        if (world_.guarded[which] != before) fail("two were inside a mutex");
        world_.guarded[which] = before + 1;
        return Status::ok;
    }
    Status lock_shared() {
        if (random_.one_in(3)) {
            const WriterLock lock(world_.shared_mutex);
            if (!lock) return lock.status();
            const std::uint64_t before = world_.shared_guarded;
            static_cast<void>(yield());
            if (world_.shared_guarded != before) fail("two were inside a shared mutex to write");
            world_.shared_guarded = before + 1;
            return Status::ok;
        }
        const ReaderLock lock(world_.shared_mutex);
        if (!lock) return lock.status();
        const std::uint64_t before = world_.shared_guarded;
        static_cast<void>(yield());
        if (world_.shared_guarded != before) fail("somebody wrote while others read");
        return Status::ok;
    }
    Status take_place() {
        const Result<void> taken = random_.one_in(2) ? world_.semaphore.acquire()
                                                     : world_.semaphore.acquire_for(random_.moment());
        if (!taken) return taken.status();
        if (world_.inside_semaphore.fetch_add(1) >= 3)
            fail("more were inside a semaphore than it has permits");
        static_cast<void>(yield());
        world_.inside_semaphore.fetch_sub(1);
        world_.semaphore.release();
        return Status::ok;
    }
    Status wait_for_change() {
        if (random_.one_in(3)) {
            world_.changed.notify_one();
            if (random_.one_in(3)) world_.event.set();
            return Status::ok;
        }
        if (random_.one_in(3)) {
            if (random_.one_in(2)) world_.event.reset();
            return world_.event.wait_for(random_.moment()).status();
        }
        const MutexLock lock(world_.mutexes[0]);
        if (!lock) return lock.status();
        if (random_.one_in(2)) return world_.changed.wait_for(world_.mutexes[0], random_.moment()).status();
        return world_.changed
            .wait_for(world_.mutexes[0], random_.moment(), [this] { return world_.ending.load(); })
            .status();
    }
    // Children who are joined, cancelled, or left to themselves.
    Status have_children() {
        if (depth_ >= 3 || (depth_ != 0 && random_.one_in(2))) return Status::ok;
        std::vector<JoinHandle<int>> children;
        for (std::uint32_t left = 1 + random_.below(3); left > 0; --left) {
            children.push_back(
                spawn(how(), [this_world = &world_, random = random_.another(), depth = depth_ + 1] {
                    const Parting parting(*this_world, Random(7));
                    soak::act(*this_world, random, depth, false);
                    if (cancel_requested()) throw Cancelled();
                    return depth;
                }));
        }
        Status status = Status::ok;
        for (auto& child : children) {
            const std::uint32_t way = random_.below(8);
            if (way == 0) child.detach();
            if (way == 1 && child.cancel()) counters.cancels.fetch_add(1, std::memory_order_relaxed);
            if (way != 0 && way != 2) {
                const auto result = child.join();
                if (result && *result != depth_ + 1) fail("a child's result is not its depth");
                if (result.status() == Status::cancelled) status = Status::cancelled;
            }
        }
        return status;
    }
    SpawnOptions how() {
        SpawnOptions options{.name = "child"};
        const std::uint32_t drawn = random_.below(12);
        if (drawn == 0) options.priority = priority::high;
        if (drawn == 1) options.priority = priority::low;
        if (drawn == 2) options.worker = random_.below(world_.workers);
        if (drawn == 3) options.size_class = size_class::large;
        return options;
    }
    // Deep enough for a Medium stack to grow, and a wait at the bottom.
    Status climb() { return descend(random_.below(detail::kSanitizer ? 4 : 24)); }
    [[gnu::noinline]] Status descend(std::uint32_t left) {
        volatile char frame[1000];
        frame[0] = static_cast<char>(left);
        const Status status = left == 0 ? yield().status() : descend(left - 1);
        frame[999] = frame[0];
        return status;
    }
    Status count_by_hand() {
        Coroutine<void, int> numbers([this](auto& self) -> int {
            for (int i = 0; i < 5; ++i) {
                static_cast<void>(yield());
                self.yield(i);
            }
            return 5;
        });
        const int wanted = static_cast<int>(random_.below(8));
        for (int i = 0; i < wanted && i <= 5; ++i) {
            if (*numbers.resume() != i) fail("a coroutine resumed by hand counts wrongly");
        }
        return Status::ok;
    }
    Status call_outside() {
        counters.blocking_calls.fetch_add(1, std::memory_order_relaxed);
        const auto answer = blocking([&] {
            if (random_.one_in(3)) sched_yield();
            return 1;
        });
        return answer.status();
    }
    Status say_something() {
        static_cast<void>(world_.once.call([this] { static_cast<void>(sleep_for(random_.moment())); }));
        if (random_.one_in(200)) {
            counters.closes.fetch_add(1, std::memory_order_relaxed);
            line().close();
        }
        return yield().status();
    }
    void throw_from_below() {
        const Parting outer(world_, random_.another()), inner(world_, random_.another());
        counters.mishaps.fetch_add(1, std::memory_order_relaxed);
        throw Mishap();
    }

    World& world_;
    Random random_;
    const int depth_;
    const bool may_throw_;
};

}  // namespace

void act(World& world, Random random, int depth, bool may_throw) {
    Actor(world, random, depth, may_throw).act();
}

void act_outside(World& world, Random random, const std::atomic<bool>& stop) {
    std::vector<JoinHandle<int>> guests;
    while (!stop) {
        counters.outside_moves.fetch_add(1, std::memory_order_relaxed);
        std::uint64_t word = 0;
        Item item;
        switch (random.below(8)) {
            case 0:
                static_cast<void>(world.lines[random.below(World::kLines)].send_for(Item(6), random.moment()));
                break;
            case 1:
                static_cast<void>(world.lines[random.below(World::kLines)].receive_for(random.moment()));
                break;
            case 2:
                static_cast<void>(select(on_receive(world.lines[0], item), on_receive(world.tapes[2], word),
                                         on_send(world.tapes[0], 7U), on_timeout(random.moment())));
                break;
            case 3:
                if (const MutexLock lock(world.mutexes[random.below(2)], random.moment()); lock)
                    sched_yield();
                break;
            case 4:
                world.changed.notify_all();
                break;
            case 5:
                if (world.guests >= World::kGuestsMost) break;
                ++world.guests;
                guests.push_back(spawn("guest", [&world, guest = random.another()] {
                    soak::act(world, guest, 2, false);
                    --world.guests;
                    return 2;
                }));
                break;
            case 6:
                if (!guests.empty() && guests.back().cancel())
                    counters.cancels.fetch_add(1, std::memory_order_relaxed);
                break;
            default:
                if (!guests.empty()) guests.pop_back();
        }
        if (guests.size() > 8) {
            static_cast<void>(guests.front().cancel());
            static_cast<void>(guests.front().join());
            guests.erase(guests.begin());
        }
    }
}

}  // namespace cprime::soak
