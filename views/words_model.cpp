// See words_model.h.
#include "views/words_model.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "instrumentation/inspect/slot_finder.h"
#include "instrumentation/wire/stack_segment.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::RawStackPiece;
using inspect::RawStackRun;

constexpr std::uint64_t kWord = sizeof(std::uint64_t);
constexpr std::uint64_t kEqualWordsMin = 4;                               // more of them are one row
constexpr std::uint64_t kAddressMin = 0x10000, kAddressMax = 1ULL << 47;  // where user space lies
constexpr const char* kRegisters[inspect::kRsp] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};

std::uint64_t frame_low(const inspect::RawStack& stack, std::size_t level) {
    return level == 0 ? stack.rsp + sizeof(wire::SavedFrame) : stack.frames[level - 1].cfa;
}

class Maker {
public:
    Maker(const inspect::RawStack& stack, const inspect::StateImage& state, bool all)
        : stack_(stack), state_(state), slots_(state), all_(all) {
        model_.identity = stack.identity;
        for (const inspect::FrameLayout& frame : stack.frames) {
            model_.levels.push_back(frame.pc);
            if (frame.return_at != 0) roles_.push_back({frame.return_at, "return address", true});
            for (std::size_t r = 0; r < inspect::kRsp; ++r) {
                if (frame.saved_at[r] != 0)
                    roles_.push_back({frame.saved_at[r], std::string("saved ") + kRegisters[r], false});
            }
        }
        add_saved_frame();
        for (const RawStackPiece& piece : stack.pieces)
            add_limits(piece);
        std::stable_sort(roles_.begin(), roles_.end(),
                         [](const Role& a, const Role& b) { return a.address < b.address; });
    }

    WordsModel run() {
        for (std::size_t i = 0; i < stack_.pieces.size(); ++i)
            add_piece(stack_.pieces[i], i);
        return std::move(model_);
    }

private:
    // What is known of the word at one address.
    struct Role {
        std::uint64_t address = 0;
        std::string text;
        bool returns = false;
    };
    // A part of a piece: neighbouring addresses of one kind.
    struct Part {
        WordPart part;
        std::uint64_t low, high;
        std::int32_t level = -1;
        std::string heading;
    };

    void add_saved_frame() {
        static constexpr const char* kNames[] = {"stack limit", "saved r15", "saved r14", "saved r13",
                                                 "saved r12",   "saved rbx", "saved rbp", "goes on at"};
        if (stack_.rsp == 0) return;
        for (std::size_t i = 0; i < std::size(kNames); ++i)
            roles_.push_back({stack_.rsp + i * kWord, kNames[i], i + 1 == std::size(kNames)});
    }

    void add_limits(const RawStackPiece& piece) {
        if (piece.limit == 0) return;
        if (piece.kind != RawStackPiece::Kind::kSegment) {
            roles_.push_back({piece.limit + COROSCOPE_SEGMENT_NEXT, "next segment's limit", false});
            return;
        }
        static constexpr const char* kNames[] = {
            "segment's record, slot", "its pool", "limit of the stack before",
            "stack pointer there",    "capacity", "top",
            "next segment's limit"};
        for (std::size_t i = 0; i < std::size(kNames); ++i)
            roles_.push_back({wire::segment_header_address(piece.limit) + i * kWord, kNames[i], false});
    }

