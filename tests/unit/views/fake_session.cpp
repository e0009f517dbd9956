// See fake_session.h.
#include "fake_session.h"

#include <algorithm>
#include <cmath>

namespace coroscope::views {
namespace {

using inspect::ChannelImage;
using inspect::CoroutineImage;
using inspect::StateImage;

constexpr std::uint64_t kTicksPerNs = 2;  // a 2 GHz counter
constexpr std::uint64_t kStartTicks = 1'000'000'000;

std::uint32_t intern(StateImage& state, const std::string& text) {
    const auto at = static_cast<std::uint32_t>(state.strings.size());
    state.strings += static_cast<char>(text.size() & 0xff);
    state.strings += static_cast<char>(text.size() >> 8);
    state.strings += text;
    return at;
}

std::uint32_t add_site(StateImage& state, const char* file, std::uint32_t line, const char* name,
                       wire::SizeClass size_class) {
    inspect::SiteImage site;
    site.index = static_cast<std::uint32_t>(state.sites.size());
    site.file = intern(state, file);
    site.function = intern(state, std::string(name) + "_main");
    site.name = intern(state, name);
    site.line = line;
    site.size_class = size_class;
    state.sites.push_back(site);
    return site.index;
}

std::uint32_t add_channel(StateImage& state, const char* name, std::uint32_t capacity, std::uint32_t length) {
    ChannelImage channel;
    channel.index = static_cast<std::uint32_t>(state.channels.size());
    channel.identity = channel.index + 1;
    channel.name = intern(state, name);
    channel.capacity = capacity;
    channel.length = length;
    channel.sender_handles = channel.receiver_handles = 1;
    channel.sent = 1000 + length;
    channel.received = 1000;
    state.channels.push_back(channel);
    return channel.index;
}

void add_pools(StateImage& state, std::uint32_t swarm) {
    struct Row {
        wire::SizeClass size_class;
        wire::PoolPurpose purpose;
        std::uint32_t slot_bytes;
        std::uint32_t slots;
    };
    const Row rows[] = {
        {wire::SizeClass::kMicro, wire::PoolPurpose::kOrdinary, 256, 512},
        {wire::SizeClass::kSmall, wire::PoolPurpose::kOrdinary, 2048, 1024},
        {wire::SizeClass::kMedium, wire::PoolPurpose::kOrdinary, 16384, swarm + swarm / 8 + 600},
        {wire::SizeClass::kLarge, wire::PoolPurpose::kOrdinary, 8u << 20, 512},
        {wire::SizeClass::kMedium, wire::PoolPurpose::kSignal, 16384, 512}};
    for (const Row& row : rows) {
        inspect::PoolImage pool;
        pool.size_class = row.size_class;
        pool.purpose = row.purpose;
        pool.slot_bytes = row.slot_bytes;
        pool.stride_bytes = row.slot_bytes + 4096;
        pool.slabs.resize((row.slots + wire::kSlotsPerSlab - 1) / wire::kSlotsPerSlab);
        for (std::size_t s = 0; s < pool.slabs.size(); ++s) {
            pool.slabs[s].owner = static_cast<std::uint32_t>(s % 4);
            pool.slabs[s].stack_base = 0x7000'0000'0000 + state.pools.size() * 0x100'0000'0000 + s * 0x1000000;
        }
        state.pools.push_back(std::move(pool));
    }
}

class Maker {
public:
    Maker(const FakeOptions& options, traces::TimeNs t) : options_(options), t_(t) {}

