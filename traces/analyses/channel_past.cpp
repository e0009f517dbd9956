// See channel_past.h.
#include "traces/analyses/channel_past.h"

#include <algorithm>

#include "traces/event_feed.h"
#include "traces/sparse_table.h"

namespace coroscope::analyses {
namespace {

constexpr std::uint64_t kEventsBetweenQuestions = 8192;

class ChannelFollower {
public:
    ChannelFollower(const inspect::StateImage& begin, std::uint64_t identity, std::uint64_t end_ticks, std::uint32_t parts)
        : begin_ticks_(begin.read_end_ticks),
          ticks_(std::max<std::uint64_t>(1, end_ticks - std::min(end_ticks, begin.read_end_ticks))),
          parts_(std::max(1U, parts)) {
        past_.identity = identity;
        past_.parts = parts_;
        for (auto* row : {&past_.depth, &past_.depth_most, &past_.sent, &past_.received})
            row->resize(parts_);
        for (const inspect::ChannelImage& channel : begin.channels) {
            if (channel.identity != identity) continue;
            index_ = channel.index;
            length_ = channel.length;
            operations_ = channel.operations;
            known_operations_ = true;
            past_.seen = true;
        }
        for (const inspect::CoroutineImage& coroutine : begin.coroutines)
            note_owner(coroutine.index, coroutine.identity);
        past_.depth_most[0] = static_cast<std::uint64_t>(length_);
    }

    void take(const wire::DecodedEvent& event) {
        switch (event.type) {
            case wire::EventType::kSpawn:
                note_owner(event.object, wire::spawn_identity(event));
                break;
            case wire::EventType::kChannelCreate:
                if (event.ext48[0] != past_.identity || index_ != wire::kNone) break;
                reach(event.tsc);
                index_ = event.object;
                length_ = 0;
                past_.seen = true;
                break;
            case wire::EventType::kChannelDestroy:
                if (event.ext48[0] != past_.identity) break;
                reach(event.tsc);
                index_ = wire::kNone;
                length_ = 0;
                break;
            case wire::EventType::kChannelSend:
            case wire::EventType::kChannelReceive:
                if (event.object == index_ && index_ != wire::kNone) moved(event);
                break;
            default:
                break;
        }
    }

    ChannelPast finish(std::uint64_t end_ticks, const traces::Replay& replay) {
        reach(end_ticks);
        for (; part_ < parts_; ++part_)
            past_.depth[part_] = now();
        past_.begin = replay.time_of(begin_ticks_);
        past_.end = replay.time_of(end_ticks);
        if (last_send_ticks_ != 0) past_.last_send = replay.time_of(last_send_ticks_);
        if (last_receive_ticks_ != 0) past_.last_receive = replay.time_of(last_receive_ticks_);
        return std::move(past_);
    }

private:
    std::uint64_t now() const { return static_cast<std::uint64_t>(std::max<std::int64_t>(0, length_)); }
    // Closes the parts that are over by then: what lies in it now lay in it until then.
    void reach(std::uint64_t ticks) {
        const double share = ticks <= begin_ticks_ ? 0.0 : static_cast<double>(ticks - begin_ticks_) / static_cast<double>(ticks_);
        const auto part = std::min<std::uint32_t>(static_cast<std::uint32_t>(share * parts_), parts_ - 1);
        for (; part_ < part; ++part_) {
            past_.depth[part_] = now();
            past_.depth_most[part_ + 1] = now();
        }
    }
    void moved(const wire::DecodedEvent& event) {
        // What the look at the begin has in it already.
        if (known_operations_ && wire::distance24(wire::low24(event.argument), wire::low24(operations_)) <= 0) return;
        reach(event.tsc);
        const bool sends = event.type == wire::EventType::kChannelSend;
        const std::uint8_t flags = wire::high8(event.argument);
        const std::uint64_t who = (flags & wire::kOtherParty) != 0 ? event.ext48[0] : event.current_known ? owner(event.current) : 0;
        length_ += sends ? 1 : -1;
        past_.depth_most[part_] = std::max(past_.depth_most[part_], now());
        ++(sends ? past_.sent : past_.received)[part_];
        ++(sends ? past_.sent_total : past_.received_total);
        if (sends && (flags & wire::kHandOver) != 0) ++past_.handed_over;
        (sends ? last_send_ticks_ : last_receive_ticks_) = event.tsc;
        (sends ? past_.last_sender : past_.last_receiver) = who;
    }
    void note_owner(std::uint32_t index, std::uint64_t identity) { owners_[index] = identity; }
    std::uint64_t owner(std::uint32_t index) const {
        const std::uint64_t* found = owners_.find(index);
        return found != nullptr ? *found : 0;
    }

    const std::uint64_t begin_ticks_, ticks_;
    const std::uint32_t parts_;
    ChannelPast past_;
    std::uint32_t index_ = wire::kNone;
    std::int64_t length_ = 0;  // below 0 for the moment in which a receive is stamped before its send
    std::uint32_t operations_ = 0, part_ = 0;
    bool known_operations_ = false;
    std::uint64_t last_send_ticks_ = 0, last_receive_ticks_ = 0;
    traces::SparseTable<std::uint64_t> owners_;  // coroutine index -> identity
};

}  // namespace

base::Result<ChannelPast> compute_channel_past(const traces::Replay& replay, std::uint64_t identity, std::uint32_t parts, traces::Search& search) {
    const auto begin = replay.moment_at(replay.begin());
    if (!begin) return begin.error();
    const std::uint64_t from = (*begin)->state.read_begin_ticks, to = std::max(replay.ticks_of(replay.end()), (*begin)->state.read_end_ticks);
    ChannelFollower follower((*begin)->state, identity, to, parts);
    traces::EventFeed feed(replay.reader(), from, to);
    std::uint64_t events = 0;
    feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount&) {
        if (++events % kEventsBetweenQuestions == 0) {
            search.reached(event.tsc - from, to - from);
            if (!search.wanted()) return false;
        }
        follower.take(event);
        return true;
    });
    if (!search.wanted()) return base::error(base::ErrorCode::kGone, "nobody waits for the channel's past any more");
    ChannelPast past = follower.finish(to, replay);
    past.gaps = !feed.losses().empty();
    return past;
}

}  // namespace coroscope::analyses