    std::vector<Part> parts_of(const RawStackPiece& piece, std::size_t number) const {
        std::vector<Part> parts;
        const auto add = [&](WordPart part, std::uint64_t low, std::uint64_t high, std::string heading,
                             std::int32_t level = -1) {
            if (low < high) parts.push_back({part, low, high, level, std::move(heading)});
        };
        std::uint64_t at = piece.low;
        if (piece.canary_low >= piece.low && piece.canary_low != 0) {
            add(WordPart::kGuard, at, piece.canary_low, "reserve");
            add(WordPart::kCanary, piece.canary_low, piece.canary_low + wire::kCanaryBytesMax, "canary");
            at = piece.canary_low + wire::kCanaryBytesMax;
        }
        if (piece.kind == RawStackPiece::Kind::kSegment && piece.limit > at && piece.limit < piece.high) {
            const std::uint64_t header = wire::segment_header_address(piece.limit);
            add(WordPart::kFree, at, header, "below its header");
            add(WordPart::kHeader, header, header + sizeof(wire::StackSegmentHeader), "header of the segment");
            at = std::max(at, header + sizeof(wire::StackSegmentHeader));
        }
        const std::uint64_t used = std::clamp(piece.used_low, at, piece.high);
        const std::uint64_t deepest = piece.high_water_low;
        const bool measured = deepest > at && deepest < used;
        if (measured) {
            add(WordPart::kFree, at, deepest, "free, never seen in use");
            at = deepest;
        }
        add(WordPart::kFree, at, used,
            measured ? "free, left by frames that are gone; its deepest use begins here" : "free");
        add_frames(piece, number, used, parts);
        const bool lent = piece.kind == RawStackPiece::Kind::kOwn && used == piece.high && number != 0;
        if (lent && !parts.empty())
            parts.back().heading = "in use by what resumed the stack above; its frames are not known here";
        add(WordPart::kColour, piece.high, piece.top,
            "colour: unused, so that tops of stacks lie in different cache sets");
        return parts;
    }

    // The saved registers and the levels of the stack that lie in this piece.
    void add_frames(const RawStackPiece& piece, std::size_t number, std::uint64_t used,
                    std::vector<Part>& parts) const {
        std::uint64_t at = used;
        const auto add = [&](WordPart part, std::uint64_t high, std::string heading, std::int32_t level = -1) {
            high = std::min(high, piece.high);
            if (at >= high) return;
            parts.push_back({part, at, high, level, std::move(heading)});
            at = high;
        };
        if (number == 0) add(WordPart::kSaved, at + sizeof(wire::SavedFrame), "saved registers");
        for (std::size_t i = 0; i < stack_.frames.size(); ++i) {
            const std::uint64_t cfa = stack_.frames[i].cfa;
            // The outermost level has no caller: what is left is its own.
            const std::uint64_t high = cfa == 0 ? piece.high : cfa;
            const bool begins_here = frame_low(stack_, i) >= at && frame_low(stack_, i) < piece.high;
            const bool ends_here = high > at && high <= piece.high;
            const bool last = i + 1 == stack_.frames.size();
            if (last && stack_.end != inspect::UnwindEnd::kEntry) break;
            if (!begins_here && !ends_here) continue;
            add(WordPart::kFrame, ends_here ? high : piece.high, "", static_cast<std::int32_t>(i));
        }
        if (at < piece.high && at != piece.used_low)
            add(WordPart::kUsed, piece.high, "in use; whose frames these are is not known");
        else if (at < piece.high)
            add(WordPart::kUsed, piece.high, "in use");
    }

    void add_piece(const RawStackPiece& piece, std::size_t number) {
        const std::uint64_t used = piece.high - std::clamp(piece.used_low, piece.low, piece.high);
        model_.used_bytes += used - std::min<std::uint64_t>(used, number == 0 ? sizeof(wire::SavedFrame) : 0);
        if (piece.pool < state_.pools.size()) model_.slot_bytes += state_.pools[piece.pool].slot_bytes;
        if (piece.high_water_low != 0) model_.high_water_bytes = piece.high - piece.high_water_low;
        if (stack_.pieces.size() > 1) add_heading(piece, number);
        for (const Part& part : parts_of(piece, number)) {
            if (number == 0 && part.low == piece.used_low) model_.stack_pointer_row = model_.rows.size();
            add_part(piece, part);
        }
    }

    void add_heading(const RawStackPiece& piece, std::size_t number) {
        static constexpr const char* kNames[] = {"its own slot", "a segment",
                                                 "the stack of a coroutine that it resumes by hand"};
        WordRow row;
        row.kind = WordRow::Kind::kHeading;
        row.part = WordPart::kHeader;
        row.address = piece.low;
        row.bytes = piece.top - piece.low;
        row.role = fmt::format(
            "stack {}: {}, {} slot {}", number, kNames[static_cast<std::size_t>(piece.kind)],
            piece.pool < state_.pools.size() ? inspect::size_class_name(state_.pools[piece.pool].size_class)
                                             : "?",
            piece.slot);
        model_.rows.push_back(std::move(row));
    }

