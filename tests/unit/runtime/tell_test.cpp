// What a program says itself, as a listener gets it: by whom, in which order, whole.
#include <gtest/gtest.h>

#include <cprime/cprime.h>
#include <cprime/tell.h>

#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring_reader.h"
#include "runtime/entry/runtime_state.h"

namespace cprime::detail {
namespace {

using wire::DecodedEvent;
using wire::EventType;

struct Told {
    EventType type;
    std::uint32_t current;  // kNone: a thread
    std::string text;       // or the name
    std::uint64_t value = 0;
    bool real = false;
    bool operator==(const Told&) const = default;
};
void PrintTo(const Told& told, std::ostream* out) {
    *out << wire::event_name(told.type) << " by " << told.current << " '" << told.text << "' " << told.value;
}

std::string bytes_of(const DecodedEvent& event) {
    char bytes[wire::kTextPieceBytes];
    std::memcpy(bytes, &event.ext48[0], 6);
    std::memcpy(bytes + 6, &event.ext64[0], 8);
    std::memcpy(bytes + 14, &event.ext48[1], 6);
    std::memcpy(bytes + 20, &event.ext64[1], 8);
    return {bytes, std::min<std::size_t>(event.argument, sizeof bytes)};
}

// What was said while `body` ran, ring by ring.
template <typename Body>
std::vector<Told> told_by(Runtime& runtime, Body body) {
    g_runtime->rings->listen(wire::kCategoryUser | wire::kCategoryCoroutine, wire::RingMode::kOverwrite, 0);
    runtime.run(body);
    g_runtime->rings->listen(0, wire::RingMode::kOff, 0);
    const auto view = wire::RingSegmentView::open(g_runtime->rings->data(), g_runtime->rings->file_bytes());
    EXPECT_TRUE(view);
    std::vector<Told> told;
    for (std::uint32_t ring = 0; ring < view->rings_count(); ++ring) {
        const auto location = view->ring(ring);
        if (location.slots_count == 0) continue;
        wire::RingReader reader(ring);
        wire::EventDecoder decoder;
        std::vector<wire::EventSlot> slots(4096);
        bool goes_on = false;
        for (auto batch = reader.read(location, slots); batch.accepted > 0; batch = reader.read(location, slots)) {
            decoder.feed({slots.data(), batch.accepted}, [&](const DecodedEvent& event) {
                if (event.type < EventType::kZoneBegin || event.type > EventType::kNote) return;
                Told one{event.type, event.current, "", 0, false};
                if (event.type == EventType::kMessage || event.type == EventType::kNote) {
                    one.text = bytes_of(event);
                    if (goes_on) {
                        told.back().text += one.text;
                    } else {
                        told.push_back(one);
                    }
                    goes_on = event.object == wire::kTextGoesOn;
                    return;
                }
                one.text = g_runtime->segment->string(event.object);
                one.value = event.ext64[0];
                one.real = event.type == EventType::kCounter && event.argument == 1;
                told.push_back(one);
            });
        }
        EXPECT_EQ(decoder.undecodable(), 0U);
    }
    return told;
}

std::uint32_t my_index() {
    return cprime_current_worker->current_index;
}

TEST(Tell, a_zone_begins_and_ends_with_its_block) {
    Runtime runtime({.workers = 1});
    std::uint32_t me = 0;
    const auto told = told_by(runtime, [&] {
        me = my_index();
        CPRIME_ZONE("outer");
        {
            CPRIME_ZONE("inner");
        }
    });
    EXPECT_EQ(told, (std::vector<Told>{{EventType::kZoneBegin, me, "outer"},
                                       {EventType::kZoneBegin, me, "inner"},
                                       {EventType::kZoneEnd, me, "inner"},
                                       {EventType::kZoneEnd, me, "outer"}}));
}

TEST(Tell, zones_belong_to_coroutines_also_when_these_change_workers) {
    Runtime runtime({.workers = 4});
    const auto told = told_by(runtime, [] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 100; ++i) {
            handles.push_back(spawn("zoned", [] {
                for (int round = 0; round < 20; ++round) {
                    CPRIME_ZONE("round");
                    static_cast<void>(yield());
                }
            }));
        }
        for (auto& handle : handles)
            static_cast<void>(handle.join());
    });
    std::map<std::uint32_t, std::pair<int, int>> zones;
    for (const Told& one : told) {
        ASSERT_EQ(one.text, "round");
        ++(one.type == EventType::kZoneBegin ? zones[one.current].first : zones[one.current].second);
    }
    int begun = 0;
    for (const auto& [coroutine, counts] : zones) {
        EXPECT_EQ(counts.first, counts.second) << "coroutine " << coroutine;
        begun += counts.first;
    }
    EXPECT_EQ(begun, 2000);
}

