// See observation.h.
#include "traces/observation.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <utility>

#include "instrumentation/base/tsc.h"
#include "instrumentation/wire/event.h"

namespace coroscope::traces {
namespace {

using Clock = std::chrono::steady_clock;

// Slots that wait, where memory is what is promised to be little: rings of 4 MiB are taken whole.
constexpr std::uint64_t kBlockQueueBytes = 64ULL << 20;  // where the program can wait nothing is hoarded
constexpr std::uint64_t kFlightQueueBytesMin = 16ULL << 20, kFlightQueueBytesMax = 64ULL << 20;
constexpr std::int64_t kPastKeyframeNs = 500'000'000;  // between two looks that are kept
constexpr auto kModulesAgeMin = std::chrono::seconds(2);  // before looking for libraries loaded meanwhile

double measure_event_ns() {
    constexpr int kRounds = 20;
    constexpr int kEvents = 2000;
    std::vector<wire::EventSlot> ring(kEvents);
    std::atomic<std::uint64_t> head{0};
    double best = std::numeric_limits<double>::max();
    for (int round = 0; round < kRounds; ++round) {
        const auto begin = Clock::now();
        for (std::uint32_t i = 0; i < kEvents; ++i) {
            ring[i] = wire::make_slot(base::read_tsc(), wire::EventType::kResume, 0, wire::make_word1(i, i));
            head.store(i + 1, std::memory_order_release);
        }
        const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
        best = std::min(best, took.count() / kEvents);
    }
    return best;
}

// Parked in `after`, but not since `before` was copied.
std::vector<std::uint32_t> moved_between(const inspect::StateImage& before, const inspect::StateImage& after) {
    std::vector<std::uint32_t> moved;
    auto old = before.coroutines.begin();
    for (const inspect::CoroutineImage& row : after.coroutines) {
        while (old != before.coroutines.end() && old->index < row.index)
            ++old;
        const bool same = old != before.coroutines.end() && old->index == row.index &&
                          old->sequence == row.sequence;
        if (!same && row.state == wire::CoroutineState::kParked) moved.push_back(row.index);
    }
    return moved;
}

}  // namespace

double calibrate_event_ns() {
    static const double ns = measure_event_ns();
    return ns;
}

namespace {

// Of a TraceMemory.
TraceMemory::Limit limit_of(const TraceWindow& window, const base::ClockCalibration& clock) {
    TraceMemory::Limit limit;
    limit.bytes = window.bytes;
    if (window.ns != std::numeric_limits<std::int64_t>::max())
        limit.ticks = static_cast<std::uint64_t>(clock.duration_ticks(window.ns));
    return limit;
}

}  // namespace

base::Result<std::unique_ptr<Observation>> Observation::start(const ObservationOptions& options) {
    std::unique_ptr<Observation> observation(new Observation());
    const bool records = !options.record_path.empty() || options.medium != nullptr || options.keep.has_value();
    inspect::Target::Options attaching;
    attaching.force_agent_copies = options.force_agent_copies;
    auto state = inspect::Target::attach(options.pid, attaching);
    if (!state.ok()) return state.error();
    observation->state_ = std::move(*state);
    attaching.role = records ? wire::Role::kRecorder : wire::Role::kWatcher;
    auto rings = inspect::Target::attach(options.pid, attaching);
    if (!rings.ok()) return rings.error();
    observation->rings_ = std::move(*rings);

    const std::uint64_t begin_ticks = base::read_tsc();
    auto image = observation->state_->read_state();
    if (!image.ok()) return image.error();
    observation->trampoline_address_ = image->trampoline_address;
    observation->ns_per_event_ = calibrate_event_ns();
    TraceMeta& meta = observation->meta_;
    meta.pid = options.pid;
    meta.uid = image->uid;
    meta.program = image->program;
    meta.segment_nonce = image->segment_nonce;
    meta.start_ticks = image->start_ticks;
    meta.begin_ticks = begin_ticks;
    meta.begin_unix_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(
        0, std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count()));
    meta.clock = image->clock;
    meta.mask = options.mask;
    meta.sample_period = options.sample_period;
    meta.ns_per_event = observation->ns_per_event_;
    meta.park_address = image->park_address;
    meta.park_end_address = image->park_end_address;
    meta.trampoline_address = image->trampoline_address;
    if (records) {
        const base::Status made = observation->make_writer(options, meta);
        if (!made.ok()) return made.error();
    }
    observation->names_ = std::make_unique<NameService>(std::vector<inspect::Module>{}, options.debug_paths);
    observation->refresh_modules();  // takes its time, and little is to lie between listening and the first look
    EventPump::Limits limits;
    if (options.keep.has_value()) {
        limits.queue_bytes = std::clamp(options.keep->bytes, kFlightQueueBytesMin, kFlightQueueBytesMax);
        limits.mark_bytes = limits.queue_bytes / 2;
        limits.verbatim = false;  // what is kept would reach back a tenth as far
        limits.room = [watched = observation.get()] { return !watched->crowded(); };
    }
    const bool blocks = records && options.when_full == WhenFull::kBlock;
    if (blocks) limits.queue_bytes = kBlockQueueBytes;
    observation->pump_ = std::make_unique<EventPump>(*observation->rings_, observation->writer_.get(), limits);
    const auto mode = !records ? wire::RingMode::kOverwrite : blocks ? wire::RingMode::kBlock : wire::RingMode::kDropAndCount;
    const base::Status started = observation->pump_->start(options.mask, mode, options.sample_period);
    if (!started.ok()) {
        if (records || started.error().code != base::ErrorCode::kRefused) return started.error();
        // Somebody records it: we watch what passes.
        observation->listening_refused_ = started.error().message;
        const base::Status watching = observation->pump_->start(0, wire::RingMode::kOff, 0);
        if (!watching.ok()) return watching.error();
    }
    return observation;
}

