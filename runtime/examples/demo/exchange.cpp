#include "exchange.h"

#include <cstdio>
#include <string>
#include <utility>

#include <cprime/tell.h>

#include "random.h"
#include "totals.h"

namespace demo {
namespace {

constexpr std::uint32_t kPrices = 100;

void trade(Schedule& schedule, std::uint64_t seed, const char* channel, const cprime::Sender<Order>& orders) {
    Random random(seed);
    Tally& tally = totals().channel(channel);
    schedule.play([&] {
        if (!orders.send({static_cast<std::uint32_t>(random.below(kPrices))})) return false;
        ++tally.sent;
        return true;
    });
}

// Takes whatever comes first. A channel that has closed is taken out of the select: reset() makes its arm one that is never ready.
std::uint64_t match(cprime::Receiver<Order> bids, cprime::Receiver<Order> asks, cprime::Receiver<Order> news) {
    const auto tally = [](const char* name) { return &totals().channel(name); };
    Tally* const tallies[] = {tally("bids"), tally("asks"), tally("news")};
    cprime::Receiver<Order>* const channels[] = {&bids, &asks, &news};
    std::uint32_t highest_bid = 0, lowest_ask = kPrices;
    std::uint64_t deals = 0;
    while (bids || asks || news) {
        Order order{};
        const auto fired = cprime::select(cprime::on_receive(bids, order), cprime::on_receive(asks, order),
                                          cprime::on_receive(news, order));
        if (fired.status == cprime::Status::cancelled) break;
        if (!fired) {
            channels[fired.arm]->reset();
            continue;
        }
        ++tallies[fired.arm]->received;
        if (fired.arm == 0) highest_bid = std::max(highest_bid, order.price);
        if (fired.arm == 1) lowest_ask = std::min(lowest_ask, order.price);
        const bool all_changes = fired.arm == 2;  // who hears news takes the offer back
        const bool deal = highest_bid >= lowest_ask;
        if (fired.arm < 2) CPRIME_COUNTER("spread", std::int64_t{lowest_ask} - highest_bid);
        if (deal) {
            ++deals;
            cprime::message("deal: " + std::to_string(highest_bid) + " for what was asked at " + std::to_string(lowest_ask));
        }
        if (deal || all_changes) {
            highest_bid = 0;
            lowest_ask = kPrices;
        }
    }
    return deals;
}

}  // namespace

Exchange::Exchange(Schedule& schedule, std::uint64_t seed) {
    auto bids = cprime::make_channel<Order>("bids");
    auto asks = cprime::make_channel<Order>("asks");
    auto news = cprime::make_channel<Order>("news", 4);
    bids_ = bids.receiver;
    asks_ = asks.receiver;
    news_ = news.receiver;
    matcher_ = spawn_counted({.name = "matcher"}, [bids = std::move(bids.receiver), asks = std::move(asks.receiver),
                                                   news = std::move(news.receiver)]() mutable {
        return match(std::move(bids), std::move(asks), std::move(news));
    });
    const auto add = [&](const char* name, const char* channel, cprime::Sender<Order> orders) {
        traders_.push_back(spawn_counted({.name = name}, [&schedule, seed, channel, out = std::move(orders)] {
            trade(schedule, seed + channel[0], channel, out);
        }));
    };
    add("buyer", "bids", std::move(bids.sender));
    add("seller", "asks", std::move(asks.sender));
    add("agency", "news", std::move(news.sender));
}

bool Exchange::at_rest() const {
    return bids_.statistics().receivers_waiting == 1 && news_.statistics().receivers_waiting == 1;
}

void Exchange::note_edges(Edges& edges) const {
    for (const char* channel : {"bids", "asks", "news"})
        edges.selects_to_receive(matcher_.id(), channel);
    for (const auto& trader : traders_)
        edges.receives(trader.id(), "gate");
}

void Exchange::finish() {
    bids_.reset();
    asks_.reset();
    news_.reset();
    for (auto& trader : traders_)
        trader.join();
    if (const auto deals = matcher_.join())
        std::printf("exchange: %llu deals\n", static_cast<unsigned long long>(*deals));
}

}  // namespace demo
