// libgcc's _Unwind_Backtrace, with a way back out of it.
#include "runtime/stacks/backtrace.h"

#include <setjmp.h>
#include <signal.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <cstdio>

#include "runtime/stacks/frame_names.h"
#include "runtime/stacks/say.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {
namespace {

constexpr unsigned kLinesInner = 24, kLinesOuter = 8;  // said; those between are counted
constexpr std::uint32_t kFramesMax = 1U << 20;         // more than 8 MiB can hold: a walk in circles

// Kernel's id of the thread that walks; 0 = none. Writer: that thread; reader: its own handler, so relaxed.
std::atomic<pid_t> walker{0};
sigjmp_buf way_back;

struct Line {
    std::uint32_t number;  // of its first frame
    std::uint64_t address;
    std::uint32_t times;
};

struct Walk {
    std::uint64_t begin;  // where the coroutine's frames begin
    Line open{};          // that the next frame may belong to; 0 times: none
    Line outer[kLinesOuter] = {};
    std::uint32_t frames = 0;
    unsigned lines = 0;  // closed ones
    bool begun = false;
    bool whole = false;  // reached the trampoline
    bool faulted;
};

bool in_switch(std::uint64_t rip) {
    return rip >= reinterpret_cast<std::uint64_t>(&cprime_park) &&
           rip < reinterpret_cast<std::uint64_t>(&cprime_park_end);
}

void say_line(const Line& line) {
    FrameName name;
    find_frame_name(line.address, &name);
    char repeated[32] = "";
    if (line.times > 1) std::snprintf(repeated, sizeof repeated, "  (%u frames of it)", line.times);
    if (name.module == nullptr) {
        say("    #%-3u 0x%llx in no loaded file%s\n", line.number,
            static_cast<unsigned long long>(line.address), repeated);
        return;
    }
    say("    #%-3u %s+0x%llx%s%s%s\n", line.number, name.module, static_cast<unsigned long long>(name.offset),
        name.symbol != nullptr ? "  " : "", name.symbol != nullptr ? name.symbol : "", repeated);
}

void close_line(Walk& walk) {
    if (walk.open.times == 0) return;
    if (walk.lines < kLinesInner) {
        say_line(walk.open);
    } else {
        walk.outer[walk.lines % kLinesOuter] = walk.open;
    }
    ++walk.lines;
    walk.open.times = 0;
}

void say_outer_lines(const Walk& walk) {
    if (walk.lines <= kLinesInner) return;
    const unsigned kept = walk.lines - kLinesInner < kLinesOuter ? walk.lines - kLinesInner : kLinesOuter;
    if (const unsigned between = walk.lines - kLinesInner - kept; between != 0)
        say("    (%u lines left out)\n", between);
    for (unsigned line = walk.lines - kept; line < walk.lines; ++line)
        say_line(walk.outer[line % kLinesOuter]);
}

_Unwind_Reason_Code visit(_Unwind_Context* context, void* argument) {
    Walk& walk = *static_cast<Walk*>(argument);
    int before_instruction = 0;  // the frame stands at its address; others stand behind the call they made
    const std::uint64_t rip = _Unwind_GetIPInfo(context, &before_instruction);
    if (!walk.begun) {
        if (rip != walk.begin || (before_instruction != 0) != walk.faulted) return _URC_NO_REASON;
        walk.begun = true;
    }
    if (in_switch(rip)) {
        walk.whole = true;
        return _URC_NORMAL_STOP;
    }
    const std::uint64_t address = before_instruction != 0 ? rip : rip - 1;
    if (address != walk.open.address) close_line(walk);
    if (walk.open.times == 0) walk.open = {walk.frames, address, 0};
    ++walk.open.times;
    return ++walk.frames < kFramesMax ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

void allow_faults(sigset_t* before) {
    sigset_t faults;
    sigemptyset(&faults);
    sigaddset(&faults, SIGSEGV);
    sigaddset(&faults, SIGBUS);
    pthread_sigmask(SIG_UNBLOCK, &faults, before);
}

}  // namespace

void say_backtrace(std::uint64_t rip, bool faulted) {
    if (in_switch(rip)) {
        say("  its function had returned: no frame is left\n");
        return;
    }
    say("  its frames, innermost first (addr2line -Cfpie FILE 0xOFFSET names the lines):\n");
    // Outlive the jump out of a walk that faulted.
    static Walk walk;
    static unsigned faults;
    static sigset_t before;
    walk = {.begin = rip, .faulted = faulted};
    faults = 0;
    if (sigsetjmp(way_back, 1) != 0) ++faults;
    walker.store(gettid(), std::memory_order_relaxed);
    allow_faults(faults == 0 ? &before : nullptr);
    if (faults == 0) _Unwind_Backtrace(&visit, &walk);
    if (faults <= 1) {  // what was found before the fault is still to be said; a fault in that is the last
        close_line(walk);
        if (walk.lines == 0) say_line({0, faulted ? rip : rip - 1, 1});
        say_outer_lines(walk);
    }
    walker.store(0, std::memory_order_relaxed);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (faults != 0) {
        say("    (backtrace ended: what lies further out cannot be read)\n");
    } else if (walk.frames >= kFramesMax) {
        say("    (backtrace ended: it goes in circles)\n");
    } else if (!walk.whole) {
        say("    (backtrace ended: no unwind information says who called the last of these)\n");
    }
}

bool walk_guarded(void (*walk)(void*), void* argument) {
    static sigset_t before;  // outlives the jump
    if (sigsetjmp(way_back, 1) != 0) {
        walker.store(0, std::memory_order_relaxed);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return false;
    }
    walker.store(gettid(), std::memory_order_relaxed);
    allow_faults(&before);
    walk(argument);
    walker.store(0, std::memory_order_relaxed);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return true;
}

void backtrace_faulted() {
    const pid_t walking = walker.load(std::memory_order_relaxed);
    if (__builtin_expect(walking != 0, 0) && walking == gettid()) siglongjmp(way_back, 1);
}

}  // namespace cprime::detail
