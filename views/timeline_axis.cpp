// See timeline_axis.h.
#include "views/timeline_axis.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"

namespace coroscope::views {
namespace {

constexpr double kRoom = 0.02;  // beside what is fitted, of its length

}  // namespace

void TimelineAxis::set_bounds(traces::TimeNs begin, traces::TimeNs end) {
    const bool first = bounds_end_ <= bounds_begin_;
    const double grown = static_cast<double>(std::max(end, begin + 1)) - bounds_end_;
    bounds_begin_ = static_cast<double>(begin);
    bounds_end_ = static_cast<double>(std::max(end, begin + 1));
    if (first) {
        fit();
        begin_ = aim_begin_;
        end_ = aim_end_;
    } else if (follows_ && grown > 0) {
        const bool all = aim_begin_ <= bounds_begin_;
        aim(all ? aim_begin_ : aim_begin_ + grown, aim_end_ + grown);
        begin_ = aim_begin_;
        end_ = aim_end_;
    }
}

void TimelineAxis::set_pixels(float x0, float x1) {
    x0_ = x0;
    x1_ = std::max(x1, x0 + 1);
}

float TimelineAxis::x_of(double ns) const {
    const double x = static_cast<double>(x0_) + (ns - begin_) / (end_ - begin_) * static_cast<double>(x1_ - x0_);
    return static_cast<float>(std::clamp(x, -1e6, 1e6));
}

double TimelineAxis::time_at(float x) const {
    return begin_ + static_cast<double>(x - x0_) / static_cast<double>(x1_ - x0_) * (end_ - begin_);
}

TimeRange TimelineAxis::seen() const {
    return {static_cast<traces::TimeNs>(std::floor(begin_)), static_cast<traces::TimeNs>(std::ceil(end_))};
}

// As near to what is asked for as the bounds allow: half a screen of nothing beside them, no more.
void TimelineAxis::aim(double begin, double end) {
    const double whole = (bounds_end_ - bounds_begin_) * (1 + 2 * kRoom);
    const double span = std::clamp(end - begin, kSpanMinNs, std::max(kSpanMinNs, whole));
    const double middle = std::clamp((begin + end) / 2, bounds_begin_, bounds_end_);
    const bool all = span >= whole;
    aim_begin_ = all ? bounds_begin_ - (bounds_end_ - bounds_begin_) * kRoom : middle - span / 2;
    aim_end_ = aim_begin_ + span;
}

void TimelineAxis::fit() {
    const double room = (bounds_end_ - bounds_begin_) * kRoom;
    follows_ = true;
    aim(bounds_begin_ - room, bounds_end_ + room);
}

void TimelineAxis::zoom(float x, double factor) {
    // The point under the hand stays where it is also while the axis is still on its way.
    const double share = static_cast<double>(x - x0_) / static_cast<double>(x1_ - x0_);
    const double t = begin_ + share * (end_ - begin_);
    const double span = std::max(kSpanMinNs, (aim_end_ - aim_begin_) * factor);
    aim(t - share * span, t - share * span + span);
    follows_ = follows_ && aim_end_ >= bounds_end_;
}

void TimelineAxis::pan(double share) {
    const double by = share * (aim_end_ - aim_begin_);
    aim(aim_begin_ + by, aim_end_ + by);
    follows_ = aim_end_ >= bounds_end_;
}

void TimelineAxis::drag(float pixels) {
    const double by = -static_cast<double>(pixels) * ns_per_pixel();
    aim(begin_ + by, end_ + by);
    begin_ = aim_begin_;
    end_ = aim_end_;
    follows_ = aim_end_ >= bounds_end_;
}

void TimelineAxis::show(double begin, double end) {
    const double room = std::max((end - begin) * 0.1, kSpanMinNs / 2);
    follows_ = false;
    aim(begin - room, end + room);
}

void TimelineAxis::reveal(double t) {
    if (t >= aim_begin_ && t <= aim_end_) return;
    const double half = (aim_end_ - aim_begin_) / 2;
    follows_ = false;
    aim(t - half, t + half);
}

bool TimelineAxis::step(double seconds) {
    const double share = 1 - std::pow(1 - 1.0 / 3, std::max(seconds, 0.001) / 0.016);
    begin_ += (aim_begin_ - begin_) * share;
    end_ += (aim_end_ - end_) * share;
    const double near = ns_per_pixel() / 4;
    const bool moves = std::abs(aim_begin_ - begin_) > near || std::abs(aim_end_ - end_) > near;
    if (!moves) {
        begin_ = aim_begin_;
        end_ = aim_end_;
    }
    return moves;
}

Ruler make_ruler(double begin, double end, double pixels, double apart) {
    struct Unit {
        double ns;
        const char* word;
    };
    static constexpr Unit kUnits[] = {{1, "ns"}, {1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}};
    Ruler ruler;
    if (pixels < 1 || end <= begin) return ruler;
    const double least = (end - begin) / pixels * apart;
    double step = 1;
    int parts = 5;  // small marks a large one
    for (bool found = false; !found;) {
        for (const auto& [times, cut] : {std::pair{1.0, 5}, std::pair{2.0, 4}, std::pair{5.0, 5}}) {
            if (step * times < least) continue;
            step *= times;
            parts = cut;
            found = true;
            break;
        }
        if (!found) step *= 10;
    }
    const Unit* unit = &kUnits[0];
    for (const Unit& candidate : kUnits) {
        if (step >= candidate.ns) unit = &candidate;
    }
    // Labels of many digits are counted from a base that is written once.
    const double whole = unit->ns * 1000;
    const double base = unit->ns >= 1e9 || end < 10 * whole ? 0 : std::floor(std::max(begin, 0.0) / whole) * whole;
    if (base != 0) {
        const int digits = unit->ns >= 1e6 ? 0 : unit->ns >= 1e3 ? 3 : 6;
        ruler.base = fmt::format("{:.{}f} s", base / 1e9, digits);
    }
    const double small = step / parts;
    const double first = std::ceil(begin / small);
    for (double n = first; n * small <= end; ++n) {
        RulerMark mark;
        mark.at = n * small;
        mark.large = std::fmod(std::abs(n), parts) == 0;
        if (mark.large) mark.label = fmt::format("{}{:g} {}", base != 0 ? "+" : "", (mark.at - base) / unit->ns, unit->word);
        ruler.marks.push_back(std::move(mark));
    }
    return ruler;
}

}  // namespace coroscope::views
