// What a viewer sees of channels: records, holders of handles, totals by name, and events.
#include "channel_fixture.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring_reader.h"

namespace cprime::test {
namespace {

namespace wire = coroscope::wire;
using wire::EventType;

// Of the only channel that has this name.
const wire::ChannelRecord& record_of(const std::string& name) {
    for (std::uint32_t i = 0; i < detail::g_channels.channels_count(); ++i) {
        const wire::ChannelRecord& record = detail::g_channels.channel(i);
        if (record.flags.load() != 0 && detail::g_runtime->segment->string(record.name) == name)
            return record;
    }
    ADD_FAILURE() << "there is no channel " << name;
    std::abort();
}
std::uint32_t index_of(const std::string& name) {
    return static_cast<std::uint32_t>(&record_of(name) - &detail::g_channels.channel(0));
}

// Right and holder of every handle of a channel.
using Holders = std::multiset<std::pair<std::uint32_t, std::uint64_t>>;
Holders holders_of(const std::string& name) {
    Holders holders;
    const auto& section = detail::g_runtime->segment->header()
                              .sections[static_cast<std::uint32_t>(wire::SectionKind::kHandles)];
    for (std::uint32_t i = 0; i < section.records_used.load(); ++i) {
        const wire::HandleRecord& handle = detail::g_channels.handle(i);
        if (handle.channel.load() == index_of(name))
            holders.emplace(handle.rights.load(), handle.holder.load());
    }
    return holders;
}

const wire::ChannelTotalsRecord* totals_of(const std::string& name) {
    const auto& section = detail::g_runtime->segment->header()
                              .sections[static_cast<std::uint32_t>(wire::SectionKind::kChannelTotals)];
    const auto* totals = detail::g_runtime->segment->records<wire::ChannelTotalsRecord>(
        wire::SectionKind::kChannelTotals);
    for (std::uint32_t i = 1; i < section.records_used.load(); ++i) {
        if (detail::g_runtime->segment->string(totals[i].name) == name) return &totals[i];
    }
    return nullptr;
}

class ChannelRecords : public OnOneWorker {};

TEST_F(ChannelRecords, say_what_the_channel_is_and_holds) {
    runtime_.run([] {
        const int line = __LINE__ + 1;
        Channel<double> channel("numbers", 5);
        for (int i = 0; i < 3; ++i)
            EXPECT_TRUE(channel.send(i));
        EXPECT_TRUE(channel.receive());
        const wire::ChannelRecord& record = record_of("numbers");
        EXPECT_EQ(record.sequence % 2, 0U);
        EXPECT_EQ(record.capacity, 5U);
        EXPECT_EQ(record.element_bytes, sizeof(double));
        EXPECT_EQ(record.sent, 3U);
        EXPECT_EQ(record.received, 1U);
        EXPECT_EQ(record.length, 2U);
        EXPECT_EQ(record.operations, 5U) << "a create, three sends, a receive";
        EXPECT_EQ(record.creator, this_id());
        EXPECT_EQ(record.flags, static_cast<std::uint32_t>(wire::kChannelLive));
        EXPECT_EQ(detail::g_runtime->sites.text(record.site),
                  "tests/unit/runtime/channel_records_test.cpp:" + std::to_string(line));
        channel.close();
        EXPECT_EQ(record.operations, 6U);
        EXPECT_NE(record.flags & wire::kChannelClosed, 0U);
    });
}

TEST_F(ChannelRecords, list_who_waits_oldest_first) {
    runtime_.run([] {
        auto [sender, receiver] = make_channel<int>("waited for");
        std::vector<JoinHandle<void>> waiting;
        for (int i = 0; i < 3; ++i) {
            waiting.push_back(spawn("receiver", [in = receiver] { static_cast<void>(in.receive()); }));
        }
        static_cast<void>(cprime::yield());
        const wire::ChannelRecord& record = record_of("waited for");
        EXPECT_EQ(record.receivers_waiting, 3U);
        std::uint32_t index = record.first_receiver;
        for (const auto& handle : waiting) {
            ASSERT_NE(index, wire::kNone);
            EXPECT_EQ(detail::detail(index).identity, handle.id());
            EXPECT_EQ(detail::record(index).wait_object, index_of("waited for"));
            EXPECT_EQ(detail::record(index).reason, wire::WaitReason::kChannelReceive);
            index = detail::record(index).next;
        }
        EXPECT_EQ(index, wire::kNone);
        // Out of the middle, and the line closes behind it.
        waiting[1].cancel();
        EXPECT_EQ(record.receivers_waiting, 2U);
        EXPECT_EQ(detail::record(record.first_receiver).next, record.last_receiver);
        EXPECT_EQ(record.operations, 4U) << "a create and three blocks; being cancelled is no operation";
    });
}

TEST_F(ChannelRecords, name_who_holds_each_handle) {
    runtime_.run([] {
        auto [sender, receiver] = make_channel<int>("held");
        const std::uint64_t me = this_id();
        EXPECT_EQ(holders_of("held"), (Holders{{wire::kHandleSend, me}, {wire::kHandleReceive, me}}));
        Sender<int> copy = sender;
        EXPECT_EQ(holders_of("held").count({wire::kHandleSend, me}), 2U);
        // Moved into a child's closure it is the child's, before the child has run at all.
        auto child = spawn(
            "child", [in = std::move(receiver), out = std::move(copy)] { static_cast<void>(in.receive()); });
        EXPECT_EQ(holders_of("held"), (Holders{{wire::kHandleSend, me},
                                               {wire::kHandleSend, child.id()},
                                               {wire::kHandleReceive, child.id()}}));
        static_cast<void>(cprime::yield());
        EXPECT_TRUE(sender.send(1));
        EXPECT_TRUE(child.join());
        EXPECT_EQ(holders_of("held"), (Holders{{wire::kHandleSend, me}}));
        // Lent by reference, it is the last user's.
        auto borrower = spawn("borrower", [&sender = sender] {
            EXPECT_EQ(sender.send(2).status(), Status::closed);
            EXPECT_EQ(holders_of("held").begin()->second, this_id());
        });
        EXPECT_TRUE(borrower.join());
    });
}

TEST_F(ChannelRecords, know_outside_threads_as_nobody) {
    Channel<int> channel("outside", 1);
    EXPECT_EQ(holders_of("outside").begin()->second, wire::kHolderOutside);
    std::uint64_t child = 0;
    runtime_.run([&] {
        child = this_id();
        EXPECT_TRUE(channel.send(1));
    });
    EXPECT_EQ(holders_of("outside").begin()->second, child);
    EXPECT_TRUE(channel.receive());
    EXPECT_EQ(holders_of("outside").begin()->second, wire::kHolderOutside);
}

TEST_F(ChannelRecords, add_up_by_name_when_channels_are_gone) {
    runtime_.run([] {
        for (int i = 0; i < 3; ++i) {
            Channel<int> channel("of one name", 2);
            EXPECT_TRUE(channel.send(1));
            EXPECT_TRUE(channel.send(2));
            EXPECT_TRUE(channel.receive());
        }
        const wire::ChannelTotalsRecord* totals = totals_of("of one name");
        ASSERT_NE(totals, nullptr);
        EXPECT_EQ(totals->channels, 3U);
        EXPECT_EQ(totals->sent, 6U);
        EXPECT_EQ(totals->received, 3U);
        EXPECT_EQ(detail::g_channels.channels_count(), 1U) << "a record that is free is used again";
    });
}

TEST_F(ChannelRecords, are_found_under_a_new_identity_when_they_are_used_again) {
    runtime_.run([] {
        std::uint64_t before = 0;
        for (int i = 0; i < 3; ++i) {
            const Channel<int> channel("again");
            EXPECT_GT(record_of("again").identity, before);
            before = record_of("again").identity;
        }
    });
}

// --- events

// All events of the worker's ring, channel and coroutine categories, while `body` runs.
template <typename Body>
std::vector<wire::DecodedEvent> events_of(Runtime& runtime, Body body) {
    auto& rings = *detail::g_runtime->rings;
    rings.listen(wire::kCategoryChannel | wire::kCategoryCoroutine, wire::RingMode::kOverwrite, 0);
    runtime.run(body);
    rings.listen(0, wire::RingMode::kOff, 0);
    auto view = wire::RingSegmentView::open(rings.data(), rings.file_bytes());
    EXPECT_TRUE(view.ok());
    std::vector<wire::DecodedEvent> events;
    for (std::uint32_t i = 0; i < view->rings_count(); ++i) {
        const wire::RingLocation location = view->ring(i);
        if (location.owner != wire::RingOwner::kWorker || location.slots_count == 0) continue;
        wire::RingReader reader(i);
        wire::EventDecoder decoder;
        std::vector<wire::EventSlot> slots(4096);
        for (auto batch = reader.read(location, slots); batch.accepted > 0;
             batch = reader.read(location, slots)) {
            decoder.feed({slots.data(), batch.accepted},
                         [&](const wire::DecodedEvent& event) { events.push_back(event); });
        }
        EXPECT_EQ(decoder.undecodable(), 0U);
    }
    return events;
}

struct Told {
    EventType type;
    std::uint32_t operation;
    std::uint8_t flags;
    friend bool operator==(const Told&, const Told&) = default;
};
void PrintTo(const Told& told, std::ostream* out) {
    *out << wire::event_name(told.type) << ' ' << told.operation << " flags " << int{told.flags};
}

std::vector<Told> told_of_channel(const std::vector<wire::DecodedEvent>& events) {
    std::vector<Told> told;
    for (const auto& event : events) {
        if (event.type < EventType::kChannelCreate || event.type > EventType::kChannelDestroy) continue;
        const bool created = event.type == EventType::kChannelCreate;
        told.push_back(
            {event.type,
             created ? static_cast<std::uint32_t>(event.ext64[0] >> 32) : wire::low24(event.argument),
             created ? std::uint8_t{0} : wire::high8(event.argument)});
    }
    return told;
}

TEST_F(ChannelRecords, tell_every_operation_once_with_its_number) {
    const auto events = events_of(runtime_, [] {
        Channel<int> channel("told", 1);
        EXPECT_TRUE(channel.send(1));
        EXPECT_TRUE(channel.receive());
        channel.close();
    });
    EXPECT_EQ(told_of_channel(events), (std::vector<Told>{{EventType::kChannelCreate, 1, 0},
                                                          {EventType::kChannelSend, 2, 0},
                                                          {EventType::kChannelReceive, 3, 0},
                                                          {EventType::kChannelClose, 4, 0},
                                                          {EventType::kChannelDestroy, 5, 0}}));
}

TEST_F(ChannelRecords, tell_a_hand_over_as_both_sides_and_name_the_one_who_waited) {
    std::uint64_t waiter = 0;
    const auto events = events_of(runtime_, [&] {
        auto [sender, receiver] = make_channel<std::string>("handed over");
        auto child = spawn("receiver", [in = receiver] { EXPECT_TRUE(in.receive()); });
        waiter = child.id();
        static_cast<void>(cprime::yield());
        EXPECT_TRUE(sender.send(std::string("x")));
        EXPECT_TRUE(child.join());
    });
    const auto told = told_of_channel(events);
    ASSERT_GE(told.size(), 4U);
    EXPECT_EQ(told[1], (Told{EventType::kChannelBlock, 2, 1}));
    EXPECT_EQ(told[2], (Told{EventType::kChannelSend, 3, wire::kHandOver}));
    EXPECT_EQ(told[3], (Told{EventType::kChannelReceive, 4, wire::kHandOver | wire::kOtherParty}));
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (events[i].type == EventType::kChannelBlock) {
            EXPECT_EQ(events[i + 1].type, EventType::kSuspend);
        }
        if (events[i].type == EventType::kChannelReceive) {
            EXPECT_EQ(events[i].ext48[0], waiter);
            EXPECT_EQ(events[i + 1].type, EventType::kWake);
        }
    }
}

TEST_F(ChannelRecords, tell_of_a_full_buffer_who_sent_into_the_place_that_became_free) {
    std::uint64_t waiter = 0;
    const auto events = events_of(runtime_, [&] {
        auto [sender, receiver] = make_channel<int>("full", 1);
        EXPECT_TRUE(sender.send(1));
        auto child = spawn("sender", [out = sender] { EXPECT_TRUE(out.send(2)); });
        waiter = child.id();
        static_cast<void>(cprime::yield());
        EXPECT_TRUE(receiver.receive());
        EXPECT_TRUE(child.join());
    });
    const auto told = told_of_channel(events);
    ASSERT_GE(told.size(), 5U);
    EXPECT_EQ(told[2], (Told{EventType::kChannelBlock, 3, 0}));
    EXPECT_EQ(told[3], (Told{EventType::kChannelReceive, 4, 0}));
    EXPECT_EQ(told[4], (Told{EventType::kChannelSend, 5, wire::kOtherParty}));
    std::vector<std::uint64_t> others;
    for (const auto& event : events) {
        if (event.type == EventType::kChannelSend && (wire::high8(event.argument) & wire::kOtherParty) != 0)
            others.push_back(event.ext48[0]);
    }
    EXPECT_EQ(others, std::vector<std::uint64_t>{waiter});
}

}  // namespace
}  // namespace cprime::test
