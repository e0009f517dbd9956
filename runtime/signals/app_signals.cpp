// Look-up, hand-over, and the coroutine that handles.
#include "runtime/signals/app_signals.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>
#include <utility>

#include "cprime/catch_signals.h"
#include "cprime/out_of_memory.h"
#include "cprime/spawn.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/signal_probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/signals/out_of_memory.h"
#include "runtime/signals/raising.h"
#include "runtime/signals/signal_run.h"

namespace cprime::detail {

AppSignals g_app_signals;
constinit std::atomic<std::uint32_t> g_signals_epoch{1};

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

using Record = wire::SignalRecord;

// Of the coroutine that calls. Not kept over a switch.
[[gnu::noinline]] std::uint64_t& private_word_here() {
    return detail(cprime_current_worker->current_index).private_word;
}

bool is_power_of_ten(std::uint64_t value) {
    while (value != 0 && value % 10 == 0)
        value /= 10;
    return value == 1;
}

}  // namespace

std::string_view name_of_type(const std::type_info& type) {
    static std::mutex lock;
    static auto& names = *new std::unordered_map<std::type_index, std::string>;  // for ever: views of them are kept
    const std::lock_guard hold(lock);
    const auto found = names.find(type);
    if (found != names.end()) return found->second;
    int status = 0;
    char* const text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
    std::string name = text != nullptr ? text : type.name();
    std::free(text);
    constexpr std::string_view kNowhere = "(anonymous namespace)::";
    for (std::size_t at = name.find(kNowhere); at != std::string::npos; at = name.find(kNowhere))
        name.erase(at, kNowhere.size());
    return names.emplace(type, std::move(name)).first->second;
}

bool has_record(const HeldSignal& signal) {
    return signal.record != wire::kNone && signal.epoch == g_signals_epoch.load(kRelaxed);
}

void count_signal(const HeldSignal& signal, SignalCount which, std::uint64_t times) {
    if (has_record(signal)) (g_signal_records.at(signal.record).*which).fetch_add(times, kRelaxed);
}

AppSignals::Kind& AppSignals::kind_of(const std::type_info& type) {
    const auto found = kinds_.find(type);
    if (found != kinds_.end()) return found->second;
    const std::string_view name = name_of_type(type);
    Kind& made = kinds_[type];
    made.name = name;
    made.record = g_signal_records.own(name);
    if (made.record == wire::kNone) {
        std::fprintf(stderr,
                     "cprime: signals of type %.*s are not counted: a program has %u kinds of its own at "
                     "most, and this is one "
                     "more\n",
                     static_cast<int>(name.size()), name.data(), wire::kSignalRecordsMax - wire::kSignalsMax);
    }
    return made;
}

std::uint32_t AppSignals::record_of(const std::type_info& type) {
    const std::lock_guard hold(lock_);
    return kind_of(type).record;
}

void AppSignals::handle(const std::type_info* type, std::shared_ptr<const Action> action) {
    const std::lock_guard hold(lock_);
    if (type == nullptr) {
        of_unhandled_.swap(action);  // the one before goes with `action`, after the lock
        return;
    }
    Kind& kind = kind_of(*type);
    if (kind.record != wire::kNone) {
        Record& record = g_signal_records.at(kind.record);
        record.route.store(wire::SignalRoute::kCoroutine, kRelaxed);
        record.pool.store(kPoolSignal, kRelaxed);
        const std::uint32_t site = g_runtime->sites.find(action->place, name_of_type(*type), 0);
        record.site.store(site == wire::kNone ? 0 : site + 1, kRelaxed);
    }
    kind.action.swap(action);
}

void AppSignals::coalesce(const std::type_info& type) {
    const std::uint32_t index = record_of(type);
    if (index == wire::kNone) return;
    g_signal_records.at(index).arrived.fetch_add(1, kRelaxed);
    g_signal_records.at(index).coalesced.fetch_add(1, kRelaxed);
    if (emit::listening(wire::kCategorySignal)) {
        emit::probe::signal_dropped(ring_of(cprime_current_worker), 0, index, wire::SignalFate::kCoalesced, 1,
                                    coroscope::base::read_tsc());
    }
}

bool AppSignals::busy_here() {
    if (!lock_.try_lock()) return true;
    lock_.unlock();
    return false;
}

