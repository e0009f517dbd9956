// See top_screen.h.
#include "app/top/top_screen.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "traces/size_words.h"

namespace coroscope::app {
namespace {

constexpr const char *kBold = "1", *kDim = "2", *kRed = "31", *kYellow = "33", *kGreen = "32", *kCyan = "36",
                     *kReverse = "7";
constexpr int kTextColumns = 4096;  // a table as text is cut nowhere
constexpr int kHeadRows = 5, kFootRows = 1;
constexpr std::size_t kBarCells = 10;

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// One line under way: pieces that are cut where the screen ends, colours not counted.
class Line {
public:
    explicit Line(const TopLook& look)
        : left_(static_cast<std::size_t>(std::max(1, look.columns))), colour_(look.colour) {}
    Line& add(std::string_view text, const char* style = nullptr) {
        const std::string shown = fitted(text, left_, false);
        left_ -= std::min(left_, width_of(shown));
        if (shown.empty()) return *this;
        text_ += colour_ && style != nullptr ? fmt::format("\x1b[{}m{}\x1b[0m", style, shown) : shown;
        return *this;
    }
    std::size_t left() const { return left_; }
    std::string done() const { return text_ + "\n"; }

private:
    std::string text_;
    std::size_t left_;
    bool colour_;
};

std::string rate_text(double per_second) {
    return per_second < 0 ? "-"
                          : traces::brief_count(static_cast<std::uint64_t>(std::llround(per_second))) + "/s";
}

std::string percent_text(double share) {
    return share < 0 ? "-" : fmt::format("{:.0f} %", share * 100);
}

std::string uptime_text(std::int64_t ns) {
    const auto seconds = static_cast<double>(ns) * 1e-9;
    const auto whole = static_cast<std::int64_t>(seconds);
    if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
    if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{:.1f} s", seconds);
}

std::string head(const TopTable& table, const TopLook& look) {
    Line title(look);
    title.add(table.title, kBold).add("  ").add(table.status, table.status == "running" ? kGreen : kYellow);
    title.add(fmt::format("  {} {}", table.live ? "up" : "at", uptime_text(table.t_ns)));
    if (look.paused) title.add("  ").add(" paused ", kReverse);
    Line who(look);
    who.add(traces::brief_count(table.coroutines), kBold)
        .add(table.coroutines == 1 ? " coroutine:" : " coroutines:");
    for (const auto& [state, count] : table.states) {
        if (count != 0)
            who.add(fmt::format(" {} {} ", traces::brief_count(count), state), state == "running" ? kGreen
                                                                               : state == "ready" ? kYellow
                                                                                                  : nullptr);
    }
    Line rates(look);
    rates.add(
        fmt::format("switches {}  spawned {}  events {}", rate_text(table.switches_per_second),
                    rate_text(table.spawned_per_second),
                    table.live && !table.listening ? "not listened to" : rate_text(table.events_per_second)));
    rates.add("  ").add(fmt::format("lost {}", table.lost), table.lost == 0 ? nullptr : kRed);
    Line workers(look);
    workers.add("workers", kDim);
    for (const TopWorker& worker : table.workers) {
        const auto cells = worker.use < 0 ? 0
                                          : static_cast<std::size_t>(
                                                std::lround(worker.use * static_cast<double>(kBarCells)));
        const std::string text = fmt::format("  {} [{:<{}}] {:>5}", worker.worker,
                                             std::string(std::min(cells, kBarCells), '|'), kBarCells,
                                             percent_text(worker.use));
        if (width_of(text) + 6 > workers.left()) {
            workers.add(fmt::format("  +{}", table.workers.size() -
                                                 static_cast<std::size_t>(&worker - table.workers.data())),
                        kDim);
            break;
        }
        workers.add(text);
    }
    Line pools(look);
    pools.add("pools  ", kDim);
    for (const TopPool& pool : table.pools) {
        pools.add(fmt::format("  {}{} {}/{}", pool.size_class,
                              pool.purpose == "ordinary" ? "" : " " + pool.purpose,
                              traces::brief_count(pool.used), traces::brief_count(pool.slots)));
    }
    return title.done() + who.done() + rates.done() + workers.done() + pools.done();
}

std::string sites_title(const TopLook& look, std::size_t name_columns) {
    const auto title = [&](const char* text, TopSort sort) {
        return std::string(look.sort == sort ? "*" : "") + text;
    };
    return Line(look)
        .add(fmt::format("{} {:>8} {:>7} {:>6} {:>8}  {}", fitted(title("SITE", TopSort::kName), name_columns),
                         title("RUN", TopSort::kRunning), title("COROS", TopSort::kCoroutines),
                         title("READY", TopSort::kReady), title("STACK", TopSort::kStack), "MOST WAIT TO"),
             kReverse)
        .done();
}

std::string site_row(const TopSite& row, const TopLook& look, std::size_t name_columns) {
    const std::string place = row.site.substr(row.site.rfind('/') + 1);
    const std::string name = row.name.empty() ? place : row.name + " " + place;
    Line line(look);
    line.add(fitted(name, name_columns));
    line.add(fmt::format(" {:>8}", percent_text(row.running_share)),
             row.running_share >= 0.005 ? kGreen : kDim);
    line.add(fmt::format(
        " {:>7} {:>6} {:>8}", traces::brief_count(row.coroutines), traces::brief_count(row.ready),
        row.stack_bytes == 0 ? "-" : traces::brief_bytes(static_cast<std::int64_t>(row.stack_bytes))));
    if (!row.why.empty())
        line.add(fmt::format("  {} {}", traces::brief_count(row.why_count), row.why), kCyan);
    return line.done();
}

std::string channels_title(const TopLook& look, std::size_t name_columns) {
    return Line(look)
        .add(fmt::format("{} {:>13} {:>9} {:>9} {:>10}", fitted("CHANNEL", name_columns), "FILLED", "SENDERS",
                         "RECEIVERS", "SENT"),
             kReverse)
        .done();
}

std::string channel_row(const TopChannel& row, const TopLook& look, std::size_t name_columns) {
    Line line(look);
    line.add(fitted(row.channels > 1 ? fmt::format("{} x{}", row.name, row.channels) : row.name, name_columns));
    line.add(fmt::format(
        " {:>13}", fmt::format("{}/{}", traces::brief_count(row.length), traces::brief_count(row.capacity))));
    line.add(fmt::format(" {:>9}", traces::brief_count(row.senders_waiting)),
             row.senders_waiting != 0 ? kYellow : nullptr);
    line.add(fmt::format(" {:>9} {:>10}", traces::brief_count(row.receivers_waiting),
                         rate_text(row.sent_per_second)));
    return line.done();
}

std::string lints_title(const TopTable& table, const TopLook& look) {
    const std::size_t found = table.lints.lints.size();
    Line line(look);
    line.add(fmt::format("{} {}{}", found == 0 ? "LINTS" : std::to_string(found),
                         found == 0   ? "none"
                         : found == 1 ? "LINT"
                                      : "LINTS",
                         table.muted == 0 ? "" : fmt::format(", {} muted", table.muted)),
             kReverse);
    return line.done();
}

std::string lint_row(const analyses::Lint& lint, const TopLook& look) {
    const analyses::LintSeverity severity = lint.says().severity;
    Line line(look);
    line.add(fmt::format("{:<7} ", analyses::severity_name(severity)),
             severity == analyses::LintSeverity::kError     ? kRed
             : severity == analyses::LintSeverity::kWarning ? kYellow
                                                            : kDim);
    return line.add(lint.sentence).done();
}

std::string foot(const TopLook& look) {
    Line line(look);
    if (look.typing) return line.add("filter: " + look.filter + "_", kBold).done();
    line.add(fmt::format("q quit  s sort: {}  / filter{}  p {}  arrows scroll",
                         kTopSortNames[static_cast<std::size_t>(look.sort)],
                         look.filter.empty() ? "" : ": " + look.filter, look.paused ? "go on" : "pause"),
             kDim);
    return line.done();
}

// How many rows each of the three parts gets, their titles not counted.
struct Shares {
    std::size_t sites = 0, channels = 0, lints = 0;
};
Shares shares_of(const TopTable& table, const TopLook& look) {
    Shares shares{table.sites.size(), table.channels.size(), table.lints.lints.size()};
    if (look.rows == 0) return shares;
    const auto room = static_cast<std::size_t>(std::max(0, look.rows - kHeadRows - kFootRows - 3));
    shares.lints = std::min(shares.lints, std::max<std::size_t>(room >= 4 ? 1 : 0, room / 4));
    shares.channels = std::min(shares.channels, (room - shares.lints) / 3);
    shares.sites = std::min(shares.sites, room - shares.lints - shares.channels);
    return shares;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto first = static_cast<unsigned char>(text[at]);
        const std::size_t length = first < 0x80                    ? 1
                                   : first >= 0xf0 && first < 0xf5 ? 4
                                   : first >= 0xe0 && first < 0xf0 ? 3
                                   : first >= 0xc2 && first < 0xe0 ? 2
                                                                   : 0;
        bool whole = length != 0 && at + length <= text.size();
        for (std::size_t i = 1; whole && i < length; ++i)
            whole = (static_cast<unsigned char>(text[at + i]) & 0xc0) == 0x80;
        // 0x80 to 0x9f are control characters, too, written as two bytes.
        const bool control = first < 0x20 || first == 0x7f ||
                             (first == 0xc2 && whole && static_cast<unsigned char>(text[at + 1]) < 0xa0);
        if (whole && !control) {
            out += text.substr(at, length);
            at += length;
        } else {
            out += '?';
            at += whole ? length : 1;
        }
    }
    return out;
}

std::string fitted(std::string_view text, std::size_t columns, bool fill) {
    std::string out = printable(text);
    std::size_t width = width_of(out);
    if (width > columns) {
        std::size_t end = 0, seen = 0;
        const std::size_t keep = columns == 0 ? 0 : columns - 1;
        while (end < out.size() && ((static_cast<unsigned char>(out[end]) & 0xc0) == 0x80 || seen < keep)) {
            seen += (static_cast<unsigned char>(out[end]) & 0xc0) != 0x80;
            ++end;
        }
        out.resize(end);
        if (columns != 0) out += '~';
        width = columns;
    }
    if (fill) out.append(columns - width, ' ');
    return out;
}

std::string top_lines(const TopTable& table, TopLook& look) {
    if (look.rows == 0) look.columns = kTextColumns;
    const auto columns = static_cast<std::size_t>(std::max(1, look.columns));
    const std::size_t site_columns = std::clamp<std::size_t>(columns * 2 / 5, 12, 48);
    const Shares shares = shares_of(table, look);
    look.first = std::min(look.first, table.sites.size() - shares.sites);
    std::string text = head(table, look) + sites_title(look, site_columns);
    for (std::size_t i = 0; i < shares.sites; ++i)
        text += site_row(table.sites[look.first + i], look, site_columns);
    if (table.sites.empty())
        text += Line(look)
                    .add(look.filter.empty() ? "no coroutine is there" : "no site has these words", kDim)
                    .done();
    text += channels_title(look, site_columns);
    for (std::size_t i = 0; i < shares.channels; ++i)
        text += channel_row(table.channels[i], look, site_columns);
    text += lints_title(table, look);
    for (std::size_t i = 0; i < shares.lints; ++i)
        text += lint_row(table.lints.lints[i], look);
    if (look.rows == 0) return text;
    // The foot stands in the last row; whatever the screen has no room for goes from the end.
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at) + 1;
        lines.push_back(text.substr(at, end - at));
        at = end;
    }
    lines.resize(static_cast<std::size_t>(std::max(1, look.rows)) - 1, "\n");
    std::string screen;
    for (const std::string& line : lines)
        screen += line;
    return screen + foot(look);
}

}  // namespace coroscope::app