base::Status Observation::make_writer(const ObservationOptions& options, const TraceMeta& meta) {
    std::shared_ptr<TraceMedium> medium = options.medium;
    if (options.keep.has_value()) {
        medium = memory_ = TraceMemory::make(limit_of(*options.keep, meta.clock));
        keep_bytes_ = options.keep->bytes;
    }
    auto writer = medium != nullptr ? TraceWriter::create(std::move(medium), meta)
                                    : TraceWriter::create(options.record_path, meta);
    if (!writer.ok()) return writer.error();
    writer_ = std::move(*writer);
    return base::ok_status();
}

bool Observation::crowded() const {
    if (memory_ == nullptr || keep_bytes_ == TraceWindow{}.bytes) return false;
    return memory_->event_bytes() > keep_bytes_ + std::max(keep_bytes_ / 2, kFlightQueueBytesMin);
}

Observation::~Observation() {
    if (pump_ != nullptr) pump_->stop();
}

void Observation::refresh_modules() {
    modules_read_ = Clock::now();
    auto modules = state_->modules();
    if (!modules.ok() || modules->empty()) return;  // it has ended: the old ones stay
    const auto same = [](const inspect::Module& a, const inspect::Module& b) {
        return a.low == b.low && a.high == b.high && a.path == b.path;
    };
    if (std::equal(modules->begin(), modules->end(), modules_.begin(), modules_.end(), same)) return;
    modules_ = std::move(*modules);
    unwinder_ = std::make_unique<inspect::Unwinder>(modules_, state_.get(), trampoline_address_);
    names_->set_modules(modules_);
    modules_written_ = false;
    if (past_writer_ != nullptr) static_cast<void>(past_writer_->add_modules(modules_).ok());  // memory takes everything
}

base::Result<std::shared_ptr<Moment>> Observation::look(bool with_stacks, bool confirm) {
    auto moment = std::make_shared<Moment>();
    inspect::StateImage before;
    if (confirm) {
        auto first = state_->read_state();
        if (!first.ok()) return first.error();
        before = std::move(*first);
    }
    auto image = state_->read_state();
    if (!image.ok()) return image.error();
    moment->state = std::move(*image);
    pump_->let_begin();
    if (past_writer_ != nullptr) keep_look(*moment);
    if (with_stacks && unwinder_ != nullptr) {
        // What is only shown follows the coroutines that move while their stacks are copied. A keyframe stays as it was read:
        // the events after it tell the rest, and no record may run ahead of the channel it waits on.
        stacks_ = writer_ == nullptr ? inspect::snapshot_stacks_and_follow(*state_, *unwinder_, moment->state,
                                                                           table_, &stacks_, nullptr, nullptr)
                                     : inspect::snapshot_stacks(*state_, *unwinder_, moment->state, table_,
                                                                &stacks_, nullptr, nullptr);
        if (stacks_.failed > 0 && Clock::now() - modules_read_ > kModulesAgeMin) refresh_modules();
    }
    if (confirm) moment->moved = moved_between(before, moment->state);
    pump_->complete(moment->state);
    if (writer_ == nullptr) seen_.complete(moment->state);  // a file keeps what events say
    for (; selects_seen_ < moment->state.selects.size(); ++selects_seen_)
        new_selects_.push_back(moment->state.selects[selects_seen_].address);
    if (published_table_ == nullptr || published_table_->size() != table_.size()) {
        published_table_ = std::make_shared<inspect::StackTable>(table_);
    }
    moment->stacks = stacks_;
    moment->table = published_table_;
    moment->t = moment->state.since_start_ns(moment->state.read_end_ticks);
    moment->events = pump_->counts();
    for (std::size_t type = 0; type < moment->events.size(); ++type) {
        if (is_bookkeeping(static_cast<wire::EventType>(type))) continue;
        moment->events_total += moment->events[type].accepted;
        moment->events_lost += moment->events[type].lost;
    }
    return moment;
}

