// A view of a scheduled coroutine: what it says at each stage of a life.
#include <cprime/channel.h>
#include <cprime/coroutine_view.h>

#include <atomic>
#include <string>

#include "workers_fixture.h"

namespace cprime {
namespace {

static_assert(Schedulable<CoroutineView> && Resumable<CoroutineView>);

class View : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(View);

// Waits until the view says so.
void look_until(CoroutineView& view, coroutine_state state) {
    while (view.state() != state) {
        yield();
        view.refresh();
    }
}

TEST_P(View, says_what_its_coroutine_waits_for_and_where) {
    run([] {
        auto channel = make_channel<int>("never");
        const unsigned line = __LINE__ + 1;
        auto handle = spawn({.name = "waits", .size_class = size_class::small, .priority = priority::low},
                            [&channel] { static_cast<void>(channel.receiver.receive()); });
        CoroutineView view = handle.view();
        look_until(view, coroutine_state::waiting);
        EXPECT_EQ(view.id(), handle.id());
        EXPECT_EQ(view.name(), "waits");
        EXPECT_TRUE(view.file().ends_with("coroutine_view_test.cpp"));
        EXPECT_EQ(view.line(), line);
        EXPECT_EQ(view.priority(), priority::low);
        EXPECT_EQ(view.waits_for(), "channel-receive");
        EXPECT_GT(view.stack_used(), 0U);
        EXPECT_LT(view.stack_used(), view.stack_size());
        EXPECT_NE(view.resume_point(), 0U);
        EXPECT_FALSE(view.resume()) << "it did not suspend itself";
        const auto since = view.last_activity();
        yield();
        view.refresh();
        EXPECT_EQ(view.last_activity(), since) << "it has not run";
        EXPECT_TRUE(view.cancel());
        handle.join();
        view.refresh();
        EXPECT_EQ(view.state(), coroutine_state::complete);
        EXPECT_EQ(view.waits_for(), "");
        EXPECT_EQ(view.resume_point(), 0U);
        EXPECT_FALSE(view.cancel());
    });
}

TEST_P(View, resumes_who_has_suspended_itself) {
    run([] {
        std::atomic<int> step{0};
        auto handle = spawn("steps", [&step] {
            step = 1;
            suspend();
            step = 2;
            suspend();
        });
        CoroutineView view = handle.view();
        look_until(view, coroutine_state::resumable);
        EXPECT_EQ(step, 1);
        EXPECT_EQ(view.waits_for(), "suspended");
        const auto first_point = view.resume_point();
        const auto first_activity = view.last_activity();
        EXPECT_TRUE(view.resume());
        while (step != 2)
            yield();
        look_until(view, coroutine_state::resumable);
        EXPECT_NE(view.resume_point(), first_point);
        EXPECT_GT(view.last_activity(), first_activity);
        EXPECT_TRUE(view.resume());
        handle.join();
        view.refresh();
        EXPECT_EQ(view.state(), coroutine_state::complete);
    });
}

TEST_P(View, of_the_caller_says_that_it_runs) {
    run([] {
        std::atomic<const JoinHandle<void>*> own{nullptr};
        auto handle = spawn("self", [&own] {
            while (own == nullptr)
                yield();
            const CoroutineView view = own.load()->view();
            EXPECT_EQ(view.state(), coroutine_state::running);
            EXPECT_EQ(view.resume_point(), 0U);
            EXPECT_EQ(view.stack_used(), 0U);
        });
        own = &handle;
        while (!handle.is_complete())
            yield();
    });
}

TEST(ViewAlone, of_nobody_is_complete) {
    CoroutineView view;
    EXPECT_EQ(view.state(), coroutine_state::complete);
    view.refresh();
    EXPECT_EQ(view.id(), 0U);
    EXPECT_EQ(JoinHandle<int>().view().state(), coroutine_state::complete);
}

TEST(ViewAlone, outlives_its_runtime) {
    CoroutineView view;
    cprime::run({.workers = 1}, [&view] {
        auto handle = spawn("gone", [] {});
        view = handle.view();
        handle.join();
    });
    view.refresh();
    EXPECT_EQ(view.state(), coroutine_state::complete);
    EXPECT_NE(view.id(), 0U);
}

}  // namespace
}  // namespace cprime
