// Unwinding by whatever rules a file has: any walk ends, within the frames that one may have, and says how.
//
// Input: an ELF file with .eh_frame or .debug_frame, byte for byte. Each function that its table lists is walked from, over a stack whose words lead
// into the same functions again, by our rows and by libunwind.
#include <cstring>
#include <limits>

#include "hostile_elf.h"
#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/libunwind_walker.h"

using namespace coroscope;
using namespace coroscope::inspect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    constexpr std::uint64_t kLow = 0x400000, kStack = 0x7fff0000;
    constexpr std::size_t kWords = 96;
    const fuzzing::HostileFile hostile(data, bytes);
    auto opened = ElfFile::open(hostile.path());
    if (!opened) return 0;
    ModuleSet modules({{hostile.path(), kLow, kLow + 0x100000, (*opened)->build_id()}});
    DwflModules dwfl(modules);
    CfiRows rows(dwfl);
    LibunwindWalker libunwind(modules, nullptr);

    std::vector<std::uint64_t> addresses = fuzzing::addresses_of(**opened);
    for (std::uint64_t& address : addresses)
        address += kLow - (*opened)->first_address();
    std::uint64_t words[kWords];
    for (std::size_t i = 0; i < kWords; ++i)
        words[i] = i % 3 == 2 ? kStack + ((i * 40) % sizeof words & ~7ULL) : addresses[i % addresses.size()];
    const CopiedStack stack({kStack, reinterpret_cast<const std::uint8_t*>(words), sizeof words}, nullptr, 0);
    std::vector<std::uint64_t> pcs;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        UnwindStart start;
        start.pc = addresses[i];
        start.exact = i % 2 == 1;
        for (std::size_t k = 0; k < kRsp; ++k)
            start.registers[k] = kStack + 64 * k;
        start.registers[kRsp] = kStack;
        pcs.clear();
        UnwindStart at = start;
        static_cast<void>(rows.walk(stack, at, pcs));
        if (pcs.empty() || pcs.size() > kFramesMax) std::abort();
        pcs.clear();
        static_cast<void>(libunwind.walk(stack, start, pcs));
        if (pcs.size() > kFramesMax) std::abort();
        static_cast<void>(libunwind.step(stack, at));
    }
    return 0;
}
