// See event_pump.h.
#include "traces/event_pump.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "instrumentation/base/tsc.h"

namespace coroscope::traces {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t kHurryBytes = 64ULL << 20;  // waiting: nothing is compressed any more
constexpr std::size_t kSpareBuffersMax = 64;
constexpr std::uint64_t kSpareBytesMax = 16ULL << 20;
constexpr auto kMarkInterval = milliseconds(250);
constexpr auto kPollInterval = milliseconds(3);
constexpr auto kDrainPause = std::chrono::microseconds(300);
constexpr auto kIdlePause = milliseconds(1);
// A ring of 4 MiB takes 25 million events a second for so long. Not for a recording, which loses nothing.
constexpr auto kQuietPause = milliseconds(10);
constexpr auto kQuietAfter = std::chrono::seconds(1);
constexpr auto kWithheldInterval = milliseconds(50);  // so often a loss that goes on is told
constexpr int kQuietRounds = 4;  // without a slot, before the rings count as quiet
constexpr auto kQuietMax = milliseconds(500);

// Asks for the processor before others do; only a privileged recorder gets it, the rest goes on as it is.
void ask_for_priority() {
    const bool granted = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), -10) == 0;
    static_cast<void>(granted);
}

}  // namespace

EventPump::EventPump(inspect::Target& target, TraceWriter* writer, const Limits& limits)
    : target_(target), limits_(limits), grade_(std::min(kHurryBytes, limits.queue_bytes / 2)), writer_(writer) {}

EventPump::~EventPump() {
    stop();
}

base::Status EventPump::start(std::uint32_t mask, wire::RingMode mode, std::uint32_t sample_period) {
    begin_ticks_ = base::read_tsc();
    if (writer_ != nullptr) withheld_.emplace(mask, begin_ticks_);
    before_.clear();
    for (std::uint32_t ring = 0; ring < target_.rings_count(); ++ring) {
        before_.push_back(target_.ring_counts(ring));
        blocked_ns_before_ += target_.ring_blocked_ns(ring);
    }
    blocks_ = mode == wire::RingMode::kBlock;
    target_.beat();
    if (mask != 0) {
        base::Status listening = target_.listen(mask, mode, sample_period, wire::kListenLooksFirst);
        if (!listening.ok()) return listening;
        begins_with_ = Listening{mask, mode, sample_period};
    }
    drain_thread_ = std::thread([this] { drain_loop(); });
    log_thread_ = std::thread([this] { log_loop(); });
    return base::ok_status();
}

void EventPump::stop() {
    stop_.store(true, std::memory_order_release);
    if (drain_thread_.joinable()) drain_thread_.join();
    if (log_thread_.joinable()) log_thread_.join();
}

void EventPump::let_begin() {
    const std::optional<Listening> listening = std::exchange(begins_with_, std::nullopt);
    if (!listening.has_value()) return;
    const std::lock_guard lock(queue_lock_);
    if (!wished_.has_value()) wished_ = listening;
}

void EventPump::listen(std::uint32_t mask, wire::RingMode mode, std::uint32_t sample_period) {
    begins_with_.reset();
    const std::lock_guard lock(queue_lock_);
    wished_ = Listening{mask, mode, sample_period};
}

// ---- drain thread

void EventPump::listen_as_wished() {
    std::optional<Listening> wish;
    {
        const std::lock_guard lock(queue_lock_);
        wish = std::exchange(wished_, std::nullopt);
    }
    if (!wish.has_value() || !target_.alive()) return;
    const base::Status listening = target_.listen(wish->mask, wish->mode, wish->sample_period);
    if (withheld_) withheld_->ask(wish->mask);
    refused_.store(!listening.ok(), std::memory_order_relaxed);
}

std::vector<wire::EventSlot> EventPump::spare_buffer() {
    const std::lock_guard lock(queue_lock_);
    if (spare_buffers_.empty()) return {};
    std::vector<wire::EventSlot> buffer = std::move(spare_buffers_.back());
    spare_buffers_.pop_back();
    spare_bytes_ -= buffer.capacity() * sizeof(wire::EventSlot);
    return buffer;
}

