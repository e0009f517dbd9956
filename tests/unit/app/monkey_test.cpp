// Random inputs repeat with their seed, are of every kind, and stay near the window.
#include "app/monkey.h"

#include <gtest/gtest.h>

#include <map>

namespace {

using coroscope::app::Monkey;
using coroscope::app::MonkeyInput;
using coroscope::app::MonkeyToys;

MonkeyToys toys() {
    return {{{"row.1", {10, 10, 100, 30}}, {"tab.stack", {200, 10, 260, 30}}}, {"f1", "ctrl+k"}, 800, 600};
}

TEST(Monkey, SaysTheSameAgainWithTheSameSeedAndOtherThingsWithAnother) {
    Monkey one(7, {"a.coro"}), again(7, {"a.coro"}), other(8, {"a.coro"});
    int different = 0;
    for (int i = 0; i < 1000; ++i) {
        const MonkeyInput input = one.next(toys());
        EXPECT_EQ(input.said, again.next(toys()).said);
        different += input.said != other.next(toys()).said ? 1 : 0;
    }
    EXPECT_GT(different, 500);
}

TEST(Monkey, DoesEverythingThatThereIsToDo) {
    Monkey monkey(1, {"a.coro", "4711", "demo --seconds 5"});
    std::map<MonkeyInput::Kind, int> kinds;
    std::map<std::string, int> said;
    for (int i = 0; i < 10'000; ++i) {
        const MonkeyInput input = monkey.next(toys());
        ++kinds[input.kind];
        ++said[input.said];
        EXPECT_FALSE(input.said.empty());
    }
    EXPECT_EQ(kinds.size(), 12U);
    for (const char* one : {"open a.coro", "open 4711", "open demo --seconds 5", "click on row.1", "right click on tab.stack", "key f1"})
        EXPECT_GT(said[one], 0) << one;
}

TEST(Monkey, StaysNearTheWindow) {
    Monkey monkey(3, {});
    for (int i = 0; i < 10'000; ++i) {
        const MonkeyInput input = monkey.next(toys());
        EXPECT_NE(input.kind, MonkeyInput::Kind::kOpen);  // there is nothing to open
        EXPECT_GE(input.x, -20);
        EXPECT_LE(input.x, 820);
        EXPECT_LE(input.y, 620);
        if (input.kind != MonkeyInput::Kind::kResize) continue;
        EXPECT_GE(input.width, 1);
        EXPECT_GE(input.height, 1);
        EXPECT_LE(input.width, 3000);
        EXPECT_LE(input.height, 2000);
    }
}

}  // namespace
