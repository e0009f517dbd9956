// Learning inside a process: what is counted by site, and which rows are said not to have held.
#include "runtime/learning/learning.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cprime/cprime.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "runtime/learning/table_file.h"
#include "runtime/stacks/json_reader.h"

namespace cprime {
namespace {

constexpr const char* kHere = "tests/unit/runtime/learning_test.cpp";

[[gnu::noinline, gnu::no_sanitize("address")]] void use_stack(std::size_t bytes) {
    auto* memory = static_cast<volatile char*>(__builtin_alloca(bytes));
    for (std::size_t i = bytes; i-- > 0;)
        memory[i] = 1;
}

class Learning : public testing::Test {
protected:
    void SetUp() override {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "instrumented frames are larger, and so are the classes";
#endif
        setenv("CPRIME_LEARN", path_.c_str(), 1);
    }
    void TearDown() override {
        unsetenv("CPRIME_LEARN");
        unsetenv("CPRIME_SIZES");
        unlink(path_.c_str());
        unlink(detail::wrong_file_of(path_).c_str());
    }
    std::string text() const {
        std::ifstream file(path_);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    // The row of that line of this file, in the table that was learned.
    detail::JsonValue row(unsigned line) const {
        const auto table = detail::parse_json(text());
        EXPECT_TRUE(table) << text();
        for (const detail::JsonValue& row : *table->member("sites")->array()) {
            if (row.member("site")->string()->ends_with("learning_test.cpp:" + std::to_string(line)))
                return row;
        }
        ADD_FAILURE() << "no row of line " << line << " in " << text();
        return {};
    }
    static double number(const detail::JsonValue& row, const char* name) {
        return *row.member(name)->number();
    }

    // Not by process: death tests begin anew in another one.
    const std::string path_ = testing::TempDir() +
                              testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
};

constexpr unsigned kManyLine = 201;
constexpr unsigned kDeepLine = 301;

void spawn_many(int count) {
    std::vector<JoinHandle<void>> handles;
    std::atomic<bool> all_live{false};
    for (int i = 0; i < count; ++i) {
#line 201
        handles.push_back(spawn("many", [&all_live] {
            while (!all_live.load(std::memory_order_relaxed))
                yield();
        }));
    }
    all_live.store(true, std::memory_order_relaxed);
    for (auto& handle : handles)
        handle.join();
}

void spawn_deep(std::size_t bytes) {
#line 301
    spawn("deep", [bytes] { use_stack(bytes); }).join();
}
#line 84

TEST_F(Learning, counts_samples_depths_and_how_many_lived_at_once) {
    run({.workers = 2}, [] {
        spawn_many(40);
        spawn_many(30);
        spawn_deep(3000);
    });
    const detail::JsonValue many = row(kManyLine);
    EXPECT_EQ(number(many, "samples"), 70);
    EXPECT_EQ(number(many, "peak_coroutines"), 40);
    EXPECT_EQ(*many.member("class_advised")->string(), "micro");
    const detail::JsonValue deep = row(kDeepLine);
    EXPECT_EQ(number(deep, "samples"), 1);
    EXPECT_GE(number(*deep.member("high_water_bytes"), "max"), 3000);
    EXPECT_LE(number(*deep.member("high_water_bytes"), "max"), 3400);
    EXPECT_EQ(deep.member("wrong"), nullptr);
}

TEST_F(Learning, several_runtimes_of_a_process_are_several_runs) {
    for (int i = 0; i < 3; ++i)
        run({.workers = 1}, [] { spawn_many(10); });
    EXPECT_EQ(number(row(kManyLine), "samples"), 30);
    EXPECT_EQ(number(*detail::parse_json(text()), "runs"), 3);
}

TEST_F(Learning, a_medium_stack_that_grows_where_it_stands_makes_its_row_wrong) {
    run({.workers = 1}, [] { spawn_deep(1000); });
    testing::internal::CaptureStderr();
    run({.workers = 1}, [] {
        spawn_deep(30000);
        spawn_deep(30000);
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("did not hold: it says medium (profiled"), std::string::npos) << said;
    EXPECT_EQ(said.find("did not hold"), said.rfind("did not hold")) << "said once\n" << said;
    const detail::JsonValue deep = row(kDeepLine);
    EXPECT_EQ(*deep.member("wrong_class")->string(), "medium");
    EXPECT_EQ(*deep.member("class_advised")->string(), "large");
    EXPECT_GE(number(deep, "wrong_bytes"), 30000);
    EXPECT_GE(number(*deep.member("migrations_by_form"), "in_place"), 1);
}

TEST_F(Learning, an_operators_table_is_used_instead_and_still_learned_from) {
    const std::string table = path_ + ".given";
    std::ofstream(table) << R"({"sites": [{"site": ")" << kHere << R"(:201", "class_advised": "small"}]})";
    setenv("CPRIME_SIZES", table.c_str(), 1);
    testing::internal::CaptureStderr();
    run({.workers = 1}, [] { spawn_many(30); });
    EXPECT_NE(testing::internal::GetCapturedStderr().find("come from " + table), std::string::npos);
    EXPECT_EQ(*row(kManyLine).member("class_used")->string(), "small");
    EXPECT_EQ(*row(kManyLine).member("class_advised")->string(), "micro");
    unlink(table.c_str());
}

TEST_F(Learning, an_overflow_leaves_a_line_also_where_there_was_no_row) {
    EXPECT_EXIT(run({.workers = 1},
                    [] {
                        auto below = spawn({.name = "below", .size_class = size_class::micro},
                                           [] { yield(); });
                        spawn({.name = "greedy", .size_class = size_class::micro}, [] {
                            use_stack(200);
                            yield();
                        }).join();
                        below.join();
                    }),
                testing::KilledBySignal(SIGABRT), "stack overflow in coroutine");
    std::ifstream file(detail::wrong_file_of(path_));
    std::string line;
    ASSERT_TRUE(std::getline(file, line));
    EXPECT_NE(line.find("\"class\": \"micro\""), std::string::npos) << line;
}

TEST_F(Learning, a_table_that_cannot_be_written_at_the_end_is_said) {
    testing::internal::CaptureStderr();
    run({.workers = 1}, [this] { std::ofstream(path_) << "nonsense"; });
    EXPECT_NE(
        testing::internal::GetCapturedStderr().find("cprime: nothing was learned: the size table " + path_),
        std::string::npos);
    EXPECT_EQ(text(), "nonsense");
}

}  // namespace
}  // namespace cprime
