#include "driver/window_process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "driver/runner_process.h"

extern char** environ;

namespace coroscope::bench {
namespace {

constexpr auto kOpenTime = std::chrono::seconds(30);
constexpr auto kLookOut = std::chrono::milliseconds(5);

base::Error failed(const std::string& what) {
    return base::error(base::ErrorCode::kUnreadable, "the window beside the bench " + what);
}

}  // namespace

base::Result<WindowProcess> WindowProcess::open(int pid, std::uint64_t coroutines) {
    char folder[] = "/tmp/bench-window-XXXXXX";
    if (mkdtemp(folder) == nullptr) return failed(std::string("has no folder: ") + std::strerror(errno));
    const std::string script = std::string(folder) + "/script", shown = std::string(folder) + "/shown.json";
    std::ofstream(script) << "wait-for stacks >= " << coroutines << " timeout 30s\npreset stacks\ndump " << shown
                          << "\nwait-for coroutines == 0 timeout 600s\nquit\n";
    const std::string program = program_folder() + "/coroscope";
    std::vector<std::string> words = {program, "attach", std::to_string(pid), "--offscreen", "--script", script};
    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::string state = "XDG_STATE_HOME=" + std::string(folder);
    std::vector<char*> environment = {state.data()};
    for (char** entry = environ; *entry != nullptr; ++entry)
        environment.push_back(*entry);
    environment.push_back(nullptr);
    pid_t process = 0;
    const int problem = posix_spawn(&process, program.c_str(), nullptr, nullptr, arguments.data(), environment.data());
    if (problem != 0) {
        std::filesystem::remove_all(folder);
        return failed(std::string("cannot be started: ") + std::strerror(problem));
    }
    WindowProcess window(process, folder);
    const auto until = std::chrono::steady_clock::now() + kOpenTime;
    while (!std::filesystem::exists(shown)) {
        if (waitpid(process, nullptr, WNOHANG) == process) {
            window.process_ = 0;
            return failed("ended before it showed anything");
        }
        if (std::chrono::steady_clock::now() > until) return failed("shows nothing");
        std::this_thread::sleep_for(kLookOut);
    }
    return window;
}

WindowProcess::WindowProcess(WindowProcess&& other) noexcept
    : process_(std::exchange(other.process_, 0)), folder_(std::exchange(other.folder_, "")) {}

WindowProcess::~WindowProcess() {
    if (process_ != 0) {
        kill(process_, SIGTERM);
        while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    std::error_code left;  // a folder that stays behind in /tmp hurts nobody
    if (!folder_.empty()) std::filesystem::remove_all(folder_, left);
}

}  // namespace coroscope::bench
