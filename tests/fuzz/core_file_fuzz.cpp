// Opening a damaged core: whatever its bytes are, one sentence or an image with stacks that is safe to use.
//
// Input: the first byte chooses how the rest becomes a file.
//   even  the rest is the file, byte for byte
//   odd   the rest is pairs of 32-bit words (offset, value), each written over the sample core of the unit tests; an offset of all ones
//         cuts the file to `value` bytes instead
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "instrumentation/inspect/core_modules.h"
#include "instrumentation/inspect/core_stacks.h"
#include "instrumentation/inspect/core_state.h"
#include "tests/unit/inspect/core_builder.h"

namespace {

using namespace coroscope;
using namespace coroscope::inspect;

std::vector<std::uint8_t> damaged_sample(const std::uint8_t* data, std::size_t bytes) {
    static const std::vector<std::uint8_t> sample = testing::sample_core().bytes();
    std::vector<std::uint8_t> file = sample;
    for (std::size_t at = 0; at + 8 <= bytes; at += 8) {
        std::uint32_t offset = 0;
        std::uint32_t value = 0;
        std::memcpy(&offset, data + at, sizeof offset);
        std::memcpy(&value, data + at + 4, sizeof value);
        if (offset == 0xffffffff) {
            file.resize(value % (sample.size() + 1));
        } else if (file.size() >= sizeof value) {
            std::memcpy(&file[offset % (file.size() - sizeof value + 1)], &value, sizeof value);
        }
    }
    return file;
}

void expect_sentence(const base::Error& error) {
    if (error.message.empty() || error.message.find('\n') != std::string::npos) std::abort();
}

void look_at(const CoreFile& core) {
    const auto modules = modules_of_core(core, "");
    if (!modules) return expect_sentence(modules.error());
    auto state = open_core_state(core);
    if (!state) return expect_sentence(state.error());
    const auto image = state->reader.read();
    if (!image) return expect_sentence(image.error());
    // The file has 200 KiB: an image of megabytes would be made of lies.
    if (image->coroutines.size() > 8192 || image->channels.size() > 8192 || image->handles.size() > 65536)
        std::abort();
    Unwinder unwinder(modules->modules, nullptr, image->trampoline_address);
    StackTable table;
    const CoreStacks stacks = snapshot_core_stacks(core, unwinder, *image, table);
    if (stacks.snapshot.stacks.size() != image->coroutines.size()) std::abort();
    for (const StackRef& ref : stacks.snapshot.stacks) {
        if (table.pcs(ref.stack).size() > kFramesMax) std::abort();
        if ((ref.consistency == Consistency::kExact) != (ref.stack != wire::kNone)) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    if (bytes == 0) return 0;
    const base::FileDescriptor fd = testing::make_memfd(data[0] % 2 == 0
                                                            ? std::vector<std::uint8_t>(data + 1, data + bytes)
                                                            : damaged_sample(data + 1, bytes - 1));
    const auto core = CoreFile::open("/proc/self/fd/" + std::to_string(fd.get()));
    if (core) {
        look_at(**core);
    } else {
        expect_sentence(core.error());
    }
    return 0;
}
