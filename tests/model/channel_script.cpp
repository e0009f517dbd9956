// The sequential model and the player of channel_script.h.
#include "channel_script.h"

#include <sstream>
#include <type_traits>

#include "runtime/scheduler/parking.h"

namespace cprime::model {

namespace wire = coroscope::wire;

const char* name(Operation operation) {
    constexpr const char* kNames[] = {"send", "receive", "try_send", "try_receive", "close", "cancel_next"};
    return kNames[static_cast<std::size_t>(operation)];
}

std::string text(const Script& script, const std::vector<int>& turns) {
    std::ostringstream out;
    out << "capacity " << script.capacity;
    for (std::size_t i = 0; i < script.actors.size(); ++i) {
        out << "; actor " << i << ':';
        for (const Operation operation : script.actors[i])
            out << ' ' << name(operation);
    }
    out << "; turns";
    for (const int turn : turns)
        out << ' ' << turn;
    return out.str();
}

std::string text(const View& view) {
    std::ostringstream out;
    for (const View::Actor& actor : view.actors) {
        out << '[';
        for (const Answer& answer : actor.answers) {
            out << ' ' << to_string(answer.status);
            if (answer.item >= 0) out << '=' << answer.item;
        }
        out << (actor.waits ? " waits] " : " ] ");
    }
    out << "sent " << view.sent << " received " << view.received << " length " << view.length << " senders "
        << view.senders_waiting << " receivers " << view.receivers_waiting << (view.closed ? " closed" : "");
    return out.str();
}

// --- the model

Model::Model(const Script& script) : script_(script), cancelled_(script.actors.size()) {
    view_.actors.resize(script.actors.size());
}

bool Model::may_act(std::size_t actor) const {
    return !view_.actors[actor].waits && view_.actors[actor].answers.size() < script_.actors[actor].size();
}

void Model::act(std::size_t actor) {
    const std::size_t position = view_.actors[actor].answers.size();
    const int item = static_cast<int>(actor * 100 + position);
    switch (script_.actors[actor][position]) {
        case Operation::send:
            return send(actor, item, true);
        case Operation::try_send:
            return send(actor, item, false);
        case Operation::receive:
            return receive(actor, true);
        case Operation::try_receive:
            return receive(actor, false);
        case Operation::close:
            answer(actor, {});
            return close();
        case Operation::cancel_next:
            answer(actor, {});
            return cancel((actor + 1) % script_.actors.size());
    }
}

const View& Model::view() {
    view_.length = static_cast<std::uint32_t>(buffer_.size());
    view_.senders_waiting = static_cast<std::uint32_t>(senders_.size());
    view_.receivers_waiting = static_cast<std::uint32_t>(receivers_.size());
    return view_;
}

void Model::answer(std::size_t actor, Answer answer) {
    view_.actors[actor].waits = false;
    view_.actors[actor].answers.push_back(answer);
}

void Model::send(std::size_t actor, int item, bool may_wait) {
    if (view_.closed) return answer(actor, {Status::closed});
    if (!receivers_.empty()) {
        const Waiting receiver = receivers_.front();
        receivers_.pop_front();
        ++view_.sent;
        ++view_.received;
        answer(receiver.actor, {Status::ok, item});
        return answer(actor, {});
    }
    if (buffer_.size() < script_.capacity) {
        buffer_.push_back(item);
        ++view_.sent;
        return answer(actor, {});
    }
    if (!may_wait) return answer(actor, {Status::would_block});
    if (cancelled_[actor]) return answer(actor, {Status::cancelled});
    senders_.push_back({actor, item});
    view_.actors[actor].waits = true;
}

void Model::receive(std::size_t actor, bool may_wait) {
    int item = -1;
    if (!buffer_.empty()) {
        item = buffer_.front();
        buffer_.pop_front();
    }
    if (!senders_.empty()) {
        const Waiting sender = senders_.front();
        senders_.pop_front();
        ++view_.sent;
        answer(sender.actor, {});
        if (item < 0) {
            item = sender.item;
        } else {
            buffer_.push_back(sender.item);
        }
    }
    if (item >= 0) {
        ++view_.received;
        return answer(actor, {Status::ok, item});
    }
    if (view_.closed) return answer(actor, {Status::closed});
    if (!may_wait) return answer(actor, {Status::would_block});
    if (cancelled_[actor]) return answer(actor, {Status::cancelled});
    receivers_.push_back({actor, -1});
    view_.actors[actor].waits = true;
}

void Model::close() {
    view_.closed = true;
    for (const Waiting& waiting : senders_)
        answer(waiting.actor, {Status::closed});
    for (const Waiting& waiting : receivers_)
        answer(waiting.actor, {Status::closed});
    senders_.clear();
    receivers_.clear();
}

void Model::cancel(std::size_t actor) {
    cancelled_[actor] = true;
    const auto is_actor = [actor](const Waiting& waiting) { return waiting.actor == actor; };
    if (std::erase_if(senders_, is_actor) + std::erase_if(receivers_, is_actor) > 0)
        answer(actor, {Status::cancelled});
}

// --- the player

struct Boxed {
    explicit Boxed(int number) : value(number) { ++alive; }
    Boxed(Boxed&& other) noexcept : value(other.value) {
        other.value = -2;
        ++alive;
    }
    Boxed& operator=(Boxed&&) = delete;
    ~Boxed() { --alive; }

