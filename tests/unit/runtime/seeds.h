// Small tests as functions of a seed: whatever a test leaves to chance (who comes first, who dawdles) it draws from there, and so does the runtime,
// which is in chaos meanwhile (scheduler/chaos.h). On one worker one seed is nearly one order, and many seeds are many.
//
//   COROSCOPE_SEEDS=N   how many seeds each such test runs with; a few where nothing is said
//   COROSCOPE_SEED=S    the first one; a failure names it
//   COROSCOPE_CHAOS=0   without chaos; else one seed in kSeedsPerCalm is, so that the short ways are not forgotten
//
// When a seed has been played nobody waits on any channel, and every arm is back.
#pragma once

#include <cstdlib>
#include <memory>
#include <optional>

#include "runtime/scheduler/chaos.h"
#include "select_fixture.h"

namespace cprime::test {

// Draws that depend on nothing but the seed. One a coroutine: another()'s.
class Seed {
public:
    explicit Seed(std::uint64_t number) : state_((number + 1) * 0x9e3779b97f4a7c15ULL | 1) {}
    std::uint32_t below(std::uint32_t bound) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::uint32_t>((state_ >> 32) * bound >> 32);
    }
    bool coin() { return below(2) == 0; }
    Seed another() { return Seed(static_cast<std::uint64_t>(below(1U << 31)) << 20 | below(1U << 20)); }
    // Lets others run, or not.
    void dawdle() {
        for (std::uint32_t left = below(4); left > 0; --left)
            static_cast<void>(yield());
    }

private:
    std::uint64_t state_;
};

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

// How many seeds one runtime serves: making one takes many times as long as a small test.
inline constexpr std::uint64_t kSeedsOfARuntime = 50;

// Called before each seed, while no coroutine lives: the runtime takes part in the game.
inline constexpr std::uint64_t kSeedsPerCalm = 5;
inline void tell_runtime(std::uint64_t seed) {
    const bool calm = from_environment("COROSCOPE_CHAOS", 1) == 0 || seed % kSeedsPerCalm == 0;
    detail::g_chaos.change(calm ? std::nullopt : std::optional(seed), false);
}

// Runs body(seed) as the first coroutine, once a seed, until one fails.
template <typename Body>
void for_each_seed(unsigned workers, Body body) {
    const std::uint64_t first = from_environment("COROSCOPE_SEED", 1);
    const std::uint64_t count = from_environment("COROSCOPE_SEEDS", detail::kSanitizer ? 10 : 25);
    std::unique_ptr<Runtime> runtime;
    for (std::uint64_t number = first; number < first + count; ++number) {
        if ((number - first) % kSeedsOfARuntime == 0) {
            runtime.reset();
            runtime = std::make_unique<Runtime>(RuntimeOptions{.workers = workers});
        }
        tell_runtime(number);
        runtime->run([&] {
            Seed seed(number);
            body(seed);
        });
        expect_empty_wait_lists();
        expect_all_arms_given_back();
        if (testing::Test::HasFailure()) {
            ADD_FAILURE() << "with COROSCOPE_SEED=" << number << " COROSCOPE_SEEDS=1";
            return;
        }
    }
}

}  // namespace cprime::test
