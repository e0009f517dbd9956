// See past_saver.h.
#include "views/past_saver.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "traces/trace_cut.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

constexpr auto kFirstLookPatience = std::chrono::seconds(5);  // what is listened to since a moment ago has no look at the state yet

// In the folder of this process, and not there yet.
std::string free_path(const traces::SessionInfo& info) {
    const std::string name = fmt::format("{}-{}", std::filesystem::path(info.program).filename().string(), info.pid);
    std::error_code ignored;
    const std::filesystem::path folder = std::filesystem::current_path(ignored);
    std::filesystem::path path = folder / (name + ".coro");
    for (int number = 2; std::filesystem::exists(path, ignored); ++number)
        path = folder / fmt::format("{}-{}.coro", name, number);
    return path.string();
}

PastSaver::Answer write_past(const traces::Replay& replay, const std::string& path) {
    const traces::TraceReader* reader = &replay.reader();
    const auto newer = reader->newer();
    if (!newer.ok()) return {newer.error().message, true, ""};
    if (*newer != nullptr) reader = newer->get();
    const auto held = traces::save_cut(*reader, path, "saved from the window");
    if (!held.ok()) return {held.error().message, true, ""};
    return {fmt::format("{} holds the last {:.1f} s: {} events, {}, {:.1f} MB", path, held->seconds, format_count(held->events),
                        held->lost == 0 ? "none lost" : format_count(held->lost) + " lost", static_cast<double>(held->file_bytes) / 1e6),
            false, path};
}

}  // namespace

void PastSaver::save(const Workspace& ws) {
    if (busy() || ws.session == nullptr) return;
    wanted_ = true;
    wanted_since_ = std::chrono::steady_clock::now();
}

std::optional<PastSaver::Answer> PastSaver::poll(Workspace& ws) {
    if (writing_ != nullptr) {
        std::optional<Answer> answer;
        {
            const std::lock_guard lock(writing_->mutex);
            answer = std::exchange(writing_->answer, std::nullopt);
        }
        if (answer.has_value()) writing_ = nullptr;
        return answer;
    }
    if (!wanted_ || ws.session == nullptr) return std::nullopt;
    const traces::SessionInfo info = ws.session->info();
    if (info.kind != traces::SessionKind::kLive) {
        wanted_ = false;
        return Answer{"What is shown is in a file already: nothing is kept beside it that could be saved", true, ""};
    }
    const std::shared_ptr<const traces::Replay> replay = ws.session->replay();
    if (replay == nullptr) {
        if (info.listening && std::chrono::steady_clock::now() < wanted_since_ + kFirstLookPatience) {
            ws.frames_wanted = std::max(ws.frames_wanted, 1);
            return std::nullopt;
        }
        wanted_ = false;
        return Answer{"There is no past to save yet: events are kept while they are listened to. Press E until the bottom line says always, or "
                      "record the program.",
                      true, ""};
    }
    wanted_ = false;
    writing_ = std::make_shared<Writing>();
    ws.searches.submit([replay, writing = writing_, path = free_path(info)] {
        Answer answer = write_past(*replay, path);
        const std::lock_guard lock(writing->mutex);
        writing->answer = std::move(answer);
    });
    return std::nullopt;
}

void PastSaver::reset() {
    wanted_ = false;
    writing_ = nullptr;
}

}  // namespace coroscope::views
