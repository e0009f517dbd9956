// Who may attach, and what they can do with what they get. Run as root, these tests step down to an ordinary user in a
// child; run as an ordinary user, they use that one and skip what needs two.
#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "agent_fixture.h"

namespace coroscope::emit {
namespace {

using wire::ReplyStatus;

constexpr uid_t kNobody = 65534;

// Runs `body` in a child, as `uid` when this process is root. `body` returns "" or what went wrong.
template <typename Body>
std::string in_child_as(uid_t uid, Body&& body) {
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        std::string wrong;
        if (geteuid() == 0 && uid != 0 &&
            (setgroups(0, nullptr) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)) {
            wrong = "cannot become another user";
        }
        // A process that changed its uid is not dumpable, which would hide behind /proc what is to be tested here.
        prctl(PR_SET_DUMPABLE, 1);
        if (wrong.empty()) wrong = body();
        [[maybe_unused]] const ssize_t written = write(ends[1], wrong.data(), wrong.size());
        _exit(0);
    }
    close(ends[1]);
    std::string wrong;
    char buffer[512];
    for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
        wrong.append(buffer, static_cast<std::size_t>(got));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        wrong += " (the child ended with " + std::to_string(status) + ")";
    return wrong;
}

// A target with everything, made in the calling (child) process.
struct Target {
    std::unique_ptr<StateSegment> state = StateSegment::create(StateOptions{}).value();
    std::unique_ptr<RingSegment> rings = RingSegment::create(1, true).value();
    std::unique_ptr<Agent> agent = Agent::start({.state = state.get(), .rings = rings.get()}).value();
};

// Tries everything that an ordinary user could try to write into a segment of process `pid`, given the descriptor received.
std::string try_to_write(int received, pid_t pid, int fd_in_target) {
    if ((fcntl(received, F_GETFL) & O_ACCMODE) != O_RDONLY) return "the descriptor received is not read-only";
    if (mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, received, 0) != MAP_FAILED)
        return "mapped it writable";
    void* readable = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, received, 0);
    if (readable == MAP_FAILED) return "could not even map it readable";
    if (mprotect(readable, 4096, PROT_READ | PROT_WRITE) == 0) return "made a mapping writable afterwards";
    if (pwrite(received, "x", 1, 0) >= 0) return "wrote into it";
    if (ftruncate(received, 4096) == 0) return "shortened it";
    if (fcntl(received, F_ADD_SEALS, F_SEAL_WRITE) == 0) return "sealed it";
    const std::string own = "/proc/self/fd/" + std::to_string(received);
    const std::string theirs = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd_in_target);
    for (const std::string& path : {own, theirs}) {
        const int reading = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (reading < 0) return "cannot open " + path + " for reading, so the next test means nothing";
        close(reading);
        if (open(path.c_str(), O_RDWR | O_CLOEXEC) >= 0) return "opened " + path + " for writing";
        if (open(path.c_str(), O_WRONLY | O_CLOEXEC) >= 0) return "opened " + path + " for writing";
    }
    return "";
}

TEST(agent_permission, a_viewer_of_the_same_user_can_read_and_cannot_write) {
    EXPECT_EQ(in_child_as(kNobody,
                          []() -> std::string {
                              Target target;
                              const pid_t pid = getpid();
                              const int fds[] = {target.state->fd(), target.rings->fd()};
                              const std::string name = target.agent->socket_name();
                              return in_child_as(kNobody, [&]() -> std::string {
                                  RawViewer viewer(name);
                                  const Answer answer = viewer.hello();
                                  if (answer.as<wire::Welcome>().status != ReplyStatus::kOk)
                                      return "not welcome";
                                  if (answer.fds.size() != 2) return "no descriptors";
                                  for (std::size_t i = 0; i < 2; ++i) {
                                      const std::string wrong = try_to_write(answer.fds[i].get(), pid, fds[i]);
                                      if (!wrong.empty()) return wrong;
                                  }
                                  return "";
                              });
                          }),
              "");
}

TEST(agent_permission, another_user_is_refused_with_the_reason_and_root_is_not) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to be two users";
    Target target;  // root's
    const std::string name = target.agent->socket_name();
    const auto greet = [&]() -> std::string {
        RawViewer viewer(name);
        const Answer answer = viewer.hello();
        if (answer.closed) return "no answer";
        if (!viewer.receive().closed) return "the connection stays";
        return "status " + std::to_string(static_cast<int>(answer.as<wire::Welcome>().status)) + " fds " +
               std::to_string(answer.fds.size());
    };
    EXPECT_EQ(in_child_as(kNobody, greet), "status 3 fds 0");  // kRefusedUid
    // Strangers that hold on to their connections do not keep the owner out.
    EXPECT_EQ(in_child_as(kNobody,
                          [&]() -> std::string {
                              std::vector<RawViewer> crowd;
                              for (int i = 0; i < 100; ++i)
                                  crowd.emplace_back(name);
                              return "";
                          }),
              "");
    RawViewer mine(name);
    EXPECT_EQ(mine.hello().as<wire::Welcome>().status, ReplyStatus::kOk);
}

// Not a matter of who, but of what is left: the viewer is turned away at once, and the agent does not spin.
TEST(agent_permission, a_target_without_descriptors_turns_viewers_away_and_goes_on) {
    EXPECT_EQ(in_child_as(geteuid(),
                          []() -> std::string {
                              Target target;
                              const rlimit limit{64, 64};
                              setrlimit(RLIMIT_NOFILE, &limit);
                              RawViewer first(target.agent->socket_name());  // needs one here and one there
                              if (first.hello().closed) return "not even the first was served";
                              base::FileDescriptor socket_of_second(open("/dev/null", O_RDONLY | O_CLOEXEC));
                              std::vector<base::FileDescriptor> hoard;
                              for (int fd = 0; fd >= 0;) {
                                  fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                                  if (fd >= 0) hoard.emplace_back(fd);
                              }
                              socket_of_second.reset();  // room for the viewer's end only
                              RawViewer second(target.agent->socket_name());
                              if (!second.connected()) return "could not connect";
                              const auto start = std::chrono::steady_clock::now();
                              if (!second.hello().closed) return "was served";
                              if (std::chrono::steady_clock::now() - start > std::chrono::seconds(5))
                                  return "waited";
                              hoard.clear();
                              RawViewer third(target.agent->socket_name());
                              return third.hello().closed ? "the agent is gone" : "";
                          }),
              "");
}

TEST(agent_permission, root_may_look_into_an_ordinary_users_target) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to be two users";
    int ready[2];
    int finished[2];
    ASSERT_EQ(pipe(ready), 0);
    ASSERT_EQ(pipe(finished), 0);
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        close(finished[1]);
        if (setresuid(kNobody, kNobody, kNobody) != 0) _exit(1);
        Target target;
        const std::string name = target.agent->socket_name();
        char byte = 0;
        if (write(ready[1], name.data(), name.size()) <= 0) _exit(1);
        _exit(read(finished[0], &byte, 1) >= 0 ? 0 : 1);
    }
    char name[64] = {};
    ASSERT_GT(read(ready[0], name, sizeof name - 1), 0);
    EXPECT_EQ(RawViewer(name).hello().as<wire::Welcome>().status, ReplyStatus::kOk);
    for (const int fd : {ready[0], ready[1], finished[0], finished[1]})
        close(fd);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace coroscope::emit
