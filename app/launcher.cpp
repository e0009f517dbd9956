// Starting a program: finding it, its environment, posix_spawn, and what became of it.
//
// posix_spawn and not fork: the window has threads, and a failed exec comes back as an error instead of as a child that ended. The child's
// signal mask is emptied, because the command line blocks the signals that it relays. With pipes the child leads a process group
// of its own, so that a script is ended together with what it started; with inherited output it stays in ours, where the terminal
// expects it.
#include "app/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/signal_name.h"

extern char** environ;

namespace coroscope::app {
namespace {

// For how long a starting runtime waits for us before it runs its first coroutine (runtime/entry): attaching takes a few
// milliseconds, a debugger on a loaded machine a second.
constexpr const char* kWaitForViewer = "CPRIME_WAIT_FOR_VIEWER=2000@";
// Nothing runs at all until the viewer that it waits for lets it.
constexpr const char* kStartPaused = "CPRIME_START_PAUSED=on";
constexpr const char* kBindNow = "LD_BIND_NOW=1";

base::Error usage(const std::string& message) {
    return base::error(base::ErrorCode::kUsage, message);
}

// Whether `path` can be executed; if not, errno says why.
bool executable_file(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return false;
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return false;
    }
    return access(path.c_str(), X_OK) == 0;
}

std::string absolute(const std::string& path) {
    if (path.front() == '/') return path;
    char* here = getcwd(nullptr, 0);
    if (here == nullptr) return path;
    std::string result = std::string(here) + "/" + path;
    std::free(here);
    return result;
}

// The file to execute. A name with a slash counts from our own directory, even when the program is to run in another.
base::Result<std::string> find_program(const std::string& name) {
    if (name.empty()) return usage("no program was named: say which one to start");
    if (name.find('/') != std::string::npos) {
        if (executable_file(name)) return absolute(name);
        if (errno == EACCES) return usage("'" + name + "' may not be executed: chmod +x it");
        return usage("'" + name + "' cannot be started: " + base::errno_text(errno));
    }
    const char* path = std::getenv("PATH");
    std::string folders = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    for (std::size_t begin = 0; begin <= folders.size();) {
        const std::size_t end = std::min(folders.find(':', begin), folders.size());
        const std::string folder = end == begin ? "." : folders.substr(begin, end - begin);
        if (executable_file(folder + "/" + name)) return absolute(folder + "/" + name);
        begin = end + 1;
    }
    const bool here = executable_file("./" + name);
    return usage("there is no program '" + name + "' in PATH" +
                 (here ? ": write ./" + name : ": write its path if it lies elsewhere"));
}

// Ours, with the additions on top; what somebody set already is not overruled by our defaults.
std::vector<std::string> make_environment(const std::vector<std::string>& additions,
                                          const std::string& lookout, bool paused) {
    std::vector<std::string> result;
    const auto set = [&result](const std::string& variable, bool overrule) {
        const std::string name = variable.substr(0, variable.find('=') + 1);
        for (std::string& present : result) {
            if (present.compare(0, name.size(), name) != 0) continue;
            if (overrule) present = variable;
            return;
        }
        result.push_back(variable);
    };
    for (char** variable = environ; *variable != nullptr; ++variable)
        result.emplace_back(*variable);
    for (const std::string& variable : additions)
        set(variable, true);
    set(kBindNow, false);
    if (!lookout.empty()) set(kWaitForViewer + lookout, paused);
    if (paused) set(kStartPaused, true);
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts)
        result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

// A listening abstract socket under a name of the kernel's choosing, which is returned. "": there is none to be had, and nobody waits.
std::string open_lookout(base::FileDescriptor& lookout) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t bytes = sizeof address;
    lookout.reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!lookout ||
        bind(lookout.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)) != 0 ||
        listen(lookout.get(), 16) != 0 ||
        getsockname(lookout.get(), reinterpret_cast<sockaddr*>(&address), &bytes) != 0 ||
        bytes <= sizeof(sa_family_t) + 1) {
        return "";
    }
    return std::string(address.sun_path + 1, bytes - sizeof(sa_family_t) - 1);
}

struct Pipe {
    base::FileDescriptor read, write;
};

base::Result<Pipe> make_pipe() {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return base::error(base::ErrorCode::kInternal,
                           "no pipe for the program's output: " + base::errno_text(errno));
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);  // the read end is ours alone
    return Pipe{base::FileDescriptor(ends[0]), base::FileDescriptor(ends[1])};
}

// posix_spawn's two argument objects, released together.
struct SpawnSettings {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;