    std::shared_ptr<const traces::Moment> run() {
        state_.pid = 4711;
        state_.program = "/usr/local/bin/demo";
        state_.start_ticks = kStartTicks;
        state_.clock.base_ticks = kStartTicks;
        state_.clock.shift = 32;
        state_.clock.multiplier = (1ULL << 32) / kTicksPerNs;
        state_.lifecycle = wire::Lifecycle::kRunning;
        add_pools(state_, options_.swarm);
        add_workers();
        add_named();
        add_swarm();
        for (inspect::PoolImage& pool : state_.pools)
            pool.high_water_slots = pool.used() + pool.used() / 10;
        moment_->t = t_;
        moment_->table = table_;
        moment_->events_total = 1'234'567;
        moment_->events_lost = options_.lost;
        std::sort(moment_->stacks.stacks.begin(), moment_->stacks.stacks.end(),
                  [](const auto& a, const auto& b) { return a.identity < b.identity; });
        state_.index();
        return moment_;
    }

private:
    CoroutineImage& add(std::uint64_t identity, std::uint32_t site, std::uint8_t pool, std::uint32_t slot,
                        std::uint64_t spawner) {
        CoroutineImage coroutine;
        coroutine.index = static_cast<std::uint32_t>(state_.coroutines.size());
        coroutine.identity = identity;
        coroutine.sequence = 10;
        coroutine.site = site;
        coroutine.pool = pool;
        coroutine.slot = slot;
        coroutine.spawner = spawner;
        coroutine.worker = static_cast<std::uint8_t>(identity % options_.workers);
        coroutine.since_ticks = kStartTicks + static_cast<std::uint64_t>(t_) * kTicksPerNs -
                                (identity % 1000 + 1) * 40'000;
        inspect::SlabImage& slab = state_.pools[pool].slabs[slot / wire::kSlotsPerSlab];
        slab.used[slot % wire::kSlotsPerSlab / 64] |= 1ULL << (slot % 64);
        state_.coroutines.push_back(coroutine);
        return state_.coroutines.back();
    }
    void park(CoroutineImage& coroutine, wire::WaitReason reason, std::uint32_t object,
              std::vector<std::uint64_t> pcs, std::uint32_t used) {
        coroutine.state = wire::CoroutineState::kParked;
        coroutine.reason = reason;
        coroutine.wait_object = object;
        coroutine.high_water_bytes = used + 320;
        if (reason == wire::WaitReason::kChannelReceive) ++state_.channels[object].receivers_waiting;
        if (reason == wire::WaitReason::kChannelSend) ++state_.channels[object].senders_waiting;
        inspect::StackRef stack;
        stack.identity = coroutine.identity;
        stack.sequence = coroutine.sequence;
        stack.consistency = inspect::Consistency::kExact;
        stack.end = inspect::UnwindEnd::kEntry;
        stack.stack = table_->add(pcs);
        stack.used_bytes = used;
        moment_->stacks.stacks.push_back(stack);
    }
    void hold(std::uint32_t channel, std::uint32_t rights, std::uint64_t holder) {
        state_.handles.push_back({channel, rights, holder});
    }

    void add_workers() {
        for (std::uint32_t w = 0; w < options_.workers; ++w) {
            inspect::WorkerImage worker;
            worker.index = w;
            worker.thread_id = 5000 + w;
            worker.state = wire::WorkerState::kRunning;
            worker.histogram_switch = w;
            worker.switches = 1'000'000;
            worker.spawned = options_.swarm / options_.workers;
            state_.workers.push_back(worker);
            inspect::HistogramImage histogram;
            histogram.kind = wire::HistogramKind::kSwitchTicks;
            histogram.worker = w;
            histogram.buckets.assign(wire::kHistogramBuckets, 0);
            if (options_.measured) {
                histogram.stamp_cost_ticks = 42;
                histogram.resolution_ticks = 6;
                histogram.sample_period = 64;
                // Two humps and a tail, a little different on each worker.
                for (int i = 0; i < 20'000; ++i) {
                    const double u = (i + 0.5) / 20'000, hump = i % 7 == 0 ? 300 : 28;
                    const double value = hump * std::exp(0.35 * std::tan((u - 0.5) * 2.6) * (1 + 0.1 * w));
                    const auto ticks = static_cast<std::uint64_t>(std::clamp(value, 0.0, 4e6));
                    ++histogram.samples;
                    if (ticks <= histogram.resolution_ticks) {
                        ++histogram.below_resolution;
                    } else {
                        ++histogram.buckets[wire::histogram_bucket(ticks)];
                        histogram.sum += ticks;
                    }
                }
            }
            state_.histograms.push_back(std::move(histogram));
        }
    }

