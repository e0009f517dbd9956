#include "swarm.h"

#include <utility>

#include "totals.h"

namespace demo {
namespace {

constexpr unsigned kMembersAtOnce = 4000;
constexpr milliseconds kBreath{4};
constexpr int kSparksPerBeat = 50;

void glow(const cprime::Receiver<Spark>& sparks, Tally& tally) {
    while (auto spark = sparks.receive()) {
        tally.received.fetch_add(1, std::memory_order_relaxed);
        if (spark->last) return;
    }
}

void throw_sparks(Schedule& schedule, const cprime::Sender<Spark>& sparks) {
    Tally& tally = totals().channel("sparks");
    schedule.play([&] {
        for (int i = 0; i < kSparksPerBeat; ++i) {
            if (!sparks.send({.last = false})) return false;
            ++tally.sent;
        }
        return true;
    });
}

}  // namespace

Swarm::Swarm(Schedule& schedule, unsigned members, bool hints) {
    cprime::SpawnOptions options{.name = "member"};
    if (hints) options.size_class = cprime::size_class::micro;
    Tally& tally = totals().channel("sparks");
    members_.reserve(members);
    while (members_.size() < members) {
        members_.push_back(spawn_counted(options, [in = sparks_.receiver, &tally] { glow(in, tally); }));
        if (members_.size() % kMembersAtOnce == 0 && !cprime::sleep_for(kBreath)) return;
    }
    if (members == 0) return;
    thrower_ = spawn_counted({.name = "thrower"},
                             [&schedule, out = sparks_.sender] { throw_sparks(schedule, out); });
}

bool Swarm::at_rest() const {
    return sparks_.receiver.statistics().receivers_waiting == members_.size();
}

void Swarm::note_edges(Edges& edges) const {
    if (thrower_.joinable()) edges.receives(thrower_.id(), "gate");
    for (const auto& member : members_)
        edges.receives(member.id(), "sparks");
}

void Swarm::finish() {
    if (thrower_.joinable()) thrower_.join();
    Tally& tally = totals().channel("sparks");
    for (std::size_t i = 1; i <= members_.size(); ++i) {
        if (!sparks_.sender.send({.last = true})) return;
        ++tally.sent;
        if (i % kMembersAtOnce == 0) cprime::sleep_for(kBreath);
    }
    for (auto& member : members_)
        member.join();
}

}  // namespace demo
