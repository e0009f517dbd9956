// What GCC wrote down about stacks when it compiled: a second opinion, from another source than the code.
//
// With -fcallgraph-info=su GCC leaves a graph beside each object (FILE.ci, in the VCG format): a node a function, with the bytes of its frame. It
// counts the return address and no red zone, so that a function that calls others takes what is proven of its frame to the byte, and a leaf 8
// bytes more, or less by its red zone. What it says of other frames is a difference: of another build, or a mistake of one of the two.
//
//     node: { title: "parse" label: "long parse(long)\nparse.c:12:6\n216 bytes (static)\n0 dynamic objects" }
//
// The files may be anything. Thread: any. Blocks: reads files. Tested in tests/unit/bounds/callgraph_info_test.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/bounds/program.h"

namespace coroscope::bounds {

// Bytes of each function whose frame is known when it is compiled, by its symbol. Functions of which several files say different things are
// left out: of each file's own there may be one of that name.
using CompiledFrames = std::map<std::string, std::uint64_t>;

// Every *.ci under a folder. Errors: kUnreadable where there is none.
base::Result<CompiledFrames> read_callgraph_info(const std::string& folder);
// One file's text.
void add_callgraph_info(const std::string& text, CompiledFrames& frames,
                        std::vector<std::string>& contradicted);

struct FrameCheck {
    std::size_t agreeing = 0;  // functions
    struct Difference {
        NodeId node = 0;
        std::uint64_t compiled_bytes = 0;  // as GCC counts them
        std::uint64_t walked_bytes = 0;    // as they are counted here
    };
    std::vector<Difference> different;
};

// Of the binary's functions that GCC knows, and whose own code left no doubt.
FrameCheck check_frames(Program& program, const CompiledFrames& frames);

}  // namespace coroscope::bounds