TEST(Tell, texts_of_every_length_arrive_whole) {
    Runtime runtime({.workers = 1});
    std::vector<Told> expected;
    const auto told = told_by(runtime, [&] {
        for (std::size_t bytes = 0; bytes <= kTextBytesMost; ++bytes) {
            std::string text;
            for (std::size_t i = 0; i < bytes; ++i)
                text += static_cast<char>('a' + (bytes + i) % 26);
            expected.push_back({EventType::kMessage, my_index(), text});
            message(text);
        }
    });
    EXPECT_EQ(told, expected);
}

TEST(Tell, what_is_too_long_is_cut_between_two_characters) {
    Runtime runtime({.workers = 1});
    std::string euros;
    for (int i = 0; i < 100; ++i)
        euros += "\xe2\x82\xac";  // three bytes each: 252 is a whole number of them
    const auto told = told_by(runtime, [&] {
        message(euros);
        message("x" + euros);
    });
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0].text, euros.substr(0, 252));
    EXPECT_EQ(told[1].text, ("x" + euros).substr(0, 250));
}

TEST(Tell, counters_keep_signs_and_fractions) {
    Runtime runtime({.workers = 1});
    const auto told = told_by(runtime, [] {
        CPRIME_COUNTER("depth", -3);
        CPRIME_COUNTER("load", 0.25);
        CPRIME_COUNTER("small", std::uint8_t{200});
    });
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(static_cast<std::int64_t>(told[0].value), -3);
    EXPECT_FALSE(told[0].real);
    double load = 0;
    std::memcpy(&load, &told[1].value, sizeof load);
    EXPECT_EQ(load, 0.25);
    EXPECT_TRUE(told[1].real);
    EXPECT_EQ(told[2].value, 200U);
}

TEST(Tell, a_note_is_a_coroutines_and_a_threads_is_a_message) {
    Runtime runtime({.workers = 1});
    std::uint32_t me = 0;
    const auto told = told_by(runtime, [&] {
        me = my_index();
        note("order 17");
        std::thread([] { note("from a thread"); }).join();
    });
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0], (Told{EventType::kNote, me, "order 17"}));
    EXPECT_EQ(told[1], (Told{EventType::kMessage, wire::kNone, "from a thread"}));
}

TEST(Tell, a_micro_stack_has_room_for_it) {
    Runtime runtime({.workers = 1});
    const auto told = told_by(runtime, [] {
        auto tiny = spawn({.name = "tiny", .size_class = size_class::micro}, [] {
            CPRIME_ZONE("tiny zone");
            message("a text that needs three pieces, which is more than what fits into two of them");
        });
        EXPECT_TRUE(tiny.join());
    });
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[1].text, "a text that needs three pieces, which is more than what fits into two of them");
}

TEST(Tell, an_end_without_its_begin_is_not_told) {
    Runtime runtime({.workers = 1});
    const auto told = told_by(runtime, [] {
        g_runtime->rings->listen(0, wire::RingMode::kOff, 0);
        CPRIME_ZONE("unheard");
        message("unheard");
        g_runtime->rings->listen(wire::kCategoryUser, wire::RingMode::kOverwrite, 0);
        message("heard");
    });
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].text, "heard");
}

TEST(Tell, names_are_kept_anew_by_the_next_runtime) {
    const auto say = [] { CPRIME_COUNTER("again", 1); };
    for (int i = 0; i < 3; ++i) {
        Runtime runtime({.workers = 1});
        if (i == 1) g_runtime->segment->intern("something that takes its place");
        const auto told = told_by(runtime, say);
        ASSERT_EQ(told.size(), 1U);
        EXPECT_EQ(told[0].text, "again");
    }
}

TEST(Tell, without_a_runtime_nothing_happens) {
    CPRIME_ZONE("nobody");
    message("nobody");
    note("nobody");
    CPRIME_COUNTER("nobody", 1);
    TellRequest request{nullptr, 0, "nobody", Telling::message};
    EXPECT_EQ(tell(nullptr, kNoCoroutine, &request), nullptr);  // as one that was late
}

}  // namespace
}  // namespace cprime::detail
