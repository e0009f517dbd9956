// See spans.h.
#include "traces/analyses/spans.h"

namespace coroscope::analyses {

const char* activity_name(Activity activity) {
    switch (activity) {
        case Activity::kReady:
            return "ready";
        case Activity::kRunning:
            return "running";
        case Activity::kBlocked:
            return "blocked";
        case Activity::kUnknown:
            return "unknown";
    }
    return "?";
}

const char* life_end_name(LifeEnd end) {
    switch (end) {
        case LifeEnd::kFinished:
            return "finished";
        case LifeEnd::kFailed:
            return "failed";
        case LifeEnd::kCancelled:
            return "cancelled";
        case LifeEnd::kAbandoned:
            return "abandoned";
        case LifeEnd::kAlive:
            return "alive";
        case LifeEnd::kLost:
            return "lost";
    }
    return "?";
}

}  // namespace coroscope::analyses
