// Names from whatever debug information a file has: each question is answered, if only with "unknown".
//
// Input: an ELF file with .debug_info, .debug_line and symbols, byte for byte.
#include <cstring>
#include <limits>

#include "hostile_elf.h"
#include "instrumentation/inspect/symbols.h"

using namespace coroscope;
using namespace coroscope::inspect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    constexpr std::uint64_t kLow = 0x400000;
    const fuzzing::HostileFile hostile(data, bytes);
    auto opened = ElfFile::open(hostile.path());
    if (!opened) return 0;
    Symbolizer symbols({{hostile.path(), kLow, kLow + 0x100000, (*opened)->build_id()}});
    for (std::uint64_t address : fuzzing::addresses_of(**opened)) {
        address += kLow - (*opened)->first_address();
        const std::vector<Frame>& frames = symbols.frames(address);
        if (frames.empty() || frames.back().inlined) std::abort();
        std::uint64_t low = 0, high = 0;
        std::string name;
        if (symbols.function_range(address, &low, &high, &name) && low >= high) std::abort();
        static_cast<void>(symbols.position(address));
        static_cast<void>(symbols.import_at(address & ~7ULL));
    }
    return 0;
}