    static inline int alive = 0;  // one worker: one thread
    int value;
};
int boxed_alive() {
    return Boxed::alive;
}

namespace {

int value_of(int item) {
    return item;
}
int value_of(const Boxed& item) {
    return item.value;
}

template <typename T>
struct Stage {
    explicit Stage(const Script& played)
        : script(played), channel("played", played.capacity), actors(played.actors.size()) {}

    struct Actor {
        JoinHandle<void> handle;
        bool has_turn = false;
        bool waits = false;  // in an operation that has not answered yet
        std::vector<Answer> answers;
    };
    const Script& script;
    Channel<T> channel;
    std::vector<Actor> actors;
    bool over = false;
};

template <typename T>
Answer perform(Stage<T>& stage, std::size_t self, Operation operation, int number) {
    const auto received = [](const Result<T>& result) {
        return Answer{result.status(), result ? value_of(*result) : -1};
    };
    const auto sent = [](Status status, const T& item, int sent_number) {
        // What was not sent is still the sender's; what was sent (and is no plain value) has left.
        const bool left = !std::is_same_v<T, int> && status == Status::ok;
        return Answer{value_of(item) == (left ? -2 : sent_number) ? status : static_cast<Status>(99)};
    };
    switch (operation) {
        case Operation::send: {
            T item(number);
            const Status status = stage.channel.send(static_cast<T&&>(item)).status();
            return sent(status, item, number);
        }
        case Operation::try_send: {
            T item(number);
            const Status status = stage.channel.try_send(static_cast<T&&>(item)).status();
            return sent(status, item, number);
        }
        case Operation::receive:
            return received(stage.channel.receive());
        case Operation::try_receive:
            return received(stage.channel.try_receive());
        case Operation::close:
            stage.channel.close();
            return {};
        case Operation::cancel_next:
            stage.actors[(self + 1) % stage.actors.size()].handle.cancel();
            return {};
    }
    return {};
}

template <typename T>
void act_out(Stage<T>& stage, std::size_t self) {
    typename Stage<T>::Actor& actor = stage.actors[self];
    const std::vector<Operation>& operations = stage.script.actors[self];
    for (std::size_t i = 0; i < operations.size(); ++i) {
        while (!actor.has_turn) {
            if (stage.over) return;
            static_cast<void>(cprime::yield());
        }
        actor.has_turn = false;
        actor.waits = true;
        const Answer answer = perform(stage, self, operations[i], static_cast<int>(self * 100 + i));
        actor.waits = false;
        actor.answers.push_back(answer);
    }
}

template <typename T>
View view_of(const Stage<T>& stage) {
    const ChannelStatistics now = stage.channel.statistics();
    View view{{}, now.sent, now.received, now.length, now.senders_waiting, now.receivers_waiting, now.closed};
    for (const auto& actor : stage.actors)
        view.actors.push_back({actor.answers, actor.waits});
    return view;
}

}  // namespace

template <typename T>
std::optional<std::string> play(const Script& script, const std::vector<int>& turns) {
    Model model(script);
    Stage<T> stage(script);
    for (std::size_t i = 0; i < script.actors.size(); ++i) {
        stage.actors[i].handle = spawn("actor", [&stage, i] { act_out(stage, i); });
    }
    std::optional<std::string> failure;
    for (std::size_t turn = 0; turn < turns.size() && !failure; ++turn) {
        const auto actor = static_cast<std::size_t>(turns[turn]);
        if (!model.may_act(actor)) continue;
        model.act(actor);
        stage.actors[actor].has_turn = true;
        // Everybody runs twice: once to act, once to notice what the act did to them.
        for (int round = 0; round < 2; ++round)
            static_cast<void>(cprime::yield());
        const View real = view_of(stage);
        if (real != model.view()) {
            failure = text(script, turns) + "\nafter turn " + std::to_string(turn) + "\n  model " +
                      text(model.view()) + "\n  real  " + text(real);
        }
    }
    stage.over = true;
    stage.channel.close();
    for (auto& actor : stage.actors)
        actor.handle.join();
    return failure;
}

template std::optional<std::string> play<int>(const Script&, const std::vector<int>&);
template std::optional<std::string> play<Boxed>(const Script&, const std::vector<int>&);

}  // namespace cprime::model
