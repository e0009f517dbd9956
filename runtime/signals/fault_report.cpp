// The sentences. Fixed buffers and write(2).
#include "runtime/signals/fault_report.h"

#include <atomic>
#include <cstdio>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/tables.h"
#include "runtime/stacks/backtrace.h"
#include "runtime/stacks/overflow_report.h"
#include "runtime/stacks/say.h"
#include "runtime/sync/waitable_tables.h"

namespace cprime::detail {
namespace {

constexpr std::uint64_t kNullMost = 1U
                                    << 16;  // accesses below it are members of what a null pointer points to

const char* name_of(int number) {
    switch (number) {
        case SIGSEGV:
            return "SIGSEGV";
        case SIGBUS:
            return "SIGBUS";
        case SIGFPE:
            return "SIGFPE";
        case SIGILL:
            return "SIGILL";
        case SIGTRAP:
            return "SIGTRAP";
        default:
            return "SIGABRT";
    }
}

using Words = char[192];

// A guard page, or what was given back to the kernel, of a stack that is not the coroutine's own.
bool is_anothers_stack(std::uint32_t index, std::uint64_t address) {
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
    return g_runtime->pools.find_address(address, &pool, &slot) &&
           (pool != record(index).pool || slot != record(index).slot);
}

// What it did to memory: the processor's error code says how it was accessed.
void memory_words(Words& words, const FaultReport& report) {
    const auto error = static_cast<std::uint64_t>(report.context->uc_mcontext.gregs[REG_ERR]);
    constexpr std::uint64_t kWrite = 2, kFetch = 16;
    if (report.code == SI_KERNEL) {
        std::snprintf(words, sizeof words,
                      "it used an address that no memory can have (which, its registers tell)");
        return;
    }
    const auto address = reinterpret_cast<std::uint64_t>(report.info->si_addr);
    const bool jumped = (error & kFetch) != 0 || address == report.rip;
    const char* did = jumped ? "jumped to" : (error & kWrite) != 0 ? "wrote to" : "read from";
    const char* what = "where nothing is mapped";
    if (report.number == SIGBUS) {
        what = report.code == BUS_ADRERR ? "which its file or device does not reach"
                                         : "which is not aligned or is broken";
    } else if (address < kNullMost) {
        what = address == 0 ? "a null pointer" : "just above a null pointer";
    } else if (is_anothers_stack(report.index, address)) {
        what = "at the end of another coroutine's stack";
    } else if (report.code == SEGV_ACCERR) {
        what = "which is protected against that";
    }
    std::snprintf(words, sizeof words, "it %s address 0x%llx, %s", did,
                  static_cast<unsigned long long>(address), what);
}

const char* arithmetic_words(int code) {
    switch (code) {
        case FPE_INTDIV:
            return "it divided an integer by zero, or into more than fits";
        case FPE_INTOVF:
            return "an integer overflowed";
        case FPE_FLTDIV:
            return "it divided a floating-point number by zero, and had asked for a trap";
        case FPE_FLTOVF:
            return "a floating-point number overflowed, and it had asked for a trap";
        case FPE_FLTUND:
            return "a floating-point number underflowed, and it had asked for a trap";
        case FPE_FLTINV:
            return "a floating-point operation was invalid, and it had asked for a trap";
        default:
            return "an arithmetic operation trapped";
    }
}

void what_words(Words& words, const FaultReport& report) {
    if (report.code <= 0 && report.number != SIGABRT) {
        std::snprintf(words, sizeof words, "it was sent by process %d, not caused by an instruction",
                      static_cast<int>(report.info->si_pid));
        return;
    }
    switch (report.number) {
        case SIGSEGV:
        case SIGBUS:
            memory_words(words, report);
            return;
        case SIGFPE:
            std::snprintf(words, sizeof words, "%s", arithmetic_words(report.code));
            return;
        case SIGILL:
            std::snprintf(words, sizeof words, "it ran into an illegal instruction (__builtin_trap() is one)");
            return;
        case SIGTRAP:
            std::snprintf(words, sizeof words, "it ran into a breakpoint, and no debugger was there");
            return;
        default:
            std::snprintf(words, sizeof words, "abort() was called");
            return;
    }
}

void say_who_and_what(const FaultReport& report) {
    const ReportedCoroutine who = reported_coroutine(report.index);
    Words words;
    what_words(words, report);
    say("cprime: %s in coroutine %llu \"%s\" spawned at %s on worker %u%s: %s\n", name_of(report.number),
        static_cast<unsigned long long>(who.identity), who.name, who.place, report.worker,
        report.in_runtime ? ", inside the runtime that it had called" : "", words);
}

const char* kind_of(const wire::WaitableRecord& object) {
    switch (object.kind.load(std::memory_order_relaxed)) {
        case wire::WaitableKind::kMutex:
            return "mutex";
        case wire::WaitableKind::kSharedMutex:
            return "shared mutex";
        case wire::WaitableKind::kOnce:
            return "the only run of once";
        default:
            return "object";
    }
}

// What has an owner: mutexes, shared ones that are held by a writer, functions that run once.
void say_locks(std::uint64_t identity) {
    constexpr std::uint32_t kSaidMost = 16;
    std::uint32_t held = 0;
    const std::uint32_t count = g_waitables.count();
    for (std::uint32_t i = 0; i < count; ++i) {
        const wire::WaitableRecord& object = g_waitables.record(i);
        if (object.kind.load(std::memory_order_relaxed) == wire::WaitableKind::kFree ||
            object.owner.load(std::memory_order_relaxed) != identity || ++held > kSaidMost) {
            continue;
        }
        const std::string_view name = g_runtime->segment->string(object.name);
        char place[200] = "";
        if (object.site != wire::kNone) {
            const wire::SiteRecord& site = g_runtime->sites.record(object.site);
            const std::string_view file = g_runtime->segment->string(site.file);
            std::snprintf(place, sizeof place, " (%.*s:%u)", static_cast<int>(file.size()), file.data(),
                          site.line);
        }
        const std::uint32_t waiting = object.waiting.load(std::memory_order_relaxed);
        say("  it holds %s%s%.*s%s%s, which stays so; %u wait%s for it\n", kind_of(object),
            name.empty() ? "" : " \"", static_cast<int>(name.size()), name.data(), name.empty() ? "" : "\"",
            place, waiting, waiting == 1 ? "s" : "");
    }
    if (held > kSaidMost) say("  and %u more\n", held - kSaidMost);
}

void say_registers(const ucontext_t& context, std::uint64_t rip) {
    const auto at = [&context](int name) {
        return static_cast<unsigned long long>(context.uc_mcontext.gregs[name]);
    };
    say("  rip %016llx  rsp %016llx  rbp %016llx  flags %08llx\n", static_cast<unsigned long long>(rip),
        at(REG_RSP), at(REG_RBP), at(REG_EFL));
    say("  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n", at(REG_RAX), at(REG_RBX), at(REG_RCX),
        at(REG_RDX));
    say("  rsi %016llx  rdi %016llx  r8  %016llx  r9  %016llx\n", at(REG_RSI), at(REG_RDI), at(REG_R8),
        at(REG_R9));
    say("  r10 %016llx  r11 %016llx  r12 %016llx  r13 %016llx\n", at(REG_R10), at(REG_R11), at(REG_R12),
        at(REG_R13));
    say("  r14 %016llx  r15 %016llx\n", at(REG_R14), at(REG_R15));
}

// Places that faulted, and how often. Writers and readers: who has the turn to report, whose lock orders them. Full: all that is new is told in full.
struct Place {
    std::uint64_t rip;
    std::uint32_t times;
};
Place places[64];

}  // namespace

std::uint64_t fault_address(int number, const siginfo_t& info, const ucontext_t& context) {
    const bool known = info.si_code > 0 && info.si_code != SI_KERNEL && number != SIGTRAP;
    return known ? reinterpret_cast<std::uint64_t>(info.si_addr)
                 : static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
}

void say_fault(const FaultReport& report, std::uint64_t frames_from) {
    say_who_and_what(report);
    if (report.fate != nullptr) say("  %s\n", report.fate);
    say_locks(detail(report.index).identity.load(std::memory_order_relaxed));
    say_registers(*report.context, report.rip);
    if (frames_from != report.rip)
        say("  no code lies at its rip: it called through a pointer that leads nowhere\n");
    say_backtrace(frames_from, true);
}

void say_fault_again(const FaultReport& report, std::uint32_t times) {
    const ReportedCoroutine who = reported_coroutine(report.index);
    say("cprime: %s in coroutine %llu \"%s\" on worker %u, where one was reported before: the %u%s time\n",
        name_of(report.number), static_cast<unsigned long long>(who.identity), who.name, report.worker, times,
        times % 10 == 2 && times % 100 != 12   ? "nd"
        : times % 10 == 3 && times % 100 != 13 ? "rd"
        : times % 10 == 1 && times % 100 != 11 ? "st"
                                               : "th");
}

std::uint32_t count_fault_at(std::uint64_t rip) {
    for (Place& place : places) {
        if (place.times != 0 && place.rip != rip) continue;
        place.rip = rip;
        return ++place.times;
    }
    return 1;
}

void forget_faults() {
    for (Place& place : places)
        place = {};
}

}  // namespace cprime::detail