void EventPump::keep_spare_locked(std::vector<wire::EventSlot> buffer) {
    const std::uint64_t bytes = buffer.capacity() * sizeof(wire::EventSlot);
    if (spare_buffers_.size() >= kSpareBuffersMax || spare_bytes_ + bytes > kSpareBytesMax) return;
    spare_bytes_ += bytes;
    spare_buffers_.push_back(std::move(buffer));
}

void EventPump::push(Block block) {
    queued_bytes_.fetch_add(block.slots.size() * sizeof(wire::EventSlot), std::memory_order_relaxed);
    const std::lock_guard lock(queue_lock_);
    queue_.push_back(std::move(block));
    queue_changed_.notify_one();
}

void EventPump::push_mark(std::uint64_t number, bool last) {
    auto counts = std::make_unique<Counts>();
    counts->mark_ticks = base::read_tsc();
    for (std::uint32_t ring = 0; ring < target_.rings_count(); ++ring) {
        RingCount row;
        row.ring = ring;
        row.owner = target_.ring_owner(ring, &row.owner_index);
        const inspect::Target::RingCounts now = target_.ring_counts(ring);
        row.head = now.head;
        for (std::size_t type = 0; type < wire::kEventTypesMax; ++type) {
            const bool known = ring < before_.size();
            row.emitted[type] = now.emitted[type] - (known ? before_[ring].emitted[type] : 0);
            row.dropped[type] = now.dropped[type] - (known ? before_[ring].dropped[type] : 0);
        }
        counts->rings.push_back(row);
    }
    Block block;
    block.mark = std::move(counts);
    block.mark_number = number;
    block.last = last;
    push(std::move(block));
}

// Takes what every ring holds; false when the queue is full and the rings were left alone.
bool EventPump::drain_round(std::uint64_t* slots) {
    target_.beat();
    if (queued_bytes_.load(std::memory_order_relaxed) > limits_.queue_bytes) return false;
    // At the end all that the rings hold is taken: nobody makes room any more.
    if (limits_.room && !stop_.load(std::memory_order_relaxed) && !limits_.room()) return false;
    for (std::uint32_t ring = 0; ring < target_.rings_count(); ++ring) {
        Block block;
        block.ring = ring;
        block.slots = spare_buffer();
        block.slots.clear();
        const std::size_t count = target_.drain(ring, block.slots, &block.first_position, &block.overtaken);
        if (count == 0 && block.overtaken == 0) {
            const std::lock_guard lock(queue_lock_);
            keep_spare_locked(std::move(block.slots));
            continue;
        }
        block.owner = target_.ring_owner(ring, &block.owner_index);
        *slots += count;
        slots_drained_.fetch_add(count, std::memory_order_relaxed);
        push(std::move(block));
    }
    return true;
}

void EventPump::poll_target() {
    if (target_.end_announced()) end_announced_.store(true, std::memory_order_release);
    if (!target_.alive()) target_alive_.store(false, std::memory_order_release);
    if (acknowledge_.exchange(false, std::memory_order_acq_rel)) target_.acknowledge_end();
    std::uint64_t blocked_ns = 0;
    for (std::uint32_t ring = 0; ring < target_.rings_count(); ++ring)
        blocked_ns += target_.ring_blocked_ns(ring);
    blocked_ns_.store(blocked_ns - blocked_ns_before_, std::memory_order_relaxed);
}

// What is withheld from us is missing in the file: it says when.
void EventPump::tell_withheld(bool last) {
    if (!withheld_) return;
    const bool again = last || Clock::now() >= next_withheld_;
    if (again) next_withheld_ = Clock::now() + kWithheldInterval;
    const auto loss = withheld_->look(target_.withheld(), base::read_tsc(), again);
    if (!loss) return;
    Block block;
    block.ring = kRecordersRing;
    block.owner = wire::RingOwner::kThread;
    block.owner_index = kRecordersRing;
    block.first_position = withheld_position_;
    block.slots.assign(loss->begin(), loss->end());
    withheld_position_ += block.slots.size();
    push(std::move(block));
}

