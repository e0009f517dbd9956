// What is said of a function, or at its spawn, chooses its stack.
#include <cprime/metadata.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/switch/sanitizer.h"
#include "workers_fixture.h"

namespace metadata_test {

// Where it ran: set by the functions below.
std::uint8_t pool_seen = 0;
coroscope::wire::ClassEvidence evidence_seen{};

void look_around() {
    std::uint32_t index = 0;
    while (cprime::detail::detail(index).identity.load() != cprime::this_id())
        ++index;
    pool_seen = cprime::detail::record(index).pool;
    evidence_seen = cprime::detail::g_runtime->sites.record(cprime::detail::detail(index).site.load())
                        .evidence.load();
}

// Bounds are of what they would take if they did nothing else: only the class is looked at.
[[gnu::noinline]] void bounded() {
    look_around();
}
void undeclared() {
    look_around();
}
struct Tiny {
    void operator()() const { look_around(); }
};
struct Deep : Tiny {};
struct Printing : Tiny {};
struct Usual : Tiny {};
struct Huge : Tiny {};
struct ForLarge : Tiny {};
int answers() {
    look_around();
    return 42;
}

}  // namespace metadata_test

CPRIME_CORO(metadata_test::bounded, .max_stack = 1024, .bounded = true)
CPRIME_CORO(metadata_test::answers, .max_stack = 1500, .bounded = true)
CPRIME_CORO_TYPE(metadata_test::Tiny, .max_stack = 40, .bounded = true)
CPRIME_CORO_TYPE(metadata_test::Deep, .max_stack = 500, .recursive = true)
CPRIME_CORO_TYPE(metadata_test::Printing, .max_stack = 40, .bounded = true, .calls_foreign = true)
CPRIME_CORO_TYPE(metadata_test::Usual, .max_stack = 100)
CPRIME_CORO_TYPE(metadata_test::Huge, .max_stack = 100'000)
CPRIME_CORO_TYPE(metadata_test::ForLarge, .size_class = cprime::size_class::large)

namespace cprime {
namespace {

using coroscope::wire::ClassEvidence;
using detail::MetadataProblem;
using metadata_test::evidence_seen;
using metadata_test::pool_seen;

static_assert(metadata_of_function<&metadata_test::bounded>.max_stack == 1024);
static_assert(metadata_of_function<&metadata_test::undeclared>.max_stack == 0);
static_assert(metadata_of<metadata_test::Deep>.recursive);

// What the macros refuse to compile.
static_assert(detail::problem_of(coro_metadata{.bounded = true}) == MetadataProblem::kBoundOfNothing);
static_assert(detail::problem_of(coro_metadata{.max_stack = 9U << 20}) == MetadataProblem::kBeyondLarge);
static_assert(detail::problem_of(coro_metadata{
                  .max_stack = 500, .bounded = true, .size_class = size_class::micro}) ==
              MetadataProblem::kBeyondItsClass);
static_assert(detail::problem_of(coro_metadata{.calls_foreign = true, .size_class = size_class::small}) ==
              MetadataProblem::kForeignInSmall);
static_assert(detail::problem_of(coro_metadata{
                  .max_stack = 90, .bounded = true, .size_class = size_class::micro}) ==
              MetadataProblem::kNone);

// The class that a function gets at a spawn; classes are told by pool. Sanitizer builds have larger slots, which hold more.
class Metadata : public testing::Test {
protected:
    void SetUp() override {
#if !defined(__OPTIMIZE__)
        GTEST_SKIP() << "code without optimisation gets larger classes";
#endif
    }
    template <typename F>
    static std::uint8_t pool_of(const SpawnOptions& options, F&& function, Place place = CPRIME_HERE) {
        pool_seen = 255;
        run({.workers = 1}, [&] { spawn(options, std::forward<F>(function), place).join(); });
        return pool_seen;
    }
};

TEST_F(Metadata, a_declared_bound_gets_the_smallest_class_that_holds_it) {
    EXPECT_EQ(pool_of({}, metadata_test::Tiny{}), detail::kPoolMicro);
    EXPECT_EQ(evidence_seen, ClassEvidence::kDeclared);
    if (detail::kSanitizer) return;
    EXPECT_EQ(pool_of({}, metadata_test::bounded), detail::kPoolSmall) << "by its address";
    EXPECT_EQ(pool_of({}, &metadata_test::bounded), detail::kPoolSmall) << "and as a pointer";
    EXPECT_EQ(evidence_seen, ClassEvidence::kDeclared);
}

TEST_F(Metadata, of_a_detached_function_with_a_result_counts_too) {
    if (detail::kSanitizer) GTEST_SKIP();
    run({.workers = 1}, [] { spawn_detached({.name = "answers"}, metadata_test::answers); });
    EXPECT_EQ(pool_seen, detail::kPoolSmall);
}

TEST_F(Metadata, what_is_not_bounded_gets_medium_at_least) {
    EXPECT_EQ(pool_of({}, metadata_test::Usual{}), detail::kPoolMedium);
    EXPECT_EQ(pool_of({}, metadata_test::Printing{}), detail::kPoolMedium);
    EXPECT_EQ(pool_of({}, metadata_test::Huge{}), detail::kPoolLarge);
    EXPECT_EQ(pool_of({}, metadata_test::Deep{}), detail::kPoolLarge);
    EXPECT_EQ(pool_of({}, metadata_test::ForLarge{}), detail::kPoolLarge);
}

TEST_F(Metadata, nothing_said_is_medium_and_unknown) {
    EXPECT_EQ(pool_of({}, metadata_test::undeclared), detail::kPoolMedium);
    EXPECT_EQ(evidence_seen, ClassEvidence::kUnknown);
}

TEST_F(Metadata, a_lambda_carries_it_in_a_wrapper) {
    auto wrapped = with_metadata<coro_metadata{.max_stack = 60, .bounded = true}>(
        [] { metadata_test::look_around(); });
    static_assert(metadata_of<decltype(wrapped)>.max_stack == 60);
    EXPECT_EQ(pool_of({}, wrapped), detail::kPoolMicro);
    EXPECT_EQ(evidence_seen, ClassEvidence::kDeclared);
    run({.workers = 1}, [] {
        auto counting = with_metadata<coro_metadata{.max_stack = 1000}>([n = 0]() mutable { return ++n; });
        EXPECT_EQ(*spawn("counting", counting).join(), 1);
    });
}

TEST_F(Metadata, bytes_hinted_at_the_spawn_get_the_smallest_class_that_holds_them) {
    const auto pool_for = [](std::uint32_t bytes) {
        return pool_of({.stack_bytes = bytes}, [] { metadata_test::look_around(); });
    };
    EXPECT_EQ(pool_for(60), detail::kPoolMicro);
    EXPECT_EQ(evidence_seen, ClassEvidence::kHint);
    EXPECT_EQ(pool_for(200'000), detail::kPoolLarge);
    if (detail::kSanitizer) return;
    EXPECT_EQ(pool_for(100), detail::kPoolSmall);
    EXPECT_EQ(pool_for(1500), detail::kPoolSmall);
    EXPECT_EQ(pool_for(2000), detail::kPoolMedium);
    EXPECT_EQ(pool_for(15'000), detail::kPoolMedium);
    EXPECT_EQ(pool_for(16'000), detail::kPoolLarge);
}

TEST_F(Metadata, a_wish_comes_before_a_hint_and_a_hint_before_a_declaration) {
    EXPECT_EQ(pool_of({.size_class = size_class::small, .stack_bytes = 20'000},
                      [] { metadata_test::look_around(); }),
              detail::kPoolSmall);
    EXPECT_EQ(evidence_seen, ClassEvidence::kWish);
    EXPECT_EQ(pool_of({.stack_bytes = 60}, metadata_test::Deep{}), detail::kPoolMicro);
    EXPECT_EQ(evidence_seen, ClassEvidence::kHint);
    EXPECT_EQ(pool_of({.size_class = size_class::medium}, metadata_test::Tiny{}), detail::kPoolMedium);
    EXPECT_EQ(evidence_seen, ClassEvidence::kWish);
}

TEST_F(Metadata, a_bound_that_a_wish_cannot_hold_wins_over_it) {
    if (detail::kSanitizer) GTEST_SKIP();
    EXPECT_EQ(pool_of({.size_class = size_class::micro}, metadata_test::bounded), detail::kPoolSmall);
    EXPECT_EQ(evidence_seen, ClassEvidence::kDeclared);
    EXPECT_EQ(pool_of({.size_class = size_class::micro}, metadata_test::Usual{}), detail::kPoolMicro)
        << "what is usual is no bound";
}

TEST_F(Metadata, what_the_header_says_of_the_classes_is_what_the_pools_give) {
    if (detail::kSanitizer) GTEST_SKIP();
    Runtime runtime({.workers = 1});
    const std::pair<size_class, std::uint8_t> classes[] = {{size_class::micro, detail::kPoolMicro},
                                                           {size_class::small, detail::kPoolSmall},
                                                           {size_class::medium, detail::kPoolMedium},
                                                           {size_class::large, detail::kPoolLarge}};
    for (const auto& [wish, pool] : classes) {
        const detail::PoolGeometry& geometry = detail::g_runtime->pools.geometry(pool);
        EXPECT_EQ(detail::class_holds_bytes(wish),
                  geometry.slot_bytes - detail::kRoomBesideClosure - (geometry.colour_steps - 1) * 64U);
    }
}

}  // namespace
}  // namespace cprime
