// A session over a core: one Moment, that of the program's end. Everything is read while it is opened; only names come later.
//
// A core has memory and registers and no events: what happened before is not known, unless somebody recorded. When it was written is
// learned from the file's time, if that is of this run of this machine (the program's clock says so); else it is not known.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "instrumentation/base/signal_name.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/inspect/core_file.h"
#include "instrumentation/inspect/core_modules.h"
#include "instrumentation/inspect/core_stacks.h"
#include "instrumentation/inspect/core_state.h"
#include "traces/name_service.h"
#include "traces/session.h"

namespace coroscope::traces {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kFileTimeNs = 10'000'000;  // times of files are no finer

std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

std::int64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * kSecondNs + now.tv_nsec;
}

// The first deadline that somebody waits for: the program ended before it, or little after. 0 = there is none.
std::uint64_t first_deadline(const inspect::StateImage& state) {
    std::uint64_t first = 0;
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked || coroutine.deadline_ticks == 0) continue;
        if (first == 0 || coroutine.deadline_ticks < first) first = coroutine.deadline_ticks;
    }
    return first;
}

// When the core was written, in ticks of the program; nothing when that cannot be known: it is of another machine, of before a reboot, or a
// copy that was made later.
std::optional<std::uint64_t> written_ticks(const inspect::CoreFile& core, const inspect::StateImage& state) {
    const std::uint64_t now_ticks = base::read_tsc();
    const std::int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    const std::int64_t age_ns = clock_ns(CLOCK_REALTIME) - core.begun_at_ns();
    if (state.clock.multiplier == 0 || now_ticks < state.start_ticks || age_ns < 0) return std::nullopt;
    const std::int64_t since_start_ns = state.since_start_ns(now_ticks);
    // On this machine, in this run of it, the program's clock tells our time.
    const std::int64_t allowed_ns = kSecondNs / 1000 + since_start_ns / 10'000;
    const std::int64_t off_ns = state.clock.to_ns(now_ticks) - now_ns;
    if (off_ns > allowed_ns || off_ns < -allowed_ns || age_ns > since_start_ns + kFileTimeNs)
        return std::nullopt;
    const std::uint64_t ticks = now_ticks - static_cast<std::uint64_t>(
                                                state.clock.duration_ticks(std::min(age_ns, since_start_ns)));
    const std::uint64_t deadline = first_deadline(state);
    const auto second = static_cast<std::uint64_t>(state.clock.duration_ticks(kSecondNs));
    if (deadline != 0 && ticks > deadline + second) return std::nullopt;
    return ticks;
}

// "ended by SIGSEGV at address 0x10 in coroutine 17 (parser)".
std::string how_it_ended(const inspect::CoreFile& core, const inspect::StateImage& state) {
    if (core.signal() == 0) return "saved while it ran";
    std::string text = "ended by " + base::signal_name(core.signal());
    if (core.has_fault_address()) text += fmt::format(" at address {:#x}", core.fault_address());
    if (core.sender_pid() != 0) text += fmt::format(", sent by process {}", core.sender_pid());
    // What was sent to the program has nothing to do with the coroutine of the thread that took it.
    if (core.signal_was_sent()) return text;
    const auto* coroutine = inspect::running_on(state, core.threads().front().thread_id);
    if (coroutine != nullptr)
        text += fmt::format(" in coroutine {} ({})", coroutine->identity, state.coroutine_name(*coroutine));
    return text;
}

struct Lacks {
    std::uint64_t cut_off_bytes = 0, state_bytes = 0, stacks = 0;
    bool time = false;
};

// What cannot be shown, and the way out; "" = nothing.
std::string lacks_text(const Lacks& lacks, const inspect::CoreModules& modules) {
    std::string text;
    const auto add = [&](const std::string& what) { text += (text.empty() ? "" : "; ") + what; };
    if (modules.program_missing)
        add(fmt::format("{} is gone or another build than the one that ran: name that with --binary",
                        modules.program));
    if (!modules.missing.empty())
        add(fmt::format(
            "{} {} gone or another build, so that stacks end there: put back what ran", modules.missing.front(),
            modules.missing.size() == 1 ? "is" : fmt::format("and {} others are", modules.missing.size() - 1)));
    if (lacks.cut_off_bytes != 0)
        add(fmt::format("the core is cut off by {} bytes: raise `ulimit -c`, or make room on the disk",
                        lacks.cut_off_bytes));
    if (lacks.state_bytes != 0)
        add(fmt::format("{} bytes of the state plane are not in it", lacks.state_bytes));
    if (lacks.stacks != 0)
        add(fmt::format("{} stacks are not in it{}", lacks.stacks,
                        lacks.cut_off_bytes == 0
                            ? ": gdb's gcore stops at guard pages, the kernel's cores have them"
                            : ""));
    if (lacks.time) add("when it was written is not known");
    return text;
}

