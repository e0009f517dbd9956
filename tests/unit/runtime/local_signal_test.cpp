// Local signals: raised, recovered, passed on; and what becomes of those that no scope catches.
#include <cprime/app_signal.h>
#include <cprime/catch_signals.h>
#include <cprime/coroutine.h>
#include <cprime/defer.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

struct IoError {
    int number = 0;
    std::string message() const { return "errno " + std::to_string(number); }
};
struct FileError {
    std::string path;
    const char* what() const { return path.c_str(); }
};
struct ParseError {
    int line = 0;
};

class LocalSignals : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(LocalSignals);

TEST_P(LocalSignals, unwind_to_the_scope_that_names_their_type_and_destructors_run) {
    run([] {
        std::string order;
        const int got = catch_signals<FileError, IoError>([&]() -> int {
                            const auto outer = defer([&] { order += 'd'; });
                            const auto held = std::shared_ptr<void>(nullptr, [&](void*) { order += 's'; });
                            yield();
                            raise(IoError{5});
                        }).recover([&](const auto& signal) {
            yield();
            if constexpr (std::is_same_v<std::decay_t<decltype(signal)>, IoError>) {
                EXPECT_EQ(current_signal().as<IoError>(), &signal);
                EXPECT_EQ(std::current_exception(), nullptr) << "a handler runs outside of any exception";
                return signal.number;
            } else {
                return -1;
            }
        });
        EXPECT_EQ(got, 5);
        EXPECT_EQ(order, "sd");
        EXPECT_FALSE(current_signal());
    });
}

TEST_P(LocalSignals, pass_scopes_that_name_others) {
    run([] {
        int inner = 0, outer = 0;
        catch_signals<ParseError>([&] {
            catch_signals<IoError, FileError>([] { raise(ParseError{7}); }).recover([&](const auto&) {
                ++inner;
            });
        }).recover([&](const ParseError& signal) { outer = signal.line; });
        EXPECT_EQ(inner, 0);
        EXPECT_EQ(outer, 7);
        EXPECT_EQ(signals().count<ParseError>().delivered, 1U);
        EXPECT_EQ(signals().count<ParseError>().finished, 1U);
    });
}

TEST_P(LocalSignals, a_body_that_raises_nothing_is_just_called) {
    run([] {
        EXPECT_EQ(catch_signals<IoError>([] { return std::string("fine"); }).recover([](const IoError&) {
            return "not";
        }),
                  "fine");
        bool ran = false;
        catch_signals<IoError>([&] { ran = true; }).recover([](const IoError&) { FAIL(); });
        EXPECT_TRUE(ran);
        EXPECT_EQ(signals().count<IoError>().arrived, 0U);
    });
}

TEST_P(LocalSignals, that_are_transformed_keep_what_caused_them) {
    run([] {
        const auto open = [] { raise(IoError{2}); };
        const auto read = [&] {
            catch_signals<IoError>(open).recover([](const IoError&) { raise(FileError{"settings.json"}); });
        };
        catch_signals<FileError>(read).recover([](const FileError& signal) {
            EXPECT_EQ(signal.path, "settings.json");
            const AnySignal cause = current_signal().cause();
            ASSERT_TRUE(cause);
            EXPECT_EQ(cause.as<IoError>()->number, 2);
            EXPECT_EQ(cause.as<FileError>(), nullptr);
            EXPECT_FALSE(cause.cause());
            const std::string text = current_signal().text();
            EXPECT_TRUE(
                text.starts_with("cprime::FileError: settings.json, raised at local_signal_test.cpp:"))
                << text;
            EXPECT_NE(text.find(", because of cprime::IoError: errno 2, raised at local_signal_test.cpp:"),
                      std::string::npos)
                << text;
        });
        EXPECT_EQ(signals().count<IoError>().failed, 1U) << "its recovery was left by another signal";
        EXPECT_EQ(signals().count<FileError>().finished, 1U);
    });
}

TEST_P(LocalSignals, that_are_raised_again_are_the_same_ones) {
    run([] {
        const void* first = nullptr;
        int recovered = 0;
        catch_signals<IoError>([&] {
            catch_signals<IoError>([] { raise(IoError{3}); }).recover([&](const IoError& signal) {
                first = &signal;
                reraise();
            });
        }).recover([&](const IoError& signal) {
            EXPECT_EQ(&signal, first);
            EXPECT_FALSE(current_signal().cause());
            ++recovered;
        });
        EXPECT_EQ(recovered, 1);
        const SignalCounts counts = signals().count<IoError>();
        EXPECT_EQ(counts.arrived, 2U);
        EXPECT_EQ(counts.delivered, 2U);
        EXPECT_EQ(counts.finished, 2U);
        EXPECT_EQ(counts.failed, 1U);
    });
}

TEST_P(LocalSignals, any_signal_is_caught_by_a_scope_for_all_unless_one_named_before_fits) {
    run([] {
        for (int i = 0; i < 2; ++i) {
            const std::string who = catch_signals<IoError, AnySignal>([&]() -> std::string {
                                        if (i == 0) raise(IoError{1});
                                        raise(ParseError{1});
                                    }).recover([](const auto& signal) -> std::string {
                if constexpr (std::is_same_v<std::decay_t<decltype(signal)>, IoError>)
                    return "io";
                else
                    return std::string(signal.name());
            });
            EXPECT_EQ(who, i == 0 ? "io" : "cprime::ParseError");
        }
    });
}

