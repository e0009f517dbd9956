// A live session switches events on and off in the program it watches, whenever it is told to.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "instrumentation/inspect/target.h"
#include "traces/session.h"

namespace coroscope::traces {
namespace {

class LiveListening : public testing::Test {
protected:
    LiveListening() {
        const char* folder = std::getenv("COROSCOPE_BIN");
        std::string program = std::string(folder != nullptr ? folder : "build/bin") + "/demo";
        child_ = fork();
        if (child_ == 0) {
            char seconds[] = "--seconds", sixty[] = "60";
            char* argv[] = {program.data(), seconds, sixty, nullptr};
            if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
            execv(program.c_str(), argv);
            _exit(127);
        }
        const auto found = inspect::wait_for_target(static_cast<std::uint32_t>(child_), 20000);
        EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().message);
    }
    ~LiveListening() override {
        session_.reset();
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }
    void open(Listening listening) {
        LiveOptions options;
        options.listening = listening;
        options.refresh_ms = 20;
        auto session = open_live(static_cast<std::uint32_t>(child_), options);
        ASSERT_TRUE(session.ok()) << session.error().message;
        session_ = std::move(*session);
        session_->on_change([this] {
            const std::lock_guard lock(lock_);
            changed_.notify_all();
        });
    }
    // Whether it comes to be so within some seconds.
    bool comes(const std::function<bool()>& so) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!so()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::unique_lock lock(lock_);
            changed_.wait_for(lock, std::chrono::milliseconds(20));
        }
        return true;
    }
    std::uint64_t events() const {
        const auto moment = session_->moment();
        return moment == nullptr ? 0 : moment->events_total;
    }
    // No event came between two looks.
    bool quiet() {
        const auto before = session_->moment();
        std::shared_ptr<const Moment> after;
        return before != nullptr && comes([&] { return (after = session_->moment()) != before; }) && after->events_total == before->events_total;
    }

    pid_t child_ = 0;
    std::unique_ptr<Session> session_;
    std::mutex lock_;
    std::condition_variable changed_;
};

TEST_F(LiveListening, events_come_and_go_as_is_wished) {
    ASSERT_NO_FATAL_FAILURE(open(Listening::kNever));
    ASSERT_TRUE(comes([&] { return session_->moment() != nullptr; }));
    EXPECT_EQ(events(), 0U);
    std::uint64_t before = 0;
    for (int round = 0; round < 2; ++round) {
        session_->set_listening(Listening::kAlways);
        EXPECT_TRUE(comes([&] { return events() > before; })) << round;
        session_->set_listening(Listening::kNever);
        EXPECT_TRUE(comes([&] { return quiet(); })) << round;
        before = events();
    }
}

TEST_F(LiveListening, who_listens_from_the_start_can_be_told_to_stop) {
    ASSERT_NO_FATAL_FAILURE(open(Listening::kAlways));
    EXPECT_TRUE(comes([&] { return events() > 0; }));
    session_->set_listening(Listening::kNever);
    EXPECT_TRUE(comes([&] { return quiet(); }));
}

}  // namespace
}  // namespace coroscope::traces
