// GCC's own numbers beside those of the proof: over the corpus they agree, and what is told wrong is seen.
#include "instrumentation/bounds/callgraph_info.h"

#include <gtest/gtest.h>

namespace coroscope::bounds::test {
namespace {

CompiledFrames frames_of(const std::string& text, std::vector<std::string>* contradicted = nullptr) {
    CompiledFrames frames;
    std::vector<std::string> names;
    add_callgraph_info(text, frames, names);
    if (contradicted != nullptr) *contradicted = names;
    return frames;
}

TEST(CallgraphInfo, frames_of_a_fixed_size_are_read_and_others_are_not) {
    const auto frames = frames_of(
        "graph: { title: \"t.c\"\n"
        "node: { title: \"big\" label: \"long big(long)\\nt.c:2:43\\n200 bytes (static)\\n0 dynamic "
        "objects\" }\n"
        "node: { title: \"t.c:own\" label: \"own\\nt.c:9:1\\n16 bytes (static)\\n0 dynamic objects\" }\n"
        "node: { title: \"grows\" label: \"grows\\nt.c:3:17\\n32 bytes (dynamic)\\n1 dynamic objects\" }\n"
        "node: { title: \"printf\" label: \"printf\\n<built-in>\" shape : ellipse }\n"
        "edge: { sourcename: \"grows\" targetname: \"big\" label: \"t.c:3:100\" }\n}\n");
    EXPECT_EQ(frames, (CompiledFrames{{"big", 200}, {"own", 16}}));
}

TEST(CallgraphInfo, what_is_no_graph_is_no_frame) {
    EXPECT_TRUE(frames_of("").empty());
    EXPECT_TRUE(frames_of("node: { title: \"a").empty());
    EXPECT_TRUE(frames_of("node: { title: \"a\" label: \" bytes (static)").empty());
    EXPECT_TRUE(frames_of("node: { title: \"a\" label: \"\\n99999999999999999999999 bytes (static)\"").empty());
    EXPECT_TRUE(frames_of("node: { title: \"a\" label: \"\\nx12 bytes (static)\"").empty());
}

TEST(CallgraphInfo, two_functions_of_one_name_contradict_each_other) {
    std::vector<std::string> contradicted;
    const std::string one = "node: { title: \"f\" label: \"f\\n16 bytes (static)\" }\n";
    static_cast<void>(frames_of(one + one, &contradicted));
    EXPECT_TRUE(contradicted.empty());
    static_cast<void>(
        frames_of(one + "node: { title: \"f\" label: \"f\\n32 bytes (static)\" }\n", &contradicted));
    EXPECT_EQ(contradicted, std::vector<std::string>{"f"});
}

TEST(CallgraphInfo, a_folder_without_such_files_is_one_sentence) {
    const auto none = read_callgraph_info("/proc/self/net");
    ASSERT_FALSE(none.ok());
    EXPECT_NE(none.error().message.find("-fcallgraph-info"), std::string::npos);
}

#ifdef BOUNDS_CALLGRAPH_INFO
TEST(CallgraphInfo, the_compiler_and_the_code_agree_on_the_corpus) {
    auto program = Program::open("/proc/self/exe", {.libraries = false});
    ASSERT_TRUE(program.ok());
    auto frames = read_callgraph_info(BOUNDS_CALLGRAPH_INFO);
    ASSERT_TRUE(frames.ok());
    const FrameCheck check = check_frames(**program, *frames);
    EXPECT_GE(check.agreeing, 200U);
    for (const FrameCheck::Difference& one : check.different) {
        ADD_FAILURE() << (*program)->name(one.node) << ": " << one.walked_bytes << " by its code, "
                      << one.compiled_bytes << " by the compiler";
    }
    // A frame that is larger than its code says is seen.
    const auto node = (*program)->functions_named("large_frame_O2");
    ASSERT_EQ(node.size(), 1U);
    const FrameCheck wrong = check_frames(**program,
                                          {{"large_frame_O2", (*frames).at("large_frame_O2") + 1000}});
    ASSERT_EQ(wrong.different.size(), 1U);
    EXPECT_EQ(wrong.different[0].node, node[0]);
}
#endif

}  // namespace
}  // namespace coroscope::bounds::test