void Observation::listen(std::uint32_t mask) {
    CHECK(writer_ == nullptr);
    pump_->listen(mask, mask != 0 ? wire::RingMode::kOverwrite : wire::RingMode::kOff, 0);
}

base::Result<inspect::RawStack> Observation::raw_stack(const inspect::StateImage& state,
                                                       std::uint64_t identity) {
    if (unwinder_ == nullptr)
        return base::error(base::ErrorCode::kUnreadable, "what the program maps could not be read");
    return inspect::read_raw_stack(*state_, *unwinder_, state, identity);
}

namespace {

std::int64_t steady_ns() {
    return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

}  // namespace

void Observation::keep_past(const TraceWindow& window) {
    CHECK(writer_ == nullptr);
    auto memory = TraceMemory::make(limit_of(window, meta_.clock));
    TraceMeta meta = meta_;
    meta.begin_ticks = base::read_tsc();
    meta.mask = wire::kEverything;
    auto writer = TraceWriter::create(memory, meta);
    CHECK(writer.ok());  // memory takes everything
    static_cast<void>((*writer)->add_modules(modules_).ok());      // as above, and below
    static_cast<void>((*writer)->add_symbols(names_->known()).ok());
    pump_->use_writer(writer->get());
    if (past_memory_ != nullptr) past_memory_->close();
    past_memory_ = std::move(memory);
    past_writer_ = std::move(*writer);
    past_pace_ = std::make_unique<KeyframePace>(kPastKeyframeNs, window);
}

void Observation::close_past() {
    if (past_writer_ == nullptr) return;
    pump_->use_writer(nullptr);
    past_writer_ = nullptr;
    past_memory_->close();
}

// A look as it was read, before it follows whoever moved since; with the stacks of the look before, which tell by their sequences whose they are.
void Observation::keep_look(Moment& moment) {
    const std::int64_t begin_ns = steady_ns();
    const std::uint64_t bytes = past_writer_->file_bytes();
    if (!past_pace_->due(begin_ns, bytes, pump_->slots_drained())) return;
    pump_->complete(moment.state);
    static_cast<void>(past_writer_->add_keyframe(moment.state).ok());
    if (stacks_.taken_ticks != 0) static_cast<void>(past_writer_->add_stacks(stacks_, table_).ok());
    static_cast<void>(write_new_names(*past_writer_).ok());
    const std::uint64_t now_bytes = past_writer_->file_bytes();
    past_pace_->taken({.begin_ns = begin_ns,
                       .cpu_ns = steady_ns() - begin_ns,
                       .bytes = now_bytes - bytes,
                       .trace_bytes = now_bytes,
                       .slots = pump_->slots_drained()});
}

base::Status Observation::write_new_names(TraceWriter& writer) {
    for (; stacks_named_ < table_.size(); ++stacks_named_)
        names_->request(table_.pcs(static_cast<std::uint32_t>(stacks_named_)));
    names_->request(pump_->take_new_pcs());
    names_->request(std::exchange(new_selects_, {}));
    const Symbols symbols = names_->take_new();
    return symbols.empty() ? base::ok_status() : writer.add_symbols(symbols);
}

base::Status Observation::write_keyframe(const Moment& moment) {
    CHECK(writer_ != nullptr);
    base::Status written = std::exchange(modules_written_, true) ? base::ok_status() : writer_->add_modules(modules_);
    if (written.ok()) written = writer_->add_keyframe(moment.state);
    if (written.ok() && moment.stacks.taken_ticks != stacks_written_ticks_) {
        stacks_written_ticks_ = moment.stacks.taken_ticks;
        written = writer_->add_stacks(moment.stacks, table_);
    }
    if (written.ok()) written = write_new_names(*writer_);
    return written;
}

base::Status Observation::write_all_names() {
    base::Status written = write_new_names(*writer_);
    if (!writer_->status().ok()) return writer_->status();  // nobody waits for names that go nowhere
    names_->wait_idle();
    if (written.ok()) written = write_new_names(*writer_);
    return written;
}

base::Status Observation::settle() {
    CHECK(writer_ != nullptr);
    pump_->flush();
    return write_all_names();
}

base::Status Observation::finish(const std::string& because, const std::optional<RecordingCost>& cost) {
    if (std::exchange(finished_, true)) return writer_ == nullptr ? base::ok_status() : writer_->status();
    pump_->stop();
    if (writer_ == nullptr) return base::ok_status();
    const base::Status written = write_all_names();
    if (!written.ok()) return written;
    if (memory_ != nullptr) {
        memory_->close();
        return base::ok_status();
    }
    TraceEnd end;
    end.ticks = base::read_tsc();
    end.because = because;
    end.cost = cost;
    return writer_->finish(end);
}

}  // namespace coroscope::traces
