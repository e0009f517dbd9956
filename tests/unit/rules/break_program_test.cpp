// Rules held by a program against its own events, and by the evaluator of traces against the same events read from its ring: both must find
// the same. The program is a made-up one: its records and probes are real, its coroutines are not.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/emit/armed_rule.h"
#include "instrumentation/emit/probes.h"
#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/ring_reader.h"
#include "instrumentation/wire/segment_view.h"
#include "traces/rules/break_program.h"
#include "traces/rules/event_scan.h"

namespace coroscope::rules {
namespace {

using wire::CoroutineState;
using wire::EventType;
using wire::WaitReason;

constexpr std::uint32_t kCoroutines = 6, kChannels = 3, kLocks = 2;
constexpr std::uint64_t kStart = 1'000'000'000;

// One worker, whose events come in the order in which they are emitted.
class Program {
public:
    Program() {
        using wire::SectionKind;
        for (const auto& [kind, count] : {std::pair{SectionKind::kCoroutines, kCoroutines},
                                          {SectionKind::kCoroutineDetails, kCoroutines},
                                          {SectionKind::kChannels, kChannels},
                                          {SectionKind::kWaitables, kLocks},
                                          {SectionKind::kWorkers, 1U},
                                          {SectionKind::kPools, 2U},
                                          {SectionKind::kSites, 16U}})
            EXPECT_TRUE(state_->ensure_records(kind, count));
        // A tick is a nanosecond, so that what is compared is what was drawn.
        state_->header().clock = {kStart, 0, 1ULL << 40, 40, 0};
        state_->header().start_ticks = kStart;
        auto* pools = state_->records<wire::PoolRecord>(SectionKind::kPools);
        pools[0].size_class = wire::SizeClass::kSmall;
        pools[1].size_class = wire::SizeClass::kMedium;
        for (const char* name : {"parser", "lexer"})
            add_site(name);
        writer_ = rings_->register_thread(wire::RingOwner::kWorker, 0, &current_);
        rings_->listen(wire::kEventCategories, wire::RingMode::kOverwrite, 64);
    }
    ~Program() {
        rings_->arm(nullptr);
        rings_->listen(0, wire::RingMode::kOff, 0);
    }

    void add_site(const std::string& name) {
        auto& site = state_->records<wire::SiteRecord>(wire::SectionKind::kSites)[sites_.size()];
        site.file = state_->intern(name + ".cpp");
        site.function = state_->intern("make_" + name);
        site.name = state_->intern(name);
        site.line = 7;
        inspect::SiteImage image;
        image.index = static_cast<std::uint32_t>(sites_.size());
        image.file = site.file;
        image.function = site.function;
        image.name = site.name;
        image.line = site.line;
        sites_.push_back(image);
    }
    std::uint32_t intern(const std::string& text) { return state_->intern(text); }

    // The state as a viewer finds it, of what rules look at.
    inspect::StateImage image() const {
        inspect::StateImage state;
        state.start_ticks = kStart;
        state.clock = state_->header().clock;
        state.read_begin_ticks = state.read_end_ticks = now_;
        state.sites = sites_;
        state.pools.resize(2);
        state.pools[0].size_class = wire::SizeClass::kSmall;
        state.pools[1].size_class = wire::SizeClass::kMedium;
        state.workers.resize(1);
        const std::uint32_t bytes = state_->header()
                                        .sections[static_cast<std::uint32_t>(wire::SectionKind::kStrings)]
                                        .records_used;
        state.strings.assign(state_->records<char>(wire::SectionKind::kStrings), bytes);
        for (std::uint32_t i = 0; i < kChannels; ++i) {
            const wire::ChannelRecord& record = channel(i);
            if (record.identity.load() == 0) continue;
            inspect::ChannelImage row;
            row.index = i;
            row.identity = record.identity;
            row.name = record.name;
            row.capacity = record.capacity;
            row.operations = record.operations;
            row.sent = record.sent;
            row.received = record.received;
            row.length = record.length;
            state.channels.push_back(row);
        }
        state.index();
        return state;
    }

