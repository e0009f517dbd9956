#include "field.h"

#include <cprime/cprime.h>

#include <algorithm>
#include <cstdlib>

#include "../measured/random.h"

namespace skirmish {
namespace {

constexpr std::int32_t kMetre = 256;
constexpr std::int32_t kCell = 8 * kMetre;  // of the grid in which soldiers look around
constexpr std::int32_t kSight = kCell;
constexpr std::int32_t kStep = kMetre / 4;  // in a frame
constexpr std::int32_t kHealthy = 100, kHealing = 5;
constexpr std::uint32_t kPoses = 24;  // of somebody who walks
constexpr std::uint64_t kJobs = 8;    // in a stage

std::int32_t distance(Place a, Place b) {
    return std::max(std::abs(a.x - b.x), std::abs(a.y - b.y));
}
bool are_enemies(std::uint32_t a, std::uint32_t b) {
    return ((a ^ b) & 1) != 0;
}

}  // namespace

Field::Field(std::uint64_t seed, std::uint32_t soldiers)
    : seed_(seed), soldiers_(soldiers), intents_(soldiers), hits_(soldiers), by_cell_(soldiers) {
    // Two soldiers in a cell, or there would be no battle.
    while (static_cast<std::uint64_t>(cells_) * static_cast<std::uint64_t>(cells_) * 2 < soldiers)
        ++cells_;
    width_ = cells_ * kCell;
    first_in_cell_.resize(static_cast<std::size_t>(cells_) * static_cast<std::size_t>(cells_) + 1);
    for (std::uint32_t who = 0; who < soldiers; ++who)
        soldiers_[who] = {drawn_place(who, ~0ULL), kHealthy, 0, kNobody};
    sort_into_cells();
    for (std::uint32_t who = 0; who < soldiers; ++who)
        sense(who);
}

Place Field::drawn_place(std::uint64_t who, std::uint64_t n) const {
    const std::uint64_t random = measured::drawn(seed_, who, n);
    return {static_cast<std::int32_t>((random & 0xffff'ffff) % static_cast<std::uint32_t>(width_)),
            static_cast<std::int32_t>((random >> 32) % static_cast<std::uint32_t>(width_))};
}

// ---- What soldiers ask and want

bool Field::is_at_goal(std::uint32_t me) const {
    return distance(soldiers_[me].at, intents_[me].goal) <= kStep;
}

void Field::choose_goal(std::uint32_t me) {
    intents_[me].goal = drawn_place(me, intents_[me].goals++);
}

void Field::step_to_goal(std::uint32_t me) {
    const Place at = soldiers_[me].at, goal = intents_[me].goal;
    intents_[me].step = {std::clamp(goal.x - at.x, -kStep, kStep), std::clamp(goal.y - at.y, -kStep, kStep)};
}

void Field::stand(std::uint32_t me) {
    intents_[me].step = {0, 0};
}

void Field::aim(std::uint32_t me) {
    stand(me);
    if (sees_enemy(me)) intents_[me].aimed_at = soldiers_[me].nearest_enemy;
}

void Field::shoot(std::uint32_t me) {
    intents_[me].shoots = true;
}

// ---- What becomes of it

void Field::move(std::uint32_t who) {
    Intent& intent = intents_[who];
    Place& at = soldiers_[who].at;
    at = {std::clamp(at.x + intent.step.x, 0, width_ - 1), std::clamp(at.y + intent.step.y, 0, width_ - 1)};
    if (!intent.shoots) return;
    intent.shoots = false;
    hits_[intent.aimed_at].fetch_add(1, std::memory_order_relaxed);
    shots_.fetch_add(1, std::memory_order_relaxed);
}

void Field::take_hits(std::uint32_t who) {
    const std::int32_t points = hits_[who].exchange(0, std::memory_order_relaxed) * kPointsAShot;
    std::int32_t& health = soldiers_[who].health;
    const bool was_down = health <= 0;
    health -= points;
    if (was_down && points == 0) health = std::min(health + kHealing, kHealthy);
    points_lost_.fetch_add(static_cast<std::uint64_t>(points), std::memory_order_relaxed);
}

void Field::animate(std::uint32_t who) {
    Body& soldier = soldiers_[who];
    const Place step = intents_[who].step;
    const bool walks = step.x != 0 || step.y != 0;
    soldier.pose = is_down(who) ? 0 : walks ? soldier.pose % kPoses + 1 : kPoses + 1;
    std::uint64_t hash = measured::mixed(who);
    for (const std::int32_t number : {soldier.at.x, soldier.at.y, soldier.health})
        hash = measured::mixed(hash + static_cast<std::uint32_t>(number));
    frame_digest_.fetch_add(measured::mixed(hash + soldier.pose), std::memory_order_relaxed);
}

// Looks around in the cells about his own.
void Field::sense(std::uint32_t who) {
    const Place at = soldiers_[who].at;
    const std::int32_t left = std::max(at.x / kCell - 1, 0), right = std::min(at.x / kCell + 1, cells_ - 1);
    const std::int32_t bottom = std::min(at.y / kCell + 1, cells_ - 1);
    std::uint32_t nearest = kNobody;
    std::int32_t nearest_is = kSight;
    for (std::int32_t y = std::max(at.y / kCell - 1, 0); y <= bottom; ++y) {
        // The cells of a row lie side by side, and so do those who stand in them.
        const std::uint32_t end = first_in_cell_[static_cast<std::size_t>(y * cells_ + right + 1)];
        for (std::uint32_t i = first_in_cell_[static_cast<std::size_t>(y * cells_ + left)]; i < end; ++i) {
            const std::uint32_t other = by_cell_[i];
            if (!are_enemies(who, other) || is_down(other)) continue;
            const std::int32_t away = distance(at, soldiers_[other].at);
            if (away >= nearest_is) continue;
            nearest = other;
            nearest_is = away;
        }
    }
    soldiers_[who].nearest_enemy = nearest;
}

// Does it to all soldiers, in a few coroutines at once, and waits for them.
void Field::run_stage(const char* name, void (Field::*of_one)(std::uint32_t)) {
    cprime::Nursery stage(name);
    for (std::uint64_t job = 0; job < kJobs; ++job) {
        auto part = stage.spawn(name, [this, of_one, job] {
            const std::uint64_t end = soldiers_.size() * (job + 1) / kJobs;
            for (std::uint64_t who = soldiers_.size() * job / kJobs; who < end; ++who)
                (this->*of_one)(static_cast<std::uint32_t>(who));
        });
        part.detach();
    }
    static_cast<void>(stage.wait());  // cancelled: its destructor waits all the same
}

void Field::play_stages() {
    run_stage("movement", &Field::move);
    run_stage("casualties", &Field::take_hits);
    run_stage("animation", &Field::animate);
    digest_ = measured::mixed(digest_ + frame_digest_.exchange(0));
    sort_into_cells();
    run_stage("senses", &Field::sense);
}

std::size_t Field::cell_of(Place at) const {
    return static_cast<std::size_t>(at.y / kCell * cells_ + at.x / kCell);
}

// Counts, adds up, and puts everybody into place from behind: each cell's first is then where it begins.
void Field::sort_into_cells() {
    std::fill(first_in_cell_.begin(), first_in_cell_.end(), 0);
    for (const Body& soldier : soldiers_)
        ++first_in_cell_[cell_of(soldier.at)];
    for (std::size_t cell = 1; cell < first_in_cell_.size(); ++cell)
        first_in_cell_[cell] += first_in_cell_[cell - 1];
    for (std::uint32_t who = soldiers(); who-- > 0;)
        by_cell_[--first_in_cell_[cell_of(soldiers_[who].at)]] = who;
}

}  // namespace skirmish
