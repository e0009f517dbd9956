#include "demo.h"

#include <cprime/cprime.h>

#include <algorithm>

#include "bank.h"
#include "climbers.h"
#include "deadlock.h"
#include "edges.h"
#include "exchange.h"
#include "fan_in.h"
#include "parser.h"
#include "pipeline.h"
#include "swarm.h"

namespace demo {

Demo::Demo(const Options& options, Clock::time_point start)
    : options_(options), start_(start), schedule_(start, std::chrono::seconds(options.seconds)) {}

void Demo::conduct() {
    open();
    if (!wait_for_rest() || !hold()) return;
    schedule_.go_on();
    for (const auto& part : parts_)
        part->finish();
}

void Demo::open() {
    parts_.push_back(std::make_unique<Pipeline>(schedule_, options_.seed));
    parts_.push_back(std::make_unique<FanIn>(schedule_));
    parts_.push_back(std::make_unique<Parser>(schedule_, options_.seed));
    parts_.push_back(std::make_unique<Climbers>(schedule_));
    parts_.push_back(std::make_unique<Exchange>(schedule_, options_.seed));
    parts_.push_back(std::make_unique<Bank>(schedule_));
    if (options_.deadlock) parts_.push_back(std::make_unique<Deadlock>(Deadlock::Kind::certain));
    if (options_.near_miss) parts_.push_back(std::make_unique<Deadlock>(Deadlock::Kind::near_miss));
    parts_.push_back(std::make_unique<Swarm>(schedule_, options_.swarm, options_.hints));
    statistics_.print_by_signal();
}

// Until every player holds and everybody else waits. False: asked to end.
bool Demo::wait_for_rest() {
    int players = 0;
    for (const auto& part : parts_)
        players += part->players();
    const auto all_rest = [&] {
        return schedule_.players_holding() == players &&
               std::all_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->at_rest(); });
    };
    while (!all_rest()) {
        if (!cprime::sleep_for(milliseconds(1))) return false;
    }
    return true;
}

// Everything stands still. False: asked to end.
bool Demo::hold() {
    // A slow machine gets a hold that is late, but not one that is too short.
    const auto now = Clock::now();
    const auto end = std::max(schedule_.hold_end(), now + std::chrono::seconds(options_.seconds) / 6);
    if (!options_.edges_path.empty()) {
        Edges edges;
        edges.sleeps(cprime::this_id());
        for (const auto& part : parts_)
            part->note_edges(edges);
        const auto middle = std::chrono::duration_cast<milliseconds>(now + (end - now) / 2 - start_);
        if (!edges.write(options_.edges_path, middle.count())) return false;
    }
    return static_cast<bool>(cprime::sleep_for(end - Clock::now()));
}

}  // namespace demo