    void add_named() {
        const auto medium = wire::SizeClass::kMedium;
        const std::uint32_t rows = add_channel(state_, "rows", 128, 128),
                            parsed = add_channel(state_, "parsed", 0, 0);
        jobs_ = add_channel(state_, "jobs", 16, 0);
        const std::uint32_t left = add_channel(state_, "left", 0, 0),
                            right = add_channel(state_, "right", 0, 0);
        const std::uint32_t main_site = add_site(state_, "runtime/examples/demo/main.cpp", 42, "main", medium);
        const std::uint32_t parser_site = add_site(state_, "runtime/examples/demo/parser.cpp", 17, "parser",
                                                   wire::SizeClass::kLarge);
        const std::uint32_t producer_site = add_site(state_, "runtime/examples/demo/pipeline.cpp", 31,
                                                     "producer", medium);
        const std::uint32_t consumer_site = add_site(state_, "runtime/examples/demo/pipeline.cpp", 58,
                                                     "slow consumer", medium);
        const std::uint32_t sleeper_site = add_site(state_, "runtime/examples/demo/statistics.cpp", 12,
                                                    "statistics", wire::SizeClass::kSmall);
        const std::uint32_t knot_site = add_site(state_, "runtime/examples/demo/deadlock.cpp", 9,
                                                 "philosopher", medium);
        swarm_site_ = add_site(state_, "runtime/examples/demo/swarm.cpp", 23, "swarm", medium);
        park(add(kFakeMain, main_site, 2, 0, 0), wire::WaitReason::kJoin, 1, {0x1010, 0x1020, 0x1fff}, 512);
        add(kFakeParser, parser_site, 3, 0, kFakeMain).state = wire::CoroutineState::kRunning;
        park(add(kFakeProducer, producer_site, 2, 1, kFakeMain), wire::WaitReason::kChannelSend, rows,
             {0x2010, 0x2020, 0x2fff}, 816);
        park(add(kFakeConsumer, consumer_site, 2, 2, kFakeMain), wire::WaitReason::kChannelReceive, parsed,
             {0x3010, 0x3020, 0x3030, 0x3fff}, 1432);
        CoroutineImage& sleeper = add(kFakeSleeper, sleeper_site, 1, 3, kFakeMain);
        park(sleeper, wire::WaitReason::kSleep, wire::kNone, {0x4010, 0x4fff}, 288);
        sleeper.deadline_ticks = kStartTicks + 2'000'000'000ULL * kTicksPerNs;
        hold(rows, wire::kHandleSend, kFakeProducer);
        hold(rows, wire::kHandleReceive, kFakeParser);
        hold(parsed, wire::kHandleSend, kFakeParser);
        hold(parsed, wire::kHandleReceive, kFakeConsumer);
        hold(jobs_, wire::kHandleSend, kFakeMain);
        if (options_.deadlock) {
            park(add(kFakeLeft, knot_site, 2, 5, kFakeMain), wire::WaitReason::kChannelReceive, left,
                 {0x5010, 0x5fff}, 304);
            park(add(kFakeRight, knot_site, 2, 6, kFakeMain), wire::WaitReason::kChannelReceive, right,
                 {0x5010, 0x5fff}, 304);
            hold(left, wire::kHandleReceive, kFakeLeft);
            hold(left, wire::kHandleSend, kFakeRight);
            hold(right, wire::kHandleReceive, kFakeRight);
            hold(right, wire::kHandleSend, kFakeLeft);
        }
        // Copied while it moved on.
        park(add(kFakeTorn, producer_site, 2, 9, kFakeMain), wire::WaitReason::kChannelSend, rows,
             {0x2010, 0x2fff}, 640);
        moment_->stacks.stacks.back().consistency = inspect::Consistency::kTorn;
        moment_->stacks.torn = 1;
        // A slot that nobody calls his own.
        state_.pools[0].slabs[0].used[0] |= 1ULL << 7;
    }

    void add_swarm() {
        for (std::uint32_t i = 0; i < options_.swarm; ++i) {
            CoroutineImage& coroutine = add(kFakeSwarmFirst + i, swarm_site_, 2, 16 + i + i / 12, kFakeMain);
            if (i % 97 == 3) {
                coroutine.state = wire::CoroutineState::kReady;
            } else if (i % 61 == 5) {
                park(coroutine, wire::WaitReason::kSleep, wire::kNone, {0x6010, 0x6020, 0x6fff}, 208);
                coroutine.deadline_ticks = kStartTicks + 3'000'000'000ULL * kTicksPerNs;
            } else {
                park(coroutine, wire::WaitReason::kChannelReceive, jobs_, {0x6110, 0x6020, 0x6fff}, 208);
            }
        }
    }

