// See tables.h.
#include "traces/exports/tables.h"

#include <fmt/format.h>

#include <initializer_list>

#include "traces/exports/told_rows.h"
#include "traces/signal_words.h"

namespace coroscope::exports {

using analyses::Activity;
using analyses::Life;
using analyses::Span;
using wire::EventType;

namespace {

constexpr auto kInteger = ColumnType::kInteger;
constexpr auto kReal = ColumnType::kReal;
constexpr auto kText = ColumnType::kText;

Value number(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}
// 0, or kNone, is none.
Value identity(std::uint64_t value) {
    return value == 0 ? Value() : number(value);
}
Value index_value(std::uint32_t value) {
    return value == wire::kNone ? Value() : number(value);
}
Value text_value(std::string_view text) {
    return text.empty() ? Value() : Value(text);
}

}  // namespace

const std::array<Table, kTablesCount>& tables() {
    static const std::array<Table, kTablesCount> kTables = {{
        {"trace",
         {{"program", kText, "path of the program"},
          {"pid", kInteger, "its process id"},
          {"begin_ns", kInteger, "of the first look at it: what was before is not told"},
          {"end_ns", kInteger, "of the last moment that is told"},
          {"events", kInteger, "that were recorded in between"},
          {"ended", kText, "why the recording ended; missing: it was cut short"},
          {"ns_per_tick", kReal, "of the processor's time stamp counter"}}},
        {"sites",
         {{"site", kInteger, "number that coroutines refer to"},
          {"place", kText, "file:line of the spawn"},
          {"file", kText, "of the spawn"},
          {"line", kInteger, "of the spawn"},
          {"function", kText, "in which the spawn stands"},
          {"name", kText, "that it gives its coroutines"},
          {"size_class", kText, "of stacks: micro, small, medium, large"}}},
        {"coroutines",
         {{"id", kInteger, "identity; missing: its spawn was lost"},
          {"name", kText, "its own, else its site's"},
          {"site", kInteger, "where it was spawned"},
          {"spawner", kInteger, "id of the coroutine that spawned it; missing: another thread did"},
          {"begin_ns", kInteger, "when it was spawned, or begin_ns of the trace"},
          {"spawn_seen", kInteger, "1: it was spawned at begin_ns; 0: it was there already"},
          {"end_ns", kInteger, "when it ended, or end_ns of the trace"},
          {"end", kText,
           "finished, failed, cancelled, abandoned; alive: when the trace ended; lost: its end is missing"},
          {"running_ns", kInteger, "on a worker"},
          {"ready_ns", kInteger, "waiting for a worker"},
          {"blocked_ns", kInteger, "parked"},
          {"unknown_ns", kInteger, "events are missing"},
          {"runs", kInteger, "times a worker took it up"},
          {"waits", kInteger, "times it was blocked"}}},
        {"spans",
         {{"coroutine", kInteger, "id"},
          {"state", kText, "running, ready, blocked, unknown"},
          {"reason", kText, "blocked: channel-receive, sleep, mutex ...; ready: yield"},
          {"object", kText, "blocked: what it waits for, such as channel:words"},
          {"worker", kInteger, "running: on which; else: that ran it last"},
          {"begin_ns", kInteger, "it follows the coroutine's span before it without a gap"},
          {"end_ns", kInteger, ""},
          {"pc", kInteger, "blocked, or ready after a yield: address of the call, in the program"}}},
        {"wakes",
         {{"at_ns", kInteger, ""},
          {"coroutine", kInteger, "id of who became ready"},
          {"waker", kInteger, "id of the coroutine that did it; missing: none, or not known"},
          {"cause", kText, "coroutine, timer, signal, outside, cancel, close, exit, resume"},
          {"worker", kInteger, "on which it was done; missing: another thread"}}},
        {"channels",
         {{"id", kInteger, "identity; missing: its creation was lost"},
          {"name", kText, ""},
          {"capacity", kInteger, "messages that it holds"},
          {"begin_ns", kInteger, "when it was made; missing: before the trace began"},
          {"end_ns", kInteger, "when it was destroyed; missing: it was there at the end"},
          {"sent", kInteger, "messages, while the trace was recorded"},
          {"received", kInteger, "messages, while the trace was recorded"}}},
        {"workers",
         {{"worker", kInteger, "number"},
          {"thread", kInteger, "its kernel id"},
          {"running_ns", kInteger, "with a coroutine"},
          {"asleep_ns", kInteger, "parked, for want of work"},
          {"runs", kInteger, "coroutines that it took up"}}},
        {"counters",
         {{"at_ns", kInteger, ""},
          {"name", kText, "coroutines, ready, running, slots of pool N (CLASS); or the program's own"},
          {"value", kInteger, "from then on; told at most every 100 us, the program's own whenever it does"},
          {"real_value", kReal, "of one of the program's own that is no whole number; value is missing then"},
          {"told", kInteger, "1: by the program (CPRIME_COUNTER); 0: counted from events"}}},
        {"messages",
         {{"at_ns", kInteger, ""},
          {"kind", kText, "message; note: what the coroutine is about from then on"},
          {"coroutine", kInteger, "id of who said it; missing: a thread, or not known"},
          {"worker", kInteger, "on which; missing: another thread"},
          {"text", kText, "missing: empty, which ends a note"}}},
        {"zones",
         {{"coroutine", kInteger, "id; missing: a thread's"},
          {"name", kText, "as CPRIME_ZONE says it"},
          {"begin_ns", kInteger, ""},
          {"end_ns", kInteger, ""},
          {"depth", kInteger, "how many zones it lies in"},
          {"ended", kInteger, "1: at end_ns; 0: its end is missing: it lasted until another one's, its coroutine's or the trace's"}}},
        {"signals",
         {{"at_ns", kInteger, ""},
          {"event", kText, "signal: it came, or was raised; signal-handled: its handler ended; signal-dropped; fault; raise; recover"},
          {"signal", kText, "SIGUSR1, or the type of one of the program's own"},
          {"coroutine", kInteger, "id: who handles it, or whose fault or raise it is; missing: none, or not known"},
          {"worker", kInteger, "on which; missing: another thread"},
          {"detail", kText, "who sent it, how long its handler had to wait and took, what became of it"}}},
        {"losses",
         {{"since_ns", kInteger, "the first event that is missing"},
          {"until_ns", kInteger, "the first that is not"}}},
    }};
    return kTables;
}

namespace {

class TableVisitor final : public analyses::SpanVisitor {
public:
    TableVisitor(const analyses::TraceWalk& walk, TableSink& sink)
        : walk_(walk),
          sink_(sink),
          counters_(walk,
                    [this](std::size_t counter, std::uint64_t ticks, std::int64_t value) {
                        row(TableName::kCounters, {time(ticks), std::string_view(counters_.names()[counter]), value, Value(), number(0)});
                    }),
          told_(walk, sink) {
        for (const inspect::ChannelImage& channel : walk.begin().state.channels)
            channels_[channel.index] = {channel.identity, channel.name, channel.capacity, Value(), 0, 0};
        for (const inspect::WorkerImage& image : walk.begin().state.workers) {
            if (image.state != wire::WorkerState::kAbsent)
                workers_[image.index] = {0, 0, 0, walk.begin_ticks(),
                                         image.state == wire::WorkerState::kParked};
        }
    }