void AppSignals::lose(const Job& job, const char* why) {
    const HeldSignal& signal = *job.signal;
    std::uint64_t lost = 1;
    if (has_record(signal)) lost = g_signal_records.at(signal.record).lost.fetch_add(1, kRelaxed) + 1;
    if (emit::listening(wire::kCategorySignal)) {
        emit::probe::signal_dropped(ring_of(cprime_current_worker), 0, signal.record, wire::SignalFate::kLost,
                                    1, signal.raised_ticks);
    }
    if (!is_power_of_ten(lost)) return;
    std::fprintf(stderr, "cprime: signal %.*s is lost (%llu so far): %s\n", static_cast<int>(job.name.size()),
                 job.name.data(), static_cast<unsigned long long>(lost), why);
}

void AppSignals::arrive(HeldSignal& signal) {
    signal.record = record_of(*signal.type);
    signal.epoch = g_signals_epoch.load(kRelaxed);
    signal.raised_ticks = coroscope::base::read_tsc();
    count_signal(signal, &Record::arrived);
}

bool AppSignals::notify(const std::shared_ptr<HeldSignal>& signal) {
    arrive(*signal);
    return hand_over(signal);
}

bool AppSignals::hand_over(const std::shared_ptr<HeldSignal>& signal, bool quiet) {
    Job job{signal, {}, nullptr};
    {
        const std::lock_guard hold(lock_);
        const Kind& kind = kind_of(*signal->type);
        job.name = kind.name;
        job.action = kind.action;
        if (job.action == nullptr) job.action = of_unhandled_;
    }
    if (job.action == nullptr) {
        if (!quiet) lose(job, "nobody handles it; signals().handle<...>() or on_unhandled()");
        return false;
    }
    count_signal(*signal, &Record::delivered);  // before anybody can act on it
    if (spawn(job)) {
        const std::lock_guard hold(lock_);
        ++running_;
        return true;
    }
    // Nobody has a stack for it. Whoever runs a handler runs this one next; if nobody does, it is lost.
    count_signal(*signal, &Record::delivered, ~0ULL);
    {
        const std::lock_guard hold(lock_);
        if (running_ > 0 && waiting_.size() < kWaitingMax) {
            try {
                waiting_.push_back(std::move(job));
                return true;
            } catch (const std::bad_alloc&) {
            }
        }
    }
    lose(job,
         "there is no stack for a coroutine to handle it; raise PoolConfig::emergency_slots or "
         "signal_slots_max");
    return false;
}

bool AppSignals::spawn(const Job& job) {
    struct Handler {
        Job job;
        void operator()() { g_app_signals.run(std::move(job)); }
    };
    SpawnRequest request;
    request.type = &closure_type<Handler, void>;
    request.name = job.name;
    request.place = job.action->place;
    request.flags = kSpawnSignal;
    static_cast<void>(spawn_begin(nullptr, kNoCoroutine, &request));
    if (request.coroutine == kNoCoroutine) return false;
    ::new (request.closure) Closure<Handler, void>{Handler{job}};
    if (emit::listening(wire::kCategorySignal)) {
        emit::probe::signal(ring_of(cprime_current_worker), 0, job.signal->record, request.coroutine,
                            job.signal->raiser, job.signal->raised_ticks);
    }
    static_cast<void>(spawn_commit(nullptr, kNoCoroutine, &request));
    return true;
}

void AppSignals::run(Job job) {
    private_word_here() |= kPrivateAnswers;
    for (;;) {
        std::exception_ptr failure;
        const bool whole = run_one(job, failure);
        const std::string_view name = job.name;
        job = {};
        if (!next(job)) {
            if (!whole) std::rethrow_exception(failure);  // the coroutine has failed
            return;
        }
        if (!whole) report_failure(std::string(name), this_id(), failure);
    }
}

bool AppSignals::run_one(const Job& job, std::exception_ptr& failure) {
    const HeldSignal& signal = *job.signal;
    SignalRun run{.arrival_ticks = signal.raised_ticks};
    if (has_record(signal)) {
        run.record = &g_signal_records.at(signal.record);
        run.signal = signal.record;
    }
    try {
        run_signal_handler(run, [&job] {
            Nest handling(NestKind::kHandling);
            handling.recovering = job.signal.get();
            struct In {
                Nest* nest;
                explicit In(Nest* entered) : nest(entered) { cprime_nest_enter(entered); }
                ~In() { cprime_nest_leave(nest); }
            } const in(&handling);
            job.action->handler(job.signal);
        });
    } catch (const Cancelled&) {
    } catch (...) {
        failure = std::current_exception();
    }
    return failure == nullptr;
}

