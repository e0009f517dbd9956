// What doctor says about machines that lack something, told from files that say so.
#include "app/cli/machine_checks.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace coroscope::app {
namespace {

class MachineChecks : public ::testing::Test {
protected:
    MachineChecks() { EXPECT_NE(mkdtemp(root_.data()), nullptr); }
    ~MachineChecks() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) {
        const std::filesystem::path whole = root_ + path;
        std::filesystem::create_directories(whole.parent_path());
        std::ofstream(whole) << text;
    }
    std::string root_ = "/tmp/coroscope-doctor-XXXXXX";
};

TEST_F(MachineChecks, few_mappings_matter_only_where_guards_need_them) {
    write("/proc/sys/vm/max_map_count", "65530\n");
    EXPECT_TRUE(check_map_count(root_, false).good);
    const Finding few = check_map_count(root_, true);
    EXPECT_FALSE(few.good);
    EXPECT_NE(few.what.find("65530"), std::string::npos);
    EXPECT_NE(few.remedy.find("sysctl -w vm.max_map_count="), std::string::npos);
    write("/proc/sys/vm/max_map_count", "1048576\n");
    EXPECT_TRUE(check_map_count(root_, true).good);
}

TEST_F(MachineChecks, strict_overcommit_is_a_warning) {
    EXPECT_TRUE(check_overcommit(root_).good);
    write("/proc/sys/vm/overcommit_memory", "2\n");
    EXPECT_FALSE(check_overcommit(root_).good);
}

TEST_F(MachineChecks, yama_may_shut_us_out) {
    EXPECT_TRUE(check_ptrace(root_).good);
    write("/proc/sys/kernel/yama/ptrace_scope", "1\n");
    EXPECT_TRUE(check_ptrace(root_).good);
    write("/proc/sys/kernel/yama/ptrace_scope", "3\n");
    const Finding shut = check_ptrace(root_);
    EXPECT_FALSE(shut.good);
    EXPECT_NE(shut.remedy.find("sysctl"), std::string::npos);
}

TEST_F(MachineChecks, a_clock_must_be_constant_and_not_stop) {
    EXPECT_FALSE(check_clock(root_).good);
    write("/proc/cpuinfo", "processor : 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n");
    EXPECT_TRUE(check_clock(root_).good);
    write("/proc/cpuinfo", "processor : 0\nflags\t\t: fpu tsc constant_tsc\n");
    EXPECT_FALSE(check_clock(root_).good);
    write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    EXPECT_TRUE(check_clock(root_).good);
    write("/proc/cpuinfo", "processor : 0\nflags\t\t: fpu tsc\n");
    EXPECT_FALSE(check_clock(root_).good);
}

TEST_F(MachineChecks, every_warning_comes_with_a_remedy) {
    for (const Finding& finding :
         {check_guard_pages(), check_sealing(), check_reading_memory(), check_debug_information()}) {
        EXPECT_FALSE(finding.what.empty());
        EXPECT_EQ(finding.good, finding.remedy.empty()) << finding.about;
    }
}

}  // namespace
}  // namespace coroscope::app