    void event(const analyses::OrderedEvent& ordered) override {
        counters_.event(ordered);
        const wire::DecodedEvent& event = ordered.event;
        if (traces::ToldReader::concerns(event.type)) told_.event(ordered);
        if (traces::is_of_signals(event.type)) signal(ordered);
        switch (event.type) {
            case EventType::kChannelCreate:
                if (channels_.contains(event.object)) end_channel(event.object, Value());
                channels_[event.object] = {event.ext48[0],
                                           static_cast<std::uint32_t>(event.ext64[0]),
                                           event.argument,
                                           time(ordered.ticks),
                                           0,
                                           0};
                break;
            case EventType::kChannelSend:
                ++channels_[event.object].sent;
                break;
            case EventType::kChannelReceive:
                ++channels_[event.object].received;
                break;
            case EventType::kChannelDestroy:
                end_channel(event.object, time(ordered.ticks));
                break;
            case EventType::kWorkerPark:
            case EventType::kWorkerUnpark:
                if (ordered.owner == wire::RingOwner::kWorker)
                    sleep(ordered.owner_index, event.type == EventType::kWorkerPark, ordered.ticks);
                break;
            default:
                break;
        }
    }
    void began(const Life& life) override {
        lives_[life.index] = {};
        counters_.began(life);
    }
    void enter(const Life& life, const Span& span) override { counters_.enter(life, span); }
    void leave(const Life& life, const Span& span) override {
        counters_.leave(life, span);
        const std::uint64_t ticks = span.end_ticks - span.begin_ticks;
        Sum& sum = lives_[life.index];
        sum.ticks[static_cast<std::size_t>(span.activity)] += ticks;
        if (span.activity == Activity::kRunning) {
            ++sum.runs;
            if (span.worker != wire::kNone) {
                workers_[span.worker].running_ticks += ticks;
                ++workers_[span.worker].runs;
            }
        }
        sum.waits += span.activity == Activity::kBlocked ? 1 : 0;
        const bool has_reason = span.reason != wire::WaitReason::kNothing &&
                                span.activity != Activity::kUnknown;
        const std::string object = span.activity == Activity::kBlocked ? walk_.directory().text(span.awaited)
                                                                       : "";
        row(TableName::kSpans,
            {identity(life.identity), std::string_view(analyses::activity_name(span.activity)),
             has_reason ? Value(std::string_view(inspect::reason_name(span.reason))) : Value(),
             text_value(object), index_value(span.worker), time(span.begin_ticks), time(span.end_ticks),
             identity(span.pc)});
    }
    void woken(const Life& life, const analyses::Waker& waker, std::uint64_t ticks) override {
        row(TableName::kWakes,
            {time(ticks), identity(life.identity), identity(waker.identity),
             std::string_view(inspect::wake_cause_name(waker.cause)), index_value(waker.worker)});
    }
    void ended(const Life& life, analyses::LifeEnd how, std::uint64_t ticks) override {
        if (how != analyses::LifeEnd::kAlive) counters_.ended(ticks);
        told_.ended(life, ticks);
        const Sum& sum = lives_[life.index];
        const auto spent = [&](Activity activity) -> Value {
            return walk_.duration_ns(sum.ticks[static_cast<std::size_t>(activity)]);
        };
        const std::string name = walk_.directory().name(life);
        row(TableName::kCoroutines,
            {identity(life.identity), std::string_view(name), index_value(life.site), identity(life.spawner),
             time(life.begin_ticks), number(life.spawn_seen ? 1 : 0), time(ticks),
             std::string_view(analyses::life_end_name(how)), spent(Activity::kRunning), spent(Activity::kReady),
             spent(Activity::kBlocked), spent(Activity::kUnknown), number(sum.runs), number(sum.waits)});
    }

