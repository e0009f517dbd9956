// Programs are found as a shell finds them, get what they were promised, and their end is told in words.
#include "app/launcher.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace coroscope::app {
namespace {

LaunchSpec shell(const std::string& script) {
    LaunchSpec spec;
    spec.program = "sh";
    spec.arguments = {"-c", script};
    return spec;
}

std::unique_ptr<LaunchedProgram> started(const LaunchSpec& spec) {
    auto program = LaunchedProgram::start(spec, OutputTo::kPipe);
    EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
    return program.ok() ? std::move(*program) : nullptr;
}

// Everything that it writes until it closes both ends.
std::string output_of(LaunchedProgram& program, std::string* errors = nullptr) {
    std::string text, other;
    while (program.read_output(text, errors != nullptr ? *errors : other))
        poll(nullptr, 0, 1);
    return text;
}

std::string refused(const LaunchSpec& spec) {
    auto program = LaunchedProgram::start(spec, OutputTo::kPipe);
    EXPECT_FALSE(program.ok());
    if (program.ok()) return "";
    EXPECT_EQ(program.error().code, base::ErrorCode::kUsage);
    return program.error().message;
}

bool somebody_listens(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
    const base::FileDescriptor caller(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const auto bytes = static_cast<socklen_t>(sizeof(sa_family_t) + 1 + name.size());
    return connect(caller.get(), reinterpret_cast<const sockaddr*>(&address), bytes) == 0;
}

class TemporaryFolder {
public:
    TemporaryFolder() { EXPECT_NE(mkdtemp(path_.data()), nullptr); }
    ~TemporaryFolder() { EXPECT_EQ(system(("rm -rf " + path_).c_str()), 0); }
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/coroscope-launcher-XXXXXX";
};

TEST(Launcher, output_and_errors_arrive_apart) {
    auto program = started(shell("echo out; echo err >&2"));
    ASSERT_TRUE(program);
    std::string errors;
    EXPECT_EQ(output_of(*program, &errors), "out\n");
    EXPECT_EQ(errors, "err\n");
    program->wait();
    EXPECT_EQ(program->status_text(), "exited with code 0");
    EXPECT_EQ(program->exit_code(), 0);
}

TEST(Launcher, the_program_binds_eagerly_and_waits_for_a_viewer) {
    auto program = started(shell("echo $LD_BIND_NOW $CPRIME_WAIT_FOR_VIEWER; exec sleep 100"));
    ASSERT_TRUE(program);
    std::string text;
    while (text.find('\n') == std::string::npos && program->read_output(text))
        poll(nullptr, 0, 1);
    ASSERT_EQ(text.rfind("1 2000@", 0), 0U) << text;
    // The name says that we are looking, as long as we are.
    const std::string name = text.substr(7, text.size() - 8);
    EXPECT_TRUE(somebody_listens(name));
    program->stop_looking();
    EXPECT_FALSE(somebody_listens(name));
}

TEST(Launcher, a_variable_of_the_spec_wins_over_ours_and_over_the_default) {
    setenv("COROSCOPE_TEST_VARIABLE", "old", 1);
    LaunchSpec spec = shell("echo $COROSCOPE_TEST_VARIABLE $CPRIME_WAIT_FOR_VIEWER");
    spec.environment = {"COROSCOPE_TEST_VARIABLE=new", "CPRIME_WAIT_FOR_VIEWER=0"};
    auto program = started(spec);
    ASSERT_TRUE(program);
    EXPECT_EQ(output_of(*program), "new 0\n");
}

TEST(Launcher, the_program_runs_in_the_directory_wanted_and_is_found_from_ours) {
    TemporaryFolder ours, theirs;
    {
        std::ofstream script(ours.path() + "/where");
        script << "#!/bin/sh\npwd\n";
    }
    ASSERT_EQ(chmod((ours.path() + "/where").c_str(), 0755), 0);
    char* before = getcwd(nullptr, 0);
    ASSERT_EQ(chdir(ours.path().c_str()), 0);
    LaunchSpec spec;
    spec.program = "./where";
    spec.directory = theirs.path();
    auto program = started(spec);
    ASSERT_EQ(chdir(before), 0);
    std::free(before);
    ASSERT_TRUE(program);
    EXPECT_EQ(output_of(*program), theirs.path() + "\n");
}

TEST(Launcher, exit_codes_and_signals_are_told) {
    auto program = started(shell("exit 3"));
    ASSERT_TRUE(program);
    program->wait();
    EXPECT_EQ(program->status_text(), "exited with code 3");
    EXPECT_EQ(program->exit_code(), 3);
    auto killed = started(shell("kill -9 $$"));
    ASSERT_TRUE(killed);
    EXPECT_EQ(killed->status_text(), "");
    killed->wait();
    EXPECT_TRUE(killed->ended());
    EXPECT_EQ(killed->status_text(), "killed by signal 9 (SIGKILL)");
    EXPECT_EQ(killed->exit_code(), 137);
}

TEST(Launcher, a_signal_reaches_what_a_script_started) {
    auto program = started(shell("sh -c 'echo $$; exec sleep 100'; true"));
    ASSERT_TRUE(program);
    std::string text;
    while (text.find('\n') == std::string::npos && program->read_output(text))
        poll(nullptr, 0, 1);
    program->signal(SIGTERM);
    program->wait();
    output_of(*program);  // ends only when the child, which holds the pipe, is gone as well
}

TEST(Launcher, our_blocked_signals_are_not_the_programs) {
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &term, &before), 0);
    auto program = started(shell("kill -TERM $$; echo survived"));
    ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
    ASSERT_TRUE(program);
    program->wait();
    EXPECT_EQ(program->status_text(), "killed by signal 15 (SIGTERM)");
}

TEST(Launcher, letting_go_of_a_program_ends_it_unless_released) {
    pid_t killed = 0, released = 0;
    {
        auto first = started(shell("exec sleep 100"));
        auto second = started(shell("exec sleep 100"));
        ASSERT_TRUE(first && second);
        killed = first->pid();
        released = second->pid();
        second->release();
    }
    EXPECT_NE(kill(killed, 0), 0);
    EXPECT_EQ(kill(released, 0), 0);
    EXPECT_EQ(kill(released, SIGKILL), 0);
}

TEST(Launcher, what_cannot_be_started_is_named_with_the_way_out) {
    TemporaryFolder folder;
    LaunchSpec spec;
    EXPECT_NE(refused(spec).find("no program"), std::string::npos);
    spec.program = "no-such-program-anywhere";
    EXPECT_NE(refused(spec).find("'no-such-program-anywhere' in PATH"), std::string::npos);
    spec.program = folder.path();
    EXPECT_NE(refused(spec).find("directory"), std::string::npos);
    spec.program = folder.path() + "/gone";
    EXPECT_NE(refused(spec).find("No such file"), std::string::npos);
    spec.program = folder.path() + "/script";
    std::ofstream(spec.program) << "echo no first line\n";
    chmod(spec.program.c_str(), 0755);
    EXPECT_NE(refused(spec).find("#!"), std::string::npos);
    spec.program = "sh";
    spec.directory = folder.path() + "/nowhere";
    EXPECT_NE(refused(spec).find("nowhere"), std::string::npos);
}

}  // namespace
}  // namespace coroscope::app
