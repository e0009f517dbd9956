// Exceptions: each coroutine has its own exception state, and what escapes is thrown again at the join.
#include <cxxabi.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

class Exceptions : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Exceptions);

TEST_P(Exceptions, join_throws_what_escaped) {
    run([] {
        auto with_result = spawn("with", []() -> int { throw std::runtime_error("with result"); });
        auto without = spawn("without", [] { throw std::logic_error("without result"); });
        EXPECT_THROW(with_result.join(), std::runtime_error);
        EXPECT_THROW(without.join(), std::logic_error);
    });
}

TEST_P(Exceptions, run_throws_what_escaped_the_first_coroutine) {
    Runtime runtime({.workers = GetParam()});
    EXPECT_THROW(runtime.run([] { throw std::runtime_error("main"); }), std::runtime_error);
    EXPECT_EQ(runtime.run([] { return 5; }), 5) << "and the runtime goes on";
}

TEST_P(Exceptions, a_handler_that_parks_keeps_its_own_exception) {
    run([] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 50; ++i) {
            handles.push_back(spawn("thrower", [i] {
                for (int round = 0; round < 20; ++round) {
                    try {
                        throw i * 1000 + round;
                    } catch (const int value) {
                        for (int step = 0; step < 3; ++step)
                            yield();
                        EXPECT_EQ(value, i * 1000 + round);
                        try {
                            yield();
                            throw;  // the one being handled *here*
                        } catch (const int again) {
                            EXPECT_EQ(again, value);
                        }
                        EXPECT_EQ(std::uncaught_exceptions(), 0);
                    }
                }
            }));
        }
        for (auto& handle : handles)
            handle.join();
    });
}

TEST_P(Exceptions, a_destructor_that_parks_while_unwinding_disturbs_nobody) {
    struct Parks {
        ~Parks() {
            EXPECT_EQ(std::uncaught_exceptions(), 1);
            yield();
            yield();
            EXPECT_EQ(std::uncaught_exceptions(), 1);
        }
    };
    run([] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 30; ++i) {
            handles.push_back(spawn("unwinding", [i] {
                try {
                    const Parks parks;
                    throw i;
                } catch (const int value) {
                    EXPECT_EQ(value, i);
                }
                EXPECT_EQ(std::uncaught_exceptions(), 0);
            }));
            handles.push_back(spawn("bystander", [] {
                for (int step = 0; step < 10; ++step) {
                    EXPECT_EQ(std::uncaught_exceptions(), 0);
                    EXPECT_EQ(std::current_exception(), nullptr);
                    yield();
                }
            }));
        }
        for (auto& handle : handles)
            handle.join();
    });
}

TEST_P(Exceptions, what_nobody_joins_is_one_sentence) {
    testing::internal::CaptureStderr();
    run([] {
        spawn_detached("detached", [] { throw std::runtime_error("lost one"); });
        auto handle = spawn("dropped later", [] { throw std::runtime_error("lost two"); });
        while (detail::g_runtime->scheduler.alive() > 1)
            yield();
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("\"detached\" failed and nobody joins it: lost one\n"), std::string::npos) << said;
    EXPECT_NE(said.find("\"dropped later\" failed and nobody joins it: lost two\n"), std::string::npos)
        << said;
}

TEST_P(Exceptions, cancelled_is_an_orderly_end) {
    testing::internal::CaptureStderr();
    run([] { spawn("leaves", [] { throw Cancelled(); }).join(); });
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace cprime
