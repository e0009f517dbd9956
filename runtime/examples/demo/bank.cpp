#include "bank.h"

#include <cstdio>

#include "totals.h"

namespace demo {
namespace {

constexpr int kTellers = 4;
constexpr std::uint32_t kSlipsPerBeat = 3;
constexpr std::uint64_t kSlipsPerAudit = 16;

}  // namespace

Bank::Bank(Schedule& schedule) {
    manager_ = spawn_counted({.name = "manager"}, [this, &schedule] { open(schedule); });
    for (int i = 0; i < kTellers; ++i)
        tellers_.push_back(spawn_counted({.name = "teller"}, [this] { serve(); }));
}

// The vault stays locked as long as the bank is open, and who wants to look into it waits that long.
void Bank::open(Schedule& schedule) {
    const cprime::MutexLock locked(vault_);
    if (!locked) return;
    watch_ = spawn_counted({.name = "watchman"}, [this] { watch(); });
    schedule.play([this] {
        handed_in_ += kSlipsPerBeat;
        slips_.release(kSlipsPerBeat);
        return true;
    });
}

// Until it is asked to end. Now and then somebody counts the money, and the others wait for the ledger.
void Bank::serve() {
    while (slips_.acquire()) {
        const cprime::MutexLock hold(ledger_);
        if (!hold) return;
        ++balance_;
        if (balance_ % kSlipsPerAudit == 0 && !cprime::sleep_for(milliseconds(1))) return;
        ++handled_;
    }
}

void Bank::watch() {
    watch_waits_ = true;
    const cprime::MutexLock hold(vault_);
    if (hold) std::printf("bank: %llu slips\n", static_cast<unsigned long long>(handled_.load()));
}

void Bank::note_edges(Edges& edges) const {
    edges.receives(manager_.id(), "gate");
    edges.locks(watch_.id(), "vault");
    for (const auto& teller : tellers_)
        edges.acquires(teller.id(), "slips");
}

void Bank::finish() {
    manager_.join();
    for (auto& teller : tellers_) {
        teller.cancel();
        teller.join();
    }
    watch_.join();
}

}  // namespace demo
