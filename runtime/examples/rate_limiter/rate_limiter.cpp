// A token bucket: so many requests at once, and then one every so often.
//
//   rate_limiter
//
// Shows: timers. The bucket is a channel with room for as many tokens as may be used at once; a coroutine puts one in after each
// interval, with try_send(), which loses it when the bucket is full. A request takes a token, and says by select() with on_timeout() how long
// it would wait for one; otherwise() is for those who would not wait at all. When nobody may ask any more, the last receiver goes, the channel
// closes, and the coroutine that fills it ends at its next token.
#include <cprime/cprime.h>

#include <chrono>
#include <cstdio>
#include <utility>

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::uint32_t kBurst = 5;  // requests at once
constexpr auto kInterval = 10ms;     // then one in so long

struct Token {};

void fill(const cprime::Sender<Token>& bucket) {
    while (cprime::sleep_for(kInterval))
        if (bucket.try_send(Token{}).status() == cprime::Status::closed) return;
}

bool allowed_at_once(const cprime::Receiver<Token>& bucket) {
    Token token;
    return static_cast<bool>(cprime::select(cprime::on_receive(bucket, token), cprime::otherwise()));
}
bool allowed_within(const cprime::Receiver<Token>& bucket, std::chrono::milliseconds patience) {
    Token token;
    return static_cast<bool>(cprime::select(cprime::on_receive(bucket, token), cprime::on_timeout(patience)));
}

bool run_limiter() {
    auto [filling, bucket] = cprime::make_channel<Token>("tokens", kBurst);
    for (std::uint32_t i = 0; i < kBurst; ++i)
        filling.send(Token{});
    const auto begin = steady_clock::now();
    auto filler = cprime::spawn("filler", [out = std::move(filling)] { fill(out); });

    std::uint32_t at_once = 0, refused = 0, in_time = 0;
    for (std::uint32_t i = 0; i < 2 * kBurst; ++i)
        ++(allowed_at_once(bucket) ? at_once : refused);
    for (int i = 0; i < 20; ++i)
        ++(allowed_within(bucket, 10s) ? in_time : refused);
    const auto took = steady_clock::now() - begin;
    bucket.reset();
    filler.join();

    std::printf("%u requests were allowed at once, %u in time, %u refused\n", at_once, in_time, refused);
    if (at_once < kBurst) {
        std::printf("rate_limiter: the bucket was full, and should have allowed %u at once\n", kBurst);
        return false;
    }
    if (in_time != 20) {
        std::printf("rate_limiter: who waits for 10 s should get one of a token every 10 ms\n");
        return false;
    }
    const auto most = kBurst + static_cast<std::uint64_t>(took / kInterval);
    if (at_once + in_time > most) {
        std::printf("rate_limiter: %u requests got through where %llu were allowed\n", at_once + in_time,
                    static_cast<unsigned long long>(most));
        return false;
    }
    return true;
}

}  // namespace

int main() {
    return cprime::run([] { return run_limiter(); }) ? 0 : 1;
}
