// Random programs of scopes, raises, defers and waits do what a model of them does, which knows no stack and no exception: recovered by the same
// scope, with the same causes, after the same defers. Many at once, under chaos as well. And a million raises leave nothing behind.
#include <cprime/app_signal.h>
#include <cprime/catch_signals.h>
#include <cprime/defer.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <rapidcheck.h>

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

template <int kType>
struct Alarm {
    int serial;
};

enum class Kind { raise, raise_again, scope, defer, wait };
struct Step {
    Kind kind;
    int type = 0;   // of raise
    int mask = 0;   // of scope: which types it catches
    int label = 0;  // of defer
    std::vector<Step> body, handler;
};

std::vector<Step> draw(std::mt19937& random, int depth, bool in_handler) {
    std::vector<Step> steps;
    const unsigned count = random() % 4;
    for (unsigned i = 0; i < count; ++i) {
        Step step{};
        switch (random() % 10) {
            case 0:
            case 1:
                step.kind = Kind::raise;
                step.type = static_cast<int>(random() % 3);
                break;
            case 2:
                step.kind = in_handler ? Kind::raise_again : Kind::wait;
                break;
            case 3:
            case 4:
                step.kind = Kind::defer;
                step.label = static_cast<int>(random() % 90) + 10;
                break;
            case 5:
                step.kind = Kind::wait;
                break;
            default:
                if (depth == 0) continue;
                step.kind = Kind::scope;
                step.mask = static_cast<int>(random() % 7) + 1;
                step.body = draw(random, depth - 1, in_handler);
                step.handler = draw(random, depth - 1, true);
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

// --- the model: what is raised is a value that is handed back

struct Flying {
    int type;
    std::vector<int> serials;  // its own, then its causes'
};
struct Model {
    std::string log;
    int next_serial = 0;
    std::vector<Flying> current;  // being recovered from, innermost last

    std::optional<Flying> run(const std::vector<Step>& steps) {
        std::vector<int> defers;
        std::optional<Flying> flying;
        for (const Step& step : steps) {
            flying = run(step, defers);
            if (flying) break;
        }
        for (std::size_t i = defers.size(); i-- > 0;)
            log += "d" + std::to_string(defers[i]) + " ";
        return flying;
    }
    std::optional<Flying> run(const Step& step, std::vector<int>& defers) {
        if (step.kind == Kind::raise) {
            Flying raised{step.type, {next_serial++}};
            if (!current.empty())
                raised.serials.insert(raised.serials.end(), current.back().serials.begin(),
                                      current.back().serials.end());
            return raised;
        }
        if (step.kind == Kind::raise_again) return current.back();
        if (step.kind == Kind::defer) defers.push_back(step.label);
        if (step.kind != Kind::scope) return {};
        const std::optional<Flying> flying = run(step.body);
        if (!flying || (step.mask & 1 << flying->type) == 0) return flying;
        log_recovery(log, flying->type, flying->serials);
        current.push_back(*flying);
        const std::optional<Flying> after = run(step.handler);
        current.pop_back();
        return after;
    }
    static void log_recovery(std::string& log, int type, const std::vector<int>& serials) {
        log += "r" + std::to_string(type) + ":";
        for (const int serial : serials)
            log += std::to_string(serial) + ",";
        log += " ";
    }
};

// --- the same by the runtime

struct Real {
    std::string log;
    int next_serial = 0;

    void run(const std::vector<Step>& steps, std::size_t from = 0) {
        for (std::size_t i = from; i < steps.size(); ++i) {
            const Step& step = steps[i];
            switch (step.kind) {
                case Kind::raise:
                    if (step.type == 0) raise(Alarm<0>{next_serial++});
                    if (step.type == 1) raise(Alarm<1>{next_serial++});
                    raise(Alarm<2>{next_serial++});
                case Kind::raise_again:
                    reraise();
                case Kind::defer: {
                    const auto last = cprime::defer([&] { log += "d" + std::to_string(step.label) + " "; });
                    run(steps, i + 1);
                    return;
                }
                case Kind::wait:
                    yield();
                    break;
                case Kind::scope:
                    scope(step);
            }
        }
    }

    template <typename... Signals>
    void scope_of(const Step& step) {
        catch_signals<Signals...>([&] { run(step.body); }).recover([&](const auto&) {
            const AnySignal now = current_signal();
            Model::log_recovery(log, type_of(now), serials_of(now));
            run(step.handler);
        });
    }
    void scope(const Step& step) {
        switch (step.mask) {
            case 1:
                return scope_of<Alarm<0>>(step);
            case 2:
                return scope_of<Alarm<1>>(step);
            case 3:
                return scope_of<Alarm<0>, Alarm<1>>(step);
            case 4:
                return scope_of<Alarm<2>>(step);
            case 5:
                return scope_of<Alarm<2>, Alarm<0>>(step);
            case 6:
                return scope_of<Alarm<1>, Alarm<2>>(step);
            default:
                return scope_of<AnySignal>(step);
        }
    }
    static int type_of(const AnySignal& signal) {
        return signal.as<Alarm<0>>() != nullptr ? 0 : signal.as<Alarm<1>>() != nullptr ? 1 : 2;
    }
    static std::vector<int> serials_of(AnySignal signal) {
        std::vector<int> serials;
        for (; signal; signal = signal.cause()) {
            const int type = type_of(signal);
            serials.push_back(type == 0   ? signal.as<Alarm<0>>()->serial
                              : type == 1 ? signal.as<Alarm<1>>()->serial
                                          : signal.as<Alarm<2>>()->serial);
        }
        return serials;
    }
};

std::string by_model(const std::vector<Step>& steps) {
    Model model;
    if (const auto escaped = model.run(steps)) {
        model.log += "escaped ";
        Model::log_recovery(model.log, escaped->type, escaped->serials);
    }
    return model.log;
}

// In a coroutine of its own, whose joiner finds what escaped.
std::string by_runtime(const std::vector<Step>& steps) {
    Real real;
    auto child = spawn({.size_class = size_class::large}, [&] { real.run(steps); });
    try {
        static_cast<void>(child.join());
    } catch (const detail::RaisedSignal& escaped) {
        const AnySignal signal(escaped.held);
        real.log += "escaped ";
        Model::log_recovery(real.log, Real::type_of(signal), Real::serials_of(signal));
    }
    return real.log;
}

void check_many(const RuntimeOptions& options) {
    Runtime runtime(options);
    EXPECT_TRUE(rc::check([&](std::uint32_t seed) {
        constexpr int kAtOnce = 8;
        std::mt19937 random(seed);
        std::vector<std::vector<Step>> programs;
        for (int i = 0; i < kAtOnce; ++i)
            programs.push_back(draw(random, 6, false));
        std::vector<std::string> got(kAtOnce);
        SignalCounts all[3];
        runtime.run([&] {
            std::vector<JoinHandle<void>> runners;
            for (int i = 0; i < kAtOnce; ++i)
                runners.push_back(spawn("runner", [&, i] { got[i] = by_runtime(programs[i]); }));
            for (auto& runner : runners)
                runner.join();
            all[0] = signals().count<Alarm<0>>();
            all[1] = signals().count<Alarm<1>>();
            all[2] = signals().count<Alarm<2>>();
        });
        for (int i = 0; i < kAtOnce; ++i)
            RC_ASSERT(got[i] == by_model(programs[i]));
        for (const SignalCounts& counts : all) {
            RC_ASSERT(counts.arrived == counts.delivered);
            RC_ASSERT(counts.delivered == counts.finished);
            RC_ASSERT(counts.failed <= counts.finished);
            RC_ASSERT(counts.lost == 0U);
        }
    }));
}

TEST(LocalSignalProperty, random_nests_recover_as_the_model_says) {
    check_many({.workers = 2});
}

TEST(LocalSignalProperty, under_chaos_too) {
    for (const std::uint64_t seed : {1, 2, 3})
        check_many({.workers = 2, .chaos = seed});
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRaises = 20'000;
#else
constexpr int kRaises = 1'000'000;
#endif

TEST(LocalSignalProperty, a_million_raises_leave_nothing_behind) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        const auto raise_some = [](int count) {
            for (int i = 0; i < count; ++i) {
                catch_signals<Alarm<1>>([&] {
                    catch_signals<Alarm<0>>([&] { raise(Alarm<0>{i}); }).recover([](const Alarm<0>& signal) {
                        raise(Alarm<1>{signal.serial});
                    });
                }).recover([&](const Alarm<1>& signal) { ASSERT_EQ(signal.serial, i); });
            }
        };
        raise_some(1000);
        const std::size_t before = mallinfo2().uordblks;
        raise_some(kRaises / 2);
        const std::size_t after = mallinfo2().uordblks;
        EXPECT_LT(after, before + 4096) << "bytes that the allocator has given out";
        EXPECT_EQ(signals().count<Alarm<0>>().failed, kRaises / 2 + 1000U);
        EXPECT_EQ(signals().count<Alarm<1>>().finished, kRaises / 2 + 1000U);
    });
}

}  // namespace
}  // namespace cprime