    SpawnSettings() {
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_init(&actions);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
};

// Everything that is wanted in the child apart from program, arguments and environment.
void prepare(SpawnSettings& settings, const LaunchSpec& spec, int output_fd, int error_fd) {
    short flags = POSIX_SPAWN_SETSIGMASK;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&settings.attributes, &none);
    if (output_fd >= 0) {
        posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&settings.actions, output_fd, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&settings.actions, error_fd, STDERR_FILENO);
        posix_spawnattr_setpgroup(&settings.attributes, 0);
        flags |= POSIX_SPAWN_SETPGROUP;
    }
    posix_spawnattr_setflags(&settings.attributes, flags);
    if (!spec.directory.empty())
        posix_spawn_file_actions_addchdir_np(&settings.actions, spec.directory.c_str());
}

// Reads what is there; closes the descriptor at its end.
void read_available(int& fd, std::string& text) {
    char buffer[16384];
    while (fd >= 0) {
        const ssize_t got = read(fd, buffer, sizeof buffer);
        if (got > 0) {
            text.append(buffer, static_cast<std::size_t>(got));
            continue;
        }
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        close(fd);
        fd = -1;
    }
}

}  // namespace

base::Result<std::unique_ptr<LaunchedProgram>> LaunchedProgram::start(const LaunchSpec& spec, OutputTo output) {
    auto file = find_program(spec.program);
    if (!file) return file.error();
    if (!spec.directory.empty()) {
        struct stat status {};
        if (stat(spec.directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
            return usage("the directory '" + spec.directory + "' to start " + spec.program +
                         " in does not exist");
        }
    }
    Pipe out, err;
    if (output == OutputTo::kPipe) {
        auto first = make_pipe();
        if (!first) return first.error();
        auto second = make_pipe();
        if (!second) return second.error();
        out = std::move(*first);
        err = std::move(*second);
    }
    SpawnSettings settings;
    prepare(settings, spec, out.write.get(), err.write.get());
    std::vector<std::string> arguments = spec.arguments;
    arguments.insert(arguments.begin(), spec.program);
    base::FileDescriptor lookout;
    std::vector<std::string> environment = make_environment(spec.environment, open_lookout(lookout), spec.paused);
    pid_t pid = -1;
    const int problem = posix_spawn(&pid, file->c_str(), &settings.actions, &settings.attributes,
                                    pointers(arguments).data(), pointers(environment).data());
    if (problem == ENOEXEC)
        return usage("'" + spec.program +
                     "' is neither a program nor a script with a #! line: start it through its interpreter");
    if (problem != 0) return usage("'" + spec.program + "' cannot be started: " + base::errno_text(problem));
    std::unique_ptr<LaunchedProgram> program(new LaunchedProgram());
    program->pid_ = pid;
    program->lookout_ = std::move(lookout);
    program->own_group_ = output == OutputTo::kPipe;
    program->output_fds_[0] = out.read.release();
    program->output_fds_[1] = err.read.release();
    return program;
}

LaunchedProgram::~LaunchedProgram() {
    if (owned_ && !ended()) {
        signal(SIGKILL);
        wait();
    }
    for (const int fd : output_fds_) {
        if (fd >= 0) close(fd);
    }
}

bool LaunchedProgram::read_output(std::string& text, std::string& errors) {
    read_available(output_fds_[0], text);
    read_available(output_fds_[1], errors);
    return output_fds_[0] >= 0 || output_fds_[1] >= 0;
}

bool LaunchedProgram::ended() {
    if (!ended_) {
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) note_end(status);
    }
    return ended_;
}

int LaunchedProgram::wait() {
    while (!ended_) {
        int status = 0;
        const pid_t reaped = waitpid(pid_, &status, 0);
        if (reaped == pid_) note_end(status);
        CHECK(reaped == pid_ || errno == EINTR);  // nobody else reaps our children
    }
    return wait_status_;
}

void LaunchedProgram::note_end(int status) {
    ended_ = true;
    wait_status_ = status;
}

void LaunchedProgram::signal(int number) {
    // Before it is reaped its number cannot belong to anybody else.
    if (!ended_) kill(own_group_ ? -pid_ : pid_, number);
}

std::string LaunchedProgram::status_text() const {
    return ended_ ? status_text(wait_status_) : "";
}

std::string LaunchedProgram::status_text(int wait_status) {
    if (WIFEXITED(wait_status)) return "exited with code " + std::to_string(WEXITSTATUS(wait_status));
    const int number = WTERMSIG(wait_status);
    return "killed by signal " + std::to_string(number) + " (" + base::signal_name(number) + ")";
}

int LaunchedProgram::exit_code() const {
    return WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : 128 + WTERMSIG(wait_status_);
}

}  // namespace coroscope::app
