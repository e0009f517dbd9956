// A walk of libgcc's unwinder over the frames, and a judgement of each run of frames that lie in one library.
#include "runtime/signals/fault_safety.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <sys/auxv.h>
#include <unwind.h>

#include <cstdio>
#include <cstring>

#include "runtime/scheduler/short_ways_section.h"
#include "runtime/stacks/backtrace.h"
#include "runtime/stacks/frame_names.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {
namespace {

// Of the C library, that take no lock and call nothing that does, whatever they are given.
constexpr const char* kLockless[] = {
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "memchr",
    "memrchr",
    "rawmemchr",
    "memmem",
    "memccpy",
    "mempcpy",
    "bcmp",
    "bcopy",
    "bzero",
    "strlen",
    "strnlen",
    "strcpy",
    "strncpy",
    "stpcpy",
    "stpncpy",
    "strcat",
    "strncat",
    "strcmp",
    "strncmp",
    "strcasecmp",
    "strncasecmp",
    "strchr",
    "strrchr",
    "strchrnul",
    "strstr",
    "strcasestr",
    "strpbrk",
    "strspn",
    "strcspn",
    "strsep",
    "strtok",
    "strtok_r",
    "strtol",
    "strtoll",
    "strtoul",
    "strtoull",
    "strtod",
    "strtof",
    "strtold",
    "atoi",
    "atol",
    "atoll",
    "atof",
    "wcslen",
    "wcscpy",
    "wcscmp",
    "wmemcpy",
    "wmemset",
    "snprintf",
    "vsnprintf",
    "sprintf",
    "vsprintf",
    "__snprintf_chk",
    "__vsnprintf_chk",
    "__sprintf_chk",
    "__vsprintf_chk",
    "__memcpy_chk",
    "__memmove_chk",
    "__memset_chk",
    "__strcpy_chk",
    "__strcat_chk",
    "__strncpy_chk",
    "sscanf",
    "__isoc99_sscanf",
    "pthread_mutex_lock",
    "pthread_mutex_trylock",
    "pthread_mutex_unlock",
    "pthread_rwlock_rdlock",
    "pthread_rwlock_wrlock",
    "pthread_rwlock_unlock",
    "sem_post",
    "sem_wait",
};
// That a coroutine calls to end: glibc lets go of its own lock before it sends the signal.
constexpr const char* kEnding[] = {
    "abort",    "raise",        "gsignal", "__assert_fail", "__assert_perror_fail",
    "__assert", "pthread_kill", "tgkill",  "kill",          "__stack_chk_fail"};
// That call the program back and hold nothing meanwhile.
constexpr const char* kCallingBack[] = {"qsort", "qsort_r", "bsearch"};

template <std::size_t N>
bool stands_in(const char* const (&names)[N], const char* name) {
    for (const char* known : names) {
        if (std::strcmp(known, name) == 0) return true;
    }
    return false;
}

enum class Library : std::uint8_t { kOrdinary, kC, kLoader, kAllocator, kNone };

// Written before workers run.
const link_map* c_library = nullptr;
const link_map* loader = nullptr;
const link_map* allocator = nullptr;
bool statically_linked = false;

const link_map* module_of(const void* address) {
    dl_find_object object;
    return _dl_find_object(const_cast<void*>(address), &object) == 0 ? object.dlfo_link_map : nullptr;
}

Library library_of(std::uint64_t address) {
    const link_map* module = module_of(reinterpret_cast<const void*>(address));
    if (module == nullptr) return Library::kNone;
    if (module == c_library) return Library::kC;
    if (module == loader) return Library::kLoader;
    return module == allocator ? Library::kAllocator : Library::kOrdinary;
}

struct Walk {
    std::uint64_t begin;
    bool was_sent;  // by the coroutine itself: abort() and its kin
    Judgement judged{};
    bool begun = false;
    bool whole = false;
    bool ended_itself = false;      // the innermost is abort() or one of its kin
    bool outer = false;             // a frame of another library was seen already
    std::uint32_t frames_in_c = 0;  // of the present run
    std::uint64_t entry_of_c = 0;   // an address in its outermost
    std::uint32_t frames = 0;
};

void refuse(Walk& walk, const char* how, std::uint64_t address) {
    FrameName name;
    find_frame_name(address, &name);
    const char* file = name.module != nullptr ? std::strrchr(name.module, '/') : nullptr;
    std::snprintf(walk.judged.why_not, sizeof walk.judged.why_not, "%s %s of %.200s, which may hold a lock",
                  how, name.symbol != nullptr ? name.symbol : "a function",
                  file != nullptr ? file + 1 : "a file without a name");
}

// A run of frames of the C library is over: the outermost of them is what other code has called.
void judge_run(Walk& walk) {
    if (walk.frames_in_c == 0) return;
    FrameName name;
    find_frame_name(walk.entry_of_c, &name);
    bool may = false;
    if (walk.outer) {
        may = name.symbol != nullptr && stands_in(kCallingBack, name.symbol);
    } else if (name.symbol == nullptr) {
        may = walk.frames_in_c == 1;
    } else {
        may = walk.was_sent ? stands_in(kEnding, name.symbol) : stands_in(kLockless, name.symbol);
    }
    walk.ended_itself |= may && !walk.outer;
    if (!may) refuse(walk, walk.outer ? "it was called by" : "it was inside", walk.entry_of_c);
    walk.frames_in_c = 0;
}

_Unwind_Reason_Code visit(_Unwind_Context* context, void* argument) {
    constexpr std::uint32_t kFramesMost = 1U << 20;
    Walk& walk = *static_cast<Walk*>(argument);
    int before_instruction = 0;
    const std::uint64_t rip = _Unwind_GetIPInfo(context, &before_instruction);
    if (!walk.begun) {
        if (rip != walk.begin || before_instruction == 0) return _URC_NO_REASON;
        walk.begun = true;
    }
    if (rip >= reinterpret_cast<std::uint64_t>(&cprime_park) &&
        rip < reinterpret_cast<std::uint64_t>(&cprime_park_end)) {
        judge_run(walk);
        walk.whole = true;
        return _URC_NORMAL_STOP;
    }
    const std::uint64_t address = before_instruction != 0 ? rip : rip - 1;
    const Library library = library_of(address);
    if (library == Library::kC) {
        ++walk.frames_in_c;
        walk.entry_of_c = address;
    } else {
        judge_run(walk);
        if (!walk.outer) walk.judged.program = address;
        if (library == Library::kLoader || library == Library::kAllocator)
            refuse(walk, "it was inside", address);
        walk.outer = true;
    }
    return walk.judged.refused() || ++walk.frames >= kFramesMost ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

void walk_frames(void* walk) {
    _Unwind_Backtrace(&visit, walk);
}

}  // namespace

void find_modules() {
    // A data object of the C library: the address of a function may be that of a stub in the program.
    c_library = module_of(stdout);
    loader = module_of(reinterpret_cast<const void*>(getauxval(AT_BASE)));
    statically_linked = c_library == module_of(reinterpret_cast<const void*>(&find_modules));
    void* malloc_address = statically_linked ? nullptr : dlsym(RTLD_DEFAULT, "malloc");
    const link_map* owner = malloc_address != nullptr ? module_of(malloc_address) : nullptr;
    // An allocator inside the program itself cannot be told from its code.
    allocator = owner != c_library && owner != module_of(reinterpret_cast<const void*>(&find_modules))
                    ? owner
                    : nullptr;
}

Judgement judge_frames(bool was_sent, std::uint64_t rip) {
    static Walk walk;  // outlives the jump out of a walk that faulted
    walk = {.begin = rip, .was_sent = was_sent};
    const bool held = walk_guarded(&walk_frames, &walk);
    if (walk.judged.refused()) return walk.judged;
    if (was_sent && !walk.ended_itself) {
        std::snprintf(walk.judged.why_not, sizeof walk.judged.why_not, "it was sent by somebody else");
    } else if (statically_linked) {
        std::snprintf(
            walk.judged.why_not, sizeof walk.judged.why_not,
            "the program is statically linked, so that nobody can tell whether it was inside the C library");
    } else if (!held || !walk.whole) {
        std::snprintf(
            walk.judged.why_not, sizeof walk.judged.why_not,
            "its frames cannot be walked to the end, so that nobody knows what it was in the midst of");
    }
    return walk.judged;
}

bool is_runtime_code(std::uint64_t rip) {
    const bool in_switch = rip >= reinterpret_cast<std::uint64_t>(&cprime_park) &&
                           rip < reinterpret_cast<std::uint64_t>(&cprime_park_end);
    return in_switch || in_short_way(rip);
}

AtTheCall::AtTheCall(ucontext_t& context, std::uint64_t low, std::uint64_t high)
    : context_(context),
      rip_before_(context.uc_mcontext.gregs[REG_RIP]),
      rsp_before_(context.uc_mcontext.gregs[REG_RSP]) {
    const auto rsp = static_cast<std::uint64_t>(rsp_before_);
    if (module_of(reinterpret_cast<const void*>(rip_before_)) != nullptr || rsp < low || rsp + 8 > high)
        return;
    const std::uint64_t caller = *reinterpret_cast<const std::uint64_t*>(rsp);
    if (module_of(reinterpret_cast<const void*>(caller - 1)) == nullptr) return;
    context.uc_mcontext.gregs[REG_RIP] = static_cast<long long>(caller - 1);
    context.uc_mcontext.gregs[REG_RSP] = rsp_before_ + 8;
}

AtTheCall::~AtTheCall() {
    context_.uc_mcontext.gregs[REG_RIP] = rip_before_;
    context_.uc_mcontext.gregs[REG_RSP] = rsp_before_;
}

std::uint64_t AtTheCall::rip() const {
    return static_cast<std::uint64_t>(context_.uc_mcontext.gregs[REG_RIP]);
}

}  // namespace cprime::detail