class CoreSession final : public Session {
public:
    CoreSession(SessionInfo info, std::shared_ptr<const Moment> moment, std::vector<inspect::Module> modules,
                const std::vector<std::uint64_t>& exact_pcs, const std::vector<std::string>& debug_paths)
        : info_(std::move(info)), moment_(std::move(moment)), names_(std::move(modules), debug_paths) {
        name_exactly(exact_pcs);
        names_.on_change([this] {
            std::function<void()> call;
            {
                const std::lock_guard lock(lock_);
                call = notify_;
            }
            if (call != nullptr) call();
        });
    }

    SessionInfo info() const override { return info_; }
    std::shared_ptr<const Moment> moment() const override { return moment_; }
    // There is but one.
    void set_time(std::optional<TimeNs>) override {}
    std::optional<TimeNs> time() const override { return std::nullopt; }

    const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs) override {
        return names_.frames(pcs);
    }
    const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message) override {
        return names_.code(pc, message);
    }
    std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>& pcs) override {
        return names_.wait_frames(pcs);
    }
    std::vector<inspect::Frame> known_frames(const std::vector<std::uint64_t>& pcs) override {
        return names_.known_frames(pcs);
    }
    const inspect::Symbolizer::Place* place(std::uint64_t address) override { return names_.place(address); }
    NameProgress name_progress() const override { return names_.progress(); }
    std::shared_ptr<const inspect::RawStack> raw_stack(std::uint64_t, std::string* message) override {
        *message =
            "Stack words are read from running programs only; in a core gdb shows them: x/64gx at the "
            "address of the slot.";
        return nullptr;
    }
    void on_change(std::function<void()> notify) override {
        const std::lock_guard lock(lock_);
        notify_ = std::move(notify);
    }
    base::Result<std::shared_ptr<const Moment>> wait_moment() override { return moment_; }

private:
    // What is looked up for a program counter is the byte before it, which is right after a call. Where execution stood the byte itself is.
    void name_exactly(const std::vector<std::uint64_t>& pcs) {
        Symbols exact;
        for (const std::uint64_t pc : pcs) {
            std::vector<inspect::Frame>& frames = exact[pc] = names_.wait_frames({pc + 1});
            for (inspect::Frame& frame : frames)
                frame.pc = pc;
        }
        names_.preload(exact);
    }

    const SessionInfo info_;
    const std::shared_ptr<const Moment> moment_;
    std::mutex lock_;  // guards notify_
    std::function<void()> notify_;
    NameService names_;  // last: its thread calls the above
};

}  // namespace

base::Result<std::unique_ptr<Session>> open_core(const std::string& path, const std::string& binary,
                                                 const std::vector<std::string>& debug_paths) {
    const auto core = inspect::CoreFile::open(path);
    if (!core) return core.error();
    auto state = inspect::open_core_state(**core);
    if (!state) return state.error();
    auto image = state->reader.read();
    if (!image) return image.error();
    auto modules = inspect::modules_of_core(**core, binary);
    if (!modules) return modules.error();

    auto moment = std::make_shared<Moment>();
    moment->state = std::move(*image);
    const std::optional<std::uint64_t> ticks = written_ticks(**core, moment->state);
    moment->state.read_begin_ticks = moment->state.read_end_ticks = ticks.value_or(
        std::max(first_deadline(moment->state), moment->state.start_ticks));
    moment->t = moment->state.since_start_ns(moment->state.read_end_ticks);
    inspect::Unwinder unwinder(modules->modules, nullptr, moment->state.trampoline_address);
    auto table = std::make_shared<inspect::StackTable>();
    inspect::CoreStacks stacks = snapshot_core_stacks(**core, unwinder, moment->state, *table);
    moment->stacks = std::move(stacks.snapshot);
    moment->table = std::move(table);

    SessionInfo info;
    info.kind = SessionKind::kCore;
    info.status = TargetStatus::kExited;
    info.pid = moment->state.pid;
    info.program = moment->state.program;
    info.title = fmt::format("{} (core of {})", last_part(path), last_part(info.program));
    info.status_text = "core, without events; " + how_it_ended(**core, moment->state);
    info.lacks = lacks_text({(*core)->cut_off_bytes(), state->missing_bytes, stacks.missing, !ticks},
                            *modules);
    if (!info.lacks.empty()) info.status_text += "; " + info.lacks;
    info.memory_bytes = moment->state.strings.size() +
                        moment->state.coroutines.size() *
                            (sizeof(inspect::CoroutineImage) + sizeof(inspect::StackRef));
    info.begin = info.end = info.populated = moment->t;
    return std::unique_ptr<Session>(std::make_unique<CoreSession>(
        std::move(info), std::move(moment), std::move(modules->modules), stacks.exact_pcs, debug_paths));
}

base::Result<std::unique_ptr<Session>> open_recording(const std::string& path, const std::string& binary,
                                                      const std::vector<std::string>& debug_paths, StartAt start) {
    if (inspect::looks_like_core(path)) return open_core(path, binary, debug_paths);
    auto trace = open_trace(path, debug_paths, start);
    if (trace && !binary.empty())
        return base::error(base::ErrorCode::kUsage,
                           "--binary goes with a core: the trace " + path + " brings its names along");
    return trace;
}

}  // namespace coroscope::traces
