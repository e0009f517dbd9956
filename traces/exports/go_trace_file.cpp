// Go's execution trace, format 1.19: `go tool trace OUT`.
//
// A worker is a P, a coroutine a goroutine whose id is its identity; other threads are Ps above kThreadPs. What Go has no word for is left
// out: channels, a viewer's pauses (its coroutine is runnable meanwhile), pools. Go's reader checks the order: it refuses a trace in which a
// goroutine runs that nobody
// has woken, or one that runs twice. Nothing is put right for it here where the trace has all events, so that it judges ours.
//
// Where events are missing, what the state machine needs in between is put in (bring()), and times never go back.
//
// Layout: the header; then records: a byte (type, number of arguments), arguments as varints, the first of which is the time since the
// record before of the same P. Records of one P stand in batches of about 64 KiB. Strings and stacks are named before they are used.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "traces/exports/formats.h"
#include "traces/exports/frame_names.h"
#include "traces/exports/protobuf.h"
#include "traces/sparse_table.h"

namespace coroscope::exports {
namespace {

using analyses::Activity;
using analyses::Life;
using analyses::Span;
using wire::WaitReason;

enum GoEvent : std::uint8_t {
    kBatch = 1,
    kFrequency = 2,
    kStack = 3,
    kGomaxprocs = 4,
    kProcStart = 5,
    kProcStop = 6,
    kGoCreate = 13,
    kGoStart = 14,
    kGoEnd = 15,
    kGoSched = 17,
    kGoPreempt = 18,
    kGoSleep = 19,
    kGoBlock = 20,
    kGoUnblock = 21,
    kGoBlockSend = 22,
    kGoBlockRecv = 23,
    kGoBlockSelect = 24,
    kGoBlockSync = 25,
    kGoBlockCond = 26,
    kGoBlockNet = 27,
    kGoWaiting = 31,
    kString = 37,
};
constexpr std::size_t kBatchBytes = 64U << 10;
constexpr std::uint32_t kThreadPs = 10'000;                // above every worker
constexpr std::uint64_t kNamelessGoroutines = 1ULL << 52;  // above every identity

GoEvent block_event(WaitReason reason) {
    switch (reason) {
        case WaitReason::kSleep:
            return kGoSleep;
        case WaitReason::kChannelSend:
            return kGoBlockSend;
        case WaitReason::kChannelReceive:
            return kGoBlockRecv;
        case WaitReason::kSelect:
            return kGoBlockSelect;
        case WaitReason::kMutex:
        case WaitReason::kSharedMutex:
        case WaitReason::kSemaphore:
            return kGoBlockSync;
        case WaitReason::kCondition:
            return kGoBlockCond;
        case WaitReason::kDescriptor:
            return kGoBlockNet;
        default:
            return kGoBlock;
    }
}

class GoTrace final : public analyses::SpanVisitor {
public:
    GoTrace(const analyses::TraceWalk& walk, OutputFile& output, bool lossy)
        : walk_(walk), output_(output), names_(walk.reader()), lossy_(lossy) {
        output_.write(std::string_view("go 1.19 trace\0\0\0", 16));
        const double per_second = walk.reader().meta().clock.ticks_per_ns() * 1e9;
        raw(kFrequency, {static_cast<std::uint64_t>(per_second)});
        const auto& workers = walk.begin().state.workers;
        emit(0, walk.begin_ticks(), kGomaxprocs, {std::max<std::uint64_t>(workers.size(), 1), 0});
        for (const inspect::WorkerImage& worker : workers) {
            if (worker.state != wire::WorkerState::kAbsent && worker.state != wire::WorkerState::kParked)
                start_p(worker.index, walk.begin_ticks());
        }
    }

    void event(const analyses::OrderedEvent& ordered) override {
        last_p_ = ordered.owner == wire::RingOwner::kWorker ? ordered.owner_index
                                                            : kThreadPs + ordered.owner_index;
        if (ordered.owner != wire::RingOwner::kWorker) return;
        if (ordered.event.type == wire::EventType::kWorkerUnpark) start_p(last_p_, ordered.ticks);
        if (ordered.event.type != wire::EventType::kWorkerPark || !ps_[last_p_].started) return;
        settle_p(last_p_, 0, ordered.ticks);
        emit(last_p_, ordered.ticks, kProcStop, {});
        ps_[last_p_].started = false;
    }

    void began(const Life& life) override {
        G& g = gs_[life.index];
        g = {};
        g.id = life.identity != 0 ? life.identity : kNamelessGoroutines + nameless_++;
        // One whose spawn was not seen has no P that made it: a P of its own kind tells it.
        const std::uint32_t p = life.spawn_seen ? last_p_ : kThreadPs - 1;
        emit(p, life.begin_ticks, kGoCreate, {g.id, start_stack(life), 0});
        g.state = State::kRunnable;
        g.sequence = 1;
    }

