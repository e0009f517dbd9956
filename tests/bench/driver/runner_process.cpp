// Pipes, posix_spawn and line by line reading: the driver's half of the talk described in runner/runner.h.
#include "driver/runner_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>

extern char** environ;

namespace coroscope::bench {
namespace {

base::Error failed(const std::string& program, const std::string& what) {
    return base::error(base::ErrorCode::kUnreadable, "the bench runner " + program + " " + what);
}

// The environment of this process with `additions` in front: the first of two equal names wins in getenv().
std::vector<std::string> environment_with(const Environment& additions) {
    std::vector<std::string> all;
    for (const auto& [name, value] : additions)
        all.push_back(name + "=" + value);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        bool replaced = false;
        for (const auto& [name, value] : additions)
            replaced |= text.starts_with(name + "=");
        if (!replaced) all.push_back(text);
    }
    return all;
}

}  // namespace

std::string program_folder() {
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0) return ".";
    const std::string text(path, static_cast<std::size_t>(length));
    return text.substr(0, text.rfind('/'));
}

base::Result<RunnerProcess> RunnerProcess::start(const std::string& program, const Environment& environment) {
    int to_runner[2];
    int from_runner[2];
    if (pipe2(to_runner, O_CLOEXEC) != 0)
        return failed(program, std::string("got no pipe: ") + std::strerror(errno));
    if (pipe2(from_runner, O_CLOEXEC) != 0) {
        close(to_runner[0]);
        close(to_runner[1]);
        return failed(program, std::string("got no pipe: ") + std::strerror(errno));
    }
    std::vector<std::string> variables = environment_with(environment);
    std::vector<char*> variable_pointers;
    for (std::string& variable : variables)
        variable_pointers.push_back(variable.data());
    variable_pointers.push_back(nullptr);
    std::string argument = program;
    char* arguments[] = {argument.data(), nullptr};

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_runner[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_runner[1], STDOUT_FILENO);
    pid_t pid = -1;
    const int problem = posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments,
                                    variable_pointers.data());
    posix_spawn_file_actions_destroy(&actions);
    close(to_runner[0]);
    close(from_runner[1]);
    if (problem != 0) {
        close(to_runner[1]);
        close(from_runner[0]);
        return failed(program, std::string("cannot be started: ") + std::strerror(problem));
    }
    RunnerProcess process(program, pid, to_runner[1], from_runner[0]);
    base::Result<std::string> hello = process.read_line();
    if (!hello.ok()) return hello.error();
    if (!hello->starts_with("hello ")) return failed(program, "said '" + *hello + "' instead of hello");
    process.version_ = hello->substr(6);
    return base::Result<RunnerProcess>(std::move(process));
}

RunnerProcess::RunnerProcess(RunnerProcess&& other) noexcept
    : program_(std::move(other.program_)),
      version_(std::move(other.version_)),
      unread_(std::move(other.unread_)),
      pid_(std::exchange(other.pid_, -1)),
      to_runner_(std::exchange(other.to_runner_, -1)),
      from_runner_(std::exchange(other.from_runner_, -1)) {}

RunnerProcess::~RunnerProcess() {
    if (pid_ < 0) return;
    close(to_runner_);
    close(from_runner_);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

base::Status RunnerProcess::ask(const std::string& workload, std::uint64_t count) {
    const std::string line = workload + " " + std::to_string(count) + "\n";
    ssize_t put = 0;
    do {
        put = write(to_runner_, line.data(), line.size());  // shorter than PIPE_BUF: whole or not at all
    } while (put < 0 && errno == EINTR);
    if (put != static_cast<ssize_t>(line.size()))
        return failed(program_, "is gone before '" + workload + "'");
    return base::ok_status();
}

base::Result<Answer> RunnerProcess::answer() {
    base::Result<std::string> line = read_line();
    if (!line.ok()) return line.error();
    std::istringstream words(*line);
    std::string verdict;
    Answer answer;
    words >> verdict >> answer.elapsed_ns >> answer.operations;
    if (verdict != "ok" || !words || answer.operations <= 0)
        return failed(program_, "answered '" + *line + "'");
    std::string key;
    double value = 0;
    while (words >> key >> value)
        answer.extra[key] = value;
    if (!words.eof()) return failed(program_, "answered '" + *line + "'");
    return answer;
}

base::Result<Answer> RunnerProcess::run(const std::string& workload, std::uint64_t count) {
    base::Status asked = ask(workload, count);
    if (!asked.ok()) return asked.error();
    return answer();
}

base::Result<std::string> RunnerProcess::read_line() {
    for (;;) {
        if (const std::size_t end = unread_.find('\n'); end != std::string::npos) {
            std::string line = unread_.substr(0, end);
            unread_.erase(0, end + 1);
            return line;
        }
        char bytes[512];
        const ssize_t got = read(from_runner_, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return failed(program_, "ended without an answer (its own message is above)");
        unread_.append(bytes, static_cast<std::size_t>(got));
    }
}

}  // namespace coroscope::bench
