// Looks at a `chains` process from outside and holds what it sees against the process's own record.
//
//   chains_viewer compare PID SHADOW FILE     of a program that holds: every stack by rows, by libunwind and by the record; writes "ID PC…" lines
//   chains_viewer watch PID SHADOW SECONDS    of one that churns: copies all stacks again and again; every copy called exact is judged
//
// The last line of `compare`, and each line of `watch` (one each 50 ms: it may be killed), is JSON with counts since the start. Exit code 1:
// something did not agree, and stderr shows it; 3: the process is gone or cannot be looked at.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/libunwind_walker.h"
#include "instrumentation/inspect/unwinder.h"
#include "judge.h"

using namespace coroscope;
using namespace coroscope::inspect;
using Clock = std::chrono::steady_clock;

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "chains_viewer: %s\n", what.c_str());
    std::exit(3);
}

// The target's record, mapped.
class ShadowFile {
public:
    explicit ShadowFile(const char* path) {
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        struct stat status {};
        if (file < 0 || fstat(file, &status) != 0) fail("the shadow file cannot be read");
        void* memory = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED) fail("the shadow file cannot be mapped");
        header_ = static_cast<chains::ShadowHeader*>(memory);
        const auto bytes = static_cast<std::uint64_t>(status.st_size);
        if (header_->magic != chains::kShadowMagic || chains::shadow_bytes(header_->places) > bytes)
            fail("no shadow file");
    }
    std::uint64_t size() const { return header_->places; }
    const chains::Place& place(std::uint64_t i) const { return chains::places_of(header_)[i]; }
    // Of a coroutine; nullptr when it has none (yet, or any more).
    const chains::Place* of(std::uint64_t identity) {
        const auto found = known_.find(identity);
        if (found != known_.end()) return &place(found->second);
        for (std::uint64_t i = 0; i < size(); ++i) {
            const std::uint64_t whose = place(i).identity.load(std::memory_order_acquire);
            if (whose != 0) known_[whose] = i;
            if (whose == identity) return &place(i);
        }
        return nullptr;
    }
    void forget() { known_.clear(); }

private:
    chains::ShadowHeader* header_ = nullptr;
    std::unordered_map<std::uint64_t, std::uint64_t> known_;
};

struct Counts {
    std::uint64_t looks = 0;       // at all stacks
    std::uint64_t agree = 0;       // exact, and as the record says
    std::uint64_t wrong = 0;       // exact, and not
    std::uint64_t unfinished = 0;  // exact, and not unwound to the end
    std::uint64_t unpaired = 0;    // exact, but the record has gone on (or the coroutine does not keep one)
    std::uint64_t labelled = 0;    // said to be torn or running
    std::uint64_t frames = 0;      // of those that agree
    void print() const {
        std::printf("{\"looks\": %" PRIu64 ", \"agree\": %" PRIu64 ", \"wrong\": %" PRIu64
                    ", \"unfinished\": %" PRIu64 ", \"unpaired\": %" PRIu64 ", \"labelled\": %" PRIu64
                    ", \"frames\": %" PRIu64 "}\n",
                    looks, agree, wrong, unfinished, unpaired, labelled, frames);
        std::fflush(stdout);
    }
};

UnwindStart start_of(const Target::StackCopy& copy) {
    wire::SavedFrame saved;
    std::memcpy(&saved, copy.bytes, sizeof saved);
    UnwindStart start;
    start.pc = saved.return_address;
    start.registers[kRbx] = saved.rbx;
    start.registers[kRbp] = saved.rbp;
    start.registers[kR12] = saved.r12;
    start.registers[kR13] = saved.r13;
    start.registers[kR14] = saved.r14;
    start.registers[kR15] = saved.r15;
    start.registers[kRsp] = copy.rsp + sizeof saved;
    return start;
}

struct Looking {
    Looking(std::uint32_t pid, const char* shadow_path) : shadow(shadow_path) {
        auto attached = Target::attach(pid, {});
        if (!attached) fail(attached.error().message);
        target = std::move(*attached);
        auto mapped = target->modules();
        if (!mapped) fail(mapped.error().message);
        modules = std::move(*mapped);
        judge = std::make_unique<chains::Judge>(modules);
        look_again();
        unwinder = std::make_unique<Unwinder>(modules, target.get(), state.trampoline_address);
    }
    void look_again() {
        auto image = target->read_state();
        if (!image) fail(image.error().message);
        state = std::move(*image);
    }
    void report(const Target::StackCopy& copy, const std::vector<std::uint64_t>& pcs, const std::string& why) {
        std::fprintf(stderr, "coroutine %" PRIu64 " at sequence %u: %s\n%s", copy.coroutine->identity,
                     copy.sequence, why.c_str(), judge->text(pcs).c_str());
    }
    // The exact copy's stack against the record.
    void judge_copy(const Target::StackCopy& copy, const std::vector<std::uint64_t>& pcs, UnwindEnd end,
                    Counts& counts) {
        const chains::Place* place = shadow.of(copy.coroutine->identity);
        chains::Shadow chain;
        if (place == nullptr || !chains::park_of(*place, copy.coroutine->identity, copy.sequence, chain)) {
            ++counts.unpaired;
            return;
        }
        const std::string why = end == UnwindEnd::kEntry ? judge->verdict(pcs, chain) : unwind_end_name(end);
        ++(end != UnwindEnd::kEntry ? counts.unfinished : why.empty() ? counts.agree : counts.wrong);
        counts.frames += pcs.size();
        if (!why.empty() && counts.wrong + counts.unfinished <= 10) report(copy, pcs, why);
    }

