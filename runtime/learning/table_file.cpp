// Locks that follow a name, and lines of the dead.
#include "runtime/learning/table_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/stacks/json_writer.h"
#include "runtime/stacks/pool_plan.h"

namespace cprime::detail {

using coroscope::base::ErrorCode;
using coroscope::base::FileDescriptor;
using coroscope::base::Result;
using coroscope::base::Status;
using coroscope::wire::SizeClass;

namespace {

constexpr mode_t kNewFileMode = 0644;  // less the umask

coroscope::base::Error refused(const std::string& path, const char* what) {
    return coroscope::base::error(ErrorCode::kIo, "the size table " + path +
                                                      " named by CPRIME_LEARN cannot be " + what + " (" +
                                                      coroscope::base::errno_text(errno) +
                                                      "); name a file in a folder that can be written");
}

coroscope::base::Error unusable(const std::string& path, const std::string& what) {
    return coroscope::base::error(ErrorCode::kCorrupt, "the size table " + path +
                                                           " named by CPRIME_LEARN stays as it is, because " +
                                                           what + "; mend it, or name another file");
}

bool write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

std::optional<std::string> read_all(int file) {
    std::string text;
    char piece[1 << 16];
    for (off_t at = 0;;) {
        const ssize_t got = pread(file, piece, sizeof piece, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) return text;
        text.append(piece, static_cast<std::size_t>(got));
        at += got;
    }
}

std::string beside(const std::string& path) {
    return path + ".part-" + std::to_string(getpid());
}

// A file with this text under another name; false with errno.
bool write_beside(const std::string& path, const std::string& text, mode_t mode) {
    const std::string part = beside(path);
    const FileDescriptor file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!file) return false;
    if (write_all(file.get(), text)) return true;
    const int problem = errno;
    unlink(part.c_str());
    errno = problem;
    return false;
}

// Whether the open file is what lies under the name now.
bool is_under_name(int file, const char* path, struct stat& opened) {
    struct stat named {};
    return fstat(file, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

bool lock(int file) {
    while (flock(file, LOCK_EX) != 0) {
        if (errno != EINTR) return false;
    }
    return true;
}

// A link fails where the name is taken, so of several that begin one makes the file.
bool make_empty(const std::string& path) {
    if (!write_beside(path, json_text(empty_table()) + "\n", kNewFileMode)) return false;
    const bool made = link(beside(path).c_str(), path.c_str()) == 0 || errno == EEXIST;
    const int problem = errno;
    unlink(beside(path).c_str());
    errno = problem;
    return made;
}

// A line of FILE.wrong as a row; what is not one says nothing.
std::optional<LearnedRow> row_of(std::string_view line) {
    const Result<JsonValue> said = parse_json(line);
    if (!said) return std::nullopt;
    const JsonValue* site = said->member("site");
    const JsonValue* size_class = said->member("class");
    const JsonValue* bytes = said->member("bytes");
    if (site == nullptr || site->string() == nullptr || size_class == nullptr ||
        size_class->string() == nullptr)
        return std::nullopt;
    LearnedRow row;
    row.site = *site->string();
    if (bytes != nullptr && bytes->number() != nullptr && *bytes->number() > 0 && *bytes->number() < 1e15)
        row.unheld_bytes = static_cast<std::uint64_t>(*bytes->number());
    row.seen_bytes = row.unheld_bytes;
    const JsonValue* program = said->member("program");
    const JsonValue* build_id = said->member("build_id");
    if (program != nullptr && program->string() != nullptr && build_id != nullptr && build_id->string() != nullptr)
        row.of = OwnBuild{*program->string(), *build_id->string()};
    for (std::uint8_t i = 0; i < coroscope::wire::kSizeClassesCount; ++i) {
        if (*size_class->string() != kPoolPlans[i].name) continue;
        row.class_used = static_cast<SizeClass>(i);
        row.unheld = static_cast<std::uint8_t>(i + 1);
        return row;
    }
    return std::nullopt;
}

void add_rows(std::string_view lines, std::vector<LearnedRow>& rows) {
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find('\n'), lines.size());
        if (auto row = row_of(lines.substr(0, end))) rows.push_back(std::move(*row));
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
}

}  // namespace

std::string wrong_file_of(const std::string& path) {
    return path + ".wrong";
}

Result<TableFile> TableFile::open(const std::string& path) {
    for (;;) {
        FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        if (!file && errno == ENOENT) {
            if (!make_empty(path)) return refused(path, "made");
            continue;
        }
        if (!file) return refused(path, "opened for writing");
        if (!lock(file.get())) return refused(path, "locked");
        struct stat opened {};
        if (is_under_name(file.get(), path.c_str(), opened))
            return TableFile(path, std::move(file), opened.st_mode & 07777);
    }
}

Result<JsonValue> TableFile::read() const {
    const auto text = read_all(file_.get());
    if (!text) return refused(path_, "read");
    Result<JsonValue> table = parse_json(*text);
    if (!table) return unusable(path_, table.error().message);
    return table;
}

Status TableFile::replace(const JsonValue& table) const {
    const std::string part = beside(path_);
    if (!write_beside(path_, json_text(table) + "\n", mode_)) return refused(path_, "written");
    if (chmod(part.c_str(), mode_) == 0 && rename(part.c_str(), path_.c_str()) == 0)
        return coroscope::base::ok_status();
    const int problem = errno;
    unlink(part.c_str());
    errno = problem;
    return refused(path_, "written");
}

Status learn_into_file(const std::string& path, std::vector<LearnedRow> rows, unsigned runs,
                       const ClassBytes& bytes, const OwnBuild& build) {
    const Result<TableFile> file = TableFile::open(path);
    if (!file) return file.error();
    Result<JsonValue> table = file->read();
    if (!table) return table.error();
    const std::string wrong_path = wrong_file_of(path);
    const FileDescriptor wrong(::open(wrong_path.c_str(), O_RDWR | O_CLOEXEC));
    if (wrong && lock(wrong.get())) {
        if (const auto lines = read_all(wrong.get())) add_rows(*lines, rows);
    }
    if (const Status learned = learn(*table, rows, runs, bytes, build); !learned)
        return unusable(path, learned.error().message);
    if (rows.empty() && runs == 0) return coroscope::base::ok_status();
    if (const Status replaced = file->replace(*table); !replaced) return replaced;
    if (wrong) unlink(wrong_path.c_str());
    return coroscope::base::ok_status();
}

bool append_wrong(const char* wrong_file, const char* line, std::size_t bytes) {
    constexpr int kTriesMax = 16;
    for (int tries = 0; tries < kTriesMax; ++tries) {
        const int file = ::open(wrong_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kNewFileMode);
        if (file < 0) return false;
        struct stat opened {};
        // Not into a file whose lines have just been taken in.
        const bool good = lock(file) && is_under_name(file, wrong_file, opened);
        const bool written = good && write_all(file, {line, bytes});
        close(file);
        if (good) return written;
    }
    return false;
}

}  // namespace cprime::detail