    void finish(const analyses::WalkCounts& counts) {
        counters_.finish(walk_.end_ticks());
        told_.finish();
        while (!channels_.empty())
            end_channel(channels_.begin()->first, Value());
        const auto& threads = walk_.end().state.workers;
        for (auto& [index, worker] : workers_) {
            sleep(index, false, walk_.end_ticks());
            row(TableName::kWorkers,
                {number(index), index < threads.size() ? identity(threads[index].thread_id) : Value(),
                 walk_.duration_ns(worker.running_ticks), walk_.duration_ns(worker.asleep_ticks),
                 number(worker.runs)});
        }
        for (const traces::LossInterval& loss : counts.losses)
            row(TableName::kLosses, {time(loss.since_ticks), time(loss.until_ticks)});
        sites();
        const traces::TraceMeta& meta = walk_.reader().meta();
        const double ticks_per_ns = meta.clock.ticks_per_ns();
        const std::string ended = walk_.reader().end().because;
        row(TableName::kTrace, {std::string_view(meta.program), number(meta.pid), time(walk_.begin_ticks()),
                                time(walk_.end_ticks()), number(counts.events), text_value(ended),
                                ticks_per_ns > 0 ? 1 / ticks_per_ns : 0.0});
    }

private:
    struct Sum {
        std::array<std::uint64_t, analyses::kActivitiesCount> ticks{};
        std::uint64_t runs = 0, waits = 0;
    };
    struct Channel {
        std::uint64_t id = 0;
        std::uint32_t name = wire::kNone, capacity = 0;
        Value begin;
        std::uint64_t sent = 0, received = 0;
    };
    struct Worker {
        std::uint64_t running_ticks = 0, asleep_ticks = 0, runs = 0, since_ticks = 0;
        bool asleep = false;
    };

