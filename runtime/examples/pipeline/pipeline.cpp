// A pipeline of three stages, and how far its beginning gets while its end does not move.
//
//   pipeline
//
// Shows: back-pressure. Between the stages are channels with room for a few items. A stage that is faster than the next one fills the
// channel between them and then waits in send(), without a line of code for it: however long the input is, no more than the buffers' room, and
// one item in the hands of each stage, exists at once. Each stage owns its ends, so when the first one returns the others end one after
// the other: receive() answers `closed` once the buffer is empty.
#include <cprime/cprime.h>

#include <cstdint>
#include <cstdio>
#include <utility>

namespace {

constexpr std::uint32_t kRoom = 4;  // items in each channel
constexpr std::int64_t kItems = 10'000;

// What the first stage has got rid of once nothing moves any more: two buffers full, and the item that the second stage holds.
constexpr std::uint64_t kWithoutReader = 2 * kRoom + 1;

bool run_pipeline() {
    auto numbers = cprime::make_channel<std::int64_t>("numbers", kRoom);
    auto squares = cprime::make_channel<std::int64_t>("squares", kRoom);
    const cprime::Receiver<std::int64_t> gauge = numbers.receiver;  // to look at the channel; nobody receives here

    cprime::spawn_detached("numbers", [out = std::move(numbers.sender)] {
        for (std::int64_t number = 1; number <= kItems; ++number)
            if (!out.send(number)) return;
    });
    cprime::spawn_detached("squares", [in = std::move(numbers.receiver), out = std::move(squares.sender)] {
        while (auto number = in.receive())
            if (!out.send(*number * *number)) return;
    });

    // The third stage has not begun. Let the others come to rest: once the second one waits, it waits for good, and then so does the first.
    while (squares.receiver.statistics().senders_waiting == 0 || gauge.statistics().senders_waiting == 0)
        cprime::yield();
    const std::uint64_t sent = gauge.statistics().sent;
    std::printf("without a reader %llu of %lld items got into the pipeline\n",
                static_cast<unsigned long long>(sent), static_cast<long long>(kItems));
    if (sent != kWithoutReader) {
        std::printf("pipeline: it should have stopped at %llu\n",
                    static_cast<unsigned long long>(kWithoutReader));
        return false;
    }

    std::int64_t sum = 0;
    while (auto square = squares.receiver.receive())
        sum += *square;
    constexpr std::int64_t kSum = kItems * (kItems + 1) * (2 * kItems + 1) / 6;
    std::printf("the sum of all squares is %lld\n", static_cast<long long>(sum));
    if (sum != kSum) std::printf("pipeline: it should be %lld\n", static_cast<long long>(kSum));
    return sum == kSum;
}

}  // namespace

int main() {
    return cprime::run([] { return run_pipeline(); }) ? 0 : 1;
}
