// A session over a running program: one thread looks at it every refresh_ms, more rarely while nothing happens in it (look_pace.h).
//
// Other times are answered from what is kept: while events are listened to a trace in memory (or the file, where it is recorded), from which any
// time is rebuilt exactly (past.h); else the Moments of the last looks, of which the last one before the time is shown.
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "instrumentation/inspect/proc.h"
#include "traces/event_budget.h"
#include "traces/hold_desk.h"
#include "traces/look_pace.h"
#include "traces/moment_history.h"
#include "traces/observation.h"
#include "traces/past.h"
#include "traces/raw_stack_watch.h"
#include "traces/session.h"

namespace coroscope::traces {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t kHistoryBytesMax = 128ULL << 20;  // of looks
constexpr std::uint64_t kPastBytesMax = 128ULL << 20;     // of events and looks, packed
constexpr auto kKeyframeInterval = milliseconds(500), kRateInterval = milliseconds(500);
constexpr auto kEndLookOut = milliseconds(10);

class LiveSession final : public Session {
public:
    LiveSession(std::uint32_t pid, const LiveOptions& options, std::unique_ptr<Observation> observation)
        : pid_(pid),
          options_(options),
          pace_(milliseconds(options.refresh_ms)),
          observation_(std::move(observation)),
          desk_(pid, [this] { look_soon(); }),
          wish_(options.listening),
          listening_(starts_listening(options)),
          budget_(listening_) {
        observation_->names().on_change([this] { notify(); });
        thread_ = std::thread([this] { loop(); });
    }
    // Before the first look nothing is known of what events would cost.
    static bool starts_listening(const LiveOptions& options) {
        return options.listening == Listening::kAlways || !options.record_path.empty() || options.from_the_start;
    }
    ~LiveSession() override {
        {
            const std::lock_guard lock(lock_);
            stop_ = true;
            changed_.notify_all();
        }
        thread_.join();
        past_.reset();
    }

    SessionInfo info() const override {
        SessionInfo info;
        info.kind = SessionKind::kLive;
        info.pid = pid_;
        info.ns_per_event = observation_->ns_per_event();
        info.recording = observation_->recording();
        const std::lock_guard lock(lock_);
        info.status = status_;
        info.program = program_;
        const std::size_t slash = program_.rfind('/');
        info.title = (slash == std::string::npos ? program_ : program_.substr(slash + 1)) + " (" +
                     std::to_string(pid_) + ")";
        info.status_text = status_text_;
        info.events_per_second = events_per_second_;
        info.wish = wish_;
        info.listening = listening_ && !observation_->pump().listening_refused();
        info.listening_share = budget_.share();
        info.memory_bytes = history_.bytes() + observation_->pump().queued_bytes();
        if (observation_->past() != nullptr) info.memory_bytes += observation_->past()->bytes();
        if (!history_.empty()) {
            info.begin = history_.oldest()->t;
            info.end = history_.newest()->t;
        }
        if (past_ != nullptr) info.begin = std::min(info.begin, past_->replay()->begin());
        return info;
    }

    std::shared_ptr<const Moment> moment() const override {
        std::shared_ptr<Past> past;
        std::shared_ptr<const Moment> looked;
        std::optional<TimeNs> t;
        {
            const std::lock_guard lock(lock_);
            past = past_;
            looked = moment_;
            t = time_;
        }
        if (past == nullptr || !t.has_value() || past->time() != t) return looked;
        const std::shared_ptr<const Moment> rebuilt = past->moment();
        return rebuilt != nullptr ? rebuilt : looked;
    }
    void set_time(std::optional<TimeNs> t) override {
        std::shared_ptr<Past> past;
        {
            const std::lock_guard lock(lock_);
            time_ = t;
            choose();
            past = past_;
            past_wanted_ = t.has_value();
            changed_.notify_all();
        }
        if (past != nullptr && t.has_value() && covers(*past, *t)) past->set_time(t);
    }
    std::optional<TimeNs> time() const override {
        const std::lock_guard lock(lock_);
        return time_;
    }

