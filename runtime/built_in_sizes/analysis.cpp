// `coroscope analyze` as a child, its answer through a pipe.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "instrumentation/base/file_descriptor.h"
#include "runtime/built_in_sizes/tool.h"

extern char** environ;

namespace cprime::built_in_sizes {

using coroscope::base::ErrorCode;
using coroscope::base::FileDescriptor;
using coroscope::base::Result;

namespace {

std::string read_all(int file) {
    std::string text;
    char piece[1 << 16];
    for (;;) {
        const ssize_t got = read(file, piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(piece, static_cast<std::size_t>(got));
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

Result<detail::JsonValue> analyze(const std::string& coroscope, const std::string& binary) {
    const auto bad = [&](const std::string& what) {
        return coroscope::base::error(ErrorCode::kUnreadable,
                                      "'" + coroscope + " analyze " + binary + "' " + what);
    };
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return bad("cannot be run: " + coroscope::base::errno_text(errno));
    const FileDescriptor reading(ends[0]);
    FileDescriptor writing(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
    std::string words[] = {coroscope, "analyze", binary, "--json"};
    char* const arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    pid_t child = 0;
    const int problem = posix_spawnp(&child, words[0].c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) return bad("cannot be run: " + coroscope::base::errno_text(problem));
    writing.reset();
    const std::string text = read_all(reading.get());
    const int code = wait_for(child);
    if (code != 0 && code != 1) return bad("has no answer");  // 1: not everything is proven
    Result<detail::JsonValue> answer = detail::parse_json(text);
    if (!answer) return bad("gave an answer that is none: " + answer.error().message);
    return answer;
}

}  // namespace cprime::built_in_sizes
