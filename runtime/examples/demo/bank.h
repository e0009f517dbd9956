// Locks: a semaphore that hands out work, a mutex that many want for a moment, and one that somebody keeps.
#pragma once

#include <cprime/cprime.h>

#include <cstdint>
#include <vector>

#include "part.h"
#include "schedule.h"

namespace demo {

class Bank : public Part {
public:
    explicit Bank(Schedule& schedule);

    int players() const override { return 1; }
    bool at_rest() const override { return handled_.load() == handed_in_.load() && watch_waits_.load(); }
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    void open(Schedule& schedule);
    void serve();
    void watch();

    cprime::Semaphore slips_{0, "slips"};  // that customers have handed in
    cprime::Mutex ledger_{"ledger"};
    cprime::Mutex vault_{"vault"};
    std::uint64_t balance_ = 0;  // guarded by ledger_
    std::atomic<std::uint64_t> handed_in_{0}, handled_{0};
    std::atomic<bool> watch_waits_{false};
    cprime::JoinHandle<void> manager_, watch_;
    std::vector<cprime::JoinHandle<void>> tellers_;
};

}  // namespace demo