    std::shared_ptr<const Replay> replay() const override {
        std::shared_ptr<Past> past;
        {
            const std::lock_guard lock(lock_);
            past = past_;
            past_wanted_ = true;
            changed_.notify_all();
        }
        if (past == nullptr) return nullptr;
        past->look_soon();
        return past->replay();
    }

    const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs) override {
        return observation_->names().frames(pcs);
    }
    const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message) override {
        return observation_->names().code(pc, message);
    }
    std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>& pcs) override {
        return observation_->names().wait_frames(pcs);
    }
    void set_listening(Listening wish) override {
        const std::lock_guard lock(lock_);
        wish_ = wish;
        look_now_ = true;
        changed_.notify_all();
    }
    void hold(HoldWish wish) override { desk_.ask(std::move(wish)); }
    HoldState hold_state() const override { return desk_.state(); }
    std::vector<inspect::Frame> known_frames(const std::vector<std::uint64_t>& pcs) override {
        return observation_->names().known_frames(pcs);
    }
    const inspect::Symbolizer::Place* place(std::uint64_t address) override {
        return observation_->names().place(address);
    }
    NameProgress name_progress() const override { return observation_->names().progress(); }
    std::shared_ptr<const inspect::RawStack> raw_stack(std::uint64_t identity, std::string* message) override {
        return words_.get(identity, message);
    }
    void on_change(std::function<void()> notify) override {
        const std::lock_guard lock(lock_);
        notify_ = std::move(notify);
    }
    base::Result<std::shared_ptr<const Moment>> wait_moment() override {
        std::unique_lock lock(lock_);
        changed_.wait(lock, [this] { return moment_ != nullptr || !error_.message.empty(); });
        if (moment_ == nullptr) return error_;
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

    // Something was held or let go: that is worth a look now.
    void look_soon() {
        {
            const std::lock_guard lock(lock_);
            look_now_ = true;
            changed_.notify_all();
        }
        notify();
    }

    // Under lock_: the newest Moment, or the last one at or before the time chosen.
    void choose() {
        if (!history_.empty()) moment_ = time_.has_value() ? history_.at(*time_) : history_.newest();
    }

    void publish(std::shared_ptr<const Moment> moment) {
        {
            const std::lock_guard lock(lock_);
            program_ = moment->state.program;
            history_.add(std::move(moment));
            choose();
            changed_.notify_all();
        }
        notify();
    }

    void set_status(TargetStatus status, std::string text) {
        {
            const std::lock_guard lock(lock_);
            status_ = status;
            status_text_ = std::move(text);
        }
        notify();
    }

    void measure_rate(Clock::time_point now) {
        if (now - rate_since_ < kRateInterval) return;
        const std::uint64_t total = observation_->pump().events_total();
        const std::chrono::duration<double> seconds = now - rate_since_;
        const std::lock_guard lock(lock_);
        events_per_second_ = static_cast<double>(total - rate_events_) / seconds.count();
        rate_events_ = total;
        rate_since_ = now;
    }

    // Once a look: whether events are worth what they cost.
    void decide_listening(const inspect::StateImage& state) {
        EventBudget::Counts counts;
        for (const inspect::WorkerImage& worker : state.workers)
            counts.switches += worker.switches;
        switches_seen_ = counts.switches;
        if (observation_->recording()) return;
        counts.events = observation_->pump().events_total();
        const auto now = Clock::now().time_since_epoch();
        counts.now_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
        const std::optional<std::uint64_t> cpu_ns = inspect::proc::cpu_time_ns(pid_);
        if (!cpu_ns.has_value()) return;  // it has gone
        counts.cpu_ns = *cpu_ns;
        bool listen = false;
        {
            const std::lock_guard lock(lock_);
            const bool affordable = budget_.update(counts);
            listen = wish_ == Listening::kAlways || (wish_ == Listening::kAffordable && affordable);
            if (listen == listening_) return;
            listening_ = listen;
        }
        observation_->listen(listen ? wire::kEverything : 0);
        keep_what_is_heard(listen);
    }

    void keep_what_is_heard(bool listening) {
        if (observation_->recording()) return;
        if (!listening || observation_->pump().listening_refused() || !observation_->listening_refused().empty()) {
            observation_->close_past();
        } else {
            observation_->keep_past({kPastBytesMax, std::numeric_limits<std::int64_t>::max()});
        }
    }

    // Whether a Past can say what was so at t: what is kept may have ended before.
    static bool covers(const Past& past, TimeNs t) {
        const std::shared_ptr<const Replay> replay = past.replay();
        return t >= replay->begin() && (t <= replay->end() || past.growing());
    }

    // On the session's thread, off the lock: somebody asks about other times.
    void serve_past() {
        std::optional<TimeNs> t;
        std::shared_ptr<Past> past;
        {
            const std::lock_guard lock(lock_);
            past_wanted_ = false;
            t = time_;
            past = past_;
        }
        if (observation_->past() != past_of_ || (past == nullptr && observation_->recording())) {
            past = make_past();
            if (past == nullptr) return;
            past_of_ = observation_->past();
            std::shared_ptr<Past> old;  // its thread may call notify(), which takes the lock
            {
                const std::lock_guard lock(lock_);
                old = std::exchange(past_, past);
            }
        }
        if (past != nullptr && t.has_value() && covers(*past, *t)) past->set_time(t);
    }

    // Over what is kept by now; nullptr while there is no look in it.
    std::shared_ptr<Past> make_past() {
        auto reader = observation_->recording()
                          ? TraceReader::open(options_.record_path)
                          : TraceReader::open(observation_->past()->snapshot(), "what is kept of the program");
        if (!reader.ok()) return nullptr;
        auto replay = Replay::make(std::move(*reader));
        if (!replay.ok()) return nullptr;
        return std::make_shared<Past>(std::move(*replay), Past::Follow::kNo, std::nullopt, [this](const Past&) { notify(); });
    }

    // Looks once; into the file as well when it is due. False when the target cannot be read any more.
    bool look(bool with_stacks, bool into_file) {
        auto moment = observation_->look(with_stacks, true);
        if (!moment.ok()) {
            const std::lock_guard lock(lock_);
            error_ = moment.error();
            changed_.notify_all();
            return false;
        }
        words_.refresh(*observation_, (*moment)->state);
        decide_listening((*moment)->state);
        if (into_file && observation_->recording()) {
            const base::Status written = observation_->write_keyframe(**moment);
            if (!written.ok()) set_status(TargetStatus::kRunning, written.error().message);
        }
        publish(std::move(*moment));
        return true;
    }

    Activity activity() const { return {switches_seen_, observation_->pump().events_total(), inspect::proc::cpu_time_ns(pid_).value_or(0)}; }

    bool sleep_until(Clock::time_point until) {  // false: stop
        const auto begin = Clock::now();
        std::unique_lock lock(lock_);
        auto ask_next = begin + pace_.least();
        while (!stop_ && !look_now_ && Clock::now() < until && observation_->pump().target_alive() &&
               !observation_->pump().end_announced()) {
            changed_.wait_until(lock, std::min(until, Clock::now() + kEndLookOut));
            const bool asks = Clock::now() >= ask_next;
            if (asks && pace_.stirred(activity(), Clock::now() - begin)) break;
            if (asks) ask_next = Clock::now() + pace_.least();
            if (past_wanted_) {
                lock.unlock();
                serve_past();
                lock.lock();
            }
            if (!words_.wanted() || history_.empty()) continue;
            const std::shared_ptr<const Moment> newest = history_.newest();
            lock.unlock();
            words_.refresh(*observation_, newest->state);
            notify();
            lock.lock();
        }
        look_now_ = false;
        return !stop_;
    }

    void loop() {
        set_status(TargetStatus::kRunning, observation_->listening_refused().empty()
                                               ? "running"
                                               : "running; " + observation_->listening_refused());
        if (listening_) keep_what_is_heard(true);
        auto next_keyframe = Clock::now(), looked_at = next_keyframe;
        bool going = true;
        while (going && observation_->pump().target_alive() && !observation_->pump().end_announced()) {
            const auto now = Clock::now();
            const bool keyframe = now >= next_keyframe;
            if (keyframe) next_keyframe = now + kKeyframeInterval;
            measure_rate(now);
            if (!look(options_.with_stacks, keyframe)) break;
            milliseconds interval = pace_.after_look(activity(), now - std::exchange(looked_at, now));
            if (observation_->recording()) interval = pace_.least();  // a file's keyframes come by the clock
            // A look at many coroutines takes longer than its interval: leave the processor to others half of the time.
            going = sleep_until(std::max(now + interval, Clock::now() + (Clock::now() - now)));
        }
        end(going);
        // What was kept is asked about afterwards, too.
        std::unique_lock lock(lock_);
        while (!stop_) {
            if (past_wanted_) {
                lock.unlock();
                serve_past();
                lock.lock();
            } else {
                changed_.wait(lock);
            }
        }
    }

    void end(bool by_itself) {
        const bool announced = observation_->pump().end_announced() && observation_->pump().target_alive();
        if (by_itself && announced) {
            set_status(TargetStatus::kEnding, "ending");
            look(options_.with_stacks, true);
            observation_->pump().flush();
            observation_->pump().acknowledge_end();
            std::unique_lock lock(lock_);
            while (!stop_ && observation_->pump().target_alive())
                changed_.wait_for(lock, kEndLookOut);
        } else if (by_itself) {
            observation_->pump().stop();
            look(false, true);
        }
        const std::string because = !by_itself  ? "asked to stop"
                                    : announced ? "the program ended"
                                                : "the program was killed";
        words_.end();
        const base::Status finished = observation_->finish(because);
        set_status(by_itself ? TargetStatus::kExited : TargetStatus::kDetached,
                   finished.ok() ? (by_itself ? because : "detached") : finished.error().message);
    }

    const std::uint32_t pid_;
    const LiveOptions options_;
    mutable std::mutex lock_;  // guards everything below but the rate's two
    mutable std::condition_variable changed_;
    MomentHistory history_{kHistoryBytesMax};
    std::shared_ptr<const Moment> moment_;
    std::optional<TimeNs> time_;
    TargetStatus status_ = TargetStatus::kRunning;
    std::string status_text_;
    std::string program_;
    base::Error error_;
    double events_per_second_ = 0;
    bool stop_ = false;
    bool look_now_ = false;
    mutable bool past_wanted_ = false;  // somebody asks about other times
    std::shared_ptr<Past> past_;        // nullptr until somebody did, or while nothing is kept
    std::function<void()> notify_;
    RawStackWatch words_;
    Clock::time_point rate_since_ = Clock::now();     // the session's thread alone
    std::uint64_t rate_events_ = 0, switches_seen_ = 0;  // the same; of the last look
    LookPace pace_;                                   // the same
    const std::unique_ptr<Observation> observation_;  // its threads call notify(): gone before what that uses
    HoldDesk desk_;                                   // the same
    std::shared_ptr<const TraceMemory> past_of_;      // what past_ is over; the session's thread alone
    Listening wish_;                                  // this and the next two: under lock_
    bool listening_;
    EventBudget budget_;
    std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<Session>> open_live(std::uint32_t pid, const LiveOptions& options) {
    ObservationOptions observing;
    observing.pid = pid;
    observing.mask = LiveSession::starts_listening(options) ? wire::kEverything : 0;
    observing.force_agent_copies = options.force_agent_copies;
    observing.record_path = options.record_path;
    observing.debug_paths = options.debug_paths;
    auto observation = Observation::start(observing);
    if (!observation.ok()) return observation.error();
    return std::unique_ptr<Session>(std::make_unique<LiveSession>(pid, options, std::move(*observation)));
}

}  // namespace coroscope::traces
