// See size_table_file.h.
#include "traces/size_table_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "instrumentation/base/file_descriptor.h"

namespace coroscope::traces {

std::string size_table_text(const nlohmann::json& table) {
    return table.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

base::Status write_size_table(const std::string& path, const nlohmann::json& table) {
    const std::string text = size_table_text(table), beside = path + ".part-" + std::to_string(getpid());
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

}  // namespace coroscope::traces
