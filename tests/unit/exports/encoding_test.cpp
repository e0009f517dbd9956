// Bytes of the formats, and where they go.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "traces/exports/json_text.h"
#include "traces/exports/output_file.h"
#include "traces/exports/protobuf.h"

namespace coroscope::exports {
namespace {

std::string content(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string fresh_path(const std::string& name) {
    const std::string path = testing::TempDir() + name + "_" + std::to_string(getpid());
    unlink(path.c_str());
    return path;
}

TEST(Protobuf, bytes_are_those_of_the_encoding) {
    std::string varints;
    append_varint(varints, 0);
    append_varint(varints, 127);
    append_varint(varints, 300);
    append_varint(varints, ~0ULL);
    EXPECT_EQ(varints, std::string("\0\x7f\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 14));
    ProtoMessage inner;
    inner.number(1, 150);
    EXPECT_EQ(inner.bytes(), "\x08\x96\x01");
    ProtoMessage outer;
    outer.message(3, inner);
    outer.text(2, "testing");
    outer.fixed64(47, 0x0102030405060708ULL);
    EXPECT_EQ(outer.bytes(),
              std::string("\x1a\x03\x08\x96\x01\x12\x07testing\xf9\x02\x08\x07\x06\x05\x04\x03\x02\x01", 24));
}

TEST(JsonText, any_name_of_another_program_is_a_json_string) {
    for (const std::string& name :
         {std::string("plain"), std::string("quote \" and \\ back"), std::string("tab\tnew\nzero\0end", 17),
          std::string("\xff\xfe no utf8"), std::string("\xe2\x86\x92 arrow")}) {
        const std::string text = json_text(name);
        ASSERT_TRUE(nlohmann::json::accept(text)) << text;
        if (name.find('\xff') != std::string::npos) continue;
        EXPECT_EQ(nlohmann::json::parse(text).get<std::string>(), name);
    }
}

TEST(OutputFile, is_there_when_it_is_whole_and_not_before) {
    const std::string path = fresh_path("output");
    {
        auto output = OutputFile::create(path);
        ASSERT_TRUE(output.ok());
        output->write("half");
        EXPECT_NE(access(path.c_str(), F_OK), 0);
    }
    EXPECT_NE(access(path.c_str(), F_OK), 0) << "what was not finished leaves nothing";
    auto output = OutputFile::create(path);
    ASSERT_TRUE(output.ok());
    output->write("all ");
    output->write("of it");
    EXPECT_TRUE(output->finish().ok());
    EXPECT_EQ(content(path), "all of it");
    unlink(path.c_str());
}

TEST(OutputFile, an_error_names_the_file_and_leaves_what_was_there) {
    const auto nowhere = OutputFile::create("/no/such/folder/out.json");
    ASSERT_FALSE(nowhere.ok());
    EXPECT_NE(nowhere.error().message.find("/no/such/folder/out.json"), std::string::npos);
    // A folder of that name cannot be replaced by a file.
    const std::string folder = fresh_path("folder");
    ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
    auto output = OutputFile::create(folder);
    ASSERT_TRUE(output.ok());
    output->write("x");
    const base::Status status = output->finish();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, base::ErrorCode::kIo);
    EXPECT_NE(status.error().message.find(folder), std::string::npos);
    EXPECT_EQ(access((folder + ".part-" + std::to_string(getpid())).c_str(), F_OK), -1);
    rmdir(folder.c_str());
}

TEST(SpoolFile, gives_back_all_of_it_in_order) {
    const std::string path = fresh_path("spool");
    SpoolFile spool;
    std::string expected = "[";
    for (int i = 0; i < 30'000; ++i) {
        spool.write(std::to_string(i) + ",");
        expected += std::to_string(i) + ",";
    }
    auto output = OutputFile::create(path);
    ASSERT_TRUE(output.ok());
    output->write("[");
    ASSERT_TRUE(spool.copy_to(*output).ok());
    ASSERT_TRUE(output->finish().ok());
    EXPECT_EQ(content(path), expected);
    unlink(path.c_str());
}

}  // namespace
}  // namespace coroscope::exports