    FakeOptions options_;
    traces::TimeNs t_;
    std::shared_ptr<traces::Moment> moment_ = std::make_shared<traces::Moment>();
    StateImage& state_ = moment_->state;
    std::shared_ptr<inspect::StackTable> table_ = std::make_shared<inspect::StackTable>();
    std::uint32_t jobs_ = 0, swarm_site_ = 0;
};

inspect::Frame frame_of(std::uint64_t pc) {
    static const std::map<std::uint64_t, inspect::Frame> known = {
        {0x1010,
         {0x1010, "demo::(anonymous namespace)::wait_for_all(cprime::JoinHandle&)", __FILE__, 60,
          "/usr/local/bin/demo", false}},
        {0x1020, {0x1020, "demo::run(demo::Options const&)", __FILE__, 80, "/usr/local/bin/demo", false}},
        {0x2010,
         {0x2010, "cprime::Sender<demo::Row>::send(demo::Row)", "runtime/include/cprime/channel.h", 210,
          "/usr/local/bin/demo", true}},
        {0x2020,
         {0x2020, "demo::produce(cprime::Sender<demo::Row>, unsigned int)", __FILE__, 100,
          "/usr/local/bin/demo", false}},
        {0x3010,
         {0x3010, "cprime::Receiver<demo::Tree>::receive()", "runtime/include/cprime/channel.h", 260,
          "/usr/local/bin/demo", false}},
        {0x3020,
         {0x3020, "demo::consume_slowly(cprime::Receiver<demo::Tree>)", __FILE__, 120, "/usr/local/bin/demo",
          false}},
        {0x3030,
         {0x3030, "demo::consumer_main(demo::Options const&)::{lambda()#1}::operator()() const", __FILE__,
          130, "/usr/local/bin/demo", false}},
        {0x4010,
         {0x4010, "demo::print_statistics_every_second()", __FILE__, 140, "/usr/local/bin/demo", false}},
        {0x5010,
         {0x5010, "demo::philosopher(cprime::Receiver<int>, cprime::Sender<int>)", __FILE__, 150,
          "/usr/local/bin/demo", false}},
        {0x6010, {0x6010, "demo::nap()", __FILE__, 160, "/usr/local/bin/demo", false}},
        {0x6020,
         {0x6020, "demo::swarm_member(cprime::Receiver<demo::Job>)", __FILE__, 170, "/usr/local/bin/demo",
          false}},
        {0x6110,
         {0x6110, "cprime::Receiver<demo::Job>::receive()", "runtime/include/cprime/channel.h", 260,
          "/usr/local/bin/demo", true}}};
    const auto found = known.find(pc);
    if (found != known.end()) return found->second;
    return {pc,
            "cprime::detail::coroutine_entry(void*)",
            "runtime/switch/trampoline.cpp",
            33,
            "/usr/local/bin/demo",
            false};
}

}  // namespace

std::shared_ptr<const traces::Moment> make_fake_moment(const FakeOptions& options, traces::TimeNs t) {
    return Maker(options, t).run();
}

FakeSession::FakeSession(FakeOptions options) : options_(options), moment_(make_fake_moment(options)) {
    using inspect::Flow;
    const struct {
        const char *mnemonic, *operands, *target;
        Flow flow;
        std::uint64_t to;
    } rows[] = {
        {"push", "rbp", "", Flow::kNext, 0},      {"mov", "rbp, rsp", "", Flow::kNext, 0},
        {"push", "rbx", "", Flow::kNext, 0},      {"sub", "rsp, 0x28", "", Flow::kNext, 0},
        {"mov", "rbx, rdi", "", Flow::kNext, 0},  {"lea", "rdi, [rsp + 8]", "", Flow::kNext, 0},
        {"mov", "rsi, rbx", "", Flow::kNext, 0},  {"call", "0x1200", "cprime_park", Flow::kCall, 0x200},
        {"test", "eax, eax", "", Flow::kNext, 0}, {"je", "0x1034", "", Flow::kBranch, 44},
        {"jmp", "0x1010", "", Flow::kJump, 20},   {"add", "rsp, 0x28", "", Flow::kNext, 0},
        {"pop", "rbx", "", Flow::kNext, 0},       {"pop", "rbp", "", Flow::kNext, 0},
        {"ret", "", "", Flow::kReturn, 0}};
    std::uint64_t address = 0;
    std::uint32_t line = 50;
    for (const auto& row : rows) {
        code_.push_back({address, "48 89 e5", row.mnemonic, row.operands, row.target, __FILE__,
                         line++ / 2 * 2, row.flow, row.to});
        address += 4;
    }
}

traces::SessionInfo FakeSession::info() const {
    traces::SessionInfo info;
    info.kind = options_.recorded ? traces::SessionKind::kRecorded : traces::SessionKind::kLive;
    info.pid = 4711;
    info.program = "/usr/local/bin/demo";
    info.title = options_.recorded ? "run.coro" : "demo (4711)";
    info.status_text = options_.recorded ? "exited with code 0" : "running";
    info.status = options_.recorded ? traces::TargetStatus::kExited : traces::TargetStatus::kRunning;
    info.begin = 0;
    info.end = 3'000'000'000;
    info.events_per_second = 823'000;
    info.ns_per_event = 11.7;
    info.memory_bytes = 96ULL << 20;
    return info;
}

std::shared_ptr<const traces::Moment> FakeSession::moment() const {
    const std::lock_guard lock(mutex_);
    return moment_;
}

void FakeSession::publish(std::shared_ptr<const traces::Moment> next) {
    std::function<void()> notify;
    {
        const std::lock_guard lock(mutex_);
        moment_ = std::move(next);
        notify = notify_;
    }
    if (notify) notify();
}

void FakeSession::set_time(std::optional<traces::TimeNs> t) {
    {
        const std::lock_guard lock(mutex_);
        time_ = t;
    }
    publish(make_fake_moment(options_, t.value_or(3'000'000'000)));
}

std::optional<traces::TimeNs> FakeSession::time() const {
    const std::lock_guard lock(mutex_);
    return time_;
}

const std::vector<inspect::Frame>* FakeSession::frames(const std::vector<std::uint64_t>& pcs) {
    const std::lock_guard lock(mutex_);
    const auto [entry, added] = frames_.try_emplace(pcs);
    if (added) {
        for (const std::uint64_t pc : pcs)
            entry->second.push_back(frame_of(pc));
        if (options_.late_names) return nullptr;
    }
    return &entry->second;
}

const std::vector<inspect::Instruction>* FakeSession::code(std::uint64_t pc, std::string* /*message*/) {
    const std::lock_guard lock(mutex_);
    const auto [entry, added] = codes_.try_emplace(pc, code_);
    if (!added) return &entry->second;
    // The function lies around the pc that is asked for.
    for (inspect::Instruction& row : entry->second) {
        row.address += pc - 32;
        if (row.target_address != 0) row.target_address += pc - 32;
    }
    return &entry->second;
}

std::shared_ptr<const inspect::RawStack> FakeSession::raw_stack(std::uint64_t identity, std::string* message) {
    const std::lock_guard lock(mutex_);
    message->clear();
    if (options_.recorded) *message = "Raw stack words are not saved in traces.";
    if (options_.recorded || identity != kFakeConsumer) return nullptr;
    if (words_ == nullptr) words_ = std::make_shared<inspect::RawStack>(make_fake_words(moment_->state));
    return words_;
}

void FakeSession::on_change(std::function<void()> notify) {
    const std::lock_guard lock(mutex_);
    notify_ = std::move(notify);
}

base::Result<std::shared_ptr<const traces::Moment>> FakeSession::wait_moment() {
    return moment();
}

std::vector<inspect::Frame> FakeSession::wait_frames(const std::vector<std::uint64_t>& pcs) {
    std::vector<inspect::Frame> frames;
    for (const std::uint64_t pc : pcs)
        frames.push_back(frame_of(pc));
    return frames;
}

}  // namespace coroscope::views