    void arm(const wire::RuleProgram& program) {
        auto parsed = wire::parse_rules(program.bytes());
        ASSERT_TRUE(parsed.has_value());
        auto progress = std::make_shared<emit::RuleProgress>();
        if (parsed->needs_stamps()) progress->stamps = emit::RuleStamps::create(kCoroutines).value();
        rings_->arm(std::make_unique<emit::ArmedRule>(
            std::move(*parsed), ++rules_, progress,
            emit::ArmedRule::Surroundings{state_.get(), rings_->rule_hits().value(), nullptr, nullptr}));
    }

    // Does something that this number stands for.
    void step(std::uint16_t choice) {
        now_ += 1 + choice % 97 * 10;
        const std::uint32_t who = choice / 8 % kCoroutines;
        switch (choice % 8) {
            case 0:
            case 1:
                if (running_ == wire::kNone) return spawn_or_wake(who, choice);
                return suspend(choice);
            case 2:
                return running_ == wire::kNone ? resume(who) : suspend(choice);
            case 3:
                return running_ == wire::kNone ? resume(who) : use_channel(choice);
            case 4:
                return use_channel(choice);
            case 5:
                return spawn_or_wake(who, choice);
            case 6:
                return use_lock(choice);
            default:
                if (running_ != wire::kNone && choice / 8 % 4 == 0) return exit(choice);
                return running_ == wire::kNone ? resume(who) : suspend(choice);
        }
    }

    std::vector<wire::RuleHit> hits() {
        std::vector<wire::RuleHit> taken;
        rings_->rule_hits().value()->take(taken);
        return taken;
    }
    std::vector<wire::DecodedEvent> events() const {
        std::vector<wire::DecodedEvent> all;
        const auto view = wire::RingSegmentView::open(rings_->data(), rings_->file_bytes()).value();
        wire::RingReader reader(writer_->index());
        wire::EventDecoder decoder;
        std::vector<wire::EventSlot> slots(1 << 16);
        const wire::RingBatch batch = reader.read(view.ring(writer_->index()), slots);
        decoder.feed({slots.data(), batch.accepted},
                     [&](const wire::DecodedEvent& event) { all.push_back(event); });
        return all;
    }

private:
    wire::CoroutineRecord& record(std::uint32_t index) const {
        return state_->records<wire::CoroutineRecord>(wire::SectionKind::kCoroutines)[index];
    }
    wire::CoroutineDetail& detail(std::uint32_t index) const {
        return state_->records<wire::CoroutineDetail>(wire::SectionKind::kCoroutineDetails)[index];
    }
    wire::ChannelRecord& channel(std::uint32_t index) const {
        return state_->records<wire::ChannelRecord>(wire::SectionKind::kChannels)[index];
    }
    wire::WaitableRecord& lock(std::uint32_t index) const {
        return state_->records<wire::WaitableRecord>(wire::SectionKind::kWaitables)[index];
    }

