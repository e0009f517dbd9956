// A server that runs out of memory, twice, and goes on.
//
//   out_of_memory
//
// Shows: OutOfMemory as a signal of the program. Its handler is a coroutine like any other, on a stack that was set aside for it. First the stacks
// run out, because clients hang up without a word and their sessions wait for ever: the handler asks those to end that wait for longest, and the
// client that was turned away is served when it comes again. Then the address space runs out (RLIMIT_AS), because a cache has grown: the handler
// empties it, and the allocation that failed succeeds without knowing. In between, defer() counts every session out, whichever way it ended.
#include <cprime/cprime.h>
#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnAllocator = true;  // the sanitizer's, which ends the program where it finds no memory
#else
constexpr bool kOwnAllocator = false;
#endif

using namespace std::chrono_literals;

constexpr int kClients = 300;
constexpr std::uint64_t kSessionsAtOnce = 64;
constexpr std::size_t kPageBytes = std::size_t{1} << 20;
constexpr std::size_t kSpareBytes = std::size_t{96} << 20;  // that the process may grow by
constexpr int kPages = 400;

struct Request {};

int turned_away = 0, answered = 0;
int sessions = 0;  // all on one worker
std::vector<std::unique_ptr<std::byte[]>> cache;

void answer(const cprime::OutOfMemory& out) {
    ++answered;
    if (out.source == cprime::OutOfMemory::Source::stacks) {
        cprime::reap_idle(0ms);
        cprime::trim();
    } else {
        cache.clear();
        cache.shrink_to_fit();
    }
}

// The client never says anything: this waits until it is asked to end.
void serve(const cprime::Receiver<Request>& client) {
    ++sessions;
    const auto gone = cprime::defer([] { --sessions; });
    static_cast<void>(client.receive());
}

void admit(const cprime::Receiver<Request>& from) {
    while (true) {
        try {
            cprime::spawn_detached({.name = "session", .size_class = cprime::size_class::medium},
                                   [from] { serve(from); });
            return;
        } catch (const std::bad_alloc&) {
            ++turned_away;
            cprime::yield();  // the handler runs first
        }
    }
}

std::size_t address_space_bytes() {
    std::FILE* const file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return 0;
    unsigned long pages = 0;
    const int read = std::fscanf(file, "%lu", &pages);
    std::fclose(file);
    return read == 1 ? pages * 4096 : 0;
}

int read_pages() {
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    rlimit tight = before;
    tight.rlim_cur = address_space_bytes() + kSpareBytes;
    if (setrlimit(RLIMIT_AS, &tight) != 0) return 0;
    const auto as_before = cprime::defer([&] { setrlimit(RLIMIT_AS, &before); });
    int read = 0;
    for (; read < kPages; ++read) {
        auto page = std::make_unique<std::byte[]>(kPageBytes);
        std::memset(page.get(), read, kPageBytes);
        cache.push_back(std::move(page));
    }
    return read;
}

int run_server() {
    cprime::signals().handle<cprime::OutOfMemory>(&answer);
    {
        auto [sender, receiver] = cprime::make_channel<Request>("requests");
        for (int i = 0; i < kClients; ++i)
            admit(receiver);
        std::printf("%d clients were admitted with stacks for %llu at once; %d were turned away at first\n",
                    kClients, static_cast<unsigned long long>(kSessionsAtOnce), turned_away);
        if (turned_away == 0 || answered == 0) {
            std::printf("out_of_memory: the stacks should have run out\n");
            return 1;
        }
        sender.reset();  // the channel closes: the sessions that are left end
        while (sessions != 0)
            cprime::yield();
    }
    if (kOwnAllocator) return 0;
    const int answered_before = answered;
    cprime::answer_failed_allocations();
    const int read = read_pages();
    const int answers = answered - answered_before;
    std::printf("%d MiB were read with room for %zu; the cache was emptied %d times\n", read,
                kSpareBytes >> 20, answers);
    if (read != kPages || answers == 0) {
        std::printf("out_of_memory: that should be %d MiB, and 1 time at least\n", kPages);
        return 1;
    }
    return 0;
}

}  // namespace

int main() {
    return cprime::run(
        {.workers = 1,
         .pools = {.medium = {.slots_max = kSessionsAtOnce, .when_full = cprime::WhenFull::error}}},
        &run_server);
}