// Until the rings stay empty: nobody writes to them any more, and the program goes on. Where nothing may be lost that is waited for as long as the
// log thread takes.
void EventPump::drain_rest() {
    const auto give_up = Clock::now() + kQuietMax;
    for (int quiet = 0; quiet < kQuietRounds && (blocks_ || Clock::now() < give_up || !target_.alive());) {
        std::uint64_t slots = 0;
        const bool drained = drain_round(&slots);
        quiet = drained && slots == 0 ? quiet + 1 : 0;
        std::this_thread::sleep_for(kDrainPause);
    }
}

void EventPump::drain_loop() {
    ask_for_priority();
    auto next_mark = Clock::now() + kMarkInterval;
    auto next_poll = Clock::now();
    std::uint64_t slots_since_mark = 0;
    auto came_at = Clock::now();  // the last event
    while (!stop_.load(std::memory_order_acquire)) {
        std::uint64_t slots = 0;
        listen_as_wished();
        const bool room = drain_round(&slots);
        tell_withheld(false);
        const auto now = Clock::now();
        if (now >= next_poll) {
            poll_target();
            next_poll = now + kPollInterval;
        }
        std::uint64_t number = 0;
        slots_since_mark += slots;
        if (slots > 0) came_at = now;
        // Where nothing can be taken marks would only pile up.
        const bool mark_due = now >= next_mark || slots_since_mark * sizeof(wire::EventSlot) >= limits_.mark_bytes;
        bool mark_wanted = mark_due && room;
        {
            const std::lock_guard lock(queue_lock_);
            mark_wanted = mark_wanted || marks_wanted_ > marks_sent_;
            number = marks_sent_ = marks_wanted_;
        }
        if (mark_wanted) {
            // Everything that was in the rings when the mark was asked for comes before it.
            drain_round(&slots);
            push_mark(number, false);
            next_mark = now + kMarkInterval;
            slots_since_mark = 0;
        }
        const bool quiet = !withheld_.has_value() && now - came_at > kQuietAfter;
        std::this_thread::sleep_for(slots > 0 ? kDrainPause : std::chrono::microseconds(quiet ? kQuietPause : kIdlePause));
    }
    // The end: no more events, then what the rings still hold. A refusal (somebody else decides what is listened to) changes nothing here.
    if (target_.alive()) static_cast<void>(target_.listen(0, wire::RingMode::kOff).ok());
    drain_rest();
    tell_withheld(true);
    poll_target();
    push_mark(0, true);
    const std::lock_guard lock(queue_lock_);
    drain_done_ = true;
    queue_changed_.notify_one();
}

// ---- log thread

RingLog& EventPump::log_of(std::uint32_t ring) {
    while (logs_.size() <= ring) {
        logs_.push_back(std::make_unique<RingLog>(static_cast<std::uint32_t>(logs_.size()), begin_ticks_,
                                                  writer_, &tally_));
    }
    return *logs_[ring];
}

void EventPump::log_block(Block& block) {
    const bool hurry = limits_.verbatim && block.mark == nullptr && grade_.verbatim(queued_bytes_.load(std::memory_order_relaxed));
    const std::lock_guard lock(log_lock_);
    if (block.mark != nullptr) return log_mark(*block.mark, block.last);
    RingLog& log = log_of(block.ring);
    const std::uint64_t before = log.events_total();
    // A failed write is kept by the writer, who tells whoever asks for its status.
    static_cast<void>(log.set_owner(block.owner, block.owner_index).ok());
    static_cast<void>(log.take(block.slots, block.first_position, block.overtaken, hurry).ok());
    if (block.ring == kRecordersRing) static_cast<void>(log.flush(hurry).ok());  // no mark speaks of it
    events_total_.fetch_add(log.events_total() - before, std::memory_order_relaxed);
}

