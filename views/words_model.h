// Row model of the stack words view: every word of a coroutine's stacks, in parts, each with what is known of it.
//
//   free            what lies below the stack pointer: never used, or left by frames that are gone; the deepest use that was seen
//   saved registers what the switch put there (wire::SavedFrame)
//   frame N         one level, as FrameLayout says: its locals, the registers that it saved, its return address
//   colour          unused, so that tops of stacks do not fall into the same cache sets
//   header, canary  of segments; of slots without a guard
//
// Equal words next to each other are one row with a count unless all are wanted. Parts that were not read are one row that says why. What a word
// points at is told where it is a stack; what lies in code and data is for the caller to name (place_at).
//
// Pure functions; any thread. Tested in tests/unit/views/words_model_test.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/raw_stack.h"
#include "instrumentation/inspect/symbols.h"

namespace coroscope::views {

enum class WordPart : std::uint8_t { kGuard, kFree, kSaved, kFrame, kUsed, kColour, kHeader, kCanary };
const char* word_part_name(WordPart part);

struct WordRow {
    enum class Kind : std::uint8_t {
        kHeading,  // begins a part: `role` says which
        kWords,    // `count` equal words
        kGap,      // not read: `role` says why
    };
    Kind kind = Kind::kWords;
    WordPart part = WordPart::kFree;
    std::uint64_t address = 0, bytes = 0;
    std::uint64_t value = 0;
    std::uint64_t count = 1;
    std::int32_t level = -1;     // of the stack, 0 = innermost; for kFrame
    std::string role;            // "saved rbp", "return address"
    std::string meaning;         // "frame 2, +0x18": where it points, as far as the image tells
    std::uint64_t place_at = 0;  // whose name says what it points at; 0 = nobody's
    bool returns = false;        // place_at is the byte before it, as a return address is looked up
};

struct WordsModel {
    std::uint64_t identity = 0;
    std::vector<WordRow> rows;
    std::size_t stack_pointer_row = 0;                                   // where its used part begins
    std::vector<std::uint64_t> levels;                                   // pcs
    std::uint64_t used_bytes = 0, slot_bytes = 0, high_water_bytes = 0;  // 0 = not measured
};

// `all`: a row for every word.
WordsModel make_words_model(const inspect::RawStack& stack, const inspect::StateImage& state, bool all);

// Eight characters, dots for what is no ASCII.
std::string word_characters(std::uint64_t value);
// Role and meaning in one line. `place`: name of place_at; nullptr where none is known (yet).
std::string word_note(const WordRow& row, const inspect::Symbolizer::Place* place);
// "frame 2  demo::reader": the heading of a level, with its function's name.
std::string heading_text(const WordRow& row, const std::vector<std::string>& level_names);

using PlaceOf = std::function<const inspect::Symbolizer::Place*(std::uint64_t)>;
// Rows first .. last as people paste them.
std::string words_text(const WordsModel& model, std::size_t first, std::size_t last,
                       const std::vector<std::string>& level_names, const PlaceOf& place);
nlohmann::json words_json(const WordsModel& model, const std::vector<std::string>& level_names,
                          const PlaceOf& place);

}  // namespace coroscope::views
