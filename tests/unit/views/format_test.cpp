// views/format: numbers as people read them.
#include "views/format.h"

#include <gtest/gtest.h>

namespace coroscope::views {
namespace {

const std::string kThin = "\xE2\x80\x89";

TEST(Format, counts_have_thin_separators_in_groups_of_three) {
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(1000), "1" + kThin + "000");
    EXPECT_EQ(format_count(1234567), "1" + kThin + "234" + kThin + "567");
}

TEST(Format, bytes_take_the_binary_unit_that_fits) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(256), "256 B");
    EXPECT_EQ(format_bytes(16384), "16 KiB");
    EXPECT_EQ(format_bytes(1536), "1.50 KiB");
    EXPECT_EQ(format_bytes(8ULL << 20), "8 MiB");
    EXPECT_EQ(format_bytes(1717986918), "1.60 GiB");
}

TEST(Format, durations_adapt_from_nanoseconds_to_hours) {
    EXPECT_EQ(format_duration(0), "0");
    EXPECT_EQ(format_duration(850), "850 ns");
    EXPECT_EQ(format_duration(12'345), "12.3 µs");
    EXPECT_EQ(format_duration(4'560'000), "4.56 ms");
    EXPECT_EQ(format_duration(1'500'000'000), "1.500 s");
    EXPECT_EQ(format_duration(125'000'000'000), "2 min 05 s");
    EXPECT_EQ(format_duration(7'500'000'000'000), "2 h 05 min");
    EXPECT_EQ(format_duration(-850), "-850 ns");
}

TEST(Format, ticks_keep_a_decimal_only_below_ten) {
    EXPECT_EQ(format_ticks(7.5), "7.5 ticks");
    EXPECT_EQ(format_ticks(8), "8 ticks");
    EXPECT_EQ(format_ticks(1234.4), "1" + kThin + "234 ticks");
}

TEST(Format, a_short_path_keeps_file_and_folder) {
    EXPECT_EQ(short_path("/a/b/c/d.cpp"), "c/d.cpp");
    EXPECT_EQ(short_path("d.cpp"), "d.cpp");
    EXPECT_EQ(short_path("c/d.cpp"), "c/d.cpp");
    EXPECT_EQ(short_path(""), "");
}

TEST(Format, a_short_function_loses_arguments_and_template_arguments) {
    EXPECT_EQ(short_function("demo::consume(cprime::Receiver<int>)"), "demo::consume");
    EXPECT_EQ(short_function("cprime::Receiver<std::vector<int> >::receive()"), "cprime::Receiver::receive");
    EXPECT_EQ(short_function("demo::(anonymous namespace)::work(int)"), "demo::work");
    EXPECT_EQ(short_function("main"), "main");
    EXPECT_EQ(short_function("cprime::Result<void> cprime::sleep_for<long, std::ratio<1, 1000> >(int)"),
              "cprime::sleep_for");
    EXPECT_EQ(short_function("unsigned int f<3>()"), "f");
    EXPECT_EQ(short_function("void a::H<a::S, 2u>::get<&a::b>(a::R<a::S>&) const"), "a::H::get");
    EXPECT_EQ(short_function("work(std::string) [clone .cold]"), "work");
    EXPECT_EQ(short_function("S::operator bool() const"), "S::operator bool");
    EXPECT_EQ(short_function("work() [clone .cold]"), "work");
    EXPECT_EQ(short_function("work [clone .cold]"), "work");
    EXPECT_EQ(short_function("demo::run(int)::{lambda()#1}::operator()() const"),
              "demo::run::{lambda#1}::operator()");
}

}  // namespace
}  // namespace coroscope::views
