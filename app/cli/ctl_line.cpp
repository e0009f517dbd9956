// See ctl_line.h.
#include "app/cli/ctl_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "instrumentation/wire/event.h"
#include "traces/trace_medium.h"

namespace coroscope::app {
namespace {

using What = CtlWish::What;

constexpr char kDumpSizeDefault[] = "64MB";

struct CategoryName {
    const char* name;
    std::uint32_t bit;
};
constexpr CategoryName kCategories[] = {
    {"coroutine", wire::kCategoryCoroutine}, {"channel", wire::kCategoryChannel},
    {"pool", wire::kCategoryPool},           {"signal", wire::kCategorySignal},
    {"timer", wire::kCategoryTimer},         {"worker", wire::kCategoryWorker},
    {"lock", wire::kCategoryLock},           {"io", wire::kCategoryIo},
    {"user", wire::kCategoryUser},           {"foreign", wire::kCategoryForeign}};

base::Error wrong_ctl(const std::string& message) {
    return base::error(base::ErrorCode::kUsage, message);
}

base::Status take_ids(CtlLine& line) {
    for (const std::string& text : line.words) {
        std::uint64_t id = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
        if (problem != std::errc() || end != text.data() + text.size() || id == 0)
            return wrong_ctl("'" + text + "' is no coroutine: 'coroscope stacks --pid " + line.pid +
                             "' lists their ids");
        line.wish.coroutines.push_back(id);
    }
    if (line.wish.what == What::kStop && line.wish.coroutines.size() != 1)
        return wrong_ctl("ctl stop needs the id of one coroutine that runs: coroscope ctl --pid PID stop ID");
    if (line.wish.what == What::kStep && line.wish.coroutines.size() > 1)
        return wrong_ctl("ctl step takes one coroutine at a time: coroscope ctl --pid PID step [ID]");
    return base::ok_status();
}

base::Status take_rule(CtlLine& line) {
    if (line.words.size() != 1)
        return wrong_ctl(
            "ctl break needs one rule, in quotes: coroscope ctl --pid PID break 'suspend and site =~ "
            "\"parser\"'");
    line.wish.rule = line.words.front();
    if (line.action != "pause" && line.action != "log" && line.action != "dump")
        return wrong_ctl("'" + line.action + "' is nothing that a rule can do: --action pause, log or dump");
    line.wish.log = line.action == "log";
    const bool dumps = line.action == "dump";
    if (dumps == line.output.empty())
        return wrong_ctl(dumps ? "ctl break --action dump writes a trace: name it with -o FILE" : "-o goes with ctl break --action dump");
    if (!dumps && !line.flight.empty()) return wrong_ctl("--flight-recorder goes with ctl break --action dump");
    line.wish.dump_to = line.output;
    if (line.output == traces::kStandardStream) return wrong_ctl("ctl break --action dump writes whole files: name one with -o");
    if (dumps) {
        auto size = parse_flight_size(line.flight.empty() ? kDumpSizeDefault : line.flight);
        if (!size) return size.error();
        line.wish.dump_size = *size;
    }
    if (line.wish.count == 0) return wrong_ctl("--count begins with 1, the first time that the rule holds");
    return base::ok_status();
}

base::Status take_categories(CtlLine& line) {
    if (line.words.size() != 1)
        return wrong_ctl(
            "ctl mask needs categories: coroscope ctl --pid PID mask coroutine,channel (or all, none, "
            "+pool,-timer, all,-pool)");
    auto categories = parse_categories(line.words.front());
    if (!categories) return categories.error();
    line.wish.withheld = categories->withheld;
    line.wish.changed = categories->changed;
    return base::ok_status();
}

}  // namespace

void add_ctl_options(CLI::App* ctl, CtlLine& line) {
    ctl->add_option("--pid", line.pid, "The program")->type_name("PID")->required();
    ctl->add_option(
           "WHAT", line.what,
           "pause: everything, or these coroutines, from their next scheduling point on, until this is "
           "interrupted; resume: let go; step: one coroutine, or without an ID one scheduling decision, to "
           "the next scheduling point; stop: the thread of the worker that runs this coroutine, at once; "
           "break: pause where a rule "
           "holds, evaluated in the program; mask: the categories of events that whoever listens gets")
        ->required();
    ctl->add_option("ARGS", line.words,
                    "Coroutines, as 'coroscope stacks' names them; break: a rule; mask: coroutine,channel or "
                    "+pool,-timer")
        ->type_name("ID | RULE | CATEGORIES");
    ctl->add_flag("--keep", line.wish.keep,
                  "pause, break: return at once, and stay paused until somebody says resume");
    ctl->add_option("--action", line.action,
                    "break: pause (default); log: say each time, and go on; dump: keep the last of its events in memory, and write them to the "
                    "file of -o when the rule holds, then FILE-2, FILE-3 ..., at most one a second")
        ->type_name("ACTION");
    ctl->add_option("--count", line.wish.count,
                    "break: the Nth time that the rule holds; with log and dump: end after N (default 1; log, dump: never)")
        ->type_name("N");
    ctl->add_option("-o,--output", line.output, "break --action dump: the trace to write")->type_name("FILE");
    ctl->add_option("--flight-recorder", line.flight, "break --action dump: how much is kept, as for record (default 64MB)")
        ->type_name("SIZE");
    ctl->add_option("--wait", line.wait, "How long to wait for it to take effect: 500ms, 2s (default 1s)")
        ->type_name("DURATION");
    ctl->add_flag("--json", line.wish.json, "One JSON object on stdout; break --action log: one a line");
}

base::Result<Wish> finish_ctl(CtlLine& line) {
    auto pid = parse_pid(line.pid);
    if (!pid) return pid.error();
    line.wish.pid = *pid;
    constexpr std::pair<const char*, What> kWords[] = {{"pause", What::kPause}, {"resume", What::kResume},
                                                       {"step", What::kStep},   {"stop", What::kStop},
                                                       {"break", What::kBreak}, {"mask", What::kMask}};
    const auto word = std::find_if(std::begin(kWords), std::end(kWords),
                                   [&line](const auto& entry) { return line.what == entry.first; });
    if (word == std::end(kWords))
        return wrong_ctl("ctl: '" + line.what +
                         "' is nothing that can be done: pause, resume, step, stop, break or mask");
    line.wish.what = word->second;
    const bool breaks = line.wish.what == What::kBreak;
    if (!breaks && (!line.action.empty() || line.wish.count || !line.output.empty() || !line.flight.empty()))
        return wrong_ctl("--action, --count, -o and --flight-recorder go with ctl break");
    if (line.action.empty()) line.action = "pause";
    const base::Status status = breaks                          ? take_rule(line)
                                : line.wish.what == What::kMask ? take_categories(line)
                                                                : take_ids(line);
    if (!status) return status.error();
    if (line.wish.keep && line.wish.what != What::kPause && (!breaks || line.action != "pause"))
        return wrong_ctl("--keep goes with ctl pause and with ctl break that pauses");
    if (!line.wait.empty()) {
        constexpr std::int64_t kMostNs = 3'600'000'000'000;
        auto wait_ns = parse_duration_ns(line.wait);
        if (!wait_ns) return wait_ns.error();
        if (*wait_ns > kMostNs) return wrong_ctl("--wait takes an hour at most");
        line.wish.patience_ms = static_cast<int>(*wait_ns / 1'000'000);
    }
    return Wish(line.wish);
}

base::Result<CategoryWish> parse_categories(const std::string& text) {
    CategoryWish wish;
    bool relative = false, absolute = false;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        std::string name = text.substr(begin, end - begin);
        const bool first = begin == 0;
        begin = end + 1;
        if (first && (name == "all" || name == "none")) {
            wish = {name == "all" ? 0 : wire::kEventCategories, wire::kEventCategories};
            continue;
        }
        const char sign = name.empty() ? ' ' : name.front();
        const bool is_signed = sign == '+' || sign == '-';
        if (is_signed) name.erase(0, 1);
        const auto known = std::find_if(std::begin(kCategories), std::end(kCategories),
                                        [&name](const CategoryName& one) { return name == one.name; });
        if (known == std::end(kCategories))
            return wrong_ctl("there is no category '" + name +
                             "': " + categories_text(wire::kEventCategories) + ", all or none");
        relative = relative || is_signed;
        absolute = absolute || !is_signed;
        if (first && !is_signed) wish = {wire::kEventCategories, wire::kEventCategories};
        wish.changed |= known->bit;
        wish.withheld = sign == '-' ? wish.withheld | known->bit : wish.withheld & ~known->bit;
    }
    if (relative && absolute)
        return wrong_ctl("'" + text +
                         "' says which categories there are and which change: name some, such as "
                         "coroutine,channel, or say "
                         "+pool,-timer or all,-pool");
    return wish;
}

std::string categories_text(std::uint32_t categories) {
    std::string text;
    for (const CategoryName& one : kCategories) {
        if ((categories & one.bit) != 0) text += (text.empty() ? "" : ", ") + std::string(one.name);
    }
    return text.empty() ? "none" : text;
}

}  // namespace coroscope::app
