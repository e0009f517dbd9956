// Opening an ELF file that may be anything: one sentence, or a file that answers any question within its bounds; and a module list that names it.
//
// Input: the file, byte for byte.
#include <cstring>
#include <limits>

#include "hostile_elf.h"
#include "instrumentation/inspect/module_set.h"

using namespace coroscope;

namespace {

void ask(inspect::ElfFile& file, std::uint64_t address, std::size_t file_bytes) {
    std::vector<std::uint8_t> to(file_bytes + 64, 0xa5);
    const std::size_t got = file.read(address, to.data(), file_bytes);
    if (got > file_bytes) std::abort();
    for (std::size_t i = got; i < to.size(); ++i) {
        if (to[i] != 0xa5) std::abort();  // more was written than was said
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const fuzzing::HostileFile hostile(data, bytes);
    auto opened = inspect::ElfFile::open(hostile.path());
    if (!opened) {
        if (opened.error().message.empty() || opened.error().message.find('\n') != std::string::npos)
            std::abort();
        return 0;
    }
    inspect::ElfFile& file = **opened;
    for (const char letter : file.build_id()) {
        if (std::strchr("0123456789abcdef", letter) == nullptr) std::abort();
    }
    for (const std::uint64_t address : fuzzing::addresses_of(file))
        ask(file, address, bytes);
    for (const std::uint64_t address :
         {std::uint64_t{0}, file.unwind_header_address(),
          file.unwind_header_address() + file.unwind_header_bytes() - 1,
          std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max() - bytes})
        ask(file, address, bytes);

    // Mapped somewhere, at the top of the address space, and at 0; one of them under another build's name.
    const std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
    inspect::ModuleSet modules({{hostile.path(), 0x10000, 0x90000, file.build_id()},
                                {hostile.path(), top - 0x8000, top, file.build_id()},
                                {hostile.path(), 0, 0x8000, file.build_id()},
                                {hostile.path(), 0xa0000, 0xb0000, file.build_id() + "00"}});
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{0x10000}, std::uint64_t{0x8fff8},
                                        top - 1, top - 0x8000, std::uint64_t{0xa0000}}) {
        std::uint64_t word = 0;
        const std::size_t got = modules.read(address, &word, sizeof word);
        if (got > sizeof word || (address == 0xa0000 && got != 0)) std::abort();
    }
    return 0;
}
