// A program whose one busy site needs more stack after an "update" of the program than before it.
//
//   growing_site [updated]
//
// A hundred coroutines of one site wait with 600 bytes of frame under them, or 6,000 when updated, all on one worker. Prints one line of
// JSON: how many there were, and the bytes of the largest slot that was seen.
#include <cprime/cprime.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace {

constexpr int kCoroutines = 100;

// Touched from the top down, as a stack is.
template <std::size_t Bytes>
[[gnu::noinline]] int wait_with() {
    volatile char frame[Bytes];
    for (std::size_t i = Bytes; i-- > 0;)
        frame[i] = 1;
    cprime::yield();
    return frame[0];
}

int wait_all(bool updated) {
    cprime::JoinHandle<int> handles[kCoroutines];
    for (auto& handle : handles)
        handle = cprime::spawn("busy", [updated] { return updated ? wait_with<6000>() : wait_with<600>(); });
    int ended = 0;
    std::size_t slot_bytes = 0;
    for (auto& handle : handles) {
        slot_bytes = std::max(slot_bytes, handle.view().stack_size());
        ended += handle.join() ? 1 : 0;
    }
    std::printf("{\"ended\": %d, \"slot_bytes\": %zu}\n", ended, slot_bytes);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const bool updated = argc > 1 && std::string_view(argv[1]) == "updated";
    return cprime::run({.workers = 1}, [updated] { return wait_all(updated); });
}
