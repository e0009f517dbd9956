// See record_words.h.
#include "app/cli/record_words.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "instrumentation/base/file_descriptor.h"
#include "traces/trace_medium.h"

namespace coroscope::app {

base::Status may_write(const std::string& path) {
    if (path == traces::kStandardStream) {
        if (isatty(STDOUT_FILENO) == 0) return base::ok_status();
        return base::error(base::ErrorCode::kUsage,
                           "a trace is nothing for a terminal: send stdout to a file or a pipe, as in "
                           "coroscope record -o - ... | coroscope replay -");
    }
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    struct stat status {};
    const bool present = stat(path.c_str(), &status) == 0;
    int problem = present && S_ISDIR(status.st_mode) ? EISDIR : 0;
    if (problem == 0 && access(present ? path.c_str() : folder.c_str(), present ? W_OK : W_OK | X_OK) != 0)
        problem = errno;
    if (problem == 0) return base::ok_status();
    return base::error(base::ErrorCode::kIo,
                       fmt::format("the trace '{}' cannot be written: {}", path, base::errno_text(problem)));
}

std::string lost_text(std::uint64_t lost) {
    return lost == 0 ? "none lost" : fmt::format("{} lost", lost);
}

std::string dump_text(const FlightSize& size, const traces::FlightDump& dump) {
    std::string line = fmt::format("coroscope: {}: the last {:.3f} s, {} events, {}, {:.1f} MB; {}\n", dump.path, dump.held.seconds,
                                   dump.held.events, lost_text(dump.held.lost), static_cast<double>(dump.held.file_bytes) / 1e6, dump.because);
    if (dump.cut_by_bytes && size.ns != 0)
        line += fmt::format("coroscope: {}: of the {:g} s that were to be kept {:g} MB hold no more; "
                            "--flight-recorder SIZE,TIME gives it more memory\n",
                            dump.path, static_cast<double>(size.ns) * 1e-9, static_cast<double>(size.bytes) / 1e6);
    return line;
}

}  // namespace coroscope::app
