// Publish and subscribe: a hub that hands each message to everybody who has subscribed.
//
//   pub_sub
//
// Shows: a coroutine that owns its state (the list of subscribers) and is reached through channels only, so that nothing needs a lock; a loop
// around select() that takes the arm of a channel out when it closes; a channel sent through a channel (to subscribe is to send the hub the
// sending end of one's own); and how somebody leaves: by dropping the receiving end, which the hub notices as `closed` at the next message.
// A subscriber that is slow slows down the hub once its buffer is full; a hub that would rather lose messages says try_send() instead.
#include <cprime/cprime.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace {

using Message = std::string;
using Subscriber = cprime::Sender<Message>;

constexpr int kMessages = 100;
constexpr int kEnough = 10;  // messages after which the second subscriber leaves

void send_to_all(std::vector<Subscriber>& subscribers, const Message& message) {
    std::erase_if(subscribers,
                  [&](const Subscriber& subscriber) { return !subscriber.send(message); });  // it has left
}

// Ends when nobody can publish any more; dropping the subscribers' channels then tells them.
void serve(cprime::Receiver<Message> messages, cprime::Receiver<Subscriber> arrivals) {
    std::vector<Subscriber> subscribers;
    while (messages) {
        Message message;
        Subscriber newcomer;
        const auto fired = cprime::select(cprime::on_receive(messages, message),    // 0
                                          cprime::on_receive(arrivals, newcomer));  // 1
        if (fired.status == cprime::Status::cancelled) return;
        if (fired.arm == 0) {
            if (fired) {
                send_to_all(subscribers, message);
            } else {
                messages.reset();
            }
        } else if (fired) {
            subscribers.push_back(std::move(newcomer));
        } else {
            arrivals.reset();  // an empty handle is never ready: from now on only messages count
        }
    }
}

// How many messages of so many, counted from the first, came in order.
int read(const cprime::Receiver<Message>& inbox, int most) {
    int count = 0;
    while (count < most) {
        const auto message = inbox.receive();
        if (!message || *message != "message " + std::to_string(count)) break;
        ++count;
    }
    return count;
}

bool run_hub() {
    auto messages = cprime::make_channel<Message>("messages");
    auto arrivals = cprime::make_channel<Subscriber>("arrivals");
    cprime::spawn_detached(
        "hub", [messages = std::move(messages.receiver), arrivals = std::move(arrivals.receiver)]() mutable {
            serve(std::move(messages), std::move(arrivals));
        });

    std::vector<cprime::JoinHandle<int>> readers;
    for (const int most : {kMessages + 1, kEnough, kMessages + 1}) {
        auto inbox = cprime::make_channel<Message>("inbox", 8);
        readers.push_back(
            cprime::spawn("subscriber", [in = std::move(inbox.receiver), most] { return read(in, most); }));
        arrivals.sender.send(std::move(inbox.sender));  // unbuffered: when it returns, the hub has it
    }
    arrivals.sender.reset();
    for (int i = 0; i < kMessages; ++i)
        messages.sender.send("message " + std::to_string(i));
    messages.sender.reset();

    for (const int expected : {kMessages, kEnough, kMessages}) {
        const auto count = readers.front().join();
        readers.erase(readers.begin());
        if (count && *count == expected) continue;
        std::printf("pub_sub: a subscriber got %d messages in order, not %d\n", count ? *count : -1, expected);
        return false;
    }
    std::printf("two subscribers got all %d messages, one left after %d\n", kMessages, kEnough);
    return true;
}

}  // namespace

int main() {
    return cprime::run([] { return run_hub(); }) ? 0 : 1;
}
