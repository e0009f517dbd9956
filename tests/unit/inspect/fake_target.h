// Starting the fake target, and other children.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/inspect/fake_facts.h"

namespace coroscope::inspect::fake {

// A child process with its standard input and output on pipes; killed and reaped at the end of the scope.
class Child {
public:
    // Starts `command`. With `before_exec` the child calls it first.
    explicit Child(const std::vector<std::string>& command, void (*before_exec)() = nullptr) {
        int in[2];
        int out[2];
        if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
        std::vector<char*> arguments;
        for (const std::string& word : command)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        pid_ = fork();
        if (pid_ == 0) {
            dup2(in[0], 0);
            dup2(out[1], 1);
            if (before_exec != nullptr) before_exec();
            execvp(arguments[0], arguments.data());
            _exit(127);
        }
        close(in[0]);
        close(out[1]);
        in_ = in[1];
        out_ = out[0];
    }
    ~Child() {
        close_input();
        close(out_);
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
    // The next line of its output; "" at the end.
    std::string line() const {
        std::string text;
        for (char c = 0; read(out_, &c, 1) == 1 && c != '\n';)
            text += c;
        return text;
    }
    bool tell(char command) const { return write(in_, &command, 1) == 1; }
    void close_input() {
        if (in_ >= 0) close(in_);
        in_ = -1;
    }

private:
    pid_t pid_ = -1;
    int in_ = -1, out_ = -1;
};

// The fake target, running, all its coroutines parked.
class FakeTarget : public Child {
public:
    explicit FakeTarget(const std::vector<std::string>& options = {}) : Child(command(options)) {
        ready_ = line() == "ready";
    }
    bool ready() const { return ready_; }

private:
    static std::vector<std::string> command(std::vector<std::string> options) {
        std::vector<std::string> words{INSPECT_FAKE_TARGET};
        words.insert(words.end(), options.begin(), options.end());
        return words;
    }
    bool ready_ = false;
};

}  // namespace coroscope::inspect::fake
