// The field: where everybody is, what each soldier wants, and the stages that make of all wishes the next frame.
//
// Soldiers read the world as it was at the end of the last frame, and write nothing but their own intent. Stages, which run between two frames, write
// what is theirs alone, or add up. So a frame is the same whatever runs first, on however many workers.
//
// Thread: what takes `me`: that soldier's coroutine, all at once, while a frame is on. play_stages(): the main coroutine, between frames.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace skirmish {

inline constexpr std::uint32_t kNobody = ~0U;

// In 1/256 of a metre: whole numbers, so that a battle is the same wherever it was compiled.
struct Place {
    std::int32_t x, y;
};

class Field {
public:
    Field(std::uint64_t seed, std::uint32_t soldiers);

    // How things stand.
    bool is_down(std::uint32_t me) const { return soldiers_[me].health <= 0; }
    bool is_at_goal(std::uint32_t me) const;
    bool sees_enemy(std::uint32_t me) const { return soldiers_[me].nearest_enemy != kNobody; }
    // What the soldier wants: where to go in the end, and in this frame.
    void choose_goal(std::uint32_t me);
    void step_to_goal(std::uint32_t me);
    void stand(std::uint32_t me);
    void aim(std::uint32_t me);  // at the nearest enemy, while there is one
    void shoot(std::uint32_t me);

    // Movement, casualties, animation, senses. Each in a few coroutines at once.
    void play_stages();

    std::uint32_t soldiers() const { return static_cast<std::uint32_t>(soldiers_.size()); }
    // A hash of all frames so far; and two counts of the same, by those who shot and by those who were hit.
    std::uint64_t digest() const { return digest_; }
    std::uint64_t shots() const { return shots_; }
    std::uint64_t points_lost() const { return points_lost_; }

    static constexpr std::int32_t kPointsAShot = 7;

private:
    struct Body {
        Place at;
        std::int32_t health;  // points; more than 0: stands
        std::uint32_t pose;
        std::uint32_t nearest_enemy;  // in sight, and on his feet; kNobody
    };
    struct Intent {
        Place goal, step;
        std::uint32_t goals;  // chosen so far
        std::uint32_t aimed_at;
        bool shoots;
    };

    Place drawn_place(std::uint64_t who, std::uint64_t n) const;
    std::size_t cell_of(Place at) const;
    void sort_into_cells();
    void move(std::uint32_t who);
    void take_hits(std::uint32_t who);
    void animate(std::uint32_t who);
    void sense(std::uint32_t who);
    void run_stage(const char* name, void (Field::*of_one)(std::uint32_t));

    const std::uint64_t seed_;
    std::int32_t width_ = 0;  // of the field, which is a square
    std::int32_t cells_ = 0;  // along a side
    std::vector<Body> soldiers_;
    std::vector<Intent> intents_;
    std::vector<std::atomic<std::int32_t>> hits_;  // in this frame
    std::vector<std::uint32_t> first_in_cell_, by_cell_;
    std::atomic<std::uint64_t> shots_{0}, points_lost_{0}, frame_digest_{0};
    std::uint64_t digest_ = 0;
};

}  // namespace skirmish
