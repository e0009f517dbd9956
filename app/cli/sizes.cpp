// `coroscope sizes`: from traces and binaries to the table that CPRIME_SIZES reads; and what one of two runs changed.
//
// Exit code 1 when a run went deeper than what is proven: the proof is wrong then.
// The table is written beside its place and renamed, so that a program starting meanwhile reads the old one or the new one, never half.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "app/sizes_join.h"
#include "instrumentation/base/file_descriptor.h"
#include "traces/analysis.h"
#include "traces/size_compare.h"

namespace coroscope::app {
namespace {

base::Status write_whole(const std::string& path, const std::string& text) {
    const std::string beside = path + ".part-" + std::to_string(getpid());
    std::FILE* file = std::fopen(beside.c_str(), "we");
    bool good = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size() &&
                std::fflush(file) == 0;
    int problem = errno;
    if (file != nullptr && std::fclose(file) != 0 && good) {
        good = false;
        problem = errno;
    }
    if (good && std::rename(beside.c_str(), path.c_str()) != 0) {
        good = false;
        problem = errno;
    }
    if (good) return base::ok_status();
    std::remove(beside.c_str());
    return base::error(base::ErrorCode::kIo, "'" + path + "' cannot be written: " + base::errno_text(problem));
}

std::string table_text(const nlohmann::json& table) {
    return table.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int run_compare(const SizesWish& wish) {
    traces::SizeRows sides[2];
    for (std::size_t i = 0; i < 2; ++i) {
        if (auto added = sides[i].add_file(wish.traces[i]); !added) return fail(added.error());
    }
    const traces::SizeComparison comparison = traces::compare_sizes(sides[0], sides[1]);
    const auto status = write_stdout(wish.json ? table_text(traces::to_json(comparison)) : traces::to_text(comparison));
    return status ? kExitGood : fail(status.error());
}

}  // namespace

int run_sizes(const SizesWish& wish) {
    if (wish.compare) return run_compare(wish);
    traces::SizeRows rows;
    for (const std::string& path : wish.previous_tables) {
        if (auto added = rows.add_table(path); !added) return fail(added.error());
    }
    for (const std::string& path : wish.traces) {
        if (auto added = rows.add_file(path); !added) return fail(added.error());
    }
    auto doubts = add_proofs(rows, wish.binaries);
    if (!doubts) return fail(doubts.error());
    const nlohmann::json table = rows.to_json();
    const std::string json = table_text(table);
    if (!wish.output.empty()) {
        if (auto status = write_whole(wish.output, json); !status) return fail(status.error());
    }
    for (const std::string& sentence : *doubts)
        std::fprintf(stderr, "coroscope: %s\n", sentence.c_str());
    if (auto status = write_stdout(wish.json ? json : traces::sizes_text(table)); !status)
        return fail(status.error());
    return table["contradictions"].empty() ? kExitGood : kExitFinding;
}

}  // namespace coroscope::app
