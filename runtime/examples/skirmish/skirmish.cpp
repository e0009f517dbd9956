// The frame loop of a game: thousands of soldiers, each of them a script that is a coroutine; stages that compute what comes of it.
//
//   skirmish [--seed N] [--soldiers N] [--frames N]
//
//   frame:  soldiers think, one coroutine each ──▶ movement, casualties, animation, senses: a few jobs each ──▶ next frame
//
// Shows: why games like coroutines. A script (soldier.cpp) says "march until somebody is near, fight, recover" in that order, and waits for the
// next frame in the midst of a loop of a function that it called, instead of being a state machine that is asked anew in each frame. What a
// soldier knows of the world and wants of it is in the field (field.h), not on his stack.
//
// The spawn of a soldier says nothing of its stack: it gets the default, 16 KiB, until `coroscope sizes` has seen it. The last line on stdout is
// JSON (measured/footprint.h); "result" hashes every frame of the battle. Exit code 1: other points were lost than were shot.
#include <cprime/cprime.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <vector>

#include "../measured/footprint.h"
#include "../measured/numbers_said.h"
#include "field.h"
#include "frame_clock.h"
#include "soldier.h"

namespace {

struct Options {
    std::uint64_t seed = 1, soldiers = 20'000, frames = 100;
};

bool run_battle(const Options& options, std::optional<measured::Footprint>& footprint, std::uint64_t& result) {
    skirmish::Field field(options.seed, static_cast<std::uint32_t>(options.soldiers));
    skirmish::FrameClock clock(field.soldiers());
    std::vector<skirmish::Soldier> soldiers;
    for (std::uint32_t me = 0; me < field.soldiers(); ++me)
        soldiers.emplace_back(field, clock, me);
    std::vector<cprime::JoinHandle<void>> lives;
    lives.reserve(soldiers.size());
    footprint.emplace();

    for (skirmish::Soldier& soldier : soldiers)
        lives.push_back(cprime::spawn("soldier", [&soldier] { soldier.live(); }));
    footprint->look();
    for (std::uint64_t frame = 0; frame < options.frames && clock.wait_for_all(); ++frame) {
        field.play_stages();
        frame + 1 < options.frames ? clock.begin_next() : clock.end();
    }
    for (auto& life : lives)
        life.join();

    std::printf("%u soldiers fought for %llu frames and shot %llu times\n", field.soldiers(),
                static_cast<unsigned long long>(options.frames),
                static_cast<unsigned long long>(field.shots()));
    result = field.digest();
    if (field.points_lost() == field.shots() * skirmish::Field::kPointsAShot) return true;
    std::printf("skirmish: %llu points were lost by that\n",
                static_cast<unsigned long long>(field.points_lost()));
    return false;
}

}  // namespace

int main(int argument_count, char** arguments) {
    Options options;
    measured::read_numbers(argument_count, arguments,
                           {{"--seed", options.seed, 0, ~0ULL},
                            {"--soldiers", options.soldiers, 1, 1'000'000},
                            {"--frames", options.frames, 1, 1'000'000}});
    cprime::Runtime runtime;
    std::optional<measured::Footprint> footprint;
    std::uint64_t result = 0;
    const bool good = runtime.run([&] { return run_battle(options, footprint, result); });
    std::printf("%s\n", footprint->json(result, runtime).c_str());
    return good ? 0 : 1;
}
