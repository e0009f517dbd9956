// views/words_model: every word once, in its part, with what is known of it.
#include "views/words_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fake_session.h"

namespace coroscope::views {
namespace {

class StackWords : public testing::Test {
protected:
    const std::shared_ptr<const traces::Moment> moment_ = make_fake_moment({});
    const inspect::StateImage& state_ = moment_->state;
    inspect::RawStack stack_ = make_fake_words(state_);
    const std::vector<std::string> names_ = {"receive", "consume", "entry"};

    WordsModel model(bool all = false) const { return make_words_model(stack_, state_, all); }
    // The row that holds an address, headings aside.
    static const WordRow& at(const WordsModel& model, std::uint64_t address) {
        for (const WordRow& row : model.rows) {
            if (row.kind != WordRow::Kind::kHeading && address >= row.address &&
                address < row.address + row.bytes)
                return row;
        }
        ADD_FAILURE() << "no row holds the address";
        return model.rows.front();
    }
    std::uint64_t high() const { return stack_.pieces[0].high; }
};

TEST_F(StackWords, every_byte_of_the_slot_stands_in_one_row_in_order) {
    for (const bool all : {false, true}) {
        const WordsModel rows = model(all);
        std::uint64_t next = stack_.pieces[0].low;
        for (const WordRow& row : rows.rows) {
            EXPECT_EQ(row.address, next);
            if (row.kind == WordRow::Kind::kHeading) continue;
            next += row.bytes;
        }
        EXPECT_EQ(next, stack_.pieces[0].top);
    }
}

TEST_F(StackWords, parts_follow_from_the_free_end_to_the_colour) {
    std::vector<std::string> parts;
    for (const WordRow& row : model().rows) {
        if (row.kind == WordRow::Kind::kHeading)
            parts.push_back(word_part_name(row.part) + (row.level < 0 ? "" : std::to_string(row.level)));
    }
    EXPECT_EQ(parts,
              (std::vector<std::string>{"free", "free", "saved", "frame0", "frame1", "frame2", "colour"}));
}

TEST_F(StackWords, the_high_water_mark_divides_the_free_part) {
    const WordsModel rows = model();
    EXPECT_EQ(rows.high_water_bytes, 264U);
    std::vector<const WordRow*> free;
    for (const WordRow& row : rows.rows) {
        if (row.kind == WordRow::Kind::kHeading && row.part == WordPart::kFree) free.push_back(&row);
    }
    ASSERT_EQ(free.size(), 2U);
    EXPECT_NE(free[0]->role.find("never"), std::string::npos);
    EXPECT_EQ(free[1]->address, high() - 264);
    EXPECT_NE(free[1]->role.find("deepest"), std::string::npos);
}

TEST_F(StackWords, saved_registers_and_return_addresses_are_labelled) {
    const WordsModel rows = model();
    EXPECT_EQ(at(rows, stack_.rsp).role, "stack limit");
    EXPECT_EQ(at(rows, stack_.rsp + 8).role, "saved r15");
    EXPECT_EQ(at(rows, stack_.rsp + 48).role, "saved rbp");
    EXPECT_EQ(at(rows, stack_.rsp + 56).role, "goes on at");
    EXPECT_EQ(at(rows, high() - 136).role, "return address");
    EXPECT_EQ(at(rows, high() - 136).level, 0);
    EXPECT_EQ(at(rows, high() - 72).level, 1);
    EXPECT_EQ(at(rows, high() - 120).role, "saved rbx");
    EXPECT_EQ(rows.rows[rows.stack_pointer_row].address, stack_.rsp);
}

TEST_F(StackWords, pointers_into_stacks_say_where) {
    const WordsModel rows = model();
    EXPECT_EQ(at(rows, high() - 160).meaning, "frame 1, +0x10");
    EXPECT_TRUE(at(rows, high() - 64).meaning.starts_with("stack of coroutine 3 "));
    EXPECT_EQ(at(rows, high() - 64).place_at, 0U);
    EXPECT_EQ(at(rows, high() - 192).meaning, "") << "a small number is no pointer";
}

TEST_F(StackWords, equal_words_are_one_row_unless_all_are_wanted) {
    EXPECT_EQ(at(model(), high() - 168).count, 4U);
    EXPECT_EQ(at(model(true), high() - 168).count, 1U);
    EXPECT_GT(model(true).rows.size(), model().rows.size());
    EXPECT_NE(word_note(at(model(), high() - 168), nullptr).find("4 equal words"), std::string::npos);
}

TEST_F(StackWords, what_was_not_read_says_why_and_how_much) {
    const WordsModel rows = model();
    const WordRow& gap = at(rows, stack_.pieces[0].low);
    EXPECT_EQ(gap.kind, WordRow::Kind::kGap);
    EXPECT_NE(gap.role.find("never touched"), std::string::npos);
    EXPECT_EQ(gap.bytes, high() - 512 - stack_.pieces[0].low);
}

TEST_F(StackWords, a_name_is_put_to_code_and_data_and_a_return_address_is_looked_up_before_it) {
    stack_.pieces[0].words[(high() - 136 - (high() - 512)) / 8] = 0x401020;
    const WordsModel rows = model();
    const WordRow& row = at(rows, high() - 136);
    EXPECT_EQ(row.place_at, 0x40101fU);
    inspect::Symbolizer::Place place{"ns::consume(int)", 0x1f, true, "/bin/demo", 0x101f};
    EXPECT_EQ(word_note(row, &place), "return address  → ns::consume+0x20");
    place.name.clear();
    EXPECT_EQ(word_note(row, &place), "return address  → demo+0x1020");
    EXPECT_EQ(word_note(row, nullptr), "return address");
}

TEST_F(StackWords, text_and_dump_say_the_same_as_the_rows) {
    const WordsModel rows = model();
    const auto nobody = [](std::uint64_t) -> const inspect::Symbolizer::Place* { return nullptr; };
    const std::string text = words_text(rows, 0, rows.rows.size() - 1, names_, nobody);
    EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), rows.rows.size());
    EXPECT_NE(text.find("-- frame 1  consume (64 bytes)"), std::string::npos) << text;
    EXPECT_NE(text.find("Hello..."), std::string::npos);
    EXPECT_EQ(words_text(rows, 3, 3, names_, nobody).find('\n') + 1,
              words_text(rows, 3, 3, names_, nobody).size());
    const nlohmann::json json = words_json(rows, names_, nobody);
    EXPECT_EQ(json.size(), rows.rows.size());
}

