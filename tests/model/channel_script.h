// Scripts of channel operations, the plain sequential model of what they must do, and a player that makes coroutines do them.
//
// A script gives each of a few actors a list of operations; a schedule says whose turn it is. The model and the real channel take the
// same turns one after the other, and after each turn everything that can be seen must agree: who got which answer, who waits, what the
// channel counts.
#pragma once

#include <cprime/cprime.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace cprime::model {

enum class Operation : std::uint8_t { send, receive, try_send, try_receive, close, cancel_next };
inline constexpr int kOperationsCount = 6;
const char* name(Operation operation);

struct Script {
    std::uint32_t capacity = 0;
    std::vector<std::vector<Operation>> actors;
};
std::string text(const Script& script, const std::vector<int>& turns);

// What one operation answered. Items are numbered by who sent them: actor * 100 + position.
struct Answer {
    Status status = Status::ok;
    int item = -1;  // received
    friend bool operator==(const Answer&, const Answer&) = default;
};

// Everything that can be seen after a turn.
struct View {
    struct Actor {
        std::vector<Answer> answers;
        bool waits = false;
        friend bool operator==(const Actor&, const Actor&) = default;
    };
    std::vector<Actor> actors;
    std::uint64_t sent = 0, received = 0;
    std::uint32_t length = 0, senders_waiting = 0, receivers_waiting = 0;
    bool closed = false;
    friend bool operator==(const View&, const View&) = default;
};
std::string text(const View& view);

// The definition of a channel, without any concurrency.
class Model {
public:
    explicit Model(const Script& script);

    // Whether the actor has an operation left and does not wait.
    bool may_act(std::size_t actor) const;
    void act(std::size_t actor);
    const View& view();

private:
    struct Waiting {
        std::size_t actor;
        int item;  // of a sender
    };
    void answer(std::size_t actor, Answer answer);
    void send(std::size_t actor, int item, bool may_wait);
    void receive(std::size_t actor, bool may_wait);
    void close();
    void cancel(std::size_t actor);

    const Script& script_;
    std::vector<bool> cancelled_;
    std::deque<int> buffer_;
    std::deque<Waiting> senders_, receivers_;
    View view_;
};

// Plays the script with real coroutines on one channel, whose items are T. In a coroutine of a runtime with one worker.
// Returns the turn after which the real channel and the model disagreed, with both views as text; nothing when they agreed to the end.
template <typename T>
std::optional<std::string> play(const Script& script, const std::vector<int>& turns);

extern template std::optional<std::string> play<int>(const Script&, const std::vector<int>&);
struct Boxed;  // not trivially copyable; counts how many are alive
extern template std::optional<std::string> play<Boxed>(const Script&, const std::vector<int>&);
int boxed_alive();

}  // namespace cprime::model
