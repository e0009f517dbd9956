// See stack_profile.h.
#include "traces/exports/stack_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "traces/exports/frame_names.h"
#include "traces/sparse_table.h"

namespace coroscope::exports {
namespace {

using analyses::Activity;
using analyses::Life;
using analyses::Span;

// The stacks of a trace, by park.
class StackBook {
public:
    StackBook(const traces::TraceReader& reader, const traces::Search* search) : reader_(reader), table_(reader.stack_table()) {
        if (table_ == nullptr) return;
        for (std::uint32_t stack = 0; stack < table_->size(); ++stack) {
            if (!table_->pcs(stack).empty()) learn({wire::kNone, table_->pcs(stack).front()}, stack);
        }
        for (const std::uint32_t position : reader.stacks()) {
            if (search != nullptr && !search->wanted()) return;
            learn_sites(position);
        }
    }

    // Number of the stack that this park had; kNone = not known.
    std::uint32_t of(const Life& life, const Span& span) {
        while (next_ < reader_.stacks().size()) {
            const traces::ChunkRef& chunk = reader_.chunks()[reader_.stacks()[next_]];
            if (chunk.header.ticks_min > span.end_ticks) break;
            auto snapshot = reader_.read_stacks(chunk);  // of a damaged one nothing is known
            if (snapshot.ok()) snapshot_ = std::move(*snapshot);
            ++next_;
        }
        const inspect::StackRef* ref = life.identity != 0 ? snapshot_.find(life.identity) : nullptr;
        if (ref != nullptr && ref->sequence == span.sequence && table_ != nullptr &&
            ref->stack < table_->size())
            return ref->stack;
        for (const std::uint32_t site : {life.site, wire::kNone}) {
            const auto only = only_.find({site, span.pc});
            if (only != only_.end() && only->second != wire::kNone) return only->second;
        }
        return wire::kNone;
    }
    const std::vector<std::uint64_t>& pcs(std::uint32_t stack) const { return table_->pcs(stack); }
    bool empty() const { return table_ == nullptr || table_->size() == 0; }

private:
    using Place = std::pair<std::uint32_t, std::uint64_t>;  // site (kNone: any) and innermost frame

    void learn(const Place& place, std::uint32_t stack) {
        const auto [found, fresh] = only_.try_emplace(place, stack);
        if (!fresh && found->second != stack) found->second = wire::kNone;
    }
    // Stacks by the sites of their coroutines, as the look that belongs to the snapshot says; of a damaged one nothing is learned.
    void learn_sites(std::uint32_t position) {
        const auto keyframes = reader_.keyframes();
        const auto after = std::upper_bound(keyframes.begin(), keyframes.end(), position);
        if (after == keyframes.begin()) return;
        const auto look = reader_.read_keyframe(reader_.chunks()[*std::prev(after)]);
        const auto snapshot = reader_.read_stacks(reader_.chunks()[position]);
        if (!look.ok() || !snapshot.ok()) return;
        for (const inspect::CoroutineImage& coroutine : look->coroutines) {
            const inspect::StackRef* ref = snapshot->find(coroutine.identity);
            if (ref == nullptr || ref->stack >= table_->size() || table_->pcs(ref->stack).empty()) continue;
            learn({coroutine.site, table_->pcs(ref->stack).front()}, ref->stack);
        }
    }

    const traces::TraceReader& reader_;
    const std::shared_ptr<const inspect::StackTable> table_;
    std::map<Place, std::uint32_t> only_;  // the one stack that was seen there; kNone = several were
    inspect::StackSnapshot snapshot_;      // the last one that was taken before the span's end
    std::size_t next_ = 0;
};

// Whose stack it is, and which.
struct RowKey {
    std::uint32_t site = wire::kNone, name = wire::kNone, stack = wire::kNone;
    std::uint64_t pc = 0;  // where the stack is not known; 0 = there is none: it ended
    wire::WaitReason reason = wire::WaitReason::kNothing;
    auto operator<=>(const RowKey&) const = default;
};
using Sums = std::map<RowKey, std::array<std::uint64_t, 2>>;

class StackTimes final : public analyses::SpanVisitor {
public:
    StackTimes(const analyses::TraceWalk& walk, const StackProfileWish& wish) : book_(walk.reader(), wish.search), walk_(walk), wish_(wish) {}