    ShadowFile shadow;
    std::unique_ptr<Target> target;
    std::vector<Module> modules;
    std::unique_ptr<chains::Judge> judge;
    StateImage state;
    std::unique_ptr<Unwinder> unwinder;
};

int compare(Looking& at, const char* path) {
    std::FILE* out = std::fopen(path, "w");
    if (out == nullptr) fail("the file for the stacks cannot be written");
    ModuleSet set(at.modules);
    DwflModules dwfl(set);
    CfiRows rows(dwfl);
    LibunwindWalker libunwind(set, nullptr);
    Counts counts;
    std::uint64_t beyond_rows = 0, without_tables = 0, against_libunwind = 0, differ = 0;
    std::vector<std::uint64_t> pcs, by_rows, by_libunwind;
    const auto status = at.target->copy_stacks(at.state, {}, [&](const Target::StackCopy& copy) {
        if (at.shadow.of(copy.coroutine->identity) == nullptr) return;  // the program's first coroutine
        if (copy.consistency != Consistency::kExact) {
            ++counts.labelled;
            return;
        }
        const UnwindEnd end = at.unwinder->unwind(copy, pcs);
        at.judge_copy(copy, pcs, end, counts);
        const CopiedStack stack({copy.rsp, copy.bytes, copy.size}, copy.older, copy.older_count);
        by_rows.clear();
        UnwindStart at_frame = start_of(copy);
        const auto rows_end = rows.walk(stack, at_frame, by_rows);
        by_libunwind.clear();
        const UnwindEnd oracle_end = libunwind.walk(stack, start_of(copy), by_libunwind);
        if (!rows_end.has_value()) ++beyond_rows;
        // libunwind is given .eh_frame alone: code without it ends its walk, and there what it saw so far must be the same.
        const bool cut = oracle_end == UnwindEnd::kNoRule;
        without_tables += cut ? 1 : 0;
        const bool same = by_libunwind.size() <= pcs.size() && (cut || by_libunwind.size() == pcs.size()) &&
                          std::equal(by_libunwind.begin(), by_libunwind.end(), pcs.begin()) &&
                          (!rows_end.has_value() || by_rows == pcs);
        ++(same ? against_libunwind : differ);
        if (!same && differ <= 10) {
            at.report(copy, by_libunwind,
                      std::string("libunwind (") + unwind_end_name(oracle_end) + ") says otherwise");
            at.report(copy, pcs, "and the rows say");
        }
        std::fprintf(out, "%" PRIu64, copy.coroutine->identity);
        for (const std::uint64_t pc : pcs)
            std::fprintf(out, " %" PRIx64, pc);
        std::fprintf(out, "\n");
    });
    std::fclose(out);
    if (!status) fail(status.error().message);
    std::printf("{\"agree\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"unfinished\": %" PRIu64
                ", \"unpaired\": %" PRIu64 ", \"labelled\": %" PRIu64 ", \"frames\": %" PRIu64
                ", \"libunwind_agrees\": %" PRIu64 ", \"libunwind_differs\": %" PRIu64
                ", \"libunwind_cut\": %" PRIu64 ", \"beyond_rows\": %" PRIu64 "}\n",
                counts.agree, counts.wrong, counts.unfinished, counts.unpaired, counts.labelled,
                counts.frames, against_libunwind, differ, without_tables, beyond_rows);
    return counts.wrong + counts.unfinished + differ + counts.unpaired == 0 ? 0 : 1;
}

int watch(Looking& at, double seconds) {
    Counts counts;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    auto printed = Clock::now();
    std::vector<std::uint64_t> pcs;
    while (Clock::now() < end && at.target->alive()) {
        at.look_again();
        at.shadow.forget();
        const auto status = at.target->copy_stacks(at.state, {}, [&](const Target::StackCopy& copy) {
            if (copy.consistency != Consistency::kExact) {
                ++counts.labelled;
            } else if ((copy.record->flags & wire::kCoroutineNeverRan) != 0) {
                ++counts.unpaired;
            } else {
                const UnwindEnd unwound = at.unwinder->unwind(copy, pcs);
                at.judge_copy(copy, pcs, unwound, counts);
            }
        });
        if (!status) break;
        ++counts.looks;
        if (Clock::now() - printed < std::chrono::milliseconds(50)) continue;
        printed = Clock::now();
        counts.print();
    }
    counts.print();
    return counts.wrong + counts.unfinished == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) fail("compare PID SHADOW FILE | watch PID SHADOW SECONDS");
    Looking at(static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)), argv[3]);
    return std::strcmp(argv[1], "compare") == 0 ? compare(at, argv[4])
                                                : watch(at, std::strtod(argv[4], nullptr));
}
