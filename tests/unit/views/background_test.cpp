// views/background: the newest row model, never a queue of old ones.
#include "views/background.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace coroscope::views {
namespace {

// Counts the wake-ups of the frame and waits for them.
class Wakes {
public:
    void operator()() {
        {
            const std::lock_guard lock(mutex_);
            ++count_;
        }
        changed_.notify_all();
    }
    void wait_for(int count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return count_ >= count; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

TEST(Computed, a_value_arrives_off_the_frame_and_stays_until_the_next) {
    Wakes wakes;
    Background background([&] { wakes(); });
    Computed<int, std::string> computed;
    const auto want = [&](int key) { computed.want(background, key, [key] { return std::to_string(key); }); };
    EXPECT_EQ(computed.value(), nullptr);
    want(1);
    wakes.wait_for(1);
    want(1);
    ASSERT_NE(computed.value(), nullptr);
    EXPECT_EQ(*computed.value(), "1");
    EXPECT_TRUE(computed.current(1));
    want(2);
    EXPECT_EQ(*computed.value(), "1") << "the old one stays on the screen";
    EXPECT_FALSE(computed.current(2));
    wakes.wait_for(2);
    want(2);
    EXPECT_EQ(*computed.value(), "2");
}

TEST(Computed, keys_that_change_while_one_is_computed_are_skipped_but_the_last) {
    Wakes wakes;
    Background background([&] { wakes(); });
    std::mutex gate;
    std::atomic<int> made{0};
    Computed<int, int> computed;
    const auto want = [&](int key) {
        computed.want(background, key, [&, key] {
            const std::lock_guard wait(gate);
            ++made;
            return key;
        });
    };
    {
        const std::lock_guard closed(gate);
        for (int key = 1; key <= 100; ++key)
            want(key);
    }
    wakes.wait_for(1);
    want(100);
    wakes.wait_for(2);
    want(100);
    EXPECT_EQ(*computed.value(), 100);
    EXPECT_EQ(made.load(), 2);
}

TEST(Computed, a_reset_forgets_what_is_still_under_way) {
    Wakes wakes;
    Background background([&] { wakes(); });
    Computed<int, int> computed;
    computed.want(background, 1, [] { return 1; });
    computed.reset();
    wakes.wait_for(1);
    EXPECT_FALSE(computed.in_flight());
    EXPECT_EQ(computed.value(), nullptr);
    computed.want(background, 2, [] { return 2; });
    wakes.wait_for(2);
    computed.want(background, 2, [] { return 3; });
    EXPECT_EQ(*computed.value(), 2);
}

// Says on which thread it was freed.
struct Heavy {
    explicit Heavy(std::promise<std::thread::id>* freed_on) : freed(freed_on) {}
    ~Heavy() { freed->set_value(std::this_thread::get_id()); }
    Heavy(const Heavy&) = delete;
    Heavy& operator=(const Heavy&) = delete;
    std::promise<std::thread::id>* freed;
};

TEST(Computed, what_was_replaced_is_freed_off_the_frame) {
    Wakes wakes;
    std::promise<std::thread::id> key_freed, second_key_freed;
    Background background([&] { wakes(); });
    Computed<std::shared_ptr<const Heavy>, int> computed;
    auto first = std::make_shared<const Heavy>(&key_freed);
    computed.want(background, first, [] { return 1; });
    wakes.wait_for(1);
    computed.want(background, first, [] { return 1; });
    first.reset();
    auto second = std::make_shared<const Heavy>(&second_key_freed);
    computed.want(background, second, [] { return 2; });
    wakes.wait_for(2);
    computed.want(background, second, [] { return 2; });  // lets go of the first key, the last to hold it
    EXPECT_NE(key_freed.get_future().get(), std::this_thread::get_id());
}

TEST(Background, discarding_is_no_work_that_anybody_waits_for) {
    std::promise<std::thread::id> freed;
    std::atomic<int> done{0};
    Background background([&] { ++done; });
    background.discard(std::make_shared<const Heavy>(&freed));
    EXPECT_FALSE(background.busy());
    EXPECT_NE(freed.get_future().get(), std::this_thread::get_id());
    EXPECT_EQ(done.load(), 0);
}

TEST(Background, its_end_waits_for_the_job_that_runs_and_drops_the_others) {
    std::atomic<int> ran{0};
    std::mutex gate;
    std::condition_variable begun;
    bool running = false;
    {
        Background background({});
        background.submit([&] {
            {
                const std::lock_guard lock(gate);
                running = true;
            }
            begun.notify_all();
            ++ran;
        });
        std::unique_lock lock(gate);
        begun.wait(lock, [&] { return running; });
    }
    EXPECT_EQ(ran.load(), 1);
}

}  // namespace
}  // namespace coroscope::views
