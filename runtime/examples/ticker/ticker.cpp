// Ticker: prices that everybody sees, at the pace of the slowest, or of nobody.
//
//   ticker
//
// Shows: a Broadcast, where every subscriber gets every price; what its two modes do about a subscriber that is slow (hold up the sender, or lose the
// oldest and know how many); and one configuration that all read as a Snapshot, replaced while they run, of which nobody ever sees half.
#include <cprime/cprime.h>

#include <cstdio>
#include <utility>
#include <vector>

namespace {

constexpr int kPrices = 1000;
constexpr int kKept = 8;  // prices that a subscriber may lag behind

// Two that belong together.
struct Range {
    int lowest, highest;
};

struct Seen {
    int prices = 0;
    unsigned long missed = 0;
    bool in_order = true;
};

Seen watch(cprime::Subscriber<int> inbox, int yields, const cprime::Snapshot<Range>& range) {
    Seen seen;
    int newest = -1;
    while (auto price = inbox.receive()) {
        const auto now = range.read();
        for (int i = 0; i < yields; ++i)
            cprime::yield();
        seen.in_order = seen.in_order && *price > newest && now->highest - now->lowest == 10;
        newest = *price;
        ++seen.prices;
    }
    seen.missed = inbox.missed();
    return seen;
}

bool run_ticker(cprime::BroadcastMode mode) {
    cprime::Broadcast<int> prices("prices", kKept, mode);
    cprime::Snapshot<Range> range(Range{0, 10});
    std::vector<cprime::JoinHandle<Seen>> watchers;
    for (const int yields : {0, 1, 20}) {
        watchers.push_back(cprime::spawn("watcher", [inbox = prices.subscribe(), yields, &range]() mutable {
            return watch(std::move(inbox), yields, range);
        }));
    }
    for (int i = 0; i < kPrices; ++i) {
        prices.send(i);
        range.update([](const Range& before) { return Range{before.lowest + 1, before.highest + 1}; });
        if (i % kKept == 0) cprime::yield();
    }
    prices.close();
    bool good = true;
    for (auto& watcher : watchers) {
        const auto seen = watcher.join();
        const bool complete = seen && seen->in_order &&
                              seen->prices + static_cast<int>(seen->missed) == kPrices;
        good = good && complete && (mode == cprime::BroadcastMode::lagging || seen->missed == 0);
        if (seen) std::printf("  saw %d, missed %lu\n", seen->prices, seen->missed);
    }
    if (!good) std::printf("ticker: a watcher saw prices out of order, or lost count\n");
    return good;
}

}  // namespace

int main() {
    return cprime::run([] {
        std::printf("at the pace of the slowest:\n");
        const bool waits = run_ticker(cprime::BroadcastMode::waits);
        std::printf("at that of the ticker:\n");
        return run_ticker(cprime::BroadcastMode::lagging) && waits;
    })
               ? 0
               : 1;
}
