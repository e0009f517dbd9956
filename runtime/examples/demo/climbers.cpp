// Growable code: this file is compiled with cprime_growable_stacks() (see CMakeLists.txt).
#include "climbers.h"

#include <algorithm>
#include <cstdio>

#include "random.h"
#include "totals.h"

namespace demo {
namespace {

constexpr int kClimbers = 24;
constexpr int kHighest = 80;  // ledges

// What a climber leaves behind on each ledge: locals whose addresses the higher ones keep.
struct Ledge {
    const Ledge* below;
    int height;
    int pulls;
};

// One frame a ledge. On the highest one it waits for somebody to pull its rope; the stack grows where it has to, and nothing moves.
// It calls nothing but itself and the runtime: a call of ordinary code would ask for 6 KiB on each ledge.
[[gnu::noinline]] Rope climb(const cprime::Receiver<Rope>& ropes, int top, const Ledge* below) {
    Ledge here{below, below == nullptr ? 1 : below->height + 1, 0};
    Rope rope{0};
    if (here.height < top) {
        rope = climb(ropes, top, &here);
    } else if (auto pulled = ropes.receive()) {
        rope = *pulled;
    }
    here.pulls += rope.pull;
    // The way back down to the first ledge is still where it was.
    int ledges = 0;
    for (const Ledge* ledge = &here; ledge != nullptr; ledge = ledge->below)
        ++ledges;
    return ledges == here.height ? rope : Rope{0};
}

int climb_until_told(const cprime::Receiver<Rope>& ropes, int number, Tally& tally) {
    Random random(static_cast<std::uint64_t>(number));
    int highest = 0;
    while (true) {
        const int top = 1 + static_cast<int>(random.below(kHighest));
        const Rope rope = climb(ropes, top, nullptr);
        tally.received.fetch_add(1, std::memory_order_relaxed);
        if (rope.pull == 0) return highest;
        highest = std::max(highest, top);
    }
}

}  // namespace

Climbers::Climbers(Schedule& schedule) {
    Tally& tally = totals().channel("ropes");
    for (int i = 0; i < kClimbers; ++i) {
        climbers_.push_back(
            spawn_counted({.name = "climber", .size_class = cprime::size_class::micro},
                          [in = ropes_.receiver, i, &tally] { return climb_until_told(in, i, tally); }));
    }
    guide_ = spawn_counted({.name = "guide"}, [&schedule, &tally, out = ropes_.sender] {
        schedule.play([&] {
            if (!out.send({.pull = 1})) return false;
            ++tally.sent;
            return true;
        });
    });
}

bool Climbers::at_rest() const {
    return ropes_.receiver.statistics().receivers_waiting == climbers_.size();
}

void Climbers::note_edges(Edges& edges) const {
    edges.receives(guide_.id(), "gate");
    for (const auto& climber : climbers_)
        edges.receives(climber.id(), "ropes");
}

void Climbers::finish() {
    guide_.join();
    int highest = 0;
    for (std::size_t i = 0; i < climbers_.size(); ++i) {
        if (!ropes_.sender.send({.pull = 0})) return;
        ++totals().channel("ropes").sent;
    }
    for (auto& climber : climbers_) {
        if (const auto top = climber.join()) highest = std::max(highest, *top);
    }
    std::printf("climbers: %zu on stacks of 256 bytes, the highest on ledge %d\n", climbers_.size(), highest);
}

}  // namespace demo
