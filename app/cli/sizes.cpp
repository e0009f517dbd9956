// `coroscope sizes`: from traces to the table that CPRIME_SIZES reads.
//
// The table is written beside its place and renamed, so that a program starting meanwhile reads the old one or the new one, never half.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "instrumentation/base/file_descriptor.h"
#include "traces/analysis.h"

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

}  // namespace

int run_sizes(const SizesWish& wish) {
    auto table = traces::compute_sizes(wish.traces, wish.previous_tables);
    if (!table) return fail(table.error());
    const std::string json = table->dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (!wish.output.empty()) {
        if (auto status = write_whole(wish.output, json); !status) return fail(status.error());
    }
    if (auto status = write_stdout(wish.json ? json : traces::sizes_text(*table)); !status)
        return fail(status.error());
    return kExitGood;
}

}  // namespace coroscope::app
