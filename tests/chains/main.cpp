// A program whose coroutines park deep in chains of calls, and which keeps a record of its own of every chain (shadow.h).
//
//   chains hold COUNT SEED SHADOW            COUNT coroutines park for good; "ready"; goes on when stdin ends
//   chains churn COUNT SEED SHADOW SECONDS   they park again and again, end, and are made anew, on two workers; totals as JSON
//
// Every fourth coroutine is growable code on a Micro stack, every eighth uses code without exception tables. Used by
// differential_test.py and looks_test.py.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/tables.h"
#include "world.h"

#define CHAINS_EACH_ORDINARY(X) \
    X(O0) X(O0_nofp) X(O1) X(O1_fp) X(O2) X(O2_fp) X(O3) X(O3_fp) X(linked_O0) X(linked_O2)
#define CHAINS_EACH_GROWABLE(X) X(growable_O0) X(growable_O2) X(growable_O3)
#define CHAINS_DECLARE(build) extern "C" chains::Steps chains_steps_##build();
CHAINS_EACH_ORDINARY(CHAINS_DECLARE)
CHAINS_EACH_GROWABLE(CHAINS_DECLARE)
CHAINS_DECLARE(bare)
#define CHAINS_DECLARE_WAITS(build) extern "C" chains::Waits chains_waits_##build();
#define CHAINS_EACH_WAITS(X) X(O0) X(O2) X(O3_fp)
CHAINS_EACH_WAITS(CHAINS_DECLARE_WAITS)
CHAINS_DECLARE_WAITS(growable_O2)

using namespace chains;

namespace {

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "chains: %s\n", what);
    std::exit(2);
}

// All that chains of one kind draw from.
struct Repertoire {
    std::vector<Step> steps, hold, churn;
    void add(const Steps& more) { steps.insert(steps.end(), more.all.begin(), more.all.end()); }
    void add(const Waits& more) {
        hold.insert(hold.end(), more.hold.begin(), more.hold.end());
        churn.insert(churn.end(), more.churn.begin(), more.churn.end());
    }
};

// From the libraries that are opened while the program runs; they stay.
Steps opened(const char* path, const char* name) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) fail(dlerror());
    const auto function = reinterpret_cast<Steps (*)()>(dlsym(library, name));
    if (function == nullptr) fail("an opened library has no steps");
    return function();
}

Repertoire ordinary_repertoire() {
    Repertoire all;
#define CHAINS_ADD(build) all.add(chains_steps_##build());
    CHAINS_EACH_ORDINARY(CHAINS_ADD)
    all.add(opened(CHAINS_OPENED_O1, "chains_steps_opened_O1"));
    all.add(opened(CHAINS_OPENED_O3, "chains_steps_opened_O3"));
#define CHAINS_ADD_WAITS(build) all.add(chains_waits_##build());
    CHAINS_EACH_WAITS(CHAINS_ADD_WAITS)
    return all;
}
// ... and code whose rules are in .debug_frame alone, where libunwind is at its end.
Repertoire repertoire_with_bare() {
    Repertoire all = ordinary_repertoire();
    for (int i = 0; i < 4; ++i)
        all.add(chains_steps_bare());
    return all;
}
Repertoire growable_repertoire() {
    Repertoire all;
    CHAINS_EACH_GROWABLE(CHAINS_ADD)
    all.add(chains_waits_growable_O2());
    return all;
}

class Program {
public:
    Program(bool churns, std::uint64_t count, std::uint64_t seed, const char* shadow_path)
        : seed_(seed), chains_(count) {
        world_.churns = churns;
        const int file = open(shadow_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const std::uint64_t bytes = shadow_bytes(count);
        if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0)
            fail("the shadow file cannot be made");
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED) fail("the shadow file cannot be mapped");
        auto* header = new (memory) ShadowHeader;
        header->places = count;
        for (std::uint64_t i = 0; i < count; ++i) {
            chains_[i] = std::make_unique<Chain>();
            chains_[i]->place = new (places_of(header) + i) Place;
        }
    }

    int hold() {
        std::vector<cprime::JoinHandle<void>> handles;
        for (std::uint64_t i = 0; i < chains_.size(); ++i)
            handles.push_back(start(i, 1));
        // The one worker comes back here only after all have parked, the last one included.
        while (world_.parks.load(std::memory_order_relaxed) < chains_.size())
            static_cast<void>(cprime::yield());
        static_cast<void>(cprime::yield());
        std::printf("ready\n");
        std::fflush(stdout);
        while (std::getchar() != EOF) {
        }
        world_.nothing_comes.close();
        world_.nobody_takes.close();
        for (auto& handle : handles)
            static_cast<void>(handle.join());
        return totals();
    }

    int churn(std::chrono::seconds how_long) {
        const auto end = std::chrono::steady_clock::now() + how_long;
        std::vector<cprime::JoinHandle<void>> handles;
        for (std::uint64_t i = 0; i < chains_.size(); ++i)
            handles.push_back(start(i, 5 + static_cast<std::uint32_t>(i % 40)));
        std::printf("ready\n");
        std::fflush(stdout);
        for (std::uint64_t i = 0; std::chrono::steady_clock::now() < end; i = (i + 1) % chains_.size()) {
            static_cast<void>(handles[i].join());
            handles[i] = start(i, 5 + static_cast<std::uint32_t>((i + started_) % 40));
        }
        for (auto& handle : handles)
            static_cast<void>(handle.join());
        while (world_.tape.try_receive())
            ++left_on_tape_;
        return totals();
    }