bool AppSignals::next(Job& job) {
    {
        const std::lock_guard hold(lock_);
        if (waiting_.empty()) {
            --running_;
        } else {
            job = std::move(waiting_.front());
            waiting_.pop_front();
        }
    }
    if (job.signal != nullptr) {
        count_signal(*job.signal, &Record::delivered);
        return true;
    }
    private_word_here() &= ~kPrivateAnswers;
    return false;
}

void AppSignals::go_on_after_fault() {
    Job job;
    if (!next(job)) return;
    const std::string_view name = job.name;
    try {
        run(std::move(job));
    } catch (...) {
        report_failure(std::string(name), this_id(), std::current_exception());
    }
}

void AppSignals::give_up_after_fault() {
    private_word_here() &= ~kPrivateAnswers;
    std::deque<Job> nobodys;
    {
        const std::lock_guard hold(lock_);
        if (--running_ <= 0) nobodys.swap(waiting_);
    }
    const auto hand_on = [](Worker* worker, std::uint32_t, void* jobs) noexcept -> ResumePoint {
        for (const Job& job : *static_cast<std::deque<Job>*>(jobs))
            g_app_signals.hand_over(job.signal);
        return keep_running(*worker);
    };
    park(+hand_on, &nobodys);
}

void AppSignals::stop() {
    std::unordered_map<std::type_index, Kind> kinds;
    std::shared_ptr<const Action> unhandled;
    {
        const std::lock_guard hold(lock_);
        kinds.swap(kinds_);
        unhandled.swap(of_unhandled_);
    }
}

void stop_app_signals() {
    g_signals_epoch.fetch_add(1, kRelaxed);
    forget_out_of_memory();
    g_app_signals.stop();
}

bool hand_over_escaped(const RaisedSignal& escaped) {
    const std::shared_ptr<HeldSignal>& signal = escaped.held;
    if (!signal->pending.exchange(false, kRelaxed)) return false;
    if (signal->in_handler || !g_app_signals.hand_over(signal, true)) {
        count_signal(*signal, &Record::lost);  // the sentence about the coroutine names it
        return false;
    }
    return true;
}

namespace {

struct NotifyRequest {
    const std::shared_ptr<HeldSignal>* signal;
    bool handled = false;
    bool out_of_memory = false;
};
ResumePoint notify_application(Worker* worker, std::uint32_t index, void* argument) noexcept {
    auto& request = *static_cast<NotifyRequest*>(argument);
    if (worker == nullptr) runtime("notify");
    HeldSignal& signal = **request.signal;
    signal.raiser = current_identity(worker, index);
    try {
        request.handled = g_app_signals.notify(*request.signal);
    } catch (const std::bad_alloc&) {  // its type was new
        request.out_of_memory = true;
    }
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace

bool notify_held(std::shared_ptr<HeldSignal> signal) {
    take_cause(*signal);
    NotifyRequest request{&signal};
    park<&notify_application>(&request);
    if (request.out_of_memory) throw std::bad_alloc();
    return request.handled;
}

void handle_application_signal(const std::type_info* type, HeldHandler handler, const Place& place) {
    runtime("signals().handle");
    // Channel handles that it captured belong to no coroutine from now on: see Signals::handle.
    HeldHandler unowned;
    std::thread([&] { unowned = handler; }).join();
    handler = nullptr;
    if (type != nullptr && *type == typeid(OutOfMemory)) unowned = prepare_out_of_memory(std::move(unowned));
    g_app_signals.handle(
        type, std::make_shared<const AppSignals::Action>(AppSignals::Action{std::move(unowned), place}));
}

SignalCounts signal_counts_of(const std::type_info& type) {
    runtime("signals().count");
    const std::uint32_t index = g_app_signals.record_of(type);
    if (index == wire::kNone) return {};
    return read_counts(g_signal_records.at(index));
}

}  // namespace cprime::detail

namespace cprime {

Signals& Signals::on_unhandled(std::function<void(const AnySignal&)> handler, Place place) {
    detail::handle_application_signal(
        nullptr,
        [handler = std::move(handler)](const std::shared_ptr<detail::HeldSignal>& signal) {
            handler(AnySignal(signal));
        },
        place);
    return *this;
}

}  // namespace cprime
