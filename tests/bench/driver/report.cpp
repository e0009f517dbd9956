// The table for people and the JSON object for programs.
#include "driver/report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace coroscope::bench {
namespace {

std::string processor_name() {
    std::ifstream info("/proc/cpuinfo");
    std::string line;
    while (std::getline(info, line)) {
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    }
    return "unknown processor";
}

template <typename... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
    char text[256];
    std::snprintf(text, sizeof text, format, arguments...);
    return text;
}

}  // namespace

std::string machine_text() {
    utsname system{};
    uname(&system);
    return formatted("%s, %ld processors, %s %s, g++ %s", processor_name().c_str(),
                     sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release, __VERSION__);
}

std::string as_json(const std::vector<RowResult>& results) {
    nlohmann::ordered_json root = {{"machine", machine_text()},
                                   {"versions", nlohmann::ordered_json::object()}};
    auto rows = nlohmann::ordered_json::array();
    for (const RowResult& result : results) {
        const auto nothing = nlohmann::ordered_json::object();
        const Figures* ours = &result.series.front();
        nlohmann::ordered_json row = {{"name", result.row->name}, {"unit", result.row->unit}};
        row.update({{"ours", ours->minimum}, {"ours_median", ours->median}});
        row.update({{"peers", nothing}, {"ratio", nothing}, {"peers_median", nothing}, {"details", nothing}});
        for (std::size_t i = 0; i < result.series.size(); ++i) {
            const Figures& figures = result.series[i];
            const std::string& label = result.row->series[i].label;
            root["versions"][label] = figures.version;
            for (const auto& [key, value] : figures.extra)
                row["details"][label][key] = value;
            if (&figures == ours) continue;
            row["peers"][label] = figures.minimum;
            row["peers_median"][label] = figures.median;
            if (figures.minimum > 0) row["ratio"][label] = ours->minimum / figures.minimum;
        }
        rows.push_back(std::move(row));
    }
    root["rows"] = std::move(rows);
    return root.dump(2);
}

std::string as_table(const RowResult& result) {
    const Figures* ours = &result.series.front();
    std::string text = formatted("%s  (%s)  ", result.row->name.c_str(), result.row->unit.c_str()) +
                       result.row->meaning +
                       formatted("\n  %-28s %10s %10s %8s\n", "", "minimum", "median", "ratio");
    for (std::size_t i = 0; i < result.series.size(); ++i) {
        const Figures& figures = result.series[i];
        text += formatted("  %-28s %10.2f %10.2f", result.row->series[i].label.c_str(), figures.minimum,
                          figures.median);
        if (&figures != ours && figures.minimum > 0)
            text += formatted(" %8.3f", ours->minimum / figures.minimum);
        std::string extra;
        for (const auto& [key, value] : figures.extra)
            extra += formatted("  %s %.6g", key.c_str(), value);
        text += extra + "\n";
    }
    return text;
}

}  // namespace coroscope::bench
