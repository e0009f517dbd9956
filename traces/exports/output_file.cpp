// See output_file.h.
#include "traces/exports/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "instrumentation/base/file_descriptor.h"

namespace coroscope::exports {

base::Result<OutputFile> OutputFile::create(const std::string& path) {
    if (path == "-") return OutputFile(path, "", stdout);
    const std::string beside = path + ".part-" + std::to_string(getpid());
    std::FILE* file = std::fopen(beside.c_str(), "we");
    if (file == nullptr) {
        return base::error(base::ErrorCode::kIo,
                           "'" + path + "' cannot be written: " + base::errno_text(errno));
    }
    return OutputFile(path, beside, file);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(other.path_),
      beside_(other.beside_),
      file_(std::exchange(other.file_, nullptr)),
      problem_(other.problem_) {}

OutputFile::~OutputFile() {
    if (file_ == nullptr || beside_.empty()) return;
    std::fclose(file_);
    std::remove(beside_.c_str());
}

void OutputFile::write(std::string_view bytes) {
    if (problem_ != 0 || bytes.empty()) return;
    errno = 0;
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
        problem_ = errno != 0 ? errno : EIO;
}

base::Error OutputFile::problem() const {
    const std::string what = beside_.empty() ? "the export could not be written to stdout"
                                             : "'" + path_ + "' cannot be written";
    return base::error(base::ErrorCode::kIo, what + ": " + base::errno_text(problem_));
}

base::Status OutputFile::finish() {
    std::FILE* file = std::exchange(file_, nullptr);
    if (std::fflush(file) != 0 && problem_ == 0) problem_ = errno;
    if (beside_.empty()) return problem_ == 0 ? base::ok_status() : base::Status(problem());
    if (std::fclose(file) != 0 && problem_ == 0) problem_ = errno;
    if (problem_ == 0 && std::rename(beside_.c_str(), path_.c_str()) != 0) problem_ = errno;
    if (problem_ == 0) return base::ok_status();
    std::remove(beside_.c_str());
    return problem();
}

SpoolFile::~SpoolFile() {
    if (file_ != nullptr) std::fclose(file_);
}

void SpoolFile::write(std::string_view bytes) {
    good_ = good_ && file_ != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
}

base::Status SpoolFile::copy_to(OutputFile& to) {
    if (good_ && file_ != nullptr && std::fflush(file_) == 0) {
        std::rewind(file_);
        char buffer[64 << 10];
        for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, file_)) != 0;)
            to.write({buffer, got});
        if (std::ferror(file_) == 0) return base::ok_status();
    }
    return base::error(
        base::ErrorCode::kIo,
        "/tmp is full or cannot be written, and tables are kept there until the others are complete");
}

}  // namespace coroscope::exports
