// The time axis of the timeline: which stretch of time is seen, how it gets there, and the marks of its ruler.
//
// Hands set where to go (zoom, pan, show), step() moves what is seen towards it, a third of the way every 16 ms; what is dragged is there at once.
// Times are nanoseconds as doubles: exact to the nanosecond for a hundred days.
//
// Pure data; the frame's thread. Tested in tests/unit/views/timeline_plan_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "views/workspace.h"

namespace coroscope::views {

class TimelineAxis {
public:
    static constexpr double kSpanMinNs = 50;

    // What there is to see. Seen at once where nothing was seen before.
    void set_bounds(traces::TimeNs begin, traces::TimeNs end);
    // Where on the screen it lies.
    void set_pixels(float x0, float x1);

    double begin() const { return begin_; }
    double end() const { return end_; }
    double bounds_begin() const { return bounds_begin_; }
    double bounds_end() const { return bounds_end_; }
    double ns_per_pixel() const { return (end_ - begin_) / static_cast<double>(std::max(1.0F, x1_ - x0_)); }
    float x0() const { return x0_; }
    float x1() const { return x1_; }
    // Unclamped, within what a float can say of a screen.
    float x_of(double ns) const;
    double time_at(float x) const;
    TimeRange seen() const;

    void fit();
    // `factor` < 1: closer. What lies at x stays there.
    void zoom(float x, double factor);
    // By a share of what is seen, to the right; eased, or at once for what is dragged.
    void pan(double share);
    void drag(float pixels);
    // Shows a stretch with some room around it.
    void show(double begin, double end);
    // Moves as little as needed for t to be seen.
    void reveal(double t);
    // The end of what there is stays in sight as it grows; until somebody moves.
    bool follows() const { return follows_; }
    void follow(bool on) { follows_ = on; }
    // Moves on; true while there is still a way to go.
    bool step(double seconds);
    void reset() { *this = {}; }

private:
    void aim(double begin, double end);

    double bounds_begin_ = 0, bounds_end_ = 0;
    double begin_ = 0, end_ = 0;              // seen
    double aim_begin_ = 0, aim_end_ = 0;      // to be seen
    float x0_ = 0, x1_ = 1;
    bool follows_ = true;
};

struct RulerMark {
    double at = 0;  // ns
    bool large = false;
    std::string label;  // of large ones: "2.5 ms", or since the ruler's base "+300 ns"
};
struct Ruler {
    std::string base;  // that labels count from; "" = from the begin of the program
    std::vector<RulerMark> marks;
};
// Large marks every 1, 2 or 5 of a decimal unit, at least `apart` pixels from one another; small ones between.
Ruler make_ruler(double begin, double end, double pixels, double apart);

}  // namespace coroscope::views
