// What the C interface tells about its coroutines: the place and the function that C named.
#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include "runtime/entry/runtime_state.h"
#include "runtime/switch/sanitizer.h"

extern "C" {
struct co_place {
    const char* file;
    const char* function;
    unsigned line;
    unsigned column;
};
struct co {
    std::uint64_t identity;
    std::uint32_t coroutine;
};
co* co_spawn_at(const co_place* place, const char* name, std::uint32_t size, void (*function)(void*),
                void* argument);
void co_detach(co* one);
}

namespace cprime::test {
namespace {

TEST(CSites, are_where_the_c_program_says) {
    static const co_place place = {"dir/program.c", "main", 17, 0};
    Runtime runtime({.workers = 1});
    runtime.run([] {
        bool ran = false;
        co* one = co_spawn_at(
            &place, "work", 0, [](void* noted) { *static_cast<bool*>(noted) = true; }, &ran);
        ASSERT_NE(one, nullptr);
        const std::uint32_t site = detail::detail(one->coroutine).site;
        EXPECT_EQ(detail::g_runtime->sites.text(site), "dir/program.c:17");
        const auto& record = detail::g_runtime->sites.record(site);
        EXPECT_EQ(detail::g_runtime->segment->string(record.name), "work");
        EXPECT_EQ(detail::g_runtime->segment->string(record.function), "main");
        EXPECT_EQ(detail::detail(one->coroutine).identity, one->identity);
        co_detach(one);
        while (!ran)
            static_cast<void>(cprime::yield());
    });
}

TEST(CSites, bytes_of_stack_choose_the_smallest_class_that_holds_them) {
    if (detail::kSanitizer) GTEST_SKIP() << "classes are larger under sanitizers";
    static const co_place place = {"dir/program.c", "main", 18, 0};
    Runtime runtime({.workers = 1});
    runtime.run([] {
        const auto class_with = [](std::uint32_t size) {
            bool ran = false;
            co* one = co_spawn_at(
                &place, "work", size, [](void* noted) { *static_cast<bool*>(noted) = true; }, &ran);
            const std::uint8_t pool = detail::record(one->coroutine).pool;
            co_detach(one);
            while (!ran)
                static_cast<void>(cprime::yield());
            return pool;
        };
        EXPECT_EQ(class_with(1000), detail::kPoolSmall);
        EXPECT_EQ(class_with(10'000), detail::kPoolMedium);
        EXPECT_EQ(class_with(100'000), detail::kPoolLarge);
    });
}

}  // namespace
}  // namespace cprime::test