    void add_part(const RawStackPiece& piece, const Part& part) {
        WordRow heading;
        heading.kind = WordRow::Kind::kHeading;
        heading.part = part.part;
        heading.address = part.low;
        heading.bytes = part.high - part.low;
        heading.level = part.level;
        heading.role = part.heading;
        model_.rows.push_back(std::move(heading));
        for (const RawStackRun& run : piece.runs) {
            const std::uint64_t low = std::max(run.low, part.low), high = std::min(run.high, part.high);
            if (low >= high) continue;
            if (run.kind != RawStackRun::Kind::kRead) {
                add_gap(run.kind, part, low, high);
                continue;
            }
            const std::uint64_t* words = &piece.words[run.first_word + (low - run.low) / kWord];
            for (std::uint64_t i = 0; i < (high - low) / kWord;) {
                std::uint64_t equal = 1;
                while (i + equal < (high - low) / kWord && words[i + equal] == words[i] &&
                       !has_role(low + (i + equal) * kWord))
                    ++equal;
                if (all_ || equal < kEqualWordsMin || has_role(low + i * kWord)) equal = 1;
                add_words(part, low + i * kWord, words[i], equal);
                i += equal;
            }
        }
    }

    void add_gap(RawStackRun::Kind kind, const Part& part, std::uint64_t low, std::uint64_t high) {
        static constexpr const char* kWhy[] = {"", "never touched: the kernel gave no memory for it",
                                               "guarded: no memory until the stack grows into it", "not read"};
        WordRow row;
        row.kind = WordRow::Kind::kGap;
        row.part = part.part;
        row.address = low;
        row.bytes = high - low;
        row.level = part.level;
        row.role = kWhy[static_cast<std::size_t>(kind)];
        model_.rows.push_back(std::move(row));
    }

    const Role* role_at(std::uint64_t address) const {
        const auto found = std::lower_bound(
            roles_.begin(), roles_.end(), address,
            [](const Role& role, std::uint64_t at) { return role.address < at; });
        return found != roles_.end() && found->address == address ? &*found : nullptr;
    }
    bool has_role(std::uint64_t address) const { return role_at(address) != nullptr; }

    void add_words(const Part& part, std::uint64_t address, std::uint64_t value, std::uint64_t count) {
        WordRow row;
        row.part = part.part;
        row.address = address;
        row.bytes = count * kWord;
        row.value = value;
        row.count = count;
        row.level = part.level;
        if (part.part == WordPart::kCanary) row.role = "canary";
        if (const Role* role = role_at(address)) {
            // Free words keep what was there; only what is in use, and the headers, still mean it.
            row.role = role->text;
            row.returns = role->returns;
        }
        explain(row);
        model_.rows.push_back(std::move(row));
    }

    // Where the word points.
    void explain(WordRow& row) const {
        if (row.part == WordPart::kCanary || row.value < kAddressMin || row.value >= kAddressMax) return;
        if (row.returns) {
            row.place_at = row.value - 1;
            return;
        }
        for (const RawStackPiece& piece : stack_.pieces) {
            if (row.value < piece.low || row.value > piece.top) continue;
            row.meaning = in_this_stack(piece, row.value);
            return;
        }
        const auto slot = slots_.find(row.value);
        if (!slot.has_value()) {
            row.place_at = row.value;
            return;
        }
        const inspect::CoroutineImage* owner = state_.owner_of(slot->pool, slot->slot);
        row.meaning = owner != nullptr
                          ? fmt::format("stack of coroutine {} {}", owner->identity,
                                        state_.coroutine_name(*owner))
                          : fmt::format("a free {} slot",
                                        inspect::size_class_name(state_.pools[slot->pool].size_class));
    }

    std::string in_this_stack(const RawStackPiece& piece, std::uint64_t address) const {
        if (address < piece.used_low) return "this stack, its free part";
        if (address < stack_.rsp + sizeof(wire::SavedFrame) && address >= stack_.rsp)
            return "its saved registers";
        for (std::size_t i = 0; i < stack_.frames.size(); ++i) {
            // A frame that reaches over to the stack before has an end on each.
            const std::uint64_t begin = frame_low(stack_, i), end = stack_.frames[i].cfa;
            const bool begins_here = begin >= piece.used_low && begin < piece.high;
            const bool ends_here = end > piece.used_low && end <= piece.high;
            if (!begins_here && !ends_here) continue;
            const std::uint64_t low = begins_here ? begin : piece.used_low,
                                high = ends_here ? end : piece.high;
            if (address >= low && address < high) return fmt::format("frame {}, +{:#x}", i, address - low);
        }
        return address == piece.high ? "this stack's end" : "this stack";
    }

