// Three scheduling policies that are ready-made. What a policy is: scheduling_policy.h.
//
//   RoundRobin              in the order in which they became ready, whatever their priority
//   ByScore                 high priority and little stack first
//   EarliestDeadlineFirst   whose deadline is the earliest; who has none is taken to be due some time after it became ready
//
// With all three anybody who is ready runs after a number of picks, or a time, that is bounded: see each.
//
// Thread: as every policy, under its scheduler's lock. Each pick among n costs O(log n), RoundRobin's O(1). Tested in
// tests/unit/runtime/policies_test.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "cprime/scheduling_policy.h"

namespace cprime {

class RoundRobin {
public:
    void ready(const ReadyCoroutine& coroutine) noexcept { line_.push_back(coroutine.id); }
    std::optional<ReadyId> next(unsigned) noexcept {
        if (line_.empty()) return std::nullopt;
        const ReadyId id = line_.front();
        line_.pop_front();
        return id;
    }
    bool empty() const noexcept { return line_.empty(); }

private:
    std::deque<ReadyId> line_;
};

namespace detail {

// The least rank first; of the same rank, who came first.
template <typename Rank>
class RankedLine {
public:
    void add(const ReadyId& id, Rank rank) {
        heap_.push_back({rank, arrivals_++, id});
        std::push_heap(heap_.begin(), heap_.end());
    }
    std::optional<ReadyId> take() noexcept {
        if (heap_.empty()) return std::nullopt;
        std::pop_heap(heap_.begin(), heap_.end());
        const ReadyId id = heap_.back().id;
        heap_.pop_back();
        return id;
    }
    bool empty() const noexcept { return heap_.empty(); }
    std::uint64_t arrivals() const noexcept { return arrivals_; }

private:
    struct Entry {
        Rank rank;
        std::uint64_t arrival;
        ReadyId id;
        // std heaps give the greatest first.
        bool operator<(const Entry& other) const noexcept {
            return rank != other.rank ? other.rank < rank : other.arrival < arrival;
        }
    };
    std::vector<Entry> heap_;
    std::uint64_t arrivals_ = 0;
};

}  // namespace detail

// Score: priority (high 1, normal 2/3, low 1/3) times the share of its stack that is free, so that of two of one priority the one runs that is
// nearer to its end and to giving memory back. Who waits gains: whoever becomes ready more than `patience` arrivals later comes after it, whatever
// their scores.
class ByScore {
public:
    explicit ByScore(std::uint32_t patience = 1000) : patience_(patience) {}

    static double score(const ReadyCoroutine& coroutine) noexcept {
        const unsigned priority = std::clamp(coroutine.priority, 1U, 3U);
        const double used = coroutine.stack_size == 0
                                ? 0
                                : std::min(1.0, static_cast<double>(coroutine.stack_used) /
                                                    static_cast<double>(coroutine.stack_size));
        return static_cast<double>(4 - priority) / 3 * (1 - used);
    }
    void ready(const ReadyCoroutine& coroutine) noexcept {
        line_.add(coroutine.id, static_cast<double>(line_.arrivals()) - score(coroutine) * patience_);
    }
    std::optional<ReadyId> next(unsigned) noexcept { return line_.take(); }
    bool empty() const noexcept { return line_.empty(); }

private:
    detail::RankedLine<double> line_;
    double patience_;
};

// SpawnOptions::deadline and set_deadline() say the deadlines. Who has none is due `patience` after it became ready, so that it runs in the time that
// deadlines leave, and for certain once it is overdue for longer than others.
class EarliestDeadlineFirst {
public:
    explicit EarliestDeadlineFirst(std::chrono::nanoseconds patience = std::chrono::seconds(1))
        : patience_(patience) {}

    void ready(const ReadyCoroutine& coroutine) noexcept {
        const bool has_one = coroutine.deadline != ReadyCoroutine::Time::max();
        line_.add(coroutine.id, has_one ? coroutine.deadline : coroutine.ready_since + patience_);
    }
    std::optional<ReadyId> next(unsigned) noexcept { return line_.take(); }
    bool empty() const noexcept { return line_.empty(); }

private:
    detail::RankedLine<ReadyCoroutine::Time> line_;
    std::chrono::nanoseconds patience_;
};

}  // namespace cprime
