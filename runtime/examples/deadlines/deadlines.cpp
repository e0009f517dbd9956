// Deadlines: a player that decodes frames beside work that is not urgent, and keeps its times because whoever's deadline is next runs first.
//
//   deadlines
//
// Shows: a scheduling policy for the whole program (RuntimeOptions::policy); a deadline given at the spawn, and one that a coroutine moves as it goes
// on; how a policy of one's own listens to what the scheduler asks of it, by wrapping a ready-made one; and the same jobs in order of arrival,
// where the urgent ones stand in line behind the others.
#include <cprime/cprime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kIndexers = 50;  // that would rather run all the time
constexpr int kFrames = 20;
constexpr auto kFrameTime = 40ms;

// Counts how many others were named between a frame's becoming ready and its turn.
template <typename Policy>
class Listening {
public:
    explicit Listening(int* longest) : longest_(longest) {}
    void ready(const cprime::ReadyCoroutine& coroutine) noexcept {
        if (coroutine.name == "frames") frames_ = {coroutine.id, 0};
        policy_.ready(coroutine);
    }
    std::optional<cprime::ReadyId> next(unsigned worker) noexcept {
        const auto named = policy_.next(worker);
        if (named == frames_.id) {
            *longest_ = std::max(*longest_, frames_.passed_over);
        } else {
            ++frames_.passed_over;
        }
        return named;
    }
    bool empty() const noexcept { return policy_.empty(); }

private:
    struct Waiting {
        cprime::ReadyId id;
        int passed_over = 0;
    };
    Policy policy_;
    Waiting frames_;
    int* longest_;
};

// Decodes frame after frame; each is due a frame's time after the one before.
void decode_frames(const bool& over) {
    auto due = Clock::now() + kFrameTime;
    for (int frame = 0; frame < kFrames && !over; ++frame) {
        cprime::yield();  // half a frame
        cprime::yield();  // the other half
        due += kFrameTime;
        cprime::set_deadline(due);
    }
}

// The most others that ran while the frames were ready.
template <typename Policy>
int play() {
    int longest = 0;
    cprime::run({.workers = 1, .policy = cprime::make_policy<Listening<Policy>>(&longest)}, [] {
        bool over = false;
        std::vector<cprime::JoinHandle<void>> indexers;
        for (int i = 0; i < kIndexers; ++i) {
            indexers.push_back(cprime::spawn({.name = "indexer", .deadline = Clock::now() + 1h}, [&over] {
                while (!over && cprime::yield()) {
                }
            }));
        }
        cprime::spawn({.name = "frames", .deadline = Clock::now() + kFrameTime}, [&over] {
            decode_frames(over);
        }).join();
        over = true;
        for (auto& indexer : indexers)
            indexer.join();
    });
    return longest;
}

}  // namespace

int main() {
    const int in_turns = play<cprime::RoundRobin>();
    const int by_deadline = play<cprime::EarliestDeadlineFirst>();
    std::printf("frames let at most %d others run before them by deadline, %d in order of arrival\n",
                by_deadline, in_turns);
    if (by_deadline == 0 && in_turns >= kIndexers) return 0;
    std::printf("deadlines: that should be 0, and %d at least\n", kIndexers);
    return 1;
}
