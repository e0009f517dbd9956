// What happens before a signal unwinds and while it is recovered from, and what may be asked of one.
#include "runtime/signals/raising.h"

#include <unwind.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>

#include "cprime/catch_signals.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/signal_probes.h"
#include "runtime/by_hand/whereabouts.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/late_calls.h"
#include "runtime/scheduler/parking.h"
#include "runtime/signals/app_signals.h"
#include "runtime/signals/nests.h"
#include "runtime/watch/describe.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::size_t kFramesMax = 48;

using Record = wire::SignalRecord;

// On a thread that is no worker: the Runtime does not end while this lives; false: it has, or there is none.
class WhileItStands {
public:
    WhileItStands() : outside_(cprime_current_worker == nullptr), stands_(!outside_ || enter()) {}
    ~WhileItStands() {
        if (outside_) g_late_calls.leave();
    }
    WhileItStands(const WhileItStands&) = delete;
    WhileItStands& operator=(const WhileItStands&) = delete;
    explicit operator bool() const { return stands_; }

private:
    static bool enter() { return g_late_calls.enter() && !emit::forked_child(); }
    bool outside_, stands_;
};

// From the innermost node of the caller's list outwards, until visit() says false; on the stack of a coroutine by hand that a scheduled one resumed,
// on through those of whoever resumed it.
template <typename Visit>
void walk_nests(Visit visit) {
    for (const Nest* at = running_nests(); at != nullptr; at = at->outer)
        if (!visit(*at)) return;
    const Worker* worker = cprime_current_worker;
    if (worker == nullptr || worker->current_index == wire::kNone) return;
    for (const ByHand* hand = by_hand_of(worker->current_index); hand != nullptr; hand = hand->outer) {
        for (const Nest* at = hand->nests; at != nullptr; at = at->outer)
            if (!visit(*at)) return;
    }
}

HeldSignal* find_current() {
    HeldSignal* found = nullptr;
    walk_nests([&found](const Nest& at) {
        if (at.kind == NestKind::kRecovering || at.kind == NestKind::kHandling) found = at.recovering;
        return found == nullptr;
    });
    return found;
}

struct Frames {
    std::vector<std::uint64_t>& found;
    std::uint64_t from;  // the first that counts
    bool begun = false;
};
_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* argument) {
    auto& frames = *static_cast<Frames*>(argument);
    const std::uint64_t address = _Unwind_GetIP(context);
    frames.begun |= address == frames.from;
    if (address == 0 || frames.found.size() == kFramesMax) return _URC_END_OF_STACK;
    if (frames.begun) frames.found.push_back(address);
    return _URC_NO_REASON;
}

// Who raises it and where that stands, for whoever is told later.
void note_raiser(HeldSignal& signal, const void* caller) {
    try {
        signal.frames.clear();
        signal.frames.reserve(kFramesMax);
        Frames frames{signal.frames, reinterpret_cast<std::uint64_t>(caller)};
        _Unwind_Backtrace(&note_frame, &frames);
        const Worker* worker = cprime_current_worker;
        if (worker != nullptr && worker->current_index != wire::kNone)
            signal.raiser_text = coroutine_and_site_text(worker->current_index);
    } catch (const std::bad_alloc&) {  // then it is raised without
    }
}

