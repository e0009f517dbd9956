// A session over a trace file: one thread rebuilds the Moment for the chosen time, another finds names.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "traces/name_service.h"
#include "traces/replay.h"
#include "traces/session.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

std::string file_name(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

class RecordedSession final : public Session {
public:
    RecordedSession(std::shared_ptr<const Replay> replay, const std::vector<std::string>& debug_paths)
        : replay_(std::move(replay)), names_(replay_->reader().modules(), debug_paths) {
        names_.preload(replay_->reader().symbols());
        names_.on_change([this] { notify(); });
        thread_ = std::thread([this] { loop(); });
    }
    ~RecordedSession() override {
        {
            const std::lock_guard lock(lock_);
            stop_ = true;
            changed_.notify_all();
        }
        thread_.join();
    }

    SessionInfo info() const override {
        const TraceReader& reader = replay_->reader();
        SessionInfo info;
        info.kind = SessionKind::kRecorded;
        info.status = TargetStatus::kExited;
        info.pid = reader.meta().pid;
        info.program = reader.meta().program;
        info.title = file_name(reader.path());
        info.begin = replay_->begin();
        info.end = replay_->end();
        info.populated = replay_->populated();
        info.ns_per_event = reader.meta().ns_per_event;
        info.memory_bytes = reader.strings().size() + reader.chunks().size() * sizeof(ChunkRef);
        info.status_text = reader.complete()
                               ? "recorded; " + reader.end().because
                               : "trace cut short: " + std::to_string(reader.chunks().size()) + " chunks read";
        // The first sentence of a cut trace says no more than that.
        for (std::size_t i = reader.complete() ? 0 : 1; i < reader.losses().size(); ++i)
            info.status_text += "; " + reader.losses()[i];
        const std::lock_guard lock(lock_);
        if (!error_.message.empty()) info.status_text = error_.message;
        if (moment_ != nullptr && info.end > info.begin) {
            const auto seconds = static_cast<double>(info.end - info.begin) * 1e-9;
            info.events_per_second = static_cast<double>(events_total_) / seconds;
        }
        return info;
    }

    std::shared_ptr<const Moment> moment() const override {
        const std::lock_guard lock(lock_);
        return moment_;
    }
    void set_time(std::optional<TimeNs> t) override {
        const std::lock_guard lock(lock_);
        if (time_ == t) return;
        time_ = t;
        ++wanted_;
        changed_.notify_all();
    }
    std::optional<TimeNs> time() const override {
        const std::lock_guard lock(lock_);
        return time_;
    }

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
    std::shared_ptr<const Replay> replay() const override { return replay_; }
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
    base::Result<std::shared_ptr<const Moment>> wait_moment() override {
        std::unique_lock lock(lock_);
        changed_.wait(lock, [this] { return done_ == wanted_; });
        if (!error_.message.empty()) return error_;
        return moment_;
    }

private:
    void notify() {
        std::function<void()> call;
        {
            const std::lock_guard lock(lock_);
            call = notify_;
        }
        if (call != nullptr) call();
    }

    void loop() {
        {
            std::uint64_t total = 0;
            const auto counts = replay_->total_counts();
            for (const EventCount& row : counts)
                total += row.accepted;
            const std::lock_guard lock(lock_);
            events_total_ = total;
        }
        std::unique_lock lock(lock_);
        while (!stop_) {
            if (done_ == wanted_) {
                changed_.wait(lock);
                continue;
            }
            const std::uint64_t wanted = wanted_;
            const TimeNs t = time_.value_or(replay_->end());
            lock.unlock();
            auto moment = replay_->moment_at(t);
            lock.lock();
            error_ = {};
            if (moment.ok()) moment_ = std::move(*moment);
            if (!moment.ok()) error_ = moment.error();
            done_ = wanted;
            changed_.notify_all();
            lock.unlock();
            notify();
            lock.lock();
        }
    }

    const std::shared_ptr<const Replay> replay_;
    mutable std::mutex lock_;  // guards everything below but names_
    std::condition_variable changed_;
    std::optional<TimeNs> time_;
    std::uint64_t wanted_ = 1, done_ = 0;  // numbers of the times asked for and rebuilt
    std::shared_ptr<const Moment> moment_;
    base::Error error_;
    std::uint64_t events_total_ = 0;
    bool stop_ = false;
    std::function<void()> notify_;
    NameService names_;
    std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<Session>> open_trace(const std::string& path,
                                                  const std::vector<std::string>& debug_paths) {
    auto reader = TraceReader::open(path);
    if (!reader.ok()) return reader.error();
    auto replay = Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader)));
    if (!replay.ok()) return replay.error();
    return std::unique_ptr<Session>(std::make_unique<RecordedSession>(std::move(*replay), debug_paths));
}

}  // namespace coroscope::traces
