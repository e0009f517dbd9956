// A session over a trace: one thread rebuilds the Moment for the chosen time (past.h) and follows what is still written, another finds names.
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "traces/name_service.h"
#include "traces/past.h"
#include "traces/session.h"
#include "traces/trace_reader.h"
#include "traces/trace_stream.h"

namespace coroscope::traces {
namespace {

std::string file_name(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

class RecordedSession final : public Session {
public:
    RecordedSession(std::shared_ptr<const Replay> replay, const std::vector<std::string>& debug_paths,
                    std::shared_ptr<const TraceStream> stream, StartAt start)
        : stream_(std::move(stream)),
          begin_(replay->begin()),
          populated_(replay->populated()),
          names_of_(replay),
          names_(replay->reader().modules(), debug_paths) {
        names_.preload(replay->reader().symbols());
        names_.on_change([this] { notify(); });
        const auto follow = replay->reader().being_written() ? Past::Follow::kYes : Past::Follow::kNo;
        const bool at_end = start == StartAt::kEnd || follow == Past::Follow::kYes || populated_ >= replay->end();
        const std::optional<TimeNs> first = at_end ? std::nullopt : std::optional(populated_);
        past_ = std::make_unique<Past>(std::move(replay), follow, first, [this](const Past& past) {
            learn_names(past.replay());
            notify();
        });
    }
    ~RecordedSession() override { past_.reset(); }

    SessionInfo info() const override {
        const std::shared_ptr<const Replay> replay = past_->replay();
        const TraceReader& reader = replay->reader();
        const bool growing = past_->growing();
        SessionInfo info;
        info.kind = SessionKind::kRecorded;
        info.status = growing ? TargetStatus::kRunning : TargetStatus::kExited;
        info.pid = reader.meta().pid;
        info.program = reader.meta().program;
        info.title = file_name(stream_ == nullptr ? reader.path() : reader.meta().program);
        info.begin = begin_;
        info.end = replay->end();
        info.populated = growing ? info.end : populated_;
        info.ns_per_event = reader.meta().ns_per_event;
        info.memory_bytes = reader.strings().size() + reader.chunks().size() * sizeof(ChunkRef);
        info.status_text = status_text(reader, growing);
        if (info.end > info.begin) {
            const auto seconds = static_cast<double>(info.end - info.begin) * 1e-9;
            info.events_per_second = static_cast<double>(events_of(replay)) / seconds;
        }
        return info;
    }

    std::shared_ptr<const Moment> moment() const override { return past_->moment(); }
    void set_time(std::optional<TimeNs> t) override { past_->set_time(t); }
    std::optional<TimeNs> time() const override { return past_->time(); }
    std::shared_ptr<const Replay> replay() const override { return past_->replay(); }

    const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs) override {
        return names_.frames(pcs);
    }
    const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message) override {
        return names_.code(pc, message);
    }
    std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>& pcs) override {
        return names_.wait_frames(pcs);
    }
    std::vector<inspect::Frame> known_frames(const std::vector<std::uint64_t>& pcs) override {
        return names_.known_frames(pcs);
    }
    const inspect::Symbolizer::Place* place(std::uint64_t address) override { return names_.place(address); }
    NameProgress name_progress() const override { return names_.progress(); }
    std::shared_ptr<const inspect::RawStack> raw_stack(std::uint64_t, std::string* message) override {
        *message =
            "Raw stack words are not saved in traces: they can hold secrets. Attach to the running program "
            "to see them.";
        return nullptr;
    }
    void on_change(std::function<void()> notify) override {
        const std::lock_guard lock(lock_);
        notify_ = std::move(notify);
    }
    base::Result<std::shared_ptr<const Moment>> wait_moment() override { return past_->wait_moment(); }

private:
    std::string status_text(const TraceReader& reader, bool growing) const {
        const std::string error = past_->error();
        if (!error.empty()) return error;
        std::string text = growing             ? "being recorded"
                           : reader.complete() ? "recorded; " + reader.end().because
                                               : "trace cut short: " + std::to_string(reader.chunks().size()) +
                                                     " chunks read";
        if (stream_ != nullptr && !stream_->error().empty()) text += "; " + stream_->error();
        for (const std::string& loss : reader.losses()) {
            if (loss != kNotClosed) text += "; " + loss;  // said above
        }
        return text;
    }

    std::uint64_t events_of(const std::shared_ptr<const Replay>& replay) const {
        const std::lock_guard lock(lock_);
        if (counted_ != replay) {
            counted_ = replay;
            events_total_ = 0;
            for (const EventCount& row : replay->total_counts())
                events_total_ += row.accepted;
        }
        return events_total_;
    }

    // On the Past's thread: what came brings names along.
    void learn_names(std::shared_ptr<const Replay> replay) {
        const TraceReader& reader = replay->reader();
        if (&reader.symbols() == &names_of_->reader().symbols()) return;
        names_.set_modules(reader.modules());
        names_.preload(reader.symbols());
        names_of_ = std::move(replay);
    }

    void notify() {
        std::function<void()> call;
        {
            const std::lock_guard lock(lock_);
            call = notify_;
        }
        if (call != nullptr) call();
    }

    const std::shared_ptr<const TraceStream> stream_;  // nullptr: of a file
    const TimeNs begin_, populated_;
    mutable std::mutex lock_;  // guards what follows, up to names_of_
    std::function<void()> notify_;
    mutable std::shared_ptr<const Replay> counted_;  // whose events were counted last
    mutable std::uint64_t events_total_ = 0;
    std::shared_ptr<const Replay> names_of_;  // whose names are known; the Past's thread alone, once there is one
    NameService names_;
    std::unique_ptr<Past> past_;
};

base::Result<std::unique_ptr<Session>> session_over(std::shared_ptr<const TraceReader> reader,
                                                    const std::vector<std::string>& debug_paths,
                                                    std::shared_ptr<const TraceStream> stream, StartAt start) {
    auto replay = Replay::make(std::move(reader));
    if (!replay.ok()) return replay.error();
    return std::unique_ptr<Session>(
        std::make_unique<RecordedSession>(std::move(*replay), debug_paths, std::move(stream), start));
}

}  // namespace

base::Result<std::unique_ptr<Session>> open_trace(const std::string& path, const std::vector<std::string>& debug_paths, StartAt start) {
    auto reader = TraceReader::open(path);
    if (!reader.ok()) return reader.error();
    return session_over(std::move(*reader), debug_paths, nullptr, start);
}

base::Result<std::unique_ptr<Session>> open_stream(base::FileDescriptor from, const std::vector<std::string>& debug_paths,
                                                   const std::function<bool()>& cancelled) {
    auto stream = TraceStream::start(std::move(from), "the trace that comes through the pipe");
    if (!stream.ok()) return stream.error();
    auto reader = (*stream)->wait_for_look(cancelled);
    if (!reader.ok()) return reader.error();
    return session_over(std::move(*reader), debug_paths, *stream, StartAt::kPopulated);
}

}  // namespace coroscope::traces
