// Profiler: the visitor that adds up a walk. Its results become a Profile in profile.cpp.
//
// Thread: one at a time. Tested in tests/unit/analyses/profile_test.cpp.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "traces/analyses/profile.h"
#include "traces/sparse_table.h"

namespace coroscope::analyses {

class Profiler final : public SpanVisitor {
public:
    Profiler(const TraceWalk& walk, const ProfileOptions& options) : walk_(walk), options_(options) {}

    void event(const OrderedEvent& event) override;
    void began(const Life& life) override;
    void enter(const Life& life, const Span& span) override;
    void leave(const Life& life, const Span& span) override;
    void ended(const Life& life, LifeEnd how, std::uint64_t ticks) override;

    // Fills everything but `options` and what is known of the file.
    void finish(Profile& profile);

private:
    // Who wakes: a site, or, without a coroutine, kCauseKey + the cause.
    using WakerKey = std::uint64_t;
    static constexpr WakerKey kCauseKey = 1ULL << 32;
    // What is remembered of who lives at an index.
    struct Living {
        std::uint64_t woken_ticks = 0;  // 0 = is not ready because of a wake-up
        WakerKey waker = 0;
        std::uint32_t ready_on = wire::kNone;  // worker on which it became ready
        std::uint32_t ran_on = wire::kNone;    // last; kNone = never, as far as is known
        bool ran = false;
        std::uint32_t channel_name = wire::kNone;  // that it waited for last
        bool waited_for_channel = false;
        std::unique_ptr<Times> times;  // by coroutine only
    };
    struct Worker {
        ProfileRow row;
        std::uint64_t since_ticks = 0;  // of its present idle time or run
        std::uint64_t left_ticks = 0;   // when a coroutine left it last; 0 = it has slept since, or none did
        bool idle = false;
        std::map<std::uint32_t, std::uint64_t> taken_from;  // worker -> coroutines taken that have not run yet
    };
    struct Waking {
        std::uint64_t count = 0;
        Latencies wake_to_run;
    };
    Worker& worker(std::uint32_t index);
    // The sums of whom a span belongs to.
    Times& times_of(const Life& life);
    SwitchKind kind_of(const Living& living, std::uint32_t worker);
    void run(const Life& life, const Span& span);
    void keep(ProfileRow row);
    void shrink(std::size_t to);
    std::string waker_text(WakerKey key) const;
    void add_rows(Profile& profile);

    const TraceWalk& walk_;
    const ProfileOptions options_;
    traces::SparseTable<Living> living_;
    std::unordered_map<std::uint32_t, ProfileRow> sites_, channels_;  // by site; by string of the name
    std::map<std::uint32_t, Worker> workers_;
    std::vector<ProfileRow> kept_;  // by coroutine: those who ended
    std::uint64_t left_out_ = 0;
    Times totals_;
    std::uint64_t spawned_ = 0, exited_ = 0;
    std::array<SwitchCost, kSwitchKindsCount> switches_;
    std::map<std::pair<WakerKey, std::uint32_t>, Waking> wakes_;  // waker, site of whom it woke
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> spawns_;
};

// Whether row `a` comes before `b` in this order.
bool comes_before(const ProfileRow& a, const ProfileRow& b, ProfileSort sort);

}  // namespace coroscope::analyses