    const inspect::RawStack& stack_;
    const inspect::StateImage& state_;
    const inspect::SlotFinder slots_;
    const bool all_;
    std::vector<Role> roles_;  // by address
    WordsModel model_;
};

}  // namespace

const char* word_part_name(WordPart part) {
    static constexpr const char* kNames[] = {"guard", "free",   "saved",  "frame",
                                             "used",  "colour", "header", "canary"};
    return kNames[static_cast<std::size_t>(part)];
}

WordsModel make_words_model(const inspect::RawStack& stack, const inspect::StateImage& state, bool all) {
    return Maker(stack, state, all).run();
}

std::string word_characters(std::uint64_t value) {
    std::string text;
    for (int i = 0; i < 8; ++i) {
        const auto c = static_cast<char>(value >> (8 * i) & 0xff);
        text += c >= ' ' && c <= '~' ? c : '.';
    }
    return text;
}

std::string word_note(const WordRow& row, const inspect::Symbolizer::Place* place) {
    std::string to = row.meaning;
    if (place != nullptr && !place->module.empty()) {
        const std::uint64_t more = row.returns ? 1 : 0;  // the byte before it was looked up
        const std::string file = place->module.substr(place->module.rfind('/') + 1);
        to = place->name.empty()
                 ? fmt::format("{}+{:#x}", file, place->module_offset + more)
                 : fmt::format("{}+{:#x}", place->code ? short_function(place->name) : place->name,
                               place->offset + more);
    }
    std::string note = row.role;
    if (row.kind == WordRow::Kind::kWords && row.count > 1)
        note += fmt::format("{}{} equal words, {}", note.empty() ? "" : "  ", row.count,
                            format_bytes(row.bytes));
    if (!to.empty()) note += (note.empty() ? "→ " : "  → ") + to;
    return note;
}

std::string heading_text(const WordRow& row, const std::vector<std::string>& level_names) {
    if (row.level < 0) return row.role;
    const auto level = static_cast<std::size_t>(row.level);
    return fmt::format("frame {}  {}", level,
                       level < level_names.size() ? level_names[level] : std::string("?"));
}

std::string words_text(const WordsModel& model, std::size_t first, std::size_t last,
                       const std::vector<std::string>& level_names, const PlaceOf& place) {
    std::string text;
    for (std::size_t i = first; i <= last && i < model.rows.size(); ++i) {
        const WordRow& row = model.rows[i];
        std::string line;
        if (row.kind == WordRow::Kind::kHeading) {
            line = fmt::format("-- {} ({} bytes)", heading_text(row, level_names), row.bytes);
        } else if (row.kind == WordRow::Kind::kGap) {
            line = fmt::format("{:#014x}  {} bytes {}", row.address, row.bytes, row.role);
        } else {
            line = fmt::format("{:#014x}  {:016x}  {}  {}", row.address, row.value, word_characters(row.value),
                               word_note(row, row.place_at != 0 ? place(row.place_at) : nullptr));
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

nlohmann::json words_json(const WordsModel& model, const std::vector<std::string>& level_names,
                          const PlaceOf& place) {
    nlohmann::json rows = nlohmann::json::array();
    for (const WordRow& row : model.rows) {
        nlohmann::json out = {
            {"part", word_part_name(row.part)}, {"address", row.address}, {"bytes", row.bytes}};
        if (row.level >= 0) out["frame"] = row.level;
        if (row.kind == WordRow::Kind::kHeading) {
            out["heading"] = heading_text(row, level_names);
        } else if (row.kind == WordRow::Kind::kGap) {
            out["gap"] = row.role;
        } else {
            out["value"] = fmt::format("{:016x}", row.value);
            out["count"] = row.count;
            out["role"] = row.role;
            out["text"] = word_characters(row.value);
            out["note"] = word_note(row, row.place_at != 0 ? place(row.place_at) : nullptr);
        }
        rows.push_back(std::move(out));
    }
    return rows;
}

}  // namespace coroscope::views
