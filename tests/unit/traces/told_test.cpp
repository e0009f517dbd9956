// What a program said, from its events: whole texts, cut ones, and what is no text at all.
#include "traces/told.h"

#include <gtest/gtest.h>

#include <cstring>

namespace coroscope::traces {
namespace {

using wire::DecodedEvent;
using wire::EventType;

DecodedEvent piece(EventType type, std::uint64_t ticks, const std::string& text, bool goes_on) {
    DecodedEvent event;
    event.type = type;
    event.tsc = ticks;
    event.current_known = true;
    event.current = 5;
    event.object = goes_on ? wire::kTextGoesOn : 0;
    event.argument = static_cast<std::uint32_t>(text.size());
    char bytes[wire::kTextPieceBytes] = {};
    std::memcpy(bytes, text.data(), std::min(text.size(), sizeof bytes));
    std::memcpy(&event.ext48[0], bytes, 6);
    std::memcpy(&event.ext64[0], bytes + 6, 8);
    std::memcpy(&event.ext48[1], bytes + 14, 6);
    std::memcpy(&event.ext64[1], bytes + 20, 8);
    return event;
}

std::vector<std::string> texts(const std::vector<Told>& told) {
    std::vector<std::string> all;
    for (const Told& one : told)
        all.push_back(one.text);
    return all;
}

const std::string kFull(wire::kTextPieceBytes, 'a');

TEST(Told, pieces_of_one_text_are_joined_ring_by_ring) {
    ToldReader reader;
    std::vector<Told> told;
    reader.take(piece(EventType::kMessage, 10, kFull, true), 0, told);
    reader.take(piece(EventType::kMessage, 10, kFull, true), 1, told);
    reader.take(piece(EventType::kMessage, 10, "b", false), 0, told);
    reader.take(piece(EventType::kMessage, 10, "c", false), 1, told);
    EXPECT_EQ(texts(told), (std::vector<std::string>{kFull + "b", kFull + "c"}));
    EXPECT_EQ(told[0].coroutine, 5U);
    EXPECT_EQ(told[0].ticks, 10U);
}

TEST(Told, a_text_whose_end_was_lost_says_so) {
    ToldReader reader;
    std::vector<Told> told;
    reader.take(piece(EventType::kNote, 10, kFull, true), 0, told);
    reader.take(piece(EventType::kMessage, 20, "next", false), 0, told);
    reader.take(piece(EventType::kMessage, 30, kFull, true), 0, told);
    reader.finish(told);
    EXPECT_EQ(texts(told), (std::vector<std::string>{kFull + "…", "next", kFull + "…"}));
    EXPECT_EQ(told[0].kind, Told::Kind::kNote);
}

TEST(Told, what_claims_to_be_longer_than_a_piece_is_not_believed) {
    ToldReader reader;
    std::vector<Told> told;
    DecodedEvent event = piece(EventType::kMessage, 10, kFull, false);
    event.argument = 0xffffffffU;
    reader.take(event, 0, told);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].text, kFull);
}

TEST(Told, a_text_without_end_is_bounded) {
    ToldReader reader;
    std::vector<Told> told;
    for (int i = 0; i < 1000; ++i)
        reader.take(piece(EventType::kMessage, 10, kFull, true), 0, told);
    reader.finish(told);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_LE(told[0].text.size(), ToldReader::kTextBytesMost + wire::kTextPieceBytes + 3);
}

TEST(Told, texts_are_made_presentable) {
    EXPECT_EQ(presentable("plain — ü"), "plain — ü");
    EXPECT_EQ(presentable("a\x1b[2Jb\nc"), "a?[2Jb c");
    EXPECT_EQ(presentable("\xff\xc3(\xe2\x82"), "??" "(??");
    EXPECT_EQ(presentable(std::string("a\0b", 3)), "a?b");
}

TEST(Told, zones_and_counters_are_one_event_each) {
    ToldReader reader;
    std::vector<Told> told;
    DecodedEvent event;
    event.type = EventType::kZoneBegin;
    event.object = 77;
    reader.take(event, 3, told);
    event.type = EventType::kCounter;
    event.ext64[0] = static_cast<std::uint64_t>(-4);
    reader.take(event, 3, told);
    event.argument = 1;
    const double half = 0.5;
    std::memcpy(&event.ext64[0], &half, sizeof half);
    reader.take(event, 3, told);
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0].name, 77U);
    EXPECT_EQ(told[0].coroutine, wire::kNone);
    EXPECT_EQ(told[1].value, -4);
    EXPECT_TRUE(told[2].real);
    EXPECT_EQ(told[2].real_value, 0.5);
}

}  // namespace
}  // namespace coroscope::traces