    void enter(const Life& life, const Span& span) override {
        G& g = gs_[life.index];
        const bool at_begin = !life.spawn_seen && span.begin_ticks == life.begin_ticks;
        switch (span.activity) {
            case Activity::kRunning:
                if (lossy_) bring(g, State::kRunnable, span.worker, span.begin_ticks);
                settle_p(span.worker, g.id, span.begin_ticks);
                emit(span.worker, span.begin_ticks, kGoStart, {g.id, g.sequence++});
                g.state = State::kRunning;
                g.p = span.worker;
                ps_[span.worker].runs = life.index;
                break;
            case Activity::kBlocked:
                if (span.reason == WaitReason::kPause) break;
                if (at_begin) {
                    emit(kThreadPs - 1, span.begin_ticks, kGoWaiting, {g.id});
                    ++g.sequence;
                    g.state = State::kWaiting;
                    break;
                }
                if (lossy_) bring(g, State::kRunning, last_p_, span.begin_ticks);
                stop(g, block_event(span.reason), span, State::kWaiting);
                break;
            case Activity::kReady:
                if (span.reason == WaitReason::kNothing || at_begin || g.state != State::kRunning) break;
                stop(g, span.reason == WaitReason::kPause ? kGoPreempt : kGoSched, span, State::kRunnable);
                break;
            case Activity::kUnknown:
                break;
        }
    }

    void woken(const Life& life, const analyses::Waker&, std::uint64_t ticks) override {
        G& g = gs_[life.index];
        if (lossy_) bring(g, State::kWaiting, last_p_, ticks);
        emit(last_p_, ticks, kGoUnblock, {g.id, g.sequence++, 0});
        g.state = State::kRunnable;
    }

    void ended(const Life& life, analyses::LifeEnd how, std::uint64_t ticks) override {
        G& g = gs_[life.index];
        const bool end_seen = how != analyses::LifeEnd::kAlive && how != analyses::LifeEnd::kLost;
        if (!end_seen && (how == analyses::LifeEnd::kAlive || g.state != State::kRunning)) return;
        if (lossy_) bring(g, State::kRunning, last_p_, ticks);
        emit(g.p, ticks, kGoEnd, {});
        ps_[g.p].runs = wire::kNone;
        g.state = State::kDead;
    }

    void finish() {
        for (auto& [p, of] : ps_)
            flush(p, of);
    }

private:
    enum class State : std::uint8_t { kDead, kRunnable, kRunning, kWaiting };
    struct G {
        std::uint64_t id = 0, sequence = 0;  // starts and wakes so far, and its creation
        State state = State::kDead;
        std::uint32_t p = 0;  // that runs it
    };
    struct P {
        std::string batch;
        std::uint64_t last_ticks = 0;
        std::uint32_t runs = wire::kNone;  // index of the coroutine
        bool started = false;
    };

    static void append(std::string& to, std::uint8_t type, const std::vector<std::uint64_t>& arguments) {
        const std::size_t count = std::min<std::size_t>(std::max<std::size_t>(arguments.size(), 1) - 1, 3);
        to.push_back(static_cast<char>(type | count << 6));
        std::string bytes;
        for (const std::uint64_t argument : arguments)
            append_varint(bytes, argument);
        if (count == 3) append_varint(to, bytes.size());
        to += bytes;
    }
    void raw(std::uint8_t type, const std::vector<std::uint64_t>& arguments) {
        std::string bytes;
        append(bytes, type, arguments);
        output_.write(bytes);
    }

    void emit(std::uint32_t number, std::uint64_t ticks, std::uint8_t type,
              std::vector<std::uint64_t> arguments) {
        P& p = ps_[number];
        if (lossy_) ticks = last_ticks_ = std::max(last_ticks_, ticks);
        ticks = ticks - walk_.begin_ticks() + 1;
        if (p.batch.empty()) {
            append(p.batch, kBatch, {number, ticks});
            p.last_ticks = ticks;
        }
        ticks = std::max(ticks, p.last_ticks);
        arguments.insert(arguments.begin(), ticks - p.last_ticks);
        p.last_ticks = ticks;
        append(p.batch, type, arguments);
        if (p.batch.size() >= kBatchBytes) flush(number, p);
    }
    void flush(std::uint32_t, P& p) {
        output_.write(p.batch);
        p.batch.clear();
    }

    void start_p(std::uint32_t number, std::uint64_t ticks) {
        if (std::exchange(ps_[number].started, true)) return;
        const auto& workers = walk_.end().state.workers;
        emit(number, ticks, kProcStart, {number < workers.size() ? workers[number].thread_id : 0});
    }