// Between marks a writer goes on while it is counted, so what it emitted is taken to be what was accepted and dropped; at the end it
// stands still and its own word counts. One group may then be under way in each ring: neither visible nor counted, or visible and not counted yet.
void EventPump::log_mark(Counts& counts, bool last) {
    for (RingCount& row : counts.rings) {
        RingLog& log = log_of(row.ring);
        static_cast<void>(log.flush(false).ok());  // as above
        row.accepted = log.accepted();
        row.overtaken = log.overtaken();
        for (std::size_t type = 0; type < wire::kEventTypesMax; ++type) {
            const std::uint64_t known = row.accepted[type] + row.dropped[type];
            if ((row.overtaken == 0 && !last) || row.emitted[type] < known) row.emitted[type] = known;
        }
    }
    last_counts_ = counts;
    if (writer_ != nullptr) static_cast<void>(writer_->add_counts(counts_since(counts, counts_before_)).ok());  // as above
    if (!next_writer_.has_value()) return;
    writer_ = *std::exchange(next_writer_, std::nullopt);
    counts_before_ = counts;
    for (const auto& log : logs_)
        log->set_writer(writer_);
}

void EventPump::use_writer(TraceWriter* writer) {
    {
        const std::lock_guard lock(log_lock_);
        next_writer_ = writer;
    }
    flush();
    const std::lock_guard lock(log_lock_);
    if (!next_writer_.has_value()) return;
    // Everything was logged before: there was no mark any more.
    writer_ = *std::exchange(next_writer_, std::nullopt);
    for (const auto& log : logs_)
        log->set_writer(writer_);
}

void EventPump::log_loop() {
    for (;;) {
        Block block;
        {
            std::unique_lock lock(queue_lock_);
            queue_changed_.wait(lock, [this] { return !queue_.empty() || drain_done_; });
            if (queue_.empty()) break;
            block = std::move(queue_.front());
            queue_.pop_front();
        }
        log_block(block);
        queued_bytes_.fetch_sub(block.slots.size() * sizeof(wire::EventSlot), std::memory_order_relaxed);
        const std::lock_guard lock(queue_lock_);
        if (block.mark == nullptr) {
            keep_spare_locked(std::move(block.slots));
        } else if (block.mark_number > marks_logged_) {
            marks_logged_ = block.mark_number;
            mark_logged_.notify_all();
        }
    }
    const std::lock_guard lock(queue_lock_);
    log_done_ = true;
    mark_logged_.notify_all();
}

void EventPump::flush() {
    std::unique_lock lock(queue_lock_);
    const std::uint64_t number = ++marks_wanted_;
    mark_logged_.wait(lock, [&] { return marks_logged_ >= number || log_done_; });
}

// ---- any thread

std::array<EventCount, wire::kEventTypesMax> EventPump::counts() const {
    const std::lock_guard lock(log_lock_);
    return counts_locked();
}

std::optional<std::array<EventCount, wire::kEventTypesMax>> EventPump::counts_within(milliseconds patience) const {
    const std::unique_lock lock(log_lock_, patience);
    if (!lock.owns_lock()) return std::nullopt;
    return counts_locked();
}

std::array<EventCount, wire::kEventTypesMax> EventPump::counts_locked() const {
    std::array<EventCount, wire::kEventTypesMax> totals{};
    for (const RingCount& row : last_counts_.rings) {
        for (std::size_t type = 0; type < totals.size(); ++type) {
            totals[type].lost += row.emitted[type] > row.accepted[type]
                                     ? row.emitted[type] - row.accepted[type]
                                     : 0;
        }
    }
    for (const auto& log : logs_) {
        const auto accepted = log->accepted();
        for (std::size_t type = 0; type < totals.size(); ++type)
            totals[type].accepted += accepted[type];
    }
    for (EventCount& row : totals)
        row.emitted = row.accepted + row.lost;
    return totals;
}

void EventPump::complete(inspect::StateImage& image) {
    const std::lock_guard lock(log_lock_);
    tally_.complete(image);
}

std::vector<std::uint64_t> EventPump::take_new_pcs() {
    const std::lock_guard lock(log_lock_);
    return tally_.take_new_pcs();
}

}  // namespace coroscope::traces