private:
    cprime::JoinHandle<void> start(std::uint64_t number, std::uint32_t rounds) {
        const bool grows = number % 4 == 3;
        const Repertoire& repertoire = grows ? growable_ : number % 8 == 1 ? with_bare_ : ordinary_;
        Chain& chain = *chains_[number];
        chain.random = (seed_ + ++started_) * 0x9e3779b97f4a7c15ULL | 1;
        chain.steps = repertoire.steps;
        chain.waits = world_.churns ? repertoire.churn : repertoire.hold;
        chain.world = &world_;
        return grows ? chains_spawn_growable(chain, rounds) : chains_spawn_ordinary(chain, rounds);
    }

    int totals() const {
        const std::uint64_t sent = world_.sent, received = world_.received + left_on_tape_;
        std::printf("{\"started\": %" PRIu64 ", \"chains\": %" PRIu64 ", \"parks\": %" PRIu64
                    ", \"sent\": %" PRIu64 ", \"received\": %" PRIu64 "}\n",
                    started_, world_.chains.load(), world_.parks.load(), sent, received);
        return sent == received ? 0 : 1;
    }

    const std::uint64_t seed_;
    const Repertoire ordinary_ = ordinary_repertoire(), with_bare_ = repertoire_with_bare(),
                     growable_ = growable_repertoire();
    World world_;
    std::vector<std::unique_ptr<Chain>> chains_;
    std::uint64_t started_ = 0, left_on_tape_ = 0;
};

}  // namespace

void chains_take_place(Chain& chain) {
    namespace wire = coroscope::wire;
    chain.identity = cprime::this_id();
    const auto& section = cprime::detail::g_runtime->segment->header()
                              .sections[static_cast<std::size_t>(wire::SectionKind::kCoroutines)];
    const std::uint32_t used = section.records_used.load();
    for (std::uint32_t i = 0; i < used; ++i) {
        if (cprime::detail::detail(i).identity.load(std::memory_order_relaxed) == chain.identity)
            chain.sequence = &cprime::detail::record(i).sequence;
    }
    if (chain.sequence == nullptr) std::abort();
    for (Park& park : chain.place->parks)
        park.sequence.store(0, std::memory_order_relaxed);
    chain.place->identity.store(chain.identity, std::memory_order_release);
}

void chains_note(Chain& chain) {
    Place& place = *chain.place;
    const std::uint32_t sequence = chain.sequence->load(std::memory_order_relaxed);
    // A call that need not wait is no park: its note is written over by that of the next one, which has the same sequence.
    if (place.parks[place.newest].sequence.load(std::memory_order_relaxed) != sequence)
        place.newest = (place.newest + 1) % kHistory;
    Park& park = place.parks[place.newest];
    park.sequence.store(0, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    park.identity = chain.identity;
    park.depth = chain.depth;
    std::memcpy(park.returns, chain.returns, chain.depth * sizeof chain.returns[0]);
    park.sequence.store(sequence, std::memory_order_release);
    world_of(chain).parks.fetch_add(1, std::memory_order_relaxed);
}

int main(int argc, char** argv) {
    const bool churns = argc == 6 && std::strcmp(argv[1], "churn") == 0;
    if (!churns && !(argc == 5 && std::strcmp(argv[1], "hold") == 0))
        fail("hold COUNT SEED SHADOW | churn COUNT SEED SHADOW SECONDS");
    const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
    return cprime::run({.workers = churns ? 2U : 1U}, [&] {
        Program program(churns, number(2), number(3), argv[4]);
        return churns ? program.churn(std::chrono::seconds(number(5))) : program.hold();
    });
}
