// Channel patterns: derived from handles, kept with the site; and the class each gives is enough for the loops it is for.
#include <cprime/channel_pattern.h>
#include <cprime/select.h>

#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/site.h"
#include "runtime/switch/sanitizer.h"
#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

static_assert(pattern_of<int, char*>() == channel_pattern::none);
static_assert(pattern_of<const Sender<int>&, int>() == channel_pattern::send_only);
static_assert(pattern_of<Broadcast<int>, Sender<int>*>() == channel_pattern::send_only);
static_assert(pattern_of<Receiver<int>, Subscriber<int>*>() == channel_pattern::receive_only);
static_assert(pattern_of<Receiver<int>, Sender<int>>() == channel_pattern::send_and_receive);
static_assert(pattern_of<Channel<int>>() == channel_pattern::send_and_receive);
static_assert(pattern_of<std::reference_wrapper<Server<int, int>>>() == channel_pattern::send_and_receive);

void produce(const Sender<int>& out, int items) {
    for (int i = 0; i < items; ++i) {
        if (!out.send(i)) return;
    }
}
void add(const Receiver<int>& in, std::atomic<long>* sum) {
    while (auto number = in.receive())
        *sum += *number;
}
void relay(const Receiver<int>& in, const Sender<int>& out) {
    while (auto number = in.receive()) {
        if (!out.send(*number)) return;
    }
}
void merge(const Receiver<int>& left, const Receiver<int>& right, const Sender<int>& out) {
    int item = 0;
    while (auto fired = select(on_receive(left, item), on_receive(right, item))) {
        if (!out.send(item)) return;
    }
}

wire::SiteRecord& site_of(std::uint64_t identity) {
    for (std::uint32_t index = 0;; ++index) {
        if (detail::detail(index).identity.load() == identity)
            return detail::g_runtime->sites.record(detail::detail(index).site);
    }
}

TEST_P(Synchronised, coroutines_run_on_the_class_of_their_pattern_and_their_site_tells_it) {
    std::atomic<long> sum{0};
    constexpr int kNumbers = 500;
    run([&] {
        auto [first_out, first_in] = make_channel<int>("first");
        auto [second_out, second_in] = make_channel<int>("second");
        auto [third_out, third_in] = make_channel<int>("third");
        const Channel<int> idle("idle");  // as long as it is open nobody ends
        auto adding = spawn_with("add", &add, std::move(third_in), &sum);
        auto merging = spawn_with<channel_pattern::select>("merge", &merge, std::move(second_in), Receiver<int>(idle),
                                                           std::move(third_out));
        auto relaying = spawn_with("relay", &relay, std::move(first_in), std::move(second_out));
        EXPECT_EQ(adding.size_class(), size_class::micro);
        EXPECT_EQ(relaying.size_class(), size_class::small);
        EXPECT_EQ(site_of(adding.id()).pattern, wire::ChannelPattern::kReceiveOnly);
        EXPECT_EQ(site_of(relaying.id()).pattern, wire::ChannelPattern::kSendAndReceive);
        merging.cancel();
        EXPECT_TRUE(merging.join());
        first_out.reset();
        EXPECT_TRUE(relaying.join());
        EXPECT_TRUE(adding.join());
    });
    run([&] {
        auto [first_out, first_in] = make_channel<int>("first");
        auto [second_out, second_in] = make_channel<int>("second");
        auto adding = spawn_with("add", &add, std::move(second_in), &sum);
        auto relaying = spawn_with("relay", &relay, std::move(first_in), std::move(second_out));
        auto producing = spawn_with("produce", &produce, std::move(first_out), kNumbers);
        EXPECT_TRUE(producing.join());
        EXPECT_TRUE(relaying.join());
        EXPECT_TRUE(adding.join());
    });
    EXPECT_EQ(sum, kNumbers * (kNumbers - 1) / 2);
}

TEST_P(Synchronised, a_wish_wins_over_the_class_of_the_pattern) {
    run([] {
        auto [out, in] = make_channel<int>("numbers", 1);
        auto wished = spawn_with(SpawnOptions{.name = "wish", .size_class = size_class::medium}, &produce,
                                 out, 9);
        EXPECT_EQ(wished.size_class(), size_class::medium);
        wished.cancel();
        EXPECT_TRUE(wished.join());
    });
}

TEST_P(Synchronised, a_pool_holds_coroutines_of_its_pattern) {
    std::atomic<long> sum{0};
    run([&] {
        auto [out, in] = make_channel<int>("numbers");
        PatternPool<channel_pattern::receive_only, 3> consumers;
        PatternPool<channel_pattern::send_only, 3> producers;
        std::vector<JoinHandle<void>> all;
        for (int i = 0; i < 3; ++i)
            all.push_back(producers.spawn("producer", &produce, out, 100));
        EXPECT_THROW(static_cast<void>(producers.spawn("too many", &produce, out, 1)), MicroPoolFull);
        for (int i = 0; i < 3; ++i)
            all.push_back(consumers.spawn("consumer", &add, in, &sum));
        in.reset();
        out.reset();
        for (auto& one : all)
            EXPECT_TRUE(one.join());
    });
    EXPECT_EQ(sum, 3 * 100 * 99 / 2);
}

}  // namespace
}  // namespace cprime::test
