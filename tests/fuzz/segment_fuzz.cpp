// Reading a damaged state segment: whatever its bytes are, the reader answers with one sentence or with an
// image that is safe to use.
//
// Input: pairs of 32-bit words (offset, value), little endian, each written over the sample segment of the
// unit tests; an offset of all ones cuts the file to `value` bytes instead. Every byte of a segment can be
// reached this way, and inputs stay small.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "instrumentation/inspect/state_reader.h"
#include "tests/unit/inspect/segment_builder.h"

namespace {

using namespace coroscope;

void use(const inspect::StateImage& image) {
    std::uint64_t sum = 0;
    for (const inspect::CoroutineImage& coroutine : image.coroutines) {
        sum += image.coroutine_name(coroutine).size() + image.site_text(coroutine.site).size();
        sum += image.stack_of(coroutine).high;
        if (image.coroutine_of(coroutine.identity) == nullptr) std::abort();
        if (const auto* channel = image.channel_at(coroutine.wait_object))
            sum += image.channel_text(*channel).size();
    }
    for (const inspect::PoolImage& pool : image.pools) {
        if (pool.used() > pool.slots()) std::abort();
        const wire::StackBounds bounds = pool.bounds(static_cast<std::uint32_t>(sum));
        if (bounds.low > bounds.high) std::abort();
    }
    for (const inspect::HistogramImage& histogram : image.histograms) {
        if (histogram.quantile(0.99) < -1) std::abort();
    }
    // The file has 100 KiB: an image of megabytes would be made of lies.
    if (image.coroutines.size() > 4096 || image.channels.size() > 4096 || image.handles.size() > 65536)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    static const std::vector<std::uint8_t> sample = inspect::testing::sample_segment().bytes();
    std::vector<std::uint8_t> segment = sample;
    for (std::size_t at = 0; at + 8 <= bytes; at += 8) {
        std::uint32_t offset = 0;
        std::uint32_t value = 0;
        std::memcpy(&offset, data + at, sizeof offset);
        std::memcpy(&value, data + at + 4, sizeof value);
        if (offset == 0xffffffff) {
            segment.resize(value % (sample.size() + 1));
        } else if (segment.size() >= sizeof value) {
            std::memcpy(&segment[offset % (segment.size() - sizeof value + 1)], &value, sizeof value);
        }
    }
    auto reader = inspect::StateReader::open(inspect::testing::make_memfd(segment), "process 1");
    if (!reader) {
        if (reader.error().message.empty()) std::abort();
        return 0;
    }
    const auto image = reader->read();
    if (image) {
        use(*image);
    } else if (image.error().message.empty()) {
        std::abort();
    }
    return 0;
}
