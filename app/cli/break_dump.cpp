// See break_dump.h.
#include "app/cli/break_dump.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/cli/exit_codes.h"
#include "app/cli/record_words.h"

namespace coroscope::app {
namespace {

constexpr auto kBetweenDumps = std::chrono::seconds(1);
constexpr int kHitsMs = 20;  // between two looks whether somebody interrupts

}  // namespace

void BreakDump::wait_for_hits() {
    while (!over_.load(std::memory_order_relaxed)) {
        if (interrupt_.wait(0)) stop_.store(true, std::memory_order_relaxed);
        auto hits = watch_.next(kHitsMs);
        const std::lock_guard lock(lock_);
        if (!hits) {
            // Of a program that has ended the recording knows, too, and how.
            if (hits.error().code != base::ErrorCode::kGone) failed_ = hits.error();
            if (failed_.has_value()) stop_.store(true, std::memory_order_relaxed);
            return;
        }
        if (!hits->empty() && !hits_.first) hits_.first = hits->front();
        hits_.count += hits->size();
    }
}

void BreakDump::stop_waiting() {
    over_.store(true, std::memory_order_relaxed);
    if (waiting_.joinable()) waiting_.join();
}

// Why a dump is wanted; "" = none is, or not yet.
std::string BreakDump::wanted(bool at_once) {
    if (!at_once && Clock::now() < next_) return "";
    const std::lock_guard lock(lock_);
    if (!hits_.first || (wish_.count && written_ >= *wish_.count)) return "";
    in_dump_ = std::exchange(hits_, {});
    const std::string more = in_dump_.count > 1 ? fmt::format(", and {} times more", in_dump_.count - 1) : "";
    return fmt::format("the rule held {}{}", rules::to_text(*in_dump_.first), more);
}

void BreakDump::tell(const traces::FlightDump& dump) {
    next_ = Clock::now() + kBetweenDumps;
    ++written_;
    if (wish_.count && written_ >= *wish_.count) stop_.store(true, std::memory_order_relaxed);
    std::string text = dump_text(wish_.dump_size, dump);
    if (wish_.json) {
        const nlohmann::json line = {{"file", dump.path},
                                     {"hit", to_json(*in_dump_.first)},
                                     {"times", in_dump_.count},
                                     {"seconds", dump.held.seconds},
                                     {"events", dump.held.events},
                                     {"lost", dump.held.lost},
                                     {"bytes", dump.held.file_bytes}};
        text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    said_ = write_stdout(text);
    if (!said_) stop_.store(true, std::memory_order_relaxed);
}

traces::RecordOptions BreakDump::options() {
    traces::RecordOptions options;
    options.path = wish_.dump_to;
    options.pid = wish_.pid;
    options.flight.emplace().bytes = wish_.dump_size.bytes;
    if (wish_.dump_size.ns != 0) options.flight->ns = wish_.dump_size.ns;
    options.on_begin = [this] {
        std::fprintf(stderr, "coroscope: process %u holds the rule against its events, until Ctrl-C\n", wish_.pid);
    };
    options.dump_wanted = [this] { return wanted(false); };
    options.last_dump_wanted = [this](const std::string&) {
        stop_waiting();
        return wanted(true);
    };
    options.on_dump = [this](const base::Result<traces::FlightDump>& dump) {
        if (dump) return tell(*dump);
        next_ = Clock::now() + kBetweenDumps;
        std::fputs((error_line(dump.error().message + "; the rule is held on, and events are kept") + "\n").c_str(), stderr);
    };
    return options;
}

int BreakDump::run() {
    waiting_ = std::thread([this] { wait_for_hits(); });
    auto result = traces::record(options(), &stop_);
    stop_waiting();
    if (failed_) return fail(*failed_);
    if (!result) return fail(result.error());
    if (result->last_dump) tell(*result->last_dump);
    if (!said_) return fail(said_.error());
    if (written_ == 0) std::fprintf(stderr, "coroscope: the rule did not hold, so nothing was written; %s\n", result->ended_because.c_str());
    if (watch_.lost() != 0)
        std::fprintf(stderr, "coroscope: %llu more hits came faster than they could be told\n", static_cast<unsigned long long>(watch_.lost()));
    return kExitGood;
}

}  // namespace coroscope::app
