// A StateImage as the payload of a keyframe chunk, and back.
//
// Strings are not in it (only how long the arena was): they grow slowly and have chunks of their own. Everything else is written
// column by column. A decoded image is indexed and safe to look at, whatever the bytes were: enumerations are in range,
// indices ascend, counts fit the payload.
//
// Thread: any. Tested in tests/unit/traces/image_codec_test.cpp; fuzzed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/state_image.h"

namespace coroscope::traces {

std::vector<std::uint8_t> encode_image(const inspect::StateImage& image);
// With these rows of coroutines instead of the image's.
std::vector<std::uint8_t> encode_image(const inspect::StateImage& image,
                                       const std::vector<inspect::CoroutineImage>& coroutines);
// `strings` becomes the arena of the image, cut to the length that it had then. Errors: kCorrupt.
base::Result<inspect::StateImage> decode_image(std::span<const std::uint8_t> bytes, std::string_view strings);
// Without its index (StateImage::index()): for who changes its rows, or does not look them up.
base::Result<inspect::StateImage> decode_image_rows(std::span<const std::uint8_t> bytes, std::string_view strings);

}  // namespace coroscope::traces
