// The walk behind FrameReader::read(): one function, all of its paths. (frame.h says what it finds.)
//
// Code is decoded in pieces, a function symbol each: the function itself, the cold part that the compiler put elsewhere, and whatever else it
// jumps to with a frame of its own on the stack. Where paths may meet, what is known there is kept; a path that brings nothing new ends.
//
// Thread: that of the reader. A walk is for one function.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "instrumentation/bounds/frame.h"
#include "instrumentation/bounds/values.h"

namespace coroscope::bounds {

class FrameWalk {
public:
    FrameWalk(FrameReader& reader, const Function& function) : reader_(reader), function_(function) {}
    Frame walk();

private:
    static constexpr std::uint32_t kNotMet = ~0U;
    static constexpr std::uint32_t kNotKept = kNotMet - 1;
    struct Piece {
        std::uint64_t low = 0, high = 0;
        std::vector<Step> steps;
        std::vector<CfaRow> rows;
        std::vector<std::uint32_t>
            met;  // a step: number of what is known there; kNotMet: paths may meet there; kNotKept: they do not
    };
    struct Place {
        std::uint32_t piece = 0, step = 0;
    };
    enum class Witness : std::uint8_t { kAgrees, kDisagrees, kSilent, kNotFollowed };

    // Pieces.
    bool add_piece(const Function& function);
    std::optional<Place> place_of(std::uint64_t address) const;
    bool is_part(const Function& other) const;
    static void mark_meetings(Piece& piece);

    // Paths.
    void follow(Place from, Values values);
    bool advance(Place& at, Values& values, bool returned);
    void jump(std::uint64_t target, const Step& step, const Values& values);
    // True: the path goes on at that place, with what all paths know there.
    bool meet(Place at, Values& values);
    bool end_flow(const Step& step, Place at, Values& values);
    void return_from(const Step& step, const Values& values);
    CallEnd call(Place at, const Values& values, bool tail);
    void jump_by_table(Place at, const Values& values);
    static const Step* writer_of(const Piece& piece, const Step* before, std::uint8_t number);
    static std::uint64_t address_in(const Piece& piece, const Step* before, std::uint8_t number);
    std::optional<std::uint64_t> jump_table(Place at, bool* words) const;

    // Effects.
    Witness witness(const Step& step, const Piece& piece, const Values& values) const;
    void testify(const Step& step, const Piece& piece, const Values& values);
    void touch(const Step& step, const Values& values);
    void apply(const Step& step, Values& values);
    void apply_to_register(const Step& step, Values& values);
    static void divide(const Step& step, Values& values);
    bool probe_loop(Place& at, Values& values);
    Value align(const Step& step, const Value& value);
    void set_rsp(const Step& step, Values& values, const Value& value, DoubtKind otherwise);
    void reach(const Value& address);
    void reach_rsp(const Value& rsp);

    // Calls through pointers.
    CodeView view_of(std::uint32_t piece) const;
    void narrow_calls();

    // Ends.
    struct Ways {
        std::optional<Place> target, next;
        bool leaves = false;  // or out of this function
    };
    Ways ways_from(Place at) const;
    void note_ends();
    void note_runtime_calls();
    void note_growth();
    bool comes_back_to(Place at) const;
    std::uint64_t argument_at(Place at) const;
    std::uint16_t clobbers() const;

    void doubt(DoubtKind kind, std::uint64_t address);
    std::uint32_t depth_of(const Value& address) const;
    Frame result();

    FrameReader& reader_;
    const Function& function_;
    Frame frame_;
    std::vector<Piece> pieces_;
    std::vector<Values> known_;
    std::vector<std::pair<Place, Values>> to_walk_;
    struct Met {
        Call call;
        Value rsp;
        CallEnd end;
    };
    std::map<std::uint64_t, Met> calls_;              // by the instruction
    struct Indirect {
        Place at;
        Value rsp;
        bool tail = false;
    };
    std::map<std::uint64_t, Indirect> indirect_;  // likewise; told who is called when all paths have been walked
    std::vector<Place> by_table_;                 // where jump tables lead
    std::int32_t lowest_rsp_[Value::kAnchorsCount] = {};     // likewise, of the stack pointer alone
    std::int32_t lowest_[Value::kAnchorsCount] = {};  // offsets from each anchor
    std::int32_t anchor_depth_[Value::kAnchorsCount] = {};
    bool anchor_used_[Value::kAnchorsCount] = {};
    std::map<std::uint64_t, std::uint8_t> anchors_;  // by the instruction that made them
    bool takes_addresses_ = false;
    std::uint64_t steps_walked_ = 0;
};

}  // namespace coroscope::bounds