    void stop(G& g, GoEvent type, const Span& span, State then) {
        emit(g.p, span.begin_ticks, type, {park_stack(span.pc)});
        ps_[g.p].runs = wire::kNone;
        g.state = then;
    }

    // ---- where events are missing

    // Whoever seems to run on a P has left it without being seen.
    void settle_p(std::uint32_t number, std::uint64_t id, std::uint64_t ticks) {
        P& p = ps_[number];
        if (!lossy_ || p.runs == wire::kNone) return;
        G& runs = gs_[p.runs];
        if (runs.id == id || runs.state != State::kRunning || runs.p != number) return;
        p.runs = wire::kNone;
        emit(number, ticks, kGoSched, {0});
        runs.state = State::kRunnable;
    }
    void bring(G& g, State wanted, std::uint32_t p, std::uint64_t ticks) {
        if (g.state == wanted) return;
        if (wanted == State::kRunning) {
            settle_p(p, g.id, ticks);
            if (g.state == State::kWaiting) {
                emit(kThreadPs - 1, ticks, kGoUnblock, {g.id, g.sequence++, 0});
            }
            emit(p, ticks, kGoStart, {g.id, g.sequence++});
            g.p = p;
        } else if (g.state == State::kRunning) {
            emit(g.p, ticks, wanted == State::kWaiting ? kGoBlock : kGoSched, {0});
            ps_[g.p].runs = wire::kNone;
        } else if (wanted == State::kWaiting) {
            settle_p(kThreadPs - 1, g.id, ticks);
            emit(kThreadPs - 1, ticks, kGoStart, {g.id, g.sequence++});
            emit(kThreadPs - 1, ticks, kGoBlock, {0});
        } else {
            emit(kThreadPs - 1, ticks, kGoUnblock, {g.id, g.sequence++, 0});
        }
        g.state = wanted;
    }

    // ---- names

    std::uint64_t string_id(const std::string& text) {
        if (text.empty()) return 0;
        const auto [found, fresh] = strings_.try_emplace(text, strings_.size() + 1);
        if (fresh) {
            std::string bytes(1, static_cast<char>(kString));
            append_varint(bytes, found->second);
            append_varint(bytes, text.size());
            output_.write(bytes + text);
        }
        return found->second;
    }
    std::uint64_t stack(std::uint64_t pc, const std::string& function, const std::string& file,
                        std::uint32_t line) {
        const std::uint64_t id = next_stack_++;
        raw(kStack, {id, 1, pc, string_id(function), string_id(file), line});
        return id;
    }
    // Where its function begins is not in a trace: its site stands for it, and groups goroutines as people know them.
    std::uint64_t start_stack(const Life& life) {
        const std::string name = walk_.directory().name(life);
        const auto [found, fresh] = start_stacks_.try_emplace({life.site, name}, 0);
        if (fresh) {
            const auto& sites = walk_.end().state.sites;
            const bool known = life.site < sites.size();
            found->second = stack(
                known && sites[life.site].entry_address != 0 ? sites[life.site].entry_address
                                                             : kNamelessGoroutines + start_stacks_.size(),
                name, known ? std::string(walk_.end().state.text(sites[life.site].file)) : "",
                known ? sites[life.site].line : 0);
        }
        return found->second;
    }
    std::uint64_t park_stack(std::uint64_t pc) {
        if (pc == 0) return 0;
        const auto [found, fresh] = park_stacks_.try_emplace(pc, 0);
        if (fresh) {
            const inspect::Frame& frame = names_.at(pc).front();
            found->second = stack(pc, frame_text(frame), frame.file, frame.line);
        }
        return found->second;
    }

    const analyses::TraceWalk& walk_;
    OutputFile& output_;
    FrameNames names_;
    const bool lossy_;
    std::map<std::uint32_t, P> ps_;
    traces::SparseTable<G> gs_;  // by index
    std::uint32_t last_p_ = kThreadPs - 1;
    std::uint64_t last_ticks_ = 0, nameless_ = 0, next_stack_ = 1;
    std::unordered_map<std::string, std::uint64_t> strings_;
    std::map<std::pair<std::uint32_t, std::string>, std::uint64_t> start_stacks_;
    std::unordered_map<std::uint64_t, std::uint64_t> park_stacks_;
};

}  // namespace

void write_go_trace(analyses::TraceWalk& walk, OutputFile& output) {
    const auto chunks = walk.reader().chunks();
    const bool lossy = walk.reader().broken_chunks() != 0 ||
                       std::any_of(chunks.begin(), chunks.end(),
                                   [](const traces::ChunkRef& chunk) { return chunk.header.lost_count != 0; });
    GoTrace go(walk, output, lossy);
    walk.run(go);
    go.finish();
}

}  // namespace coroscope::exports
