// See past_history.h.
#include "views/past_history.h"

#include "views/workspace.h"

namespace coroscope::views {
namespace {

std::optional<std::pair<traces::TimeNs, traces::TimeNs>> range_of(const Workspace& ws) {
    const auto& range = ws.selection().range;
    return range.has_value() ? std::optional(std::pair(range->begin, range->end)) : std::nullopt;
}

std::shared_ptr<const traces::TraceReader> reader_of(const std::shared_ptr<const traces::Replay>& replay) {
    return {replay, &replay->reader()};
}

}  // namespace

bool worth_reading_again(const traces::Replay* read, const traces::Replay& newest, const traces::SessionInfo& info) {
    if (read == nullptr || 2 * (newest.end() - newest.begin()) > 3 * (read->end() - read->begin())) return true;
    return info.status == traces::TargetStatus::kExited && newest.end() != read->end();
}

const analyses::History* PastHistory::want(Workspace& ws) {
    const bool recorded = ws.session != nullptr && ws.info.kind == traces::SessionKind::kRecorded;
    const auto newest = recorded ? ws.session->replay() : nullptr;
    if (newest == nullptr) return nullptr;
    if (!look_.in_flight() && worth_reading_again(replay_.get(), *newest, ws.info)) replay_ = newest;
    const auto range = range_of(ws);
    look_.want(ws.searches, {replay_, range}, [replay = replay_, range](traces::Search& search) {
        analyses::HistoryOptions options;
        options.range = range;
        auto history = analyses::compute_history(reader_of(replay), options, search);
        Found found;
        if (history.ok()) {
            found.history = std::move(*history);
        } else {
            found.error = history.error().message;
        }
        return found;
    });
    const Found* found = look_.value();
    error_ = found != nullptr ? found->error : std::string();
    return found != nullptr && found->history.has_value() ? &*found->history : nullptr;
}

std::optional<analyses::History> PastHistory::compute(Workspace& ws) {
    const auto replay = ws.session != nullptr && ws.info.kind == traces::SessionKind::kRecorded ? ws.session->replay() : nullptr;
    if (replay == nullptr) return std::nullopt;
    analyses::HistoryOptions options;
    options.range = range_of(ws);
    traces::Search search;
    auto history = analyses::compute_history(reader_of(replay), options, search);
    if (!history.ok()) return std::nullopt;
    return std::move(*history);
}

void PastHistory::reset() {
    look_.reset();
    replay_ = nullptr;
    error_.clear();
}

}  // namespace coroscope::views
