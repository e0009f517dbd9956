// The table of contracts.
#include "instrumentation/bounds/contracts.h"

#include <algorithm>
#include <iterator>

namespace coroscope::bounds {
namespace {

using Kind = Contract::Kind;

// Of the frame of a suspended context (park_x86_64.S draws it): six registers and the stack limit, below the return address.
constexpr std::uint32_t kParkDepth = 56;
constexpr std::uint32_t kBareSwitchDepth = 48;
// String functions of the C library are leaves, chosen for the machine when the program starts: none may take more than a leaf's red zone
// without a frame, and none of glibc's for x86-64 pushes more than a few words.
constexpr std::uint32_t kStringDepth = 128;

// The kernel's: its code is not in any file.
constexpr std::uint32_t kClockDepth = 256;

constexpr const char* kClockEvidence =
    "a leaf of the kernel's vdso under a few words of the C library; measured by BoundContracts";
constexpr const char* kParkEvidence =
    "runtime/switch/park_x86_64.S pushes 7 words and goes on on the worker's stack; measured by "
    "BoundContracts";
constexpr const char*
    kStringEvidence = "a leaf of the C library; measured by BoundContracts over sizes and alignments";
constexpr const char* kEndEvidence = "the program ends there";
constexpr const char*
    kThrowEvidence = "an exception is thrown: about 2 KiB, 5 KiB the first time, and no bound";

constexpr Contract kContracts[] = {
    {"cprime_park", Kind::kTakes, kParkDepth, kParkEvidence},
    {"cprime_yield", Kind::kTakes, kParkDepth, kParkEvidence},
    {"cprime_switch", Kind::kTakes, kBareSwitchDepth, "runtime/switch/bare_switch_x86_64.S pushes 6 words"},
    {"memcpy", Kind::kTakes, kStringDepth, kStringEvidence},
    {"memmove", Kind::kTakes, kStringDepth, kStringEvidence},
    {"memset", Kind::kTakes, kStringDepth, kStringEvidence},
    {"clock_gettime", Kind::kTakes, kClockDepth, kClockEvidence},
    {"memcmp", Kind::kTakes, kStringDepth, kStringEvidence},
    {"strlen", Kind::kTakes, kStringDepth, kStringEvidence},
    {"__tunable_get_val", Kind::kEarlier, 0,
     "malloc's settings are read when it is called for the first time; the runtime allocates when it starts"},
    {"get_nprocs", Kind::kWarm, 0,
     "malloc counts processors where a thread has no arena yet, with 4 KiB of stack"},
    {"abort", Kind::kEnds, 0, kEndEvidence},
    {"_exit", Kind::kEnds, 0, kEndEvidence},
    {"_ZSt9terminatev", Kind::kEnds, 0, kEndEvidence},
    {"__assert_fail", Kind::kEnds, 0, kEndEvidence},
    {"__stack_chk_fail", Kind::kEnds, 0, kEndEvidence},
    {"__cxa_pure_virtual", Kind::kEnds, 0, kEndEvidence},
    {"__cxa_throw", Kind::kThrows, 0, kThrowEvidence},
    {"__cxa_rethrow", Kind::kThrows, 0, kThrowEvidence},
    {"__cxa_throw_bad_array_new_length", Kind::kThrows, 0, kThrowEvidence},
    {"__cxa_bad_cast", Kind::kThrows, 0, kThrowEvidence},
    {"__cxa_bad_typeid", Kind::kThrows, 0, kThrowEvidence},
    {"_Unwind_Resume", Kind::kThrows, 0, kThrowEvidence},
    {"_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE", Kind::kThrows, 0, kThrowEvidence},
    {"_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv", Kind::kThrows, 0,
     "only of an exception that was thrown"},
    {"_ZSt15get_new_handlerv", Kind::kThrows, 0, "memory has run out: std::bad_alloc follows"},
    {"__morestack", Kind::kGrows, 0, "runtime/switch/grow_x86_64.S"},
    {"__morestack_non_split", Kind::kGrows, 0, "runtime/switch/grow_x86_64.S"},
    {"__morestack_allocate_stack_space", Kind::kGrows, 0, "runtime/switch/grow_x86_64.S"},
};

constexpr Contract kLibraryEnd = {"what the C library does without coming back", Kind::kEnds, 0,
                                  "it ends the program, or a thread that is cancelled"};

constexpr std::string_view kWrapped = "__wrap_";     // of growable programs (ordinary_calls_x86_64.S)
constexpr std::string_view kStandardThrow = "_ZSt";  // std::__throw_length_error(char const*), and its kin
constexpr std::string_view kStandardThrowName = "__throw_";
constexpr Contract kStandardThrows = {"std::__throw_", Kind::kThrows, 0, kThrowEvidence};

}  // namespace

const Contract& library_end() {
    return kLibraryEnd;
}

const Contract* contract_of(std::string_view symbol) {
    std::string_view name = symbol;
    if (name.substr(0, kWrapped.size()) == kWrapped) name.remove_prefix(kWrapped.size());
    const auto* const found = std::find_if(std::begin(kContracts), std::end(kContracts),
                                           [name](const Contract& one) { return one.name == name; });
    if (found != std::end(kContracts)) return found;
    if (name.substr(0, kStandardThrow.size()) == kStandardThrow) {
        const std::size_t digits = name.find_first_not_of("0123456789", kStandardThrow.size());
        if (digits != std::string_view::npos && digits > kStandardThrow.size() &&
            name.substr(digits, kStandardThrowName.size()) == kStandardThrowName)
            return &kStandardThrows;
    }
    return nullptr;
}

std::uint64_t coroutine_bytes(std::uint64_t entry_depth, std::uint64_t closure_bytes,
                              std::uint64_t closure_alignment) {
    constexpr std::uint64_t kStackAlignment = 16;
    constexpr std::uint64_t kReturnAddressBytes = 8;
    // The closure lies as high as its alignment allows; the slot's top is a multiple of 16. The trampoline calls the entry function right
    // below it, and parks there for the last time. The first frame, of a coroutine that never ran, is as large as any frame of a park.
    const std::uint64_t alignment = std::max(closure_alignment, kStackAlignment);
    const std::uint64_t closure = (closure_bytes + kStackAlignment - 1) / kStackAlignment * kStackAlignment +
                                  alignment - kStackAlignment;
    return closure + kReturnAddressBytes + std::max<std::uint64_t>(entry_depth, kParkDepth);
}

}  // namespace coroscope::bounds
