// Coroutines resumed by hand: values to and fro, ends of every kind, on threads without a Runtime and inside scheduled coroutines.
#include <cprime/coroutine.h>

#include <array>
#include <csignal>

#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <cprime/channel.h>

#include "runtime/by_hand/whereabouts.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_THREAD__)
constexpr int kMany = 500;
#else
constexpr int kMany = 5000;
#endif

struct Counts {
    int* counter;
    explicit Counts(int& count) : counter(&count) {}
    Counts(Counts&& other) noexcept : counter(std::exchange(other.counter, nullptr)) {}
    ~Counts() {
        if (counter != nullptr) ++*counter;
    }
};

// Each of these runs on a plain thread without a Runtime, on one with it, and inside a scheduled coroutine.
enum class Where { kAlone, kBesideRuntime, kInside };
class ByHandAt : public testing::TestWithParam<Where> {
protected:
    template <typename F>
    void at(F&& function) {
        if (GetParam() == Where::kAlone) {
            function();
            return;
        }
        Runtime runtime({.workers = 2});
        if (GetParam() == Where::kBesideRuntime) {
            function();
        } else {
            runtime.run(std::forward<F>(function));
        }
        for (std::uint8_t pool = 0; pool < detail::kPoolsCount; ++pool)
            EXPECT_EQ(detail::g_runtime->pools.used(pool), 0U);
    }
};
INSTANTIATE_TEST_SUITE_P(Where, ByHandAt,
                         testing::Values(Where::kAlone, Where::kBesideRuntime, Where::kInside),
                         [](const auto& where) {
                             return where.param == Where::kAlone           ? "alone"
                                    : where.param == Where::kBesideRuntime ? "beside_a_runtime"
                                                                           : "inside";
                         });

TEST_P(ByHandAt, values_go_in_and_come_out) {
    at([] {
        Coroutine<int, std::string> echo([](auto& self, int first) -> std::string {
            const int second = self.yield("got " + std::to_string(first));
            const int third = self.yield("then " + std::to_string(second));
            return "at last " + std::to_string(third);
        });
        EXPECT_FALSE(echo.is_complete());
        EXPECT_EQ(*echo.resume(1), "got 1");
        EXPECT_EQ(*echo.resume(2), "then 2");
        EXPECT_FALSE(echo.is_complete());
        EXPECT_EQ(*echo.resume(3), "at last 3");
        EXPECT_TRUE(echo.is_complete());
        EXPECT_EQ(echo.resume(4).status(), Status::closed);
    });
}

TEST_P(ByHandAt, void_either_way) {
    at([] {
        int steps = 0;
        Coroutine<void, void> both([&steps](auto& self) {
            ++steps;
            self.yield();
            ++steps;
        });
        EXPECT_TRUE(both.resume());
        EXPECT_EQ(steps, 1);
        EXPECT_TRUE(both.resume());
        EXPECT_TRUE(both.is_complete());
        EXPECT_EQ(both.resume().status(), Status::closed);

        Coroutine<void, int> numbers([](auto& self) {
            self.yield(1);
            self.yield(2);
            return 3;
        });
        int sum = 0;
        while (auto number = numbers.resume())
            sum += *number;
        EXPECT_EQ(sum, 6);

        int seen = 0;
        Coroutine<int, void> sink([&seen](auto& self, int value) {
            for (; value != 0; value = self.yield())
                seen += value;
        });
        for (const int value : {5, 6, 0})
            EXPECT_TRUE(sink.resume(value));
        EXPECT_EQ(seen, 11);
        EXPECT_TRUE(sink.is_complete());
    });
}

TEST_P(ByHandAt, move_only_types_and_references) {
    at([] {
        Coroutine<std::unique_ptr<int>, std::unique_ptr<int>> adder(
            [](auto& self, std::unique_ptr<int> value) -> std::unique_ptr<int> {
                int sum = 0;
                while (value != nullptr) {
                    sum += *value;
                    value = self.yield(std::make_unique<int>(sum));
                }
                return nullptr;
            });
        EXPECT_EQ(**adder.resume(std::make_unique<int>(3)), 3);
        EXPECT_EQ(**adder.resume(std::make_unique<int>(4)), 7);
        EXPECT_EQ(*adder.resume(nullptr), nullptr);
        EXPECT_TRUE(adder.is_complete());

        Coroutine<int&, const std::string&> naming([](auto& self, int& number) -> const std::string& {
            const std::string mine = "mine";
            number = 1;
            int& second = self.yield(mine);
            second = 2;
            static const std::string last = "last";
            return last;
        });
        int a = 0;
        int b = 0;
        const std::string& seen = *naming.resume(a);
        EXPECT_EQ(seen, "mine");
        EXPECT_EQ(a, 1);
        EXPECT_EQ((*naming.resume(b)).get(), "last");
        EXPECT_EQ(b, 2);
    });
}

