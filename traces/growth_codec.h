// What a keyframe says about stacks that grew, guards and trims: two parts at the end of an image, which files of before do not have.
//
// The segments that stacks stand on; and columns for the rows that image_codec wrote before: slabs by pool, sites; then the migrations.
//
// Thread: pure functions. Tested in tests/unit/traces/growth_codec_test.cpp, fuzzed with the trace file.
#pragma once

#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "traces/bytes.h"

namespace coroscope::traces {

void put_stack_segments(ByteWriter& out, const std::vector<inspect::StackSegmentImage>& segments);
// Reads nothing where the file ends before; fails `in` on what cannot be.
void get_stack_segments(ByteReader& in, std::vector<inspect::StackSegmentImage>& segments);

// False: there is nothing to write, and the image is written as it was before.
bool has_growth(const inspect::StateImage& image);
void put_growth(ByteWriter& out, const inspect::StateImage& image);
// The pools and sites of `image` are there already. Reads nothing where the file ends before; fails `in` on what cannot be.
void get_growth(ByteReader& in, inspect::StateImage& image);

}  // namespace coroscope::traces