    void began(const Life& life) override { running_[life.index] = {}; }
    void leave(const Life& life, const Span& span) override {
        if (!is_asked_for(life)) return;
        const std::uint64_t ticks = span.end_ticks - span.begin_ticks;
        Running& running = running_[life.index];
        if (span.activity == Activity::kRunning) {
            ++running.runs;
            running.ticks += ticks;
            return;
        }
        if (wish_.kind == Kind::kBlocked) {
            if (span.activity == Activity::kBlocked) add(key(life, span, true), 1, ticks);
        } else if (running.runs != 0) {
            add(span.activity == Activity::kUnknown ? rootless(life) : key(life, span, false), running.runs,
                running.ticks);
            running = {};
        }
    }
    void ended(const Life& life, analyses::LifeEnd, std::uint64_t) override {
        const Running& running = running_[life.index];  // nothing in it of whom nobody asked for
        if (wish_.kind == Kind::kCpu && running.runs != 0) add(rootless(life), running.runs, running.ticks);
    }
    const StackBook& book() const { return book_; }
    const Sums& sums() const { return sums_; }

private:
    struct Running {  // time on a worker whose end's stack is not known yet
        std::uint64_t runs = 0, ticks = 0;
    };
    bool is_asked_for(const Life& life) {
        if (wish_.coroutine != 0 && life.identity != wish_.coroutine) return false;
        if (wish_.of_whom) {
            const auto [found, fresh] = whom_asked_.try_emplace(life.identity, false);
            if (fresh) found->second = wish_.of_whom(life.identity, walk_.directory().name(life), walk_.directory().site(life.site));
            if (!found->second) return false;
        }
        if (wish_.site.empty()) return true;
        const auto [found, fresh] = site_asked_.try_emplace(life.site, false);
        if (fresh) found->second = walk_.directory().site(life.site) == wish_.site;
        return found->second;
    }
    static RowKey rootless(const Life& life) {
        return {life.site, life.name, wire::kNone, 0, wire::WaitReason::kNothing};
    }
    RowKey key(const Life& life, const Span& span, bool with_reason) {
        RowKey key = rootless(life);
        key.stack = book_.of(life, span);
        if (key.stack == wire::kNone) key.pc = span.pc;
        if (with_reason) key.reason = span.reason;
        return key;
    }
    void add(const RowKey& key, std::uint64_t count, std::uint64_t ticks) {
        auto& sum = sums_[key];
        sum[0] += count;
        sum[1] += ticks;
    }

    StackBook book_;
    const analyses::TraceWalk& walk_;
    const StackProfileWish& wish_;
    std::map<std::uint64_t, bool> whom_asked_;  // by identity
    std::map<std::uint32_t, bool> site_asked_;  // whether it is the one that is asked for
    traces::SparseTable<Running> running_;
    Sums sums_;
};

class RowMaker {
public:
    explicit RowMaker(const analyses::TraceWalk& walk) : walk_(walk), names_(walk.reader()) {}