    std::uint32_t change(std::uint32_t index, CoroutineState state, std::uint32_t by) {
        record(index).state = state;
        return record(index).sequence += by;
    }
    void spawn_or_wake(std::uint32_t who, std::uint16_t choice) {
        wire::CoroutineRecord& its = record(who);
        if (its.state == CoroutineState::kParked) {
            its.reason = WaitReason::kNothing;
            const std::uint32_t sequence = change(who, CoroutineState::kReady, 2);
            return emit::probe::wake(writer_, now_, who, sequence,
                                     static_cast<wire::WakeCause>(choice / 64 % wire::kWakeCausesCount));
        }
        if (its.state != CoroutineState::kFree) return;
        wire::CoroutineDetail& about = detail(who);
        about.identity = ++identities_;
        about.site = static_cast<std::uint32_t>(choice / 64 % sites_.size());
        about.name = choice % 3 == 0
                         ? wire::kNone
                         : state_->intern(std::string(1, static_cast<char>('a' + choice / 128 % 5)) + "-" +
                                          std::to_string(choice % 2));
        its.pool = static_cast<std::uint8_t>(choice / 32 % 2);
        its.reason = WaitReason::kNothing;
        const std::uint32_t sequence = change(who, CoroutineState::kReady, 2);
        emit::probe::spawn(writer_, now_,
                           {who, about.site, about.identity, who, its.pool, 0, 2, 0, about.name, sequence});
    }
    void resume(std::uint32_t who) {
        if (record(who).state != CoroutineState::kReady) return;
        running_ = who;
        current_ = who;
        const std::uint32_t sequence = change(who, CoroutineState::kRunning, 1);
        emit::probe::resume(writer_, now_, who, sequence, detail(who).identity);
    }
    void suspend(std::uint16_t choice) {
        const WaitReason reasons[] = {WaitReason::kYield, WaitReason::kChannelReceive,
                                      WaitReason::kChannelSend, WaitReason::kSleep, WaitReason::kMutex};
        const WaitReason reason = reasons[choice / 16 % 5];
        std::uint32_t object = wire::kNone;
        if (reason == WaitReason::kChannelReceive || reason == WaitReason::kChannelSend)
            object = live_channel(choice);
        if (reason == WaitReason::kMutex) object = live_lock(choice);
        const std::uint32_t who = std::exchange(running_, wire::kNone);
        record(who).reason = reason;
        const std::uint32_t sequence = change(
            who, reason == WaitReason::kYield ? CoroutineState::kReady : CoroutineState::kParked, 1);
        emit::probe::suspend(writer_, now_, sequence, reason, object, 0x1000, 0);
        current_ = wire::kNone;
    }
    void exit(std::uint16_t choice) {
        const std::uint32_t who = std::exchange(running_, wire::kNone);
        emit::probe::exit(writer_, now_, who, record(who).sequence + 1,
                          static_cast<wire::ExitStatus>(choice / 32 % 4), detail(who).identity, choice);
        current_ = wire::kNone;
        change(who, CoroutineState::kFree, 1);
    }
    std::uint32_t live_channel(std::uint16_t choice) {
        const std::uint32_t index = choice / 128 % kChannels;
        wire::ChannelRecord& its = channel(index);
        if (its.identity != 0) return index;
        its.capacity = index + 1;
        its.name = index == 0 ? wire::kNone : state_->intern(index == 1 ? "jobs" : "results");
        its.flags = wire::kChannelLive;
        its.identity = ++identities_;
        its.operations = 1;
        emit::probe::channel_create(writer_, now_, index, its.capacity, its.identity, its.name, 1, 0, 0);
        ++now_;
        return index;
    }
    void use_channel(std::uint16_t choice) {
        const std::uint32_t index = live_channel(choice);
        wire::ChannelRecord& its = channel(index);
        // Now and then for a parked coroutine.
        std::uint32_t other = choice / 1024 % kCoroutines;
        if (record(other).state != CoroutineState::kParked) other = wire::kNone;
        const std::uint64_t identity = other == wire::kNone ? 0 : detail(other).identity.load();
        if (choice % 3 != 0 && its.length < its.capacity) {
            its.length = its.length + 1;
            its.sent = its.sent + 1;
            its.operations = its.operations + 1;
            emit::probe::channel_send(writer_, now_, index, its.operations, false, identity, other);
        } else if (its.length != 0) {
            its.length = its.length - 1;
            its.received = its.received + 1;
            its.operations = its.operations + 1;
            emit::probe::channel_receive(writer_, now_, index, its.operations, false, identity, other);
        }
    }
    std::uint32_t live_lock(std::uint16_t choice) {
        const std::uint32_t index = choice / 128 % kLocks;
        wire::WaitableRecord& its = lock(index);
        if (its.identity != 0) return index;
        its.kind = index == 0 ? wire::WaitableKind::kMutex : wire::WaitableKind::kSemaphore;
        its.identity = ++identities_;
        its.limit = 3;
        its.name = state_->intern("guard");
        its.operations = 1;
        emit::probe::waitable_create(writer_, now_,
                                     {index, its.kind, its.identity, its.name, 1, wire::kNone, 0, 3});
        ++now_;
        return index;
    }
    void use_lock(std::uint16_t choice) {
        const std::uint32_t index = live_lock(choice);
        wire::WaitableRecord& its = lock(index);
        its.owner = running_ == wire::kNone ? 0 : detail(running_).identity.load();
        its.value = choice % 4;
        its.operations = its.operations + 1;
        emit::probe::waitable_changed(
            writer_, now_, choice / 16 % 2 == 0 ? EventType::kLockAcquire : EventType::kLockRelease, index,
            its.operations, its.owner, its.value);
    }

