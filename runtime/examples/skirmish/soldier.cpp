#include "soldier.h"

namespace skirmish {
namespace {

constexpr int kFramesToAim = 3, kFramesToRest = 10;

}  // namespace

void Soldier::live() {
    while (march() && fight() && recover()) {
    }
}

// Somewhere else, until he is there, or sees somebody.
bool Soldier::march() {
    field_.choose_goal(me_);
    while (!field_.is_at_goal(me_) && !field_.is_down(me_) && !field_.sees_enemy(me_)) {
        field_.step_to_goal(me_);
        if (!clock_.next()) return false;
    }
    return true;
}

// Until nobody is there, or he cannot any more.
bool Soldier::fight() {
    while (!field_.is_down(me_) && field_.sees_enemy(me_)) {
        field_.aim(me_);
        if (!wait(kFramesToAim)) return false;
        if (field_.is_down(me_)) return true;
        field_.shoot(me_);
        if (!clock_.next()) return false;
    }
    return true;
}

bool Soldier::recover() {
    field_.stand(me_);
    do {
        if (!wait(kFramesToRest)) return false;
    } while (field_.is_down(me_));
    return true;
}

bool Soldier::wait(int frames) {
    while (frames-- > 0) {
        if (!clock_.next()) return false;
    }
    return true;
}

}  // namespace skirmish
