// RunPair: the session that is looked at and a trace that it is compared with, both read whole; one of the window, for all views that show two runs.
//
// Of a program that runs what is kept by now is read, until somebody asks anew. The other run stays when another session is opened.
//
// The frame's thread; traces are walked on the searches'. Tested in tests/e2e/past_views_test.py.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "traces/analyses/run_compare.h"
#include "views/past_look.h"
#include "views/workspace.h"

namespace coroscope::views {

class RunPair {
public:
    struct Taken {
        std::shared_ptr<const analyses::Run> run;
        std::string error;  // why there is none
    };

    // Of the other run; "" = there is none.
    const std::string& path() const { return path_; }
    void set_path(const std::string& path);
    // Another session: what was read of this one is forgotten.
    void forget_session();

    // Ask for a side, each frame that shows it; what is known of it by now follows. `ws.session` is there.
    void want_other(Workspace& ws);
    void want_this(Workspace& ws);
    const Taken* other() const { return other_.value(); }  // nullptr before the first answer
    const Taken* own() const { return own_.value(); }
    // Grows with every answer.
    std::uint64_t changes() const { return other_.changes() + own_.changes(); }
    bool other_in_flight() const { return other_.in_flight(); }
    bool own_in_flight() const { return own_.in_flight(); }
    float other_share() const { return other_.share(); }
    float own_share() const { return own_.share(); }

    // More has happened since this one was read; update() reads it anew.
    bool can_update() const { return can_update_; }
    void update() { kept_.reset(); }

    // The same at once, for dumps. Blocks.
    Taken read_other() const;
    static Taken read(const std::shared_ptr<const traces::Replay>& replay);

private:
    struct OwnKey {
        std::shared_ptr<const traces::Replay> replay;
        bool operator==(const OwnKey&) const = default;
    };

    std::string path_;
    PastLook<std::string, Taken> other_;
    PastLook<OwnKey, Taken> own_;
    std::shared_ptr<const traces::Replay> kept_;  // of which own_ is, until there is asked anew
    bool can_update_ = false;
};

}  // namespace coroscope::views