TEST_P(LocalSignals, that_escape_a_coroutine_are_raised_at_its_join) {
    run([] {
        auto child = spawn("child", []() -> int { raise(ParseError{12}); });
        const std::uint64_t id = child.id();
        const int line = catch_signals<ParseError>([&] {
                             return *child.join();
                         }).recover([&](const ParseError& signal) {
            EXPECT_EQ(current_signal().raised_by(), id);
            EXPECT_NE(current_signal().raised_by_text().find("\"child\" spawned at "), std::string::npos)
                << current_signal().raised_by_text();
            EXPECT_FALSE(current_signal().backtrace().empty());
            return signal.line;
        });
        EXPECT_EQ(line, 12);
        EXPECT_EQ(signals().count<ParseError>().arrived, 1U);
        EXPECT_EQ(signals().count<ParseError>().delivered, 1U);
    });
}

TEST_P(LocalSignals, that_nobody_recovers_or_joins_fail_the_coroutine_and_reach_the_handler_for_all) {
    run([] {
        std::atomic<int> unhandled{0};
        std::string text;
        std::vector<std::string> frames;
        std::uint64_t failed = 0;
        signals().on_unhandled([&](const AnySignal& signal) {
            text = signal.text();
            frames = signal.backtrace();
            failed = signal.raised_by();
            EXPECT_EQ(current_signal().held(), signal.held());
            unhandled.fetch_add(1);
        });
        auto child = spawn("careless", [] { raise(IoError{9}); });
        const std::uint64_t id = child.id();
        child.detach();
        while (unhandled.load() == 0)
            yield();
        EXPECT_EQ(failed, id);
        EXPECT_NE(text.find("IoError: errno 9, raised at local_signal_test.cpp:"), std::string::npos) << text;
        EXPECT_NE(text.find("\"careless\" spawned at "), std::string::npos) << text;
        EXPECT_FALSE(frames.empty());
        EXPECT_EQ(signals().count<IoError>().delivered, 1U);
        EXPECT_EQ(signals().count<IoError>().lost, 0U);
    });
}

TEST_P(LocalSignals, that_nobody_handles_at_all_are_lost_by_one_sentence) {
    testing::internal::CaptureStderr();
    run([] {
        spawn("loses", [] { raise(IoError{4}); }).detach();
        while (signals().count<IoError>().lost == 0)
            yield();
        EXPECT_EQ(signals().count<IoError>().lost, 1U);
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("\"loses\" failed and nobody joins it: cprime::IoError: errno 4, raised at "),
              std::string::npos)
        << said;
}

TEST_P(LocalSignals, an_ordinary_catch_recovers_them_too) {
    run([] {
        try {
            raise(FileError{"a"});
        } catch (const std::exception& caught) {
            EXPECT_TRUE(std::string(caught.what()).starts_with("cprime::FileError: a, raised at "))
                << caught.what();
        }
        EXPECT_EQ(signals().count<FileError>().delivered, 1U);
        EXPECT_EQ(signals().count<FileError>().finished, 1U);
    });
}

TEST_P(LocalSignals, other_exceptions_and_cancellation_pass_through_scopes) {
    run([] {
        EXPECT_THROW(catch_signals<AnySignal>([] {
                         throw std::runtime_error("not one");
                     }).recover([](const AnySignal&) {}),
                     std::runtime_error);
        EXPECT_THROW(catch_signals<AnySignal>([] { throw Cancelled(); }).recover([](const AnySignal&) {}),
                     Cancelled);
    });
}

TEST_P(LocalSignals, scopes_of_a_coroutine_by_hand_are_its_own_and_what_it_raises_reaches_who_resumes_it) {
    run([] {
        Coroutine<int, int> stepper([](auto& self, int first) -> int {
            int value = first;
            for (int i = 0; i < 3; ++i) {
                value = catch_signals<IoError>([&]() -> int {
                            const int next = self.yield(value);  // leaves the scope open behind it
                            if (next == 100) raise(IoError{next});
                            if (next == 200) raise(ParseError{next});
                            return next;
                        }).recover([](const IoError& signal) { return signal.number + 1; });
            }
            return -1;
        });
        int last = 0;
        catch_signals<ParseError>([&] {
            last = *stepper.resume(1);
            catch_signals<AnySignal>([&] { last = *stepper.resume(100); }).recover([](const AnySignal&) {
                FAIL();
            });
            EXPECT_EQ(last, 101);
            last = *stepper.resume(200);
        }).recover([&](const ParseError& signal) { last = signal.line; });
        EXPECT_EQ(last, 200);
    });
}

TEST_P(LocalSignals, a_chain_of_causes_has_an_end) {
    run([] {
        // Each recovery raises the next one to the scope around it.
        struct Deeper {
            static void go(int depth) {
                if (depth == 0) raise(IoError{0});
                catch_signals<IoError>([&] { go(depth - 1); }).recover([](const IoError& signal) {
                    raise(IoError{signal.number + 1});
                });
            }
        };
        int length = 0;
        catch_signals<IoError>([] { Deeper::go(20); }).recover([&](const IoError& signal) {
            EXPECT_EQ(signal.number, 20);
            for (AnySignal at = current_signal(); at; at = at.cause())
                ++length;
        });
        EXPECT_EQ(length, 21);
    });
}

TEST(LocalSignal, works_on_a_thread_without_any_runtime) {
    int got = 0;
    std::thread([&] {
        catch_signals<IoError>([] { raise(IoError{8}); }).recover([&](const IoError& signal) {
            got = signal.number;
        });
        EXPECT_FALSE(current_signal());
    }).join();
    EXPECT_EQ(got, 8);
}

TEST(LocalSignalDeathTest, nothing_to_raise_again_is_a_sentence) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_DEATH(reraise(), "reraise\\(\\) outside of a recover and of a handler");
}

}  // namespace
}  // namespace cprime
