#include "app/cli/exit_codes.h"

#include <cerrno>
#include <cstdio>

#include "instrumentation/base/file_descriptor.h"

namespace coroscope::app {

int exit_code_of(base::ErrorCode code) {
    return code == base::ErrorCode::kUsage ? kExitUsage : kExitUnreadable;
}

std::string error_line(const std::string& message) {
    std::string line = "coroscope: ";
    bool space_before = true;
    for (const char c : message) {
        const bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
        if (!space) line += c;
        if (space && !space_before) line += ' ';
        space_before = space;
    }
    while (line.back() == ' ' || line.back() == '.')
        line.pop_back();
    return line;
}

int fail(const base::Error& error) {
    std::fprintf(stderr, "%s\n", error_line(error.message).c_str());
    return exit_code_of(error.code);
}

base::Status write_stdout(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
        return base::error(base::ErrorCode::kIo,
                           "the answer could not be written to stdout: " + base::errno_text(errno));
    }
    return base::ok_status();
}

}  // namespace coroscope::app