    std::unique_ptr<emit::StateSegment> state_ = emit::StateSegment::create({.shared = false}).value();
    std::unique_ptr<emit::RingSegment> rings_ = emit::RingSegment::create(1, false).value();
    emit::RingWriter* writer_ = nullptr;
    std::vector<inspect::SiteImage> sites_;
    std::atomic<std::uint32_t> current_{wire::kNone};
    std::uint32_t running_ = wire::kNone, rules_ = 0;
    std::uint64_t now_ = kStart + 1000, identities_ = 0;
};

// What the evaluator of traces finds: stamp and type of each.
using Found = std::vector<std::pair<std::uint64_t, EventType>>;
Found found_in_ring(const Program& program, const std::shared_ptr<const Rule>& rule,
                    const inspect::StateImage& begin, const inspect::StateImage& end) {
    const Names names(end.strings, end.sites, end.pools);
    EventScan scan(rule, begin, names, {});
    Found found;
    for (const wire::DecodedEvent& event : program.events())
        scan.take(event, wire::RingOwner::kWorker, 0,
                  [&](const EventFacts& facts) { found.emplace_back(facts.event->tsc, facts.event->type); });
    std::sort(found.begin(), found.end());
    return found;
}
Found that_hold(const std::vector<wire::RuleHit>& hits, const Rule& rule, const inspect::StateImage& end) {
    const Names names(end.strings, end.sites, end.pools);
    Found found;
    for (const wire::RuleHit& hit : hits) {
        if (judge(rule, hit, end, names) == Truth::kTrue) found.emplace_back(hit.ticks, hit.type);
    }
    std::sort(found.begin(), found.end());
    return found;
}

constexpr const char* kRules[] = {
    R"(suspend and site =~ "parser" and blocked_ns > 500ns)",
    R"(resume and ready_ns > 300ns or wake and blocked_ns < 400ns)",
    R"(not suspend and name == "b-1")",
    R"(suspend and run_ns >= 100ns and wait == receive)",
    R"(exit and (status != finished or high_water > 300))",
    R"(wake and cause == timer and not (name =~ "^a" or id > 20))",
    R"(spawn and class == small)",
    R"(function == "make_lexer" and not resume and not spawn)",
    R"(channel-send and channel.len == cap)",
    R"(channel-receive and channel.len > 0 and channel.sent > 2 and name =~ "[abc]")",
    R"(channel-send and channel.name == "jobs" or channel-receive and channel.name != "jobs")",
    R"(lock-acquire and lock.value > 1 and lock.limit == 3 and lock.owner != 0)",
    R"(lock-release and lock.kind == semaphore and worker == 0)",
    R"(suspend and coroutine.state == parked and not (wait == sleep))",
    R"(time > 1us and blocked_ns > 100ns and not resume)",
};

TEST(break_program, finds_in_the_program_what_the_evaluator_finds_in_its_events) {
    std::map<std::string, std::size_t> matched;
    std::size_t turn = 0, round = 0;
    const auto check = [&] {
        const auto choices = *rc::gen::container<std::vector<std::uint16_t>>(
            600, rc::gen::arbitrary<std::uint16_t>());
        // Each has its turn; a check draws the same programs every time: each round gives them to other rules.
        const std::string text = kRules[(turn++ % 100 + round) % std::size(kRules)];
        const auto rule = Rule::parse(text).value();
        Program program;
        const inspect::StateImage begin = program.image();
        const Names names(begin.strings, begin.sites, begin.pools);
        auto compiled = compile_break(*rule, begin, names, {.action = wire::RuleAction::kTell});
        RC_ASSERT(compiled.ok());
        program.arm(*compiled);
        std::vector<wire::RuleHit> hits;
        for (std::size_t i = 0; i < choices.size(); ++i) {
            if (i == choices.size() / 2) program.add_site("late_parser");
            program.step(choices[i]);
            for (const wire::RuleHit& hit : program.hits())
                hits.push_back(hit);
        }
        const inspect::StateImage end = program.image();
        const Found here = found_in_ring(program, rule, begin, end), there = that_hold(hits, *rule, end);
        matched[text] += here.size();
        RC_ASSERT(here == there);
    };
    // What matches seldom may need more programs than a check gives it.
    const auto all_matched = [&] { return std::all_of(std::begin(kRules), std::end(kRules), [&](const char* text) { return matched[text] > 0; }); };
    for (; round < std::size(kRules) && (round == 0 || !all_matched()); ++round)
        rc::check(check);
    for (const char* text : kRules)
        EXPECT_GT(matched[text], 0U) << text;
}

class break_compiler : public testing::Test {
protected:
    base::Result<wire::RuleProgram> compile(const std::string& text, const BreakOptions& options = {}) {
        state_ = program_.image();
        const Names names(state_.strings, state_.sites, state_.pools);
        return compile_break(*Rule::parse(text).value(), state_, names, options);
    }
    std::string refusal(const std::string& text) {
        auto compiled = compile(text);
        return compiled ? "" : compiled.error().message;
    }
    Program program_;
    inspect::StateImage state_;
};

TEST_F(break_compiler, what_the_program_cannot_know_is_refused_with_a_caret) {
    const std::string message = refusal("coroutine.state == parked and coroutine.blocked_ns > 10ms");
    EXPECT_NE(message.find("changes with time alone"), std::string::npos) << message;
    EXPECT_EQ(message.substr(message.rfind('\n')), "\n" + std::string(32, ' ') + "^") << message;
    EXPECT_NE(refusal("channel[99].len == 0").find("has no channel[99] now"), std::string::npos);
    EXPECT_NE(refusal("pool-allocate and pool[7].free == 0").find("has no pool[7] now"), std::string::npos);
}

TEST_F(break_compiler, a_rule_about_state_looks_at_what_can_change_it) {
    auto pool = compile("pool[small].free == 0");
    ASSERT_TRUE(pool.ok());
    EXPECT_TRUE(pool->looks_at(EventType::kPoolAllocate));
    EXPECT_FALSE(pool->looks_at(EventType::kResume));
    EXPECT_EQ(pool->categories(), wire::kCategoryPool);
    EXPECT_EQ(pool->head.flags, wire::kRuleOfState);
    EXPECT_EQ(pool->references.at(0).index, 0U);
}

TEST_F(break_compiler, names_without_room_are_in_doubt) {
    for (int i = 0; i < 6000; ++i)
        program_.intern("conn-" + std::to_string(i));
    auto compiled = compile(R"(spawn and name =~ "^conn")");
    ASSERT_TRUE(compiled.ok());
    ASSERT_TRUE(wire::parse_rules(compiled->bytes()).has_value());
    EXPECT_LE(compiled->bytes().size(), wire::kMessageBytesMax - sizeof(wire::MessageHeader));
    EXPECT_LT(compiled->names.at(0).strings_known, state_.strings.size());
    EXPECT_GT(compiled->names.at(0).strings_count, 1000U);
}

TEST_F(break_compiler, a_rule_about_state_tells_changes) {
    program_.step(4 + 128);  // makes channel 1, "jobs", of two items
    auto compiled = compile(R"(channel["jobs"].len == cap)", {.action = wire::RuleAction::kTell});
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    program_.arm(*compiled);
    std::size_t hits = 0;
    for (int i = 0; i < 3000; ++i) {
        program_.step(static_cast<std::uint16_t>(i * 7919));
        hits += program_.hits().size();
    }
    std::size_t full = 0;
    std::int64_t length = 0;
    for (const wire::DecodedEvent& event : program_.events()) {
        if (event.object != 1) continue;
        if (event.type != EventType::kChannelSend && event.type != EventType::kChannelReceive) continue;
        length += event.type == EventType::kChannelSend ? 1 : -1;
        full += event.type == EventType::kChannelSend && length == 2 ? 1 : 0;
    }
    EXPECT_GT(full, 3U);
    EXPECT_EQ(hits, full);
}

}  // namespace
}  // namespace coroscope::rules
