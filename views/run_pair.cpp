// See run_pair.h.
#include "views/run_pair.h"

namespace coroscope::views {
namespace {

RunPair::Taken taken_of(base::Result<std::shared_ptr<const analyses::Run>> run) {
    return run.ok() ? RunPair::Taken{*run, ""} : RunPair::Taken{nullptr, run.error().message};
}

RunPair::Taken take(const std::shared_ptr<const traces::Replay>& replay, traces::Search& search) {
    // The reader lives as long as its Replay.
    return taken_of(analyses::take_run(std::shared_ptr<const traces::TraceReader>(replay, &replay->reader()), search));
}

}  // namespace

void RunPair::set_path(const std::string& path) {
    other_.reset();
    path_ = path;
}

void RunPair::forget_session() {
    own_.reset();
    kept_.reset();
    can_update_ = false;
}

void RunPair::want_other(Workspace& ws) {
    if (path_.empty()) return;
    other_.want(ws.searches, path_,
                [path = path_](traces::Search& search) { return taken_of(analyses::take_run(path, search)); });
}

void RunPair::want_this(Workspace& ws) {
    const auto replay = ws.session->replay();
    if (replay == nullptr) return;
    can_update_ = kept_ != nullptr && replay != kept_;
    if (kept_ == nullptr) kept_ = replay;
    own_.want(ws.searches, OwnKey{kept_}, [replay = kept_](traces::Search& search) { return take(replay, search); });
}

RunPair::Taken RunPair::read_other() const {
    traces::Search search;
    return taken_of(analyses::take_run(path_, search));
}

RunPair::Taken RunPair::read(const std::shared_ptr<const traces::Replay>& replay) {
    traces::Search search;
    return take(replay, search);
}

}  // namespace coroscope::views
