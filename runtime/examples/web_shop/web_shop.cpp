// A server under load: thousands of sessions, most of which wait; clerks who work for all of them; a ledger.
//
//   web_shop [--seed N] [--connections N] [--rounds N]
//
//   client ──requests──▶ session ──orders──▶ clerk ──sales──▶ ledger
//      ▲                    │                  │
//      └────replies─────────┴──────replies─────┘
//
// Shows: one coroutine a connection, written as if there were only this one: it takes a line, parses it, and passes it on. A few clerks serve
// all sessions; what they sell goes to the only coroutine that keeps the books. What travels is the exchange's address: whoever has received
// it owns it until he sends it on. It ends from the front: a client that hangs up closes its sessions' channels, the last session closes
// the clerks' queue, the last clerk the ledger's. Sockets are channels, since this is about coroutines.
// A session holds on its stack where it is and nothing else: lines and answers are in the exchange, its channels in the Session.
//
// The spawn of a session says nothing of its stack: it gets the default, 16 KiB, until `coroscope sizes` has seen it. The last line on stdout is
// JSON (measured/footprint.h); "result" is the sum of all replies' hashes, whatever order they came in. Exit code 1: the books are
// wrong, or somebody got no answer.
#include <cprime/cprime.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "../measured/footprint.h"
#include "../measured/numbers_said.h"
#include "../measured/random.h"

namespace {

constexpr std::uint32_t kClients = 8, kClerks = 4, kProducts = 1000;

// A line of the protocol, without its end: "PRICE 17", "BUY 17 3".
struct Line {
    std::array<char, 23> letters;
    std::uint8_t length;

    void say(std::string_view text) {
        length = static_cast<std::uint8_t>(std::min(text.size(), letters.size()));
        std::memcpy(letters.data(), text.data(), length);
    }
    std::string_view text() const { return {letters.data(), length}; }
};
struct Order {
    std::uint32_t product, pieces;  // no pieces: how much is one?
};
// A request on its way through the server.
struct Exchange {
    std::uint32_t connection;
    Order order;
    Line asked, answered;
};

struct Sale {
    std::uint32_t product, pieces, cents;
};

bool parse(std::string_view line, Order& order) {
    const bool buys = line.starts_with("BUY ");
    if (!buys && !line.starts_with("PRICE ")) return false;
    order.pieces = 0;
    const char* const end = line.data() + line.size();
    const auto [after, error] = std::from_chars(line.data() + (buys ? 4 : 6), end, order.product);
    if (error != std::errc() || order.product >= kProducts) return false;
    if (!buys) return after == end;
    if (after == end || *after != ' ') return false;
    const auto [last, wrong] = std::from_chars(after + 1, end, order.pieces);
    return wrong == std::errc() && last == end && order.pieces != 0;
}

// The server's side of a connection.
class Session {
public:
    Session(cprime::Receiver<Exchange*> requests, cprime::Sender<Exchange*> replies)
        : requests_(std::move(requests)), replies_(std::move(replies)) {}

    // Until the client hangs up.
    void serve(const cprime::Sender<Exchange*>& orders) {
        while (auto exchange = requests_.receive()) {
            if (parse((*exchange)->asked.text(), (*exchange)->order)) {
                if (!orders.send(*exchange)) return;
            } else {
                (*exchange)->answered.say("400 what?");
                if (!replies_.send(*exchange)) return;
            }
        }
    }
    const cprime::Sender<Exchange*>& replies() const { return replies_; }

private:
    cprime::Receiver<Exchange*> requests_;
    cprime::Sender<Exchange*> replies_;
};

struct Shop {
    std::vector<std::uint32_t> prices;  // in cents, by product
    std::vector<Session> sessions;      // by connection
};

void sell(const cprime::Receiver<Exchange*>& orders, const cprime::Sender<Sale>& sales, const Shop& shop) {
    while (auto exchange = orders.receive()) {
        const auto [product, pieces] = (*exchange)->order;
        const std::uint32_t whole = shop.prices[product] * std::max(pieces, 1U);
        const std::uint32_t cents = pieces >= 10 ? whole - whole / 10 : whole;  // ten are cheaper
        if (pieces != 0 && !sales.send({product, pieces, cents})) return;
        Line& line = (*exchange)->answered;
        line.say("200 ");
        char* const begin = line.letters.data();
        char* const end = std::to_chars(begin + 4, begin + line.letters.size(), cents).ptr;
        line.length = static_cast<std::uint8_t>(end - begin);
        if (!shop.sessions[(*exchange)->connection].replies().send(*exchange)) return;
    }
}

struct Books {
    std::uint64_t cents = 0, pieces = 0;
};

// What one client asks for in a round on one of its connections. One line in sixteen is nonsense.
void ask(Exchange& exchange, std::uint64_t seed, std::uint64_t round) {
    const std::uint64_t random = measured::drawn(seed, exchange.connection, round);
    const auto product = static_cast<unsigned>(random % kProducts);
    const auto pieces = static_cast<unsigned>(random >> 32) % 20;
    char text[32];
    const char* const form = random >> 60 == 0 ? "HELLO %u" : pieces == 0 ? "PRICE %u" : "BUY %u %u";
    const int length = std::snprintf(text, sizeof text, form, product, pieces);
    exchange.asked.say({text, static_cast<std::size_t>(length)});
}

// A client's end of its connections, and what it has heard on them.
struct Client {
    std::vector<cprime::Sender<Exchange*>> requests;  // on connections client, client + kClients, ...
    std::vector<Exchange> exchanges;                  // one on each
    cprime::Receiver<Exchange*> replies;
    std::uint64_t heard = 0, bought_pieces = 0, served = 0, refused = 0;
};

std::uint64_t hash_of(const Exchange& exchange, std::uint64_t round) {
    std::uint64_t hash = measured::mixed(exchange.connection) + round;
    for (const char letter : exchange.answered.text())
        hash = measured::mixed(hash + static_cast<unsigned char>(letter));
    return hash;
}

void keep_asking(Client& client, std::uint64_t seed, std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < client.exchanges.size(); ++i) {
            Exchange& exchange = client.exchanges[i];
            ask(exchange, seed, round);
            if (!client.requests[i].send(&exchange)) return;
        }
        for (std::size_t i = 0; i < client.exchanges.size(); ++i) {
            const auto reply = client.replies.receive();
            if (!reply) return;
            client.heard += hash_of(**reply, round);
            const bool good = (*reply)->answered.text().starts_with("200 ");
            ++(good ? client.served : client.refused);
            if (good) client.bought_pieces += (*reply)->order.pieces;
        }
    }
    client.requests.clear();  // hangs up
}