    Value time(std::uint64_t ticks) const { return walk_.time_ns(ticks); }
    void row(TableName table, std::initializer_list<Value> values) {
        CHECK(values.size() == tables()[static_cast<std::size_t>(table)].columns.size());
        sink_.row(table, {values.begin(), values.size()});
    }
    void sleep(std::uint32_t index, bool asleep, std::uint64_t ticks) {
        Worker& worker = workers_[index];
        // In a damaged trace two rings can say that they are one worker's: then its time goes back.
        if (worker.asleep && ticks > worker.since_ticks) worker.asleep_ticks += ticks - worker.since_ticks;
        worker.asleep = asleep;
        worker.since_ticks = ticks;
    }
    void end_channel(std::uint32_t index, const Value& end) {
        const Channel& channel = channels_[index];
        row(TableName::kChannels,
            {identity(channel.id), text_value(walk_.end().state.text(channel.name)), number(channel.capacity),
             channel.begin, end, number(channel.sent), number(channel.received)});
        channels_.erase(index);
    }
    void signal(const analyses::OrderedEvent& ordered) {
        const wire::DecodedEvent& event = ordered.event;
        const std::string name = walk_.directory().signal(event.object),
                          detail = traces::signal_detail(event, walk_.reader().meta().clock);
        row(TableName::kSignals,
            {time(ordered.ticks), std::string_view(wire::event_name(event.type)), std::string_view(name),
             ordered.current == nullptr ? Value() : identity(ordered.current->identity),
             ordered.owner == wire::RingOwner::kWorker ? number(ordered.owner_index) : Value(), text_value(detail)});
    }
    void sites() {
        const inspect::StateImage& state = walk_.end().state;
        for (std::size_t i = 0; i < state.sites.size(); ++i) {
            const inspect::SiteImage& site = state.sites[i];
            const std::string place = state.site_text(static_cast<std::uint32_t>(i));
            row(TableName::kSites,
                {number(i), std::string_view(place), text_value(state.text(site.file)), number(site.line),
                 text_value(state.text(site.function)), text_value(state.text(site.name)),
                 std::string_view(inspect::size_class_name(site.size_class))});
        }
    }

    const analyses::TraceWalk& walk_;
    TableSink& sink_;
    Counters counters_;
    ToldRows told_;
    traces::SparseTable<Sum> lives_;
    std::map<std::uint32_t, Channel> channels_;  // by index
    std::map<std::uint32_t, Worker> workers_;
};

}  // namespace

void tell_tables(analyses::TraceWalk& walk, TableSink& sink) {
    TableVisitor visitor(walk, sink);
    visitor.finish(walk.run(visitor));
}

}  // namespace coroscope::exports
