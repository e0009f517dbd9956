// Whether the program may go on after a fault: what the coroutine was in the midst of, as far as its frames tell.
//
// Code that is not the program's own may hold a lock that the rest of the process needs: malloc its arena's, printf its stream's, the loader its own.
// Nobody can tell from outside which of them is held, so the frames decide, by the module that each lies in:
//
//   the C library      innermost frames: only when the function that the program's code has called is known to take no lock (strlen, memcpy,
//                      snprintf, ...; of SIGABRT, abort and its kin). Further out: only qsort and bsearch, whose comparison it was
//   the loader, and the module that malloc comes from (which may be another allocator, or a sanitizer): never
//   anything else      yes: code of the program, of the C++ library, of others, which holds no lock of the C library
//
// Names are those that modules export. What the C library chooses at start for this machine (strlen and its kin) has no exported name, and is told
// by being the one frame between the program and nothing.
//
// Thread: a fault handler of a worker that has the turn to report. Async-signal-safe. Tested in tests/unit/runtime/fault_death_test.cpp.
#pragma once

#include <ucontext.h>

#include <cstdint>

namespace cprime::detail {

struct Judgement {
    char why_not[320] = "";  // as the end of a sentence; "" = it may go on
    std::uint64_t program = 0;  // innermost address outside of the C library: where the program was; 0 = not known
    bool refused() const { return why_not[0] != '\0'; }
};

// Before the first fault: where the C library, the loader and the allocator lie. May allocate.
void find_modules();

// The frames, from the instruction at `rip` outwards. `was_sent`: the signal came by a system call; survived only where the coroutine made it.
Judgement judge_frames(bool was_sent, std::uint64_t rip);

// Whether that instruction belongs to the runtime.
bool is_runtime_code(std::uint64_t rip);

// A call through a pointer that leads nowhere has no frame: until the end of this object the context says that the caller is just about
// to make the call, so that the frames can be walked. `rsp` must be readable where low <= rsp < high.
class AtTheCall {
public:
    AtTheCall(ucontext_t& context, std::uint64_t low, std::uint64_t high);
    ~AtTheCall();
    AtTheCall(const AtTheCall&) = delete;
    AtTheCall& operator=(const AtTheCall&) = delete;
    // Where the walk begins.
    std::uint64_t rip() const;

private:
    ucontext_t& context_;
    long long rip_before_;
    long long rsp_before_;
};

}  // namespace cprime::detail
