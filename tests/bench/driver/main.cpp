// bench: prints our figures beside those of the peers, measured in one run.
//
//   bench [NAME…] [--json] [--list] [--quick] [--generations N] [--rounds N]
//
// NAME picks rows; without one, all. `--quick` is for tests: it shows that everything runs, its figures mean little.
// Exit codes: 0 done, 2 a wrong command line, 3 something could not be measured (one sentence on stderr says what).
// Rows: driver/rows.cpp. How a figure comes about: driver/measure.h.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "driver/measure.h"
#include "driver/report.h"
#include "driver/rows.h"

namespace {

using namespace coroscope::bench;

struct CommandLine {
    std::vector<const Row*> rows;
    Effort effort;
    bool json = false;
    bool list = false;
};

[[noreturn]] void wrong(const std::string& sentence) {
    std::fprintf(stderr, "bench: %s\n", sentence.c_str());
    std::exit(2);
}

const Row* row_named(const char* name) {
    for (const Row& row : all_rows()) {
        if (row.name == name) return &row;
    }
    wrong(std::string("there is no row '") + name + "'; `bench --list` names them all");
}

unsigned positive(const char* option, const char* text) {
    const long value = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
    if (value < 1 || value > 1000) wrong(std::string(option) + " wants a number from 1 to 1000");
    return static_cast<unsigned>(value);
}

CommandLine parse(int count, char** arguments) {
    CommandLine line;
    for (int i = 1; i < count; ++i) {
        const char* word = arguments[i];
        const char* after = i + 1 < count ? arguments[i + 1] : nullptr;
        if (std::strcmp(word, "--json") == 0) {
            line.json = true;
        } else if (std::strcmp(word, "--list") == 0) {
            line.list = true;
        } else if (std::strcmp(word, "--quick") == 0) {
            line.effort = {.generations = 1,
                           .rounds = 2,
                           .batch_ns = 2e6,
                           .bytes_scale = 0.05,
                           .memory_rounds = 1,
                           .whole_rounds = 1};
        } else if (std::strcmp(word, "--generations") == 0) {
            line.effort.generations = positive(word, after);
            ++i;
        } else if (std::strcmp(word, "--rounds") == 0) {
            line.effort.rounds = positive(word, after);
            ++i;
        } else if (word[0] == '-') {
            wrong(std::string("there is no option '") + word +
                  "'; usage: bench [NAME...] [--json] [--list] [--quick]");
        } else {
            line.rows.push_back(row_named(word));
        }
    }
    if (line.rows.empty()) {
        for (const Row& row : all_rows())
            line.rows.push_back(&row);
    }
    return line;
}

}  // namespace

int main(int count, char** arguments) {
    std::signal(SIGPIPE, SIG_IGN);  // a runner that died is an error, not our end
    const CommandLine line = parse(count, arguments);
    if (line.list) {
        for (const Row* row : line.rows)
            std::printf("%-24s %s\n", row->name.c_str(), row->meaning.c_str());
        return 0;
    }
    if (!line.json) std::printf("%s\n", machine_text().c_str());
    std::vector<RowResult> results;
    for (const Row* row : line.rows) {
        coroscope::base::Result<RowResult> result = measure_row(*row, line.effort);
        if (!result.ok()) {
            std::fprintf(stderr, "bench: %s: %s\n", row->name.c_str(), result.error().message.c_str());
            return 3;
        }
        if (!line.json) {
            std::printf("\n%s", as_table(*result).c_str());
            std::fflush(stdout);
        }
        results.push_back(std::move(result).value());
    }
    if (line.json) std::printf("%s\n", as_json(results).c_str());
    return 0;
}
