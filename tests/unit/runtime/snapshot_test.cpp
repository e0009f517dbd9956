// Snapshots: versions are whole, stay as they are, and go with their last reader.
#include <cprime/snapshot.h>

#include <array>
#include <string>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

// A version whose parts belong together, and which counts how many there are.
struct State {
    static inline std::atomic<int> alive{0};
    explicit State(long with) : number(with), text(std::to_string(with) + " with more than a few letters") {
        parts.fill(with);
        ++alive;
    }
    State(const State& other) : number(other.number), parts(other.parts), text(other.text) { ++alive; }
    State(State&& other) noexcept : number(other.number), parts(other.parts), text(std::move(other.text)) {
        ++alive;
    }
    ~State() { --alive; }
    State& operator=(const State&) = delete;
    bool is_whole() const {
        for (const long part : parts) {
            if (part != number) return false;
        }
        return text == std::to_string(number) + " with more than a few letters";
    }
    long number;
    std::array<long, 8> parts;
    std::string text;
};

TEST_P(Synchronised, readers_see_whole_versions_across_suspensions_and_time_does_not_go_back) {
    State::alive = 0;
    run([] {
        Snapshot<State> state(State(0));
        std::atomic<bool> done{false};
        std::vector<JoinHandle<void>> readers;
        for (int r = 0; r < 4; ++r) {
            readers.push_back(spawn("reader", [&] {
                long newest = 0;
                while (!done) {
                    const auto version = state.read();
                    EXPECT_GE(version->number, newest);
                    newest = version->number;
                    static_cast<void>(yield());
                    EXPECT_EQ(version->number, newest);
                    EXPECT_TRUE(version->is_whole());
                }
            }));
        }
        for (long i = 1; i <= kRounds; ++i) {
            state.publish(State(i));
            if (i % 16 == 0) static_cast<void>(yield());
        }
        done = true;
        for (auto& reader : readers)
            EXPECT_TRUE(reader.join());
        EXPECT_EQ(State::alive, 1);
    });
    EXPECT_EQ(State::alive, 0);
}

TEST_P(Synchronised, updates_from_several_are_all_in_the_end) {
    run([] {
        Snapshot<State> state(State(0));
        std::vector<JoinHandle<void>> writers;
        for (int w = 0; w < 4; ++w) {
            writers.push_back(spawn("writer", [&] {
                for (int i = 0; i < kRounds / 10; ++i) {
                    state.update([](const State& current) {
                        static_cast<void>(yield());  // built outside: it may wait
                        return State(current.number + 1);
                    });
                }
            }));
        }
        for (auto& writer : writers)
            EXPECT_TRUE(writer.join());
        EXPECT_EQ(state.read()->number, 4 * (kRounds / 10));
    });
}

TEST(Snapshots, publish_if_refuses_what_was_built_from_an_old_version) {
    Snapshot<std::string> text("first");  // no Runtime is needed
    const auto first = text.read();
    const auto copy = first;
    EXPECT_TRUE(text.publish_if(first, "second"));
    EXPECT_FALSE(text.publish_if(first, "third"));
    EXPECT_EQ(*text.read(), "second");
    EXPECT_EQ(*copy, "first");
    EXPECT_TRUE(copy == first);
    EXPECT_FALSE(copy == text.read());
}

TEST(Snapshots, a_version_that_cannot_be_built_changes_nothing) {
    Snapshot<std::string> text("first");
    EXPECT_THROW(text.update([](const std::string&) -> std::string { throw std::runtime_error("no"); }),
                 std::runtime_error);
    EXPECT_EQ(*text.read(), "first");
}

TEST(Snapshots, versions_outlive_their_snapshot) {
    State::alive = 0;
    {
        auto snapshot = std::make_unique<Snapshot<State>>(State(5));
        const auto version = snapshot->read();
        snapshot.reset();
        EXPECT_EQ(version->number, 5);
        EXPECT_EQ(State::alive, 1);
    }
    EXPECT_EQ(State::alive, 0);
}

}  // namespace
}  // namespace cprime::test
