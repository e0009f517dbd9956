// See rule_hits.h.
#include "instrumentation/emit/rule_hits.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "instrumentation/emit/fork_guard.h"

namespace coroscope::emit {
namespace {

constexpr int kAttempts = 64;

}  // namespace

RuleHits::RuleHits() {
    for (std::uint64_t i = 0; i < kRoom; ++i)
        cells_[i].sequence.store(i, std::memory_order_relaxed);
}

RuleHits::~RuleHits() {
    if (doorbell_) unguard_descriptor(doorbell_.get());
}

base::Result<std::unique_ptr<RuleHits>> RuleHits::create() {
    std::unique_ptr<RuleHits> hits(new RuleHits);
    hits->doorbell_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!hits->doorbell_)
        return base::error(base::ErrorCode::kRefused,
                           "no descriptor is left for a rule's hits: raise `ulimit -n`");
    guard_descriptor(hits->doorbell_.get());
    return hits;
}

bool RuleHits::push(const wire::RuleHit& hit) {
    std::uint64_t position = next_.load(std::memory_order_relaxed);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        Cell& cell = cells_[position % kRoom];
        const std::uint64_t sequence = cell.sequence.load(std::memory_order_acquire);  // [hit.publish]
        if (sequence == position) {
            if (!next_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) continue;
            cell.hit = hit;
            cell.sequence.store(position + 1, std::memory_order_release);  // [hit.publish]
            return true;
        }
        if (sequence < position) break;  // of the lap before: full
        position = next_.load(std::memory_order_relaxed);
    }
    lost_.fetch_add(1, std::memory_order_relaxed);
    return false;
}

void RuleHits::ring() {
    if (rings_.exchange(true, std::memory_order_seq_cst)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(doorbell_.get(), &one,
                                                   sizeof one);  // fails only when it rings already
}

void RuleHits::take(std::vector<wire::RuleHit>& to) {
    std::uint64_t rung = 0;
    [[maybe_unused]] const ssize_t silenced = read(doorbell_.get(), &rung, sizeof rung);
    rings_.store(false, std::memory_order_seq_cst);
    for (;;) {
        Cell& cell = cells_[taken_ % kRoom];
        if (cell.sequence.load(std::memory_order_acquire) != taken_ + 1) return;  // [hit.publish]
        to.push_back(cell.hit);
        cell.sequence.store(taken_ + kRoom, std::memory_order_release);  // [hit.publish]
        ++taken_;
    }
}

}  // namespace coroscope::emit
