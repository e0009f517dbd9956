// AnyCoroutine: every kind and class in one container, one interface.
#include <cprime/any_coroutine.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using Numbers = Coroutine<void, int>;
using Echo = Coroutine<std::string, std::string>;

class Any : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Any);

TEST_P(Any, drives_every_kind_and_class_to_its_end) {
    run([] {
        std::atomic<int> ended{0};
        std::vector<AnyCoroutine> all;
        for (const size_class wish :
             {size_class::micro, size_class::small, size_class::medium, size_class::large}) {
            all.emplace_back(spawn({.name = "scheduled", .size_class = wish}, [&ended] {
                suspend();
                ++ended;
            }));
            all.emplace_back(spawn({.name = "with a result", .size_class = wish}, [&ended] {
                suspend();
                ++ended;
                return std::make_unique<int>(7);
            }));
        }
        for (const size_class wish : {size_class::medium, size_class::large}) {
            all.emplace_back(Numbers({.name = "numbers", .size_class = wish}, [&ended](auto& self) {
                self.yield(1);
                ++ended;
                return 2;
            }));
            all.emplace_back(Coroutine<void, void>({.name = "steps", .size_class = wish}, [&ended](auto& self) {
                self.yield();
                ++ended;
            }));
        }
        std::vector<size_class> classes;
        std::vector<std::string> names;
        for (const auto& one : all) {
            classes.push_back(one.size_class());
            names.emplace_back(one.name());
        }
        using enum size_class;
        EXPECT_EQ(classes, (std::vector<size_class>{micro, micro, small, small, medium, medium, large, large,
                                                    medium, medium, large, large}));
        EXPECT_EQ(names[0], "scheduled");
        EXPECT_EQ(names[1], "with a result");
        EXPECT_EQ(names[8], "numbers");
        EXPECT_EQ(names[9], "steps");
        for (std::size_t left = all.size(); left != 0;) {
            left = 0;
            for (auto& one : all) {
                if (one.is_complete()) continue;
                ++left;
                one.resume();
            }
            yield();
        }
        EXPECT_EQ(ended, 12);
        for (auto& one : all) {
            EXPECT_FALSE(one.resume());
            EXPECT_EQ(one.size_class(), unspecified);
        }
        EXPECT_EQ(**all[1].try_as<JoinHandle<std::unique_ptr<int>>>()->join(), 7);
    });
}

TEST_P(Any, gives_back_exactly_what_it_holds) {
    run([] {
        AnyCoroutine echo = Echo([](auto& self, std::string text) {
            for (;;)
                text = self.yield(text + "!");
            return text;
        });
        EXPECT_EQ(echo.try_as<Numbers>(), nullptr);
        EXPECT_EQ(echo.try_as<JoinHandle<void>>(), nullptr);
        ASSERT_NE(echo.try_as<Echo>(), nullptr);
        EXPECT_FALSE(echo.resume()) << "it wants a value";
        EXPECT_EQ(*echo.try_as<Echo>()->resume("a"), "a!");
        AnyCoroutine moved = std::move(echo);
        EXPECT_EQ(echo.try_as<Echo>(), nullptr);
        EXPECT_TRUE(echo.is_complete());
        EXPECT_EQ(*moved.try_as<Echo>()->resume("b"), "b!");
        moved = spawn("seven", [] { return 7; });
        EXPECT_EQ(moved.try_as<Echo>(), nullptr);
        EXPECT_EQ(*moved.try_as<JoinHandle<int>>()->join(), 7);
        EXPECT_TRUE(moved.is_complete());
    });
}

TEST_P(Any, lets_go_as_the_kind_does) {
    run([] {
        bool unwound = false;
        struct Sets {
            bool& it;
            ~Sets() { it = true; }
        };
        std::atomic<bool> went_on{false};
        {
            AnyCoroutine by_hand = Numbers([&unwound](auto& self) {
                const Sets sets{unwound};
                self.yield(1);
                return 2;
            });
            EXPECT_TRUE(by_hand.resume());
            const AnyCoroutine scheduled = spawn("alone", [&went_on] {
                yield();
                went_on = true;
            });
        }
        EXPECT_TRUE(unwound);
        while (!went_on)
            yield();
    });
}

TEST(AnyAlone, needs_no_runtime_for_those_by_hand) {
    AnyCoroutine empty;
    EXPECT_TRUE(empty.is_complete());
    EXPECT_FALSE(empty.resume());
    EXPECT_EQ(empty.name(), "");
    EXPECT_EQ(empty.size_class(), size_class::unspecified);
    AnyCoroutine failing = Numbers([](auto& self) -> int {
        self.yield(1);
        throw std::runtime_error("out");
    });
    EXPECT_TRUE(failing.resume());
    EXPECT_THROW(failing.resume(), std::runtime_error);
    EXPECT_TRUE(failing.is_complete());
}

static_assert(sizeof(AnyCoroutine) == 4 * sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<AnyCoroutine>);

}  // namespace
}  // namespace cprime