// Everybody's ends of everything, before anybody lives.
std::vector<Client> dial(Shop& shop, std::uint32_t connections) {
    std::vector<Client> clients(kClients);
    std::vector<cprime::Sender<Exchange*>> replies;
    for (Client& client : clients) {
        auto ends = cprime::make_channel<Exchange*>("replies", 64);
        client.replies = std::move(ends.receiver);
        replies.push_back(std::move(ends.sender));
    }
    for (std::uint32_t connection = 0; connection < connections; ++connection) {
        auto [sender, receiver] = cprime::make_channel<Exchange*>("requests");
        Client& client = clients[connection % kClients];
        client.requests.push_back(std::move(sender));
        client.exchanges.push_back({connection, {}, {}, {}});
        shop.sessions.emplace_back(std::move(receiver), replies[connection % kClients]);
    }
    return clients;
}

struct Options {
    std::uint64_t seed = 1, connections = 20'000, rounds = 10;
};

bool run_shop(const Options& options, std::optional<measured::Footprint>& footprint, std::uint64_t& result) {
    Shop shop;
    for (std::uint32_t product = 0; product < kProducts; ++product)
        shop.prices.push_back(
            99 + static_cast<std::uint32_t>(measured::drawn(options.seed, product, ~0ULL) % 10'000));
    std::vector<Client> clients = dial(shop, static_cast<std::uint32_t>(options.connections));
    auto orders = cprime::make_channel<Exchange*>("orders", 256);
    auto sales = cprime::make_channel<Sale>("sales", 64);
    footprint.emplace();

    for (Session& session : shop.sessions)
        cprime::spawn_detached("session", [&session, orders = orders.sender] { session.serve(orders); });
    orders.sender.reset();
    for (std::uint32_t clerk = 0; clerk < kClerks; ++clerk) {
        cprime::spawn_detached("clerk",
                               [&shop, in = orders.receiver, out = sales.sender] { sell(in, out, shop); });
    }
    orders.receiver.reset();
    sales.sender.reset();
    auto ledger = cprime::spawn("ledger", [in = std::move(sales.receiver)] {
        Books books;
        while (auto sale = in.receive()) {
            books.cents += sale->cents;
            books.pieces += sale->pieces;
        }
        return books;
    });
    footprint->look();
    std::vector<cprime::JoinHandle<void>> asking;
    for (std::uint32_t number = 0; number < kClients; ++number) {
        asking.push_back(cprime::spawn("client", [&client = clients[number], &options] {
            keep_asking(client, options.seed, options.rounds);
        }));
    }
    std::uint64_t bought = 0, served = 0, refused = 0;
    for (std::uint32_t number = 0; number < kClients; ++number) {
        asking[number].join();
        result += clients[number].heard;
        bought += clients[number].bought_pieces;
        served += clients[number].served;
        refused += clients[number].refused;
    }
    const auto books = ledger.join();
    if (served + refused != options.connections * options.rounds) {
        std::printf("web_shop: %llu lines of %llu were answered\n",
                    static_cast<unsigned long long>(served + refused),
                    static_cast<unsigned long long>(options.connections * options.rounds));
        return false;
    }
    if (!books || books->pieces != bought) {
        std::printf("web_shop: %llu pieces were bought, and %llu sold\n",
                    static_cast<unsigned long long>(bought),
                    static_cast<unsigned long long>(books ? books->pieces : 0));
        return false;
    }
    std::printf("%llu lines on %llu connections, %llu of them nonsense; %llu pieces sold for %llu cents\n",
                static_cast<unsigned long long>(served + refused),
                static_cast<unsigned long long>(options.connections), static_cast<unsigned long long>(refused),
                static_cast<unsigned long long>(books->pieces), static_cast<unsigned long long>(books->cents));
    result = measured::mixed(result) + books->cents;
    return true;
}

}  // namespace

int main(int argument_count, char** arguments) {
    Options options;
    measured::read_numbers(argument_count, arguments,
                           {{"--seed", options.seed, 0, ~0ULL},
                            {"--connections", options.connections, 1, 1'000'000},
                            {"--rounds", options.rounds, 1, 1'000'000}});
    cprime::Runtime runtime;
    std::optional<measured::Footprint> footprint;
    std::uint64_t result = 0;
    const bool good = runtime.run([&] { return run_shop(options, footprint, result); });
    std::printf("%s\n", footprint->json(result, runtime).c_str());
    return good ? 0 : 1;
}