    StackRow row(const RowKey& key, const std::vector<std::uint64_t>& pcs) {
        StackRow row;
        Life life;
        life.site = key.site;
        life.name = key.name;
        row.coroutine = walk_.directory().name(life);
        row.site = walk_.directory().site(key.site);
        if (key.reason != wire::WaitReason::kNothing) row.reason = inspect::reason_name(key.reason);
        for (const std::uint64_t pc : pcs)
            add_frames(row, pc);
        if (pcs.empty() && key.pc != 0) {
            add_frames(row, key.pc);
            row.frames.push_back({kPartialFrame, "", "", 0, 0});
        }
        const auto& sites = walk_.end().state.sites;
        ProfileFrame root{root_text(row.coroutine, row.site), "", "", 0, 0};
        if (key.site < sites.size()) {
            root.file = std::string(walk_.end().state.text(sites[key.site].file));
            root.line = sites[key.site].line;
        }
        row.frames.push_back(std::move(root));
        return row;
    }

private:
    void add_frames(StackRow& row, std::uint64_t pc) {
        for (const inspect::Frame& frame : names_.at(pc))
            row.frames.push_back({frame_text(frame), frame.file, frame.module, frame.line, pc});
    }
    const analyses::TraceWalk& walk_;
    FrameNames names_;
};

void sort_rows(StackProfile& profile) {
    std::stable_sort(profile.rows.begin(), profile.rows.end(),
                     [](const StackRow& a, const StackRow& b) { return a.values[1] > b.values[1]; });
}

base::Error no_stacks(const analyses::TraceWalk& walk, const char* what) {
    return base::error(base::ErrorCode::kUnreadable,
                       walk.reader().path() + ": the trace holds no " + what +
                           ": it ended before the first look at parked coroutines; record for longer");
}

base::Result<StackProfile> memory_profile(const analyses::TraceWalk& walk, const StackProfileWish& request) {
    auto moment = walk.replay().moment_at(request.at_ns.value_or(walk.replay().populated()));
    if (!moment) return moment.error();
    const traces::Moment& at = **moment;
    std::map<RowKey, std::array<std::int64_t, 2>> sums;
    for (const inspect::CoroutineImage& coroutine : at.state.coroutines) {
        if (request.coroutine != 0 && coroutine.identity != request.coroutine) continue;
        if (!request.site.empty() && at.state.site_text(coroutine.site) != request.site) continue;
        const inspect::StackRef* ref = at.stack_of(coroutine);
        if (ref == nullptr)
            continue;  // it runs, or was not copied since it parked: how much it uses is not known
        auto& sum = sums[{coroutine.site, coroutine.name, ref->stack, 0, wire::WaitReason::kNothing}];
        ++sum[0];
        sum[1] += ref->used_bytes;
    }
    if (sums.empty()) return no_stacks(walk, "stacks at that moment");
    StackProfile profile;
    profile.names = {"coroutines", "stack"};
    profile.units = {"count", "bytes"};
    profile.begin_ns = at.t;
    RowMaker maker(walk);
    for (const auto& [key, values] : sums) {
        profile.rows.push_back(maker.row(key, at.table->pcs(key.stack)));
        profile.rows.back().values = values;
    }
    sort_rows(profile);
    return profile;
}

}  // namespace

std::string root_text(const std::string& coroutine, const std::string& site) {
    return fmt::format("{} ({})", coroutine, site);
}

base::Result<StackProfile> make_stack_profile(analyses::TraceWalk& walk, const StackProfileWish& wish) {
    if (wish.kind == Kind::kStackMemory) return memory_profile(walk, wish);
    StackTimes times(walk, wish);
    if (times.book().empty()) return no_stacks(walk, "stacks");
    walk.run(times, wish.search);
    StackProfile profile;
    const bool cpu = wish.kind == Kind::kCpu;
    profile.names = {cpu ? "runs" : "waits", cpu ? "cpu" : "blocked"};
    profile.units = {"count", "nanoseconds"};
    profile.begin_ns = walk.time_ns(walk.begin_ticks());
    profile.duration_ns = walk.duration_ns(walk.end_ticks() - walk.begin_ticks());
    RowMaker maker(walk);
    for (const auto& [key, sum] : times.sums()) {
        static const std::vector<std::uint64_t> kNoPcs;
        profile.rows.push_back(maker.row(key, key.stack != wire::kNone ? times.book().pcs(key.stack) : kNoPcs));
        profile.rows.back().values = {static_cast<std::int64_t>(sum[0]), walk.duration_ns(sum[1])};
    }
    sort_rows(profile);
    return profile;
}

}  // namespace coroscope::exports
