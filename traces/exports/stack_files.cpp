// Stacks as text: speedscope's JSON and folded lines.
#include "traces/exports/stack_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "traces/exports/json_text.h"

namespace coroscope::exports {
namespace {

// Root first. A park's reason stands on top of its stack.
std::vector<ProfileFrame> root_first(const StackRow& row) {
    std::vector<ProfileFrame> frames(row.frames.rbegin(), row.frames.rend());
    if (!row.reason.empty()) frames.push_back({"[" + row.reason + "]", "", "", 0, 0});
    return frames;
}

// Semicolons part frames, and a line ends the stack.
std::string folded_name(std::string name) {
    std::replace(name.begin(), name.end(), ';', ',');
    std::replace_if(
        name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
    return name;
}

}  // namespace

void write_folded(const StackProfile& profile, OutputFile& output) {
    for (const StackRow& row : profile.rows) {
        std::string line;
        for (const ProfileFrame& frame : root_first(row))
            line += (line.empty() ? "" : ";") + folded_name(frame.function);
        output.write(fmt::format("{} {}\n", line, row.values[1]));
    }
}

void write_speedscope(const StackProfile& profile, const std::string& title, OutputFile& output) {
    std::map<std::tuple<std::string, std::string, std::uint32_t>, std::size_t> numbers;
    std::string frames, samples, weights;
    std::int64_t total = 0;
    for (const StackRow& row : profile.rows) {
        std::string sample;
        for (const ProfileFrame& frame : root_first(row)) {
            const auto [found, fresh] = numbers.try_emplace({frame.function, frame.file, frame.line},
                                                            numbers.size());
            if (fresh) {
                frames += fmt::format("{}{{\"name\": {}", frames.empty() ? "" : ",\n",
                                      json_text(frame.function));
                if (!frame.file.empty())
                    frames += fmt::format(", \"file\": {}, \"line\": {}", json_text(frame.file), frame.line);
                frames += "}";
            }
            sample += fmt::format("{}{}", sample.empty() ? "" : ", ", found->second);
        }
        samples += fmt::format("{}[{}]", samples.empty() ? "" : ",\n", sample);
        weights += fmt::format("{}{}", weights.empty() ? "" : ", ", row.values[1]);
        total += row.values[1];
    }
    output.write(
        "{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\", \"exporter\": "
        "\"coroscope\",\n");
    output.write(
        fmt::format("\"name\": {}, \"activeProfileIndex\": 0,\n\"shared\": {{\"frames\": [\n{}\n]}},\n",
                    json_text(title), frames));
    output.write(
        fmt::format("\"profiles\": [{{\"type\": \"sampled\", \"name\": {}, \"unit\": {}, \"startValue\": 0, "
                    "\"endValue\": {},\n",
                    json_text(profile.names[1]), json_text(profile.units[1]), total));
    output.write(fmt::format("\"samples\": [\n{}\n],\n\"weights\": [{}]}}]}}\n", samples, weights));
}

}  // namespace coroscope::exports
