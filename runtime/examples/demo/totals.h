// What the demo did, counted by the demo itself: apart from the runtime, so that the two can be compared.
#pragma once

#include <cprime/cprime.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

namespace demo {

// Items that went through the channels of one name. Several coroutines may count at once.
struct Tally {
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> received{0};
};

class Totals {
public:
    std::atomic<std::uint64_t> spawned{0};
    std::atomic<std::uint64_t> exited{0};

    // The tally of channels called `name`; stays where it is.
    Tally& channel(const std::string& name);
    void count_signal(const std::string& name);

    // One line of JSON.
    std::string json(std::uint64_t peak_rss_kib, std::uint64_t stack_rss_kib, std::uint64_t stack_bytes) const;

private:
    mutable std::mutex lock_;  // guards the maps, not what the tallies count
    std::map<std::string, Tally> channels_;
    std::map<std::string, std::uint64_t> signals_;
};

// A variable and not a function's static one: whoever counts calls nothing.
inline Totals all_totals;
inline Totals& totals() {
    return all_totals;
}

// Counts the end of the coroutine on whose stack it lies, however it ends.
struct CountsExit {
    ~CountsExit() { totals().exited.fetch_add(1, std::memory_order_relaxed); }
};

// cprime::spawn(), counted. The place of the *call* is the site, as for cprime::spawn() itself: hence the default argument.
template <typename F>
auto spawn_counted(const cprime::SpawnOptions& options, F&& function, cprime::Place place = CPRIME_HERE) {
    totals().spawned.fetch_add(1, std::memory_order_relaxed);
    return cprime::spawn(
        options,
        [function = std::forward<F>(function)]() mutable {
            const CountsExit counts;
            return function();
        },
        place);
}

}  // namespace demo
