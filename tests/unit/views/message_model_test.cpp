// Rows of the messages view: which pass the filter, and how they are said.
#include "views/message_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fake_session.h"

namespace coroscope::views {
namespace {

traces::SaidRow row(traces::TimeNs t, std::uint64_t coroutine, const char* name, const char* text,
                    bool is_note = false) {
    traces::SaidRow made;
    made.t = t;
    made.coroutine = coroutine;
    made.name = name;
    made.text = text;
    made.is_note = is_note;
    return made;
}

traces::Said said() {
    traces::Said made;
    made.t = 30;
    made.rows = {row(10, 73, "librarian", "Shelf 12 is full"), row(20, 7, "reader", "shelf by shelf", true),
                 row(30, 0, "", "from outside"), row(40, 73, "librarian", "shelf 13 it is")};
    made.rows[2].worker = wire::kNone;
    made.until_now = 3;
    made.more_before = true;
    traces::CounterPast counter;
    counter.name = "load";
    counter.real = true;
    counter.at = 25;
    counter.value = 0.5;
    counter.points = {{5, 0.25}, {25, 0.5}};
    made.counters.push_back(counter);
    return made;
}

TEST(Messages, all_words_must_occur_in_text_name_or_identity) {
    const traces::Said all = said();
    const auto passing = [&](const char* filter) { return filter_messages(all, filter).order; };
    EXPECT_EQ(passing(""), (std::vector<std::uint32_t>{0, 1, 2, 3}));
    EXPECT_EQ(passing("shelf"), (std::vector<std::uint32_t>{0, 1, 3}));
    EXPECT_EQ(passing("SHELF 73"), (std::vector<std::uint32_t>{0, 3}));
    EXPECT_EQ(passing("reader"), (std::vector<std::uint32_t>{1}));
    EXPECT_EQ(passing("a thread"), (std::vector<std::uint32_t>{2}));
    EXPECT_TRUE(passing("cellar").empty());
}

TEST(Messages, the_one_filter_and_the_range_leave_out) {
    const traces::Said all = said();
    FakeOptions options;
    options.swarm = 0;  // nobody of those who spoke lives any more
    const auto moment = make_fake_moment(options);
    const PastFilter librarian(*moment, "librarian");
    for (const std::uint32_t at : filter_messages(all, "", &librarian).order)
        EXPECT_EQ(all.rows[at].name, "librarian");
    EXPECT_FALSE(filter_messages(all, "", &librarian).order.empty());
    EXPECT_LT(filter_messages(all, "", &librarian).order.size(), all.rows.size());
    const TimeRange first = {all.rows[0].t, all.rows[0].t + 1};
    EXPECT_EQ(filter_messages(all, "", nullptr, first).order, std::vector<std::uint32_t>{0});
}

TEST(Messages, the_moment_lies_behind_the_rows_that_were_said_by_then) {
    const traces::Said all = said();
    EXPECT_EQ(filter_messages(all, "").until_now, 3U);
    EXPECT_EQ(filter_messages(all, "librarian").until_now, 1U);
    EXPECT_EQ(filter_messages(all, "13").until_now, 0U);
}

TEST(Messages, are_dumped_with_who_said_them_and_the_counters_with_their_values) {
    const traces::Said all = said();
    const nlohmann::json json = to_json(all, filter_messages(all, "shelf"));
    EXPECT_EQ(json["rows"].size(), 3U);
    EXPECT_EQ(json["rows"][0]["id"], 73);
    EXPECT_EQ(json["rows"][1]["kind"], "note");
    EXPECT_EQ(json["until_now"], 2);
    EXPECT_EQ(json["more_before"], true);
    EXPECT_EQ(json["counters"][0]["value"], 0.5);
    EXPECT_EQ(counter_text(all.counters[0]), "0.5");
    EXPECT_EQ(speaker_text(all.rows[0]), "73 librarian");
    traces::SaidRow of_worker = all.rows[2];
    of_worker.worker = 1;
    EXPECT_EQ(speaker_text(of_worker), "worker 1");
    EXPECT_EQ(said_at_text(1'500'000'000), "1.500000 s");
}

}  // namespace
}  // namespace coroscope::views