struct RaiseRequest {
    HeldSignal* signal;
    const void* caller;
    std::uint32_t scopes;
};
ResumePoint tell_raise(Worker* worker, std::uint32_t index, void* argument) noexcept {
    const auto& request = *static_cast<const RaiseRequest*>(argument);
    HeldSignal& signal = *request.signal;
    signal.raiser = current_identity(worker, index);
    if (emit::listening(wire::kCategorySignal)) {
        emit::probe::raise(ring_of(worker), signal.raised_ticks, signal.record, request.scopes,
                           reinterpret_cast<std::uint64_t>(request.caller),
                           g_runtime->sites.find(signal.place, "", 0));
    }
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

struct RecoverRequest {
    const HeldSignal* signal;
    bool raised_another;
};
ResumePoint tell_recover(Worker* worker, std::uint32_t, void* argument) noexcept {
    const auto& request = *static_cast<const RecoverRequest*>(argument);
    const std::uint64_t now = coroscope::base::read_tsc();
    emit::probe::recover(ring_of(worker), now, request.signal->record, request.raised_another,
                         now - request.signal->raised_ticks);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

std::string_view file_of(const Place& place) {
    const std::string_view path(place.file);
    return path.substr(path.rfind('/') + 1);
}

}  // namespace

HeldSignal::~HeldSignal() {
    if (!pending.load(kRelaxed)) return;
    const WhileItStands runtime;
    if (!runtime) return;
    count_signal(*this, &Record::delivered);
    count_signal(*this, &Record::finished);
}

bool handles_signal() {
    bool found = false;
    walk_nests([&found](const Nest& at) {
        found = at.kind == NestKind::kHandling;
        return !found;
    });
    return found;
}

void take_cause(HeldSignal& signal) {
    HeldSignal* const cause = find_current();
    if (cause == nullptr || cause->causes_count + 1 >= kCausesMax) return;
    signal.cause = cause->shared_from_this();
    signal.causes_count = cause->causes_count + 1;
}

void begin_raise(HeldSignal& signal, const void* caller, bool again) {
    if (!again) take_cause(signal);
    std::uint32_t scopes = 0;
    bool caught = false, in_handler = false;
    walk_nests([&](const Nest& at) {
        if (at.kind == NestKind::kHandling) in_handler = true;
        if (at.kind != NestKind::kScope) return true;
        caught = at.catches(*signal.type);
        if (!caught) ++scopes;
        return !caught;
    });
    signal.in_handler = !caught && in_handler;
    if (!caught && signal.frames.empty()) note_raiser(signal, caller);
    const WhileItStands runtime;
    if (!runtime) return;
    g_app_signals.arrive(signal);
    signal.pending.store(true, kRelaxed);
    RaiseRequest request{&signal, caller, caught ? scopes : wire::kNone};
    park<&tell_raise>(&request);
}

Recovering::Recovering(std::shared_ptr<HeldSignal> signal) noexcept
    : Nest(NestKind::kRecovering),
      signal_(std::move(signal)),
      counted_(signal_->pending.exchange(false, kRelaxed)) {
    recovering = signal_.get();
    cprime_nest_enter(this);
    if (!counted_) return;
    const WhileItStands runtime;
    if (runtime) count_signal(*signal_, &Record::delivered);
}

Recovering::~Recovering() {
    cprime_nest_leave(this);
    tell_end();
}

void Recovering::abandoned(Nest* nest) noexcept {
    static_cast<Recovering*>(nest)->tell_end();
}

void Recovering::tell_end() const noexcept {
    const WhileItStands runtime;
    if (!runtime) return;
    const HeldSignal& signal = *recovering;
    if (counted_) {
        count_signal(signal, &Record::finished);
        if (!done_) count_signal(signal, &Record::failed);
    }
    if (!emit::listening(wire::kCategorySignal) || !has_record(signal)) return;
    RecoverRequest request{&signal, !done_};
    park<&tell_recover>(&request);
}

const char* RaisedSignal::what() const noexcept {
    static std::mutex lock;
    try {
        const std::lock_guard hold(lock);
        if (text_ == nullptr) text_ = std::make_shared<const std::string>(AnySignal(held).text());
        return text_->c_str();
    } catch (...) {
        return "a signal of the program, and no memory to say which";
    }
}

}  // namespace cprime::detail

namespace cprime {

AnySignal current_signal() {
    detail::HeldSignal* const found = detail::find_current();
    return found == nullptr ? AnySignal() : AnySignal(found->shared_from_this());
}

void reraise() {
    detail::HeldSignal* const found = detail::find_current();
    if (found == nullptr) {
        std::fputs("cprime: reraise() outside of a recover and of a handler; there is no current signal\n",
                   stderr);
        std::abort();
    }
    const std::shared_ptr<detail::HeldSignal> held = found->shared_from_this();
    detail::begin_raise(*held, __builtin_return_address(0), true);
    held->raise_held(held);
    __builtin_unreachable();  // it throws: g++ does not believe it of virtual functions
}

std::string_view AnySignal::name() const noexcept {
    return held_ == nullptr ? std::string_view() : detail::name_of_type(*held_->type);
}

std::string AnySignal::message() const {
    return held_ == nullptr ? std::string() : held_->message();
}

std::vector<std::string> AnySignal::backtrace() const {
    std::vector<std::string> lines;
    if (held_ == nullptr) return lines;
    for (const std::uint64_t address : held_->frames)
        lines.push_back(detail::place_text(address));
    return lines;
}

std::string AnySignal::text() const {
    std::string all;
    for (const detail::HeldSignal* at = held_.get(); at != nullptr; at = at->cause.get()) {
        if (!all.empty()) all += ", because of ";
        all += detail::name_of_type(*at->type);
        const std::string message = at->message();
        if (!message.empty()) all += ": " + message;
        all += ", raised at ";
        all += detail::file_of(at->place);
        all += ":" + std::to_string(at->place.line);
        if (!at->raiser_text.empty()) all += " in " + at->raiser_text;
    }
    return all;
}

}  // namespace cprime
