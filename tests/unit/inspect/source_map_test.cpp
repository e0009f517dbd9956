// Looking for source elsewhere than where the compiler saw it.
#include "instrumentation/inspect/source_map.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace coroscope::inspect {
namespace {

using Places = std::vector<std::string>;

SourceMap map_of(std::initializer_list<const char*> pairs) {
    SourceMap map;
    for (const char* pair : pairs)
        EXPECT_TRUE(map.add(pair).ok());
    return map;
}

TEST(SourceMap, without_pairs_a_path_is_itself) {
    EXPECT_EQ(SourceMap().places("/a/b.cpp"), Places{"/a/b.cpp"});
}

TEST(SourceMap, the_longest_prefix_wins_and_of_equal_ones_the_last) {
    const SourceMap map = map_of({"/build=/one", "/build/lib/=/two/", "/build=/three"});
    EXPECT_EQ(map.places("/build/a.cpp"), (Places{"/three/a.cpp", "/build/a.cpp"}));
    EXPECT_EQ(map.places("/build/lib/a.cpp"), (Places{"/two/a.cpp", "/build/lib/a.cpp"}));
}

TEST(SourceMap, a_prefix_is_of_whole_folders) {
    const SourceMap map = map_of({"/build/lib=/two", "src=/here/src"});
    EXPECT_EQ(map.places("/build/library/a.cpp"), Places{"/build/library/a.cpp"});
    EXPECT_EQ(map.places("src/a.cpp"), (Places{"/here/src/a.cpp", "src/a.cpp"}));
    EXPECT_EQ(map_of({"/=/root"}).places("/a.cpp"), (Places{"/root/a.cpp", "/a.cpp"}));
}

TEST(SourceMap, half_a_pair_is_refused_with_the_way_to_write_it) {
    for (const char* pair : {"", "=", "/a", "=/b", "/a="}) {
        SourceMap map;
        const base::Status status = map.add(pair);
        ASSERT_FALSE(status.ok()) << pair;
        EXPECT_NE(status.error().message.find("FROM=TO"), std::string::npos);
    }
}

TEST(SourceMap, source_is_found_where_the_map_says_or_every_place_is_named) {
    const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                         ("coroscope-map-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder / "moved");
    std::ofstream(folder / "moved" / "a.cpp") << "one\ntwo\n";
    const SourceMap map = map_of({("/build/x=" + (folder / "moved").string()).c_str()});
    const auto found = map.read("/build/x/a.cpp");
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(found->path, (folder / "moved" / "a.cpp").string());
    EXPECT_EQ(found->lines, (std::vector<std::string>{"one", "two"}));
    const auto missing = map.read("/build/x/b.cpp");
    ASSERT_FALSE(missing.ok());
    for (const std::string& word :
         {(folder / "moved" / "b.cpp").string(), std::string("/build/x/b.cpp"), std::string("--source-map")})
        EXPECT_NE(missing.error().message.find(word), std::string::npos) << missing.error().message;
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace coroscope::inspect
