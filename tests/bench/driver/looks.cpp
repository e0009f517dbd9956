// See looks.h. A figure is refused when not every stack was whole: a fast look that saw nothing is none.
#include "driver/looks.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "driver/window_process.h"
#include "instrumentation/inspect/libunwind_walker.h"
#include "instrumentation/inspect/symbols.h"
#include "instrumentation/inspect/unwinder.h"
#include "runner/runner.h"
#include "traces/session.h"

namespace coroscope::bench {
namespace {

using inspect::StackTable;
using inspect::StateImage;
using inspect::Target;
using inspect::UnwindEnd;
using inspect::UnwindStart;

std::uint64_t count_of(const Row& row, const Effort& effort) {
    return std::max<std::uint64_t>(
        1000, static_cast<std::uint64_t>(static_cast<double>(row.count) * effort.bytes_scale));
}

// A program whose `count` coroutines are parked, and what it takes to look at it.
struct Held {
    RunnerProcess process;
    std::unique_ptr<Target> target;
    std::vector<inspect::Module> modules;
    std::unique_ptr<inspect::ModuleSet> set;
    std::unique_ptr<inspect::LibunwindWalker> libunwind;
    std::unique_ptr<inspect::Unwinder> unwinder;
    std::unique_ptr<inspect::Symbolizer> symbols;
    StateImage state;
};

base::Result<Held> hold(const Series& series, std::uint64_t count) {
    auto process = RunnerProcess::start(program_folder() + "/" + series.runner, series.environment);
    if (!process.ok()) return process.error();
    Held held{std::move(process).value(), nullptr, {}, nullptr, nullptr, nullptr, nullptr, {}};
    if (auto answer = held.process.run("hold_chains", count); !answer.ok()) return answer.error();
    auto target = Target::attach(static_cast<std::uint32_t>(held.process.pid()), {});
    if (!target.ok()) return target.error();
    held.target = std::move(*target);
    auto modules = held.target->modules();
    if (!modules.ok()) return modules.error();
    held.modules = std::move(*modules);
    auto state = held.target->read_state();
    if (!state.ok()) return state.error();
    held.state = std::move(*state);
    held.set = std::make_unique<inspect::ModuleSet>(held.modules);
    held.libunwind = std::make_unique<inspect::LibunwindWalker>(*held.set, nullptr);
    held.unwinder = std::make_unique<inspect::Unwinder>(held.modules, held.target.get(),
                                                        held.state.trampoline_address);
    held.symbols = std::make_unique<inspect::Symbolizer>(held.modules);
    return base::Result<Held>(std::move(held));
}

UnwindEnd by_libunwind(inspect::LibunwindWalker& walker, const Target::StackCopy& copy,
                       std::vector<std::uint64_t>& pcs) {
    wire::SavedFrame saved;
    std::memcpy(&saved, copy.bytes, sizeof saved);
    UnwindStart start;
    start.pc = saved.return_address;
    const std::uint64_t registers[] = {
        saved.rbx, saved.rbp, saved.r12, saved.r13, saved.r14, saved.r15, copy.rsp + sizeof saved};
    std::copy(std::begin(registers), std::end(registers), start.registers);
    const inspect::CopiedStack stack({copy.rsp, copy.bytes, copy.size}, copy.older, copy.older_count);
    pcs.clear();
    return walker.walk(stack, start, pcs, inspect::LibunwindWalker::Guesses::kTaken);
}

struct Samples {
    std::vector<double> ours, peer;
    std::map<std::string, double> extra;
    RowResult result(const Row& row, const std::string& version) const {
        RowResult result{&row, {}};
        for (const std::vector<double>* values : {&ours, &peer})
            result.series.push_back(
                {*std::min_element(values->begin(), values->end()), median_of(*values), {}, version});
        result.series[0].extra = extra;
        return result;
    }
};

base::Error incomplete(const Row& row, std::uint64_t whole, std::uint64_t count) {
    return base::error(base::ErrorCode::kInternal, "the row " + row.name + " saw " + std::to_string(whole) +
                                                       " whole stacks of " + std::to_string(count));
}

}  // namespace

base::Result<RowResult> measure_unwind(const Row& row, const Effort& effort) {
    const std::uint64_t count = count_of(row, effort);
    auto held = hold(row.series[0], count);
    if (!held.ok()) return held.error();
    std::vector<std::vector<std::uint8_t>> bytes;
    std::vector<Target::StackCopy> copies;
    const base::Status copied = held->target->copy_stacks(held->state, {}, [&](const Target::StackCopy& copy) {
        if (copy.consistency != inspect::Consistency::kExact) return;
        bytes.emplace_back(copy.bytes, copy.bytes + copy.size);
        copies.push_back(copy);
        copies.back().bytes = bytes.back().data();
    });
    if (!copied.ok()) return copied.error();
    Samples series;
    std::vector<std::uint64_t> pcs;
    std::uint64_t frames = 0;
    for (unsigned round = 0; round <= effort.rounds / 4 + 2; ++round) {  // the first one warms up
        double took_ns[2] = {};
        for (int turn = 0; turn < 2; ++turn) {
            const bool ours = (turn + round) % 2 == 0;
            std::uint64_t whole = 0;
            frames = 0;
            const std::uint64_t begin = now_ns();
            for (const Target::StackCopy& copy : copies) {
                const UnwindEnd end = ours ? held->unwinder->unwind(copy, pcs)
                                           : by_libunwind(*held->libunwind, copy, pcs);
                whole += end == UnwindEnd::kEntry ? 1 : 0;
                frames += pcs.size();
            }
            took_ns[ours ? 0 : 1] = static_cast<double>(now_ns() - begin) / static_cast<double>(copies.size());
            if (whole != copies.size() || whole < count) return incomplete(row, whole, count);
        }
        if (round == 0) continue;
        series.ours.push_back(took_ns[0]);
        series.peer.push_back(took_ns[1]);
    }
    series.extra["frames"] = static_cast<double>(frames) / static_cast<double>(copies.size());
    return series.result(row, held->process.version());
}

base::Result<RowResult> measure_stacks(const Row& row, const Effort& effort) {
    const std::uint64_t count = count_of(row, effort);
    auto held = hold(row.series[0], count);
    if (!held.ok()) return held.error();
    Samples series;
    for (unsigned round = 0; round <= effort.whole_rounds + 1; ++round) {
        for (const bool ours : {true, false}) {
            std::uint64_t whole = 0;
            StackTable table;
            const std::uint64_t begin = now_ns();
            auto state = held->target->read_state();
            if (!state.ok()) return state.error();
            const std::uint64_t read = now_ns();
            if (ours) {
                const auto snapshot = inspect::snapshot_stacks(*held->target, *held->unwinder, *state, table,
                                                               nullptr, nullptr, nullptr);
                whole = snapshot.stacks.size() - snapshot.failed - snapshot.running - snapshot.torn;
            } else {
                std::vector<std::uint64_t> pcs;
                const base::Status copied = held->target->copy_stacks(
                    *state, {}, [&](const Target::StackCopy& copy) {
                        if (copy.consistency != inspect::Consistency::kExact) return;
                        whole += by_libunwind(*held->libunwind, copy, pcs) == UnwindEnd::kEntry ? 1 : 0;
                        table.add(pcs);
                    });
                if (!copied.ok()) return copied.error();
            }
            const std::uint64_t unwound = now_ns();
            std::uint64_t named = 0;
            for (std::uint32_t i = 0; i < table.size(); ++i)
                named += held->symbols->frames(table.pcs(i)).back().function.empty() ? 0 : 1;
            const std::uint64_t end = now_ns();
            if (whole < count || named != table.size()) return incomplete(row, whole, count);
            if (round == 0) continue;
            (ours ? series.ours : series.peer).push_back(static_cast<double>(end - begin) / 1e6);
            if (!ours) continue;
            series.extra = {{"state_ms", static_cast<double>(read - begin) / 1e6},
                            {"stacks_ms", static_cast<double>(unwound - read) / 1e6},
                            {"names_ms", static_cast<double>(end - unwound) / 1e6},
                            {"different", static_cast<double>(table.size())}};
        }
    }
    return series.result(row, held->process.version());
}

base::Result<RowResult> measure_watched(const Row& row, const Effort& effort) {
    constexpr double kHalfNs = 3e8;  // of a pair: three refreshes
    auto process = RunnerProcess::start(program_folder() + "/" + row.series[0].runner,
                                        row.series[0].environment);
    if (!process.ok()) return process.error();
    if (auto answer = process->run("hold_chains", count_of(row, effort)); !answer.ok()) return answer.error();
    // The same for the window to look at while the first is measured: what drawing alone takes from a neighbour, where there is no graphics card.
    auto other = RunnerProcess::start(program_folder() + "/" + row.series[0].runner, row.series[0].environment);
    if (!other.ok()) return other.error();
    if (auto answer = other->run("hold_chains", count_of(row, effort)); !answer.ok()) return answer.error();
    auto tried = process->run("busy_among_held", 200'000);
    if (!tried.ok()) return tried.error();
    const auto operations = static_cast<std::uint64_t>(tried->operations * kHalfNs / tried->elapsed_ns);
    const unsigned pairs = effort.rounds >= 20 ? 20 : effort.rounds;
    std::vector<std::vector<double>> values(row.series.size());
    std::vector<std::vector<double>> losses(row.series.size());
    for (unsigned pair = 0; pair < pairs; ++pair) {
        std::vector<double> cost(row.series.size());
        for (std::size_t turn = 0; turn < row.series.size(); ++turn) {
            const std::size_t i = (turn + pair) % row.series.size();
            const std::string& label = row.series[i].label;
            std::unique_ptr<traces::Session> session;
            std::optional<WindowProcess> window;
            if (label == "window" || label == "window_elsewhere") {
                const RunnerProcess& seen = label == "window" ? *process : *other;
                auto opened = WindowProcess::open(seen.pid(), count_of(row, effort));
                if (!opened.ok()) return opened.error();
                window.emplace(std::move(*opened));
            } else if (label != "alone") {
                traces::LiveOptions options;
                if (label == "profiled") options.listening = traces::Listening::kAlways;
                options.refresh_ms = 100;
                auto opened = traces::open_live(static_cast<std::uint32_t>(process->pid()), options);
                if (!opened.ok()) return opened.error();
                session = std::move(*opened);
                if (auto first = session->wait_moment(); !first.ok()) return first.error();
            }
            auto answer = process->run(row.series[i].workload, operations);
            if (!answer.ok()) return answer.error();
            cost[i] = answer->extra["cpu_ns"] / answer->operations;
        }
        const double alone = cost[1];
        for (std::size_t i = 0; i < cost.size(); ++i) {
            values[i].push_back(cost[i]);
            losses[i].push_back(100 *
                                (1 - alone / cost[i]));  // of the work that a second of processor time does
        }
    }
    RowResult result{&row, {}};
    for (std::size_t i = 0; i < values.size(); ++i) {
        Figures figures{*std::min_element(values[i].begin(), values[i].end()),
                        median_of(values[i]),
                        {},
                        process->version()};
        if (row.series[i].label != "alone") figures.extra["loss_percent"] = median_of(losses[i]);
        result.series.push_back(std::move(figures));
    }
    return result;
}

}  // namespace coroscope::bench
