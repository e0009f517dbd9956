// Rows of the events view: how events are said, and where rows stand in another window.
#include "views/event_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

using wire::EventType;

rules::WindowRow row(std::uint64_t ticks, EventType type, std::uint64_t id, const char* detail, const char* object) {
    rules::WindowRow made;
    made.ticks = ticks;
    made.at = static_cast<traces::TimeNs>(ticks) + 1;
    made.event.t = static_cast<traces::TimeNs>(ticks);
    made.event.type = type;
    made.event.id = id;
    made.event.worker = 1;
    made.event.name = id != 0 ? "librarian" : "";
    made.event.detail = detail;
    made.event.object = object;
    return made;
}

rules::EventWindow window() {
    rules::EventWindow made;
    made.t = 1'500'000'000;
    made.rows = {row(1'000'000'000, EventType::kResume, 73, "", ""),
                 row(1'000'001'200, EventType::kSuspend, 73, "channel-receive", "channel:jobs"),
                 row(1'000'001'200, EventType::kWake, 7, "timer", ""), row(1'000'001'200, EventType::kPoolTrim, 0, "", ""),
                 row(2'000'000'000, EventType::kSuspend, 7, "sleep", "")};
    made.rows[0].event.ready = {rules::Span::Known::kExactly, 800};
    made.rows[1].event.run = {rules::Span::Known::kExactly, 1200};
    made.rows[1].event.blocked = {rules::Span::Known::kAtLeast, 5e6};
    made.until_now = 4;
    made.more_after = true;
    return made;
}

TEST(Events, are_said_in_columns) {
    const rules::EventWindow all = window();
    const rules::EventRow& suspend = all.rows[1].event;
    EXPECT_EQ(event_time_text(suspend.t), "1.000001200 s");
    EXPECT_EQ(event_delta_text(all, 0), "");
    EXPECT_EQ(event_delta_text(all, 1), "+1.20 µs");
    EXPECT_EQ(event_worker_text(suspend), "worker 1");
    EXPECT_EQ(event_who_text(suspend), "73 librarian");
    EXPECT_EQ(event_what_text(suspend), "channel-receive on channel:jobs");
    EXPECT_EQ(event_took_text(suspend), "ran 1.20 µs");
    EXPECT_EQ(event_took_text(all.rows[0].event), "ready 800 ns");
    EXPECT_EQ(event_who_text(all.rows[3].event), "");
    const std::string line = event_line(all, 1);
    for (const char* part : {"1.000001200 s", "suspend", "73 librarian", "channel:jobs", "blocked ≥ 5.00 ms", "ran 1.20 µs"})
        EXPECT_NE(line.find(part), std::string::npos) << line;
}

TEST(Events, look_like_what_the_coroutine_does_from_then_on) {
    const rules::EventWindow all = window();
    EXPECT_EQ(event_look(all.rows[0].event), Look::kRunning);
    EXPECT_EQ(event_look(all.rows[1].event), Look::kChannel);
    EXPECT_EQ(event_look(all.rows[2].event), Look::kReady);
    EXPECT_EQ(event_look(all.rows[3].event), Look::kFree);
    EXPECT_EQ(event_look(all.rows[4].event), Look::kTimer);
}

TEST(Events, a_row_is_found_again_in_another_window) {
    const rules::EventWindow all = window();
    rules::EventWindow later = all;
    later.rows.erase(later.rows.begin());
    for (std::size_t i = 1; i < all.rows.size(); ++i)
        EXPECT_EQ(row_of(later, spot_of(all, i)), i - 1) << i;
    EXPECT_EQ(row_of(later, spot_of(all, 0)), 0U);
    EXPECT_EQ(row_of(all, {3'000'000'000, 0}), all.rows.size());
    EXPECT_EQ(spot_of(all, 3).ordinal, 2U);
}

TEST(Events, are_dumped_as_a_query_tells_them) {
    const nlohmann::json json = to_json(window());
    EXPECT_EQ(json["rows"].size(), 5U);
    EXPECT_EQ(json["until_now"], 4);
    EXPECT_EQ(json["more_after"], true);
    EXPECT_EQ(json["rows"][1]["event"], "suspend");
    EXPECT_EQ(json["rows"][1]["object"], "channel:jobs");
    EXPECT_EQ(json["rows"][1]["still_blocked"], true);
    EXPECT_EQ(json["rows"][1]["at_ns"], 1'000'001'201);
}

}  // namespace
}  // namespace coroscope::views