TEST_F(StackWords, a_stack_over_segments_is_told_segment_by_segment) {
    inspect::RawStackPiece segment = stack_.pieces[0];
    const std::uint64_t far = 0x10'0000'0000;
    segment.kind = inspect::RawStackPiece::Kind::kSegment;
    for (std::uint64_t* address : {&segment.low, &segment.high, &segment.top, &segment.used_low})
        *address += far;
    segment.top = segment.high;
    segment.high_water_low = 0;
    segment.limit = segment.low + 200;
    segment.runs = {{inspect::RawStackRun::Kind::kRead, segment.high - 512, segment.high, 0}};
    segment.words.resize(64);
    stack_.rsp += far;
    stack_.frames[0].cfa += far;  // frame 0 on the segment, frame 1 reaches over to the own slot
    stack_.frames[0].return_at += far;
    stack_.pieces[0].used_low = high() - 64 - 32;
    stack_.pieces.insert(stack_.pieces.begin(), segment);
    std::vector<std::string> parts;
    for (const WordRow& row : model().rows) {
        if (row.kind == WordRow::Kind::kHeading)
            parts.push_back(word_part_name(row.part) + (row.level < 0 ? "" : std::to_string(row.level)));
    }
    EXPECT_EQ(parts, (std::vector<std::string>{"header", "free", "header", "free", "saved", "frame0", "frame1",
                                               "header", "free", "free", "frame1", "frame2", "colour"}));
}

TEST_F(StackWords, an_outermost_level_that_was_not_reached_leaves_the_rest_without_owner) {
    stack_.end = inspect::UnwindEnd::kNoRule;
    const WordsModel rows = model();
    EXPECT_EQ(at(rows, high() - 8).part, WordPart::kUsed);
    EXPECT_EQ(at(rows, high() - 72).part, WordPart::kFrame);
}

}  // namespace
}  // namespace coroscope::views
