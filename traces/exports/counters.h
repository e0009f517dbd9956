// Counters: how many coroutines there are, wait for a worker and run, and how many stack slots of each pool are in use, over time.
//
// Each is told when it has changed and was not told in the last 100 us of the program's time, and once more at the end: a program that changes them
// a million times a second does not make as many rows.
//
// Thread: one at a time. Tested in tests/e2e/export_test.py.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "traces/analyses/trace_walk.h"
#include "traces/sparse_table.h"

namespace coroscope::exports {

class Counters {
public:
    // tell(number of the counter, ticks, value).
    using Tell = std::function<void(std::size_t, std::uint64_t, std::int64_t)>;
    Counters(const analyses::TraceWalk& walk, Tell tell);

    // By number: "coroutines", "ready", "running", "slots of pool 2 (medium)" ...
    const std::vector<std::string>& names() const { return names_; }

    void event(const analyses::OrderedEvent& event);
    void began(const analyses::Life& life);
    void enter(const analyses::Life& life, const analyses::Span& span);
    void leave(const analyses::Life& life, const analyses::Span& span);
    void ended(std::uint64_t ticks);
    void finish(std::uint64_t end_ticks);

private:
    struct Value {
        std::int64_t now = 0, told = -1;
        std::uint64_t told_ticks = 0;
    };
    void change(std::size_t number, std::int64_t by, std::uint64_t ticks);

    const Tell tell_;
    std::uint64_t pause_ticks_;
    std::vector<std::string> names_;
    std::vector<Value> values_;
    traces::SparseTable<analyses::Activity> entered_;  // by index: leave() may say unknown instead
};

}  // namespace coroscope::exports