TEST_P(ByHandAt, an_exception_goes_to_the_resumer_and_completes_it) {
    at([] {
        int destroyed = 0;
        Coroutine<int, int> failing([&destroyed](auto& self, int value) -> int {
            const Counts local{destroyed};
            self.yield(value);
            throw std::runtime_error("no more");
        });
        EXPECT_EQ(*failing.resume(1), 1);
        try {
            static_cast<void>(failing.resume(2));
            FAIL() << "nothing thrown";
        } catch (const std::runtime_error& failure) {
            EXPECT_STREQ(failure.what(), "no more");
        }
        EXPECT_EQ(destroyed, 1);
        EXPECT_TRUE(failing.is_complete());
        EXPECT_EQ(failing.resume(3).status(), Status::closed);
    });
}

TEST_P(ByHandAt, exceptions_that_are_being_handled_belong_to_each_side) {
    at([] {
        Coroutine<void, int> inner([](auto& self) -> int {
            try {
                throw 1;
            } catch (int one) {
                self.yield(one);  // while it is being handled
                try {
                    throw;  // still the same
                } catch (int again) {
                    return again + 10;
                }
            }
        });
        try {
            throw std::string("ours");
        } catch (const std::string&) {
            EXPECT_EQ(*inner.resume(), 1);
            try {
                throw;
            } catch (const std::string& ours) {
                EXPECT_EQ(ours, "ours");
            }
            EXPECT_EQ(*inner.resume(), 11);
            EXPECT_EQ(std::uncaught_exceptions(), 0);
            try {
                throw;
            } catch (const std::string& ours) {
                EXPECT_EQ(ours, "ours");
            }
        }
    });
}

TEST_P(ByHandAt, destroying_an_unfinished_one_runs_its_destructors) {
    at([] {
        int frames = 0;
        int captures = 0;
        {
            Coroutine<void, int> endless([&frames, mine = Counts{captures}](auto& self) -> int {
                const Counts outer{frames};
                const auto deeper = [&] {
                    const Counts inner{frames};
                    for (int i = 0;; ++i)
                        self.yield(i);
                };
                deeper();
                return 0;
            });
            EXPECT_EQ(*endless.resume(), 0);
            EXPECT_EQ(*endless.resume(), 1);
            EXPECT_EQ(frames, 0);
        }
        EXPECT_EQ(frames, 2);
        EXPECT_EQ(captures, 1);
        {
            const Coroutine<void, int> fresh([mine = Counts{captures}](auto&) { return 1; });
            EXPECT_EQ(captures, 1);
        }
        EXPECT_EQ(captures, 2) << "one that never ran";
    });
}

TEST_P(ByHandAt, destruction_while_an_exception_leaves_the_owner) {
    at([] {
        int frames = 0;
        try {
            Coroutine<void, int> endless([&frames](auto& self) -> int {
                const Counts local{frames};
                for (;;)
                    self.yield(1);
            });
            static_cast<void>(endless.resume());
            throw std::runtime_error("owner leaves");
        } catch (const std::runtime_error& failure) {
            EXPECT_STREQ(failure.what(), "owner leaves");
        }
        EXPECT_EQ(frames, 1);
    });
}

TEST_P(ByHandAt, catching_std_exception_around_a_yield_does_not_keep_it_alive) {
    at([] {
        int frames = 0;
        {
            Coroutine<void, int> careful([&frames](auto& self) -> int {
                const Counts local{frames};
                for (;;) {
                    try {
                        self.yield(1);
                    } catch (const std::exception&) {
                        ADD_FAILURE() << "caught";
                    }
                }
            });
            static_cast<void>(careful.resume());
        }
        EXPECT_EQ(frames, 1);
    });
}

