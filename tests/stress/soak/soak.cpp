// Soak: everything at once, for as long as one likes, and after each round nothing may be left.
//
//   soak [SECONDS] [SEED]      8 s and a seed from the clock where nothing is said
//
// A round: some dozen actors (actors.cpp) play a random script over shared channels and locks, scenes (scenes.cpp) play theirs, two
// threads that are no workers join in, and a director cancels, closes and wakes at random moments; at its end it closes everything and
// joins whom it holds. Rounds run in Runtimes of 1, 2, 4 and 8 workers, under chaos with another seed each (one in four without), some
// in virtual time.
//
// Checked: what actors can see (one owner a lock, no item lost); after each round the ledger of the runtime (ledger.h): no coroutine,
// slot, arm, deadline, channel, handle, object or item; after each Runtime the process: no thread more than before, no descriptor more
// than after the first, and the bytes of the heap and of memory do not grow from the first quarter to the end. Nothing relies on
// sleeping: a round that does not end is ended by the watchdog.
//
// The last line sums up. A failure names the seed and the round; the interleaving of several workers it cannot name.
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "ledger.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/switch/sanitizer.h"
#include "world.h"

namespace cprime::soak {
namespace {

using Clock = std::chrono::steady_clock;

struct Progress {
    std::uint64_t seed = 0;
    std::atomic<std::uint64_t> round{0};  // writer: main; readers: the watchdog, whoever fails
    unsigned workers = 0;
};
Progress progress;

// Ends the process when a round takes longer than any round should.
class Watchdog {
public:
    Watchdog() : thread_([this] { watch(); }) {}
    ~Watchdog() {
        {
            const std::lock_guard hold(lock_);
            over_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

private:
    void watch() {
        constexpr auto kRoundMost = std::chrono::seconds(detail::kSanitizer ? 300 : 60);
        std::unique_lock hold(lock_);
        std::uint64_t seen = progress.round;
        auto since = Clock::now();
        while (!over_) {
            changed_.wait_for(hold, std::chrono::seconds(1));
            if (seen != progress.round) since = Clock::now();
            seen = progress.round;
            if (Clock::now() - since > kRoundMost) fail("a round does not end");
        }
    }
    std::mutex lock_;
    std::condition_variable changed_;
    bool over_ = false;
    std::thread thread_;
};

// The first coroutine of a round.
void direct(World& world, Random random) {
    std::vector<JoinHandle<void>> actors, scenes;
    for (std::uint32_t left = 10 + random.below(detail::kSanitizer ? 20 : 40); left > 0; --left) {
        SpawnOptions options{.name = "actor"};
        if (random.one_in(6)) options.priority = random.one_in(2) ? priority::high : priority::low;
        if (random.one_in(6)) options.worker = random.below(world.workers);
        actors.push_back(spawn(options, [&world, mine = random.another()] { act(world, mine, 0, true); }));
    }
    for (std::uint32_t left = random.below(4); left > 0; --left)
        scenes.push_back(spawn("scene", [&world, mine = random.another()] { play_scene(world, mine); }));
    for (std::uint32_t left = random.below(30); left > 0; --left) {
        const std::uint32_t way = random.below(8);
        if (way == 0) static_cast<void>(sleep_for(random.moment()));
        if (way == 1 && actors[random.below(static_cast<std::uint32_t>(actors.size()))].cancel())
            counters.cancels.fetch_add(1, std::memory_order_relaxed);
        if (way == 2) world.event.set();
        if (way == 3) world.changed.notify_all();
        if (way == 4 && random.one_in(8)) {
            world.tapes[random.below(World::kTapes)].close();
            counters.closes.fetch_add(1, std::memory_order_relaxed);
        }
        static_cast<void>(yield());
    }
    for (auto& actor : actors) {
        if (random.one_in(2) && actor.cancel()) counters.cancels.fetch_add(1, std::memory_order_relaxed);
    }
    {
        const MutexLock lock(world.mutexes[0]);
        world.ending = true;
        world.changed.notify_all();
    }
    world.close_all();
    for (auto* group : {&actors, &scenes}) {
        for (auto& each : *group) {
            try {
                static_cast<void>(each.join());
            } catch (const Mishap&) {
            }
        }
    }
}

void play_round(Runtime& runtime, Random random) {
    {
        World world;
        world.workers = runtime.workers();
        std::atomic<bool> stop{false};
        std::vector<std::thread> outsiders;
        for (int i = 0; i < 2; ++i)
            outsiders.emplace_back([&, mine = random.another()] { act_outside(world, mine, stop); });
        runtime.run([&] { direct(world, random); });
        stop = true;
        for (std::thread& each : outsiders)
            each.join();
        runtime.wait();  // for those whom they have spawned
    }
    check_runtime();
}

// Somebody still holds handles of coroutines that have ended, and lets go of them while the Runtime ends.
class LateHolder {
public:
    explicit LateHolder(Runtime& runtime) {
        for (int i = 0; i < 100; ++i)
            handles_.push_back(spawn("gone", [] { return 1; }));
        runtime.wait();
    }
    void let_go() {
        thread_ = std::thread([this] { handles_.clear(); });
    }
    ~LateHolder() {
        if (thread_.joinable()) thread_.join();
    }

private:
    std::vector<JoinHandle<int>> handles_;
    std::thread thread_;
};

void play_runtime(std::uint64_t number, Random random, Clock::time_point until) {
    constexpr std::uint64_t kRounds = 10;
    constexpr unsigned kWorkers[] = {2, 4, 1, 8};
    progress.workers = kWorkers[number % 4];
    const bool is_deterministic = number % 8 == 2;
    RuntimeOptions options{.workers = progress.workers, .blocking_threads = 3};
    if (is_deterministic) options.deterministic = number;
    std::optional<Runtime> runtime(std::in_place, options);
    LateHolder late(*runtime);
    std::uint64_t rounds = 0;
    while (rounds < kRounds && (rounds == 0 || Clock::now() < until)) {
        const bool is_calm = rounds % 4 == 3 && !is_deterministic;
        detail::g_chaos.change(is_calm ? std::nullopt : std::optional(progress.seed + progress.round),
                               is_deterministic);
        play_round(*runtime, random.another());
        ++rounds;
        ++progress.round;
    }
    late.let_go();
    runtime.reset();
}

void check_growth(const Process& before, const Process& after) {
    constexpr std::uint64_t kHeapGrowthMost = 256 << 10, kResidentGrowthMost = 32 << 20;
    if (after.heap_bytes > before.heap_bytes + kHeapGrowthMost) fail("the heap has grown");
    if (!detail::kSanitizer && after.resident_bytes > before.resident_bytes + kResidentGrowthMost)
        fail("the process has grown");
}

void sum_up(double seconds, std::uint64_t runtimes, const Process& early, const Process& late) {
    const auto count = [](const std::atomic<std::uint64_t>& counter) {
        return static_cast<unsigned long long>(counter.load());
    };
    std::printf(
        "soak: %.0f s, seed %llu: %llu rounds in %llu runtimes, %llu moves, %llu by threads, %llu scenes, "
        "%llu cancels, "
        "%llu closes, %llu mishaps, %llu partings, %llu blocking calls; left over: 0 coroutines, slots, "
        "arms, deadlines, "
        "channels, handles, objects, items, descriptors, threads; heap %llu -> %llu bytes, resident %llu -> "
        "%llu KiB\n",
        seconds, static_cast<unsigned long long>(progress.seed), count(progress.round),
        static_cast<unsigned long long>(runtimes), count(counters.moves), count(counters.outside_moves),
        count(counters.scenes), count(counters.cancels), count(counters.closes), count(counters.mishaps),
        count(counters.partings), count(counters.blocking_calls),
        static_cast<unsigned long long>(early.heap_bytes), static_cast<unsigned long long>(late.heap_bytes),
        static_cast<unsigned long long>(early.resident_bytes >> 10),
        static_cast<unsigned long long>(late.resident_bytes >> 10));
}

// Four times through all numbers of workers, so that there is something to compare. Under TSan a runtime takes seconds, and memory is its own.
#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuntimesLeast = 4;
#else
constexpr std::uint64_t kRuntimesLeast = 16;
#endif

void soak(double seconds) {
    const Watchdog watchdog;
    const auto begin = Clock::now();
    const auto after = [&](double share) {
        return begin +
               std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds * share));
    };
    Random random(progress.seed);
    const std::uint64_t threads = look_at_process().threads;
    std::uint64_t descriptors = 0;
    std::optional<Process> early;
    Process late;
    std::uint64_t runtimes = 0;
    while (runtimes < kRuntimesLeast || Clock::now() < after(1)) {
        play_runtime(runtimes, random.another(), after(1));
        ++runtimes;
        // A thread that was joined is shown by the kernel for a moment longer; the watchdog ends the wait for others.
        while (look_at_process().threads > threads)
            std::this_thread::yield();
        late = look_at_process();
        if (runtimes == 1) descriptors = late.descriptors;
        if (late.descriptors > descriptors) fail("descriptors are left over");
        if (!early && runtimes >= 8 && Clock::now() >= after(0.25)) early = late;
        if (early) check_growth(*early, late);
    }
    sum_up(std::chrono::duration<double>(Clock::now() - begin).count(), runtimes, early.value_or(late), late);
}

}  // namespace

void fail(const std::string& what) {
    std::fprintf(stderr, "soak: %s (seed %llu, round %llu, %u workers)\n", what.c_str(),
                 static_cast<unsigned long long>(progress.seed),
                 static_cast<unsigned long long>(progress.round.load()), progress.workers);
    std::abort();
}

}  // namespace cprime::soak

int main(int count, char** arguments) {
    const double seconds = count > 1 ? std::strtod(arguments[1], nullptr) : 8;
    cprime::soak::progress.seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10)
                                            : static_cast<std::uint64_t>(
                                                  std::chrono::system_clock::now().time_since_epoch().count());
    setenv("CPRIME_QUIET", "1", 0);
    std::printf("soak: %.0f s, seed %llu\n", seconds,
                static_cast<unsigned long long>(cprime::soak::progress.seed));
    std::fflush(stdout);
    cprime::soak::soak(seconds);
    return 0;
}