// Depth-first walk by recursion in the body, one value at a time.
TEST_P(ByHandAt, yields_from_deep_within_calls) {
    at([] {
        struct Walk {
            static void down(Coroutine<void, int>::Self& self, int depth) {
                if (depth == 0) return;
                down(self, depth - 1);
                self.yield(depth);
                down(self, depth - 1);
            }
        };
        Coroutine<void, int> walk([](auto& self) {
            Walk::down(self, 8);
            return 0;
        });
        int count = 0;
        int sum = 0;
        while (auto value = walk.resume()) {
            ++count;
            sum += *value;
        }
        EXPECT_EQ(count, 256);
        EXPECT_EQ(sum, 502);
    });
}

TEST_P(ByHandAt, nested_as_deep_as_wanted) {
    at([] {
        struct Nest {
            static int count(int depth) {
                Coroutine<void, int> inner([depth](auto& self) {
                    self.yield(1);
                    return depth == 0 ? 0 : count(depth - 1);
                });
                int sum = 0;
                while (auto value = inner.resume())
                    sum += *value;
                return sum;
            }
        };
        EXPECT_EQ(Nest::count(30), 31);
    });
}

TEST_P(ByHandAt, many_at_once_and_moved_about) {
    at([] {
        std::vector<Coroutine<int, int>> all;
        for (int i = 0; i < kMany; ++i) {
            all.emplace_back([sum = i](auto& self, int value) mutable {
                for (;;)
                    value = self.yield(sum += value);
                return 0;
            });
        }
        for (int round = 1; round <= 3; ++round) {
            for (int i = 0; i < kMany; ++i)
                ASSERT_EQ(*all[static_cast<std::size_t>(i)].resume(10), i + 10 * round);
        }
        Coroutine<int, int> taken = std::move(all.front());
        EXPECT_TRUE(all.front().is_complete());
        all.front() = std::move(taken);
        EXPECT_EQ(*all.front().resume(1), 31);
    });
}

TEST_P(ByHandAt, size_classes_and_names) {
    at([] {
        Coroutine<void, int> plain([](auto&) { return 1; });
        EXPECT_EQ(plain.size_class(), size_class::medium);
        EXPECT_EQ(plain.name(), "");
        Coroutine<void, int> small({.name = "small", .size_class = size_class::small},
                                   [](auto&) { return 1; });
        EXPECT_EQ(small.size_class(), size_class::medium) << "frames are unwound on its own stack";
        EXPECT_EQ(small.name(), "small");
        Coroutine<void, int> large({.name = "large", .size_class = size_class::large}, [](auto&) {
            volatile char much[1 << 20];
            for (std::size_t i = sizeof much; i > 0; i -= 4096)
                much[i - 1] = 1;
            return static_cast<int>(much[4095]);
        });
        EXPECT_EQ(large.size_class(), size_class::large);
        EXPECT_EQ(*large.resume(), 1);
        EXPECT_EQ(large.size_class(), size_class::unspecified);
        std::array<char, 60000> big{};
        big[59999] = 7;
        Coroutine<void, int> roomy([big](auto&) { return int{big[59999]}; });
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        EXPECT_EQ(roomy.size_class(), size_class::large)
            << "a closure too large for its class gets the next one";
#endif
        EXPECT_EQ(*roomy.resume(), 7);
    });
}

TEST_P(ByHandAt, a_medium_body_may_use_most_of_64_kib) {
    at([] {
        Coroutine<void, int> deep([](auto&) {
            volatile char much[48 << 10];
            for (std::size_t i = sizeof much; i > 0; i -= 512)
                much[i - 1] = 1;
            return static_cast<int>(much[511]);
        });
        EXPECT_EQ(*deep.resume(), 1);
    });
}

TEST_P(ByHandAt, a_body_whose_capture_cannot_be_copied_in_leaves_nothing_behind) {
    at([] {
        struct Throws {
            Throws() = default;
            Throws(const Throws&) { throw std::runtime_error("copy"); }
            int operator()(Coroutine<void, int>::Self&) const { return 0; }
        };
        const Throws throws;
        EXPECT_THROW((Coroutine<void, int>(throws)), std::runtime_error);
    });
}

}  // namespace
}  // namespace cprime
