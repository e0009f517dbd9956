// Following the paths of a function. What the steps on them do is in frame_effects.cpp.
#include "instrumentation/bounds/frame_walk.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace coroscope::bounds {
namespace {

using inspect::Flow;

constexpr std::uint64_t kPieceBytesMax = 8U << 20;
constexpr std::size_t kPiecesMax = 16;
constexpr std::uint64_t kStepsWalkedMax = 20'000'000;
constexpr std::uint32_t kTableEntriesMax = 1U << 16;

}  // namespace

Frame FrameReader::read(const Function& function) {
    return FrameWalk(*this, function).walk();
}

Frame FrameWalk::walk() {
    if (!add_piece(function_)) return result();
    Values values;
    values.at(kRsp) = {Value::kEntry, 0};
    to_walk_.push_back({{0, 0}, values});
    while (!to_walk_.empty()) {
        const auto [from, known] = to_walk_.back();
        to_walk_.pop_back();
        follow(from, known);
    }
    return result();
}

bool FrameWalk::add_piece(const Function& function) {
    const std::uint64_t bytes = function.high - function.low;
    // Symbols that overlap may hold more code together than there is.
    std::uint64_t code_bytes = 0;
    for (const Binary::Range& range : reader_.binary_.code())
        code_bytes += range.high - range.low;
    if (bytes > kPieceBytesMax || pieces_.size() == kPiecesMax ||
        reader_.decoded_bytes_ > 8 * code_bytes + kPieceBytesMax) {
        doubt(DoubtKind::kTooLarge, function.low);
        return false;
    }
    const bool executable = std::any_of(
        reader_.binary_.code().begin(), reader_.binary_.code().end(),
        [&](const Binary::Range& range) { return function.low >= range.low && function.low < range.high; });
    const auto code = executable ? reader_.binary_.bytes(function.low, function.high)
                                 : std::basic_string_view<std::uint8_t>();
    if (code.empty()) {
        doubt(DoubtKind::kNoCode, function.low);
        return false;
    }
    reader_.decoded_bytes_ += code.size();
    Piece piece;
    piece.low = function.low;
    piece.high = function.low + code.size();
    piece.steps = reader_.decoder_.decode(code, function.low);
    piece.rows = reader_.rows_.rows(piece.low, piece.high);
    piece.met.assign(piece.steps.size(), kNotKept);
    mark_meetings(piece);
    pieces_.push_back(std::move(piece));
    return true;
}

void FrameWalk::mark_meetings(Piece& piece) {
    const auto mark = [&piece](std::uint64_t address) {
        const std::size_t number = step_at(piece.steps, address);
        if (number != piece.steps.size()) piece.met[number] = kNotMet;
    };
    for (const Step& step : piece.steps) {
        const bool jumps = step.flow == Flow::kBranch || step.flow == Flow::kJump;
        if (jumps && step.target >= piece.low && step.target < piece.high) mark(step.target);
    }
}

std::optional<FrameWalk::Place> FrameWalk::place_of(std::uint64_t address) const {
    for (std::uint32_t number = 0; number < pieces_.size(); ++number) {
        const Piece& piece = pieces_[number];
        if (address < piece.low || address >= piece.high) continue;
        const std::size_t step = step_at(piece.steps, address);
        if (step != piece.steps.size()) return Place{number, static_cast<std::uint32_t>(step)};
    }
    return std::nullopt;
}

// "f.cold" is a part of "f", and of "f.part.0".
bool FrameWalk::is_part(const Function& other) const {
    const std::string_view name = other.name;
    const std::size_t cold = name.rfind(".cold");
    return cold != std::string_view::npos &&
           std::string_view(function_.name).substr(0, cold) == name.substr(0, cold);
}

bool FrameWalk::meet(Place at, Values& values) {
    std::uint32_t& met = pieces_[at.piece].met[at.step];
    if (met == kNotKept || met == kNotMet) {
        met = static_cast<std::uint32_t>(known_.size());
        known_.push_back(values);
        return true;
    }
    Values& known = known_[met];
    const Value before = known.rsp();
    const bool changed = known.meet(values);
    if (before.is_stack() && values.rsp().is_stack() && before != values.rsp())
        doubt(DoubtKind::kVariableFrame, pieces_[at.piece].steps[at.step].address);
    values = known;
    return changed;
}

void FrameWalk::follow(Place at, Values values) {
    for (;;) {
        if (++steps_walked_ > kStepsWalkedMax) return doubt(DoubtKind::kTooLarge, function_.low);
        const Step& step = pieces_[at.piece].steps[at.step];
        if (step.effect == Effect::kBad) return doubt(DoubtKind::kNoCode, step.address);
        testify(step, pieces_[at.piece], values);
        touch(step, values);
        if (probe_loop(at, values)) {
            if (!advance(at, values, true)) return;
            continue;
        }
        if (step.flow == Flow::kNext) {
            apply(step, values);
            if (!advance(at, values, true)) return;
            continue;
        }
        if (step.flow == Flow::kCall) {
            const CallEnd end = call(at, values, false);
            values.forget_registers(end.clobbers);
            if (!advance(at, values, end.kind == CallEnd::Kind::kReturns)) return;
            continue;
        }
        if (!end_flow(step, at, values)) return;
        if (!advance(at, values, true)) return;
    }
}

// Jumps, branches, returns. True: the path goes on behind the step, too.
bool FrameWalk::end_flow(const Step& step, Place at, Values& values) {
    switch (step.flow) {
        case Flow::kBranch:
            apply(step, values);
            jump(step.target, step, values);  // may add pieces: `step` is not used again
            return true;
        case Flow::kJump:
            if (step.target != 0) {
                jump(step.target, step, values);
            } else if (step.slot != 0 && step.index == kNoRegister && step.through == kNoRegister) {
                // A stub's way: through a word of the global offset table.
                if (values.rsp() == Value{Value::kEntry, 0}) {
                    static_cast<void>(call(at, values, true));
                } else {
                    doubt(DoubtKind::kIndirectJump, step.address);
                }
            } else {
                jump_by_table(at, values);
            }
            return false;
        case Flow::kReturn:
            return_from(step, values);
            return false;
        default:
            return false;
    }
}

void FrameWalk::return_from(const Step& step, const Values& values) {
    frame_.returns = true;
    if (!values.rsp().is_stack()) return;  // there is a doubt already
    if (values.rsp() != Value{Value::kEntry, 0} || step.takes_arguments)
        doubt(DoubtKind::kReturnsElsewhere, step.address);
}

// To the next step. False: the path ends. `returned`: the step was no call, or one that returns.
bool FrameWalk::advance(Place& at, Values& values, bool returned) {
    const Piece& piece = pieces_[at.piece];
    if (at.step + 1 == piece.steps.size()) {
        if (piece.steps[at.step].flow == Flow::kCall)
            return false;  // a function that ends with a call never sees it return
        const Step last = piece.steps[at.step];
        jump(piece.high, last, values);
        return false;
    }
    ++at.step;
    // Behind a call that does not return stands code of other paths.
    if (!returned) return false;
    return piece.met[at.step] == kNotKept || meet(at, values);
}

void FrameWalk::jump(std::uint64_t target, const Step& step, const Values& values) {
    const std::uint64_t from = step.address;
    auto place = place_of(target);
    if (!place) {
        const auto around = reader_.binary_.function_around(target);
        const bool bare = values.rsp() == Value{Value::kEntry, 0};
        const Function* other = around ? &reader_.binary_.functions()[*around] : nullptr;
        if (bare && (other == nullptr || (other->low == target && !is_part(*other)))) {
            Call tail;
            tail.from = from;
            tail.target = target;
            tail.tail = true;
            calls_[from] = {tail, values.rsp(), reader_.end_of_(tail)};
            return;
        }
        if (other == nullptr || (target >= pieces_[0].low && target < pieces_[0].high))
            return doubt(DoubtKind::kNoCode, from);
        if (!add_piece(*other)) return;
        place = place_of(target);
        if (!place) return doubt(DoubtKind::kNoCode, from);
    }
    Values there = values;
    if (meet(*place, there)) to_walk_.push_back({*place, there});
}

CallEnd FrameWalk::call(Place at, const Values& values, bool tail) {
    const Step& step = pieces_[at.piece].steps[at.step];
    Call made;
    made.from = step.address;
    made.tail = tail;
    made.target = step.target;
    if (step.target == 0) {
        const Binary::Slot slot = step.through == kNoRegister && step.base == kNoRegister &&
                                          step.index == kNoRegister
                                      ? reader_.binary_.slot(step.slot)
                                      : Binary::Slot{};
        made.slot = slot.kind != Binary::Slot::Kind::kUnknown ? step.slot : 0;
        switch (slot.kind) {
            case Binary::Slot::Kind::kImport:
                made.import = slot.import;
                break;
            case Binary::Slot::Kind::kAddress:
                made.target = slot.address;
                break;
            case Binary::Slot::Kind::kChosenAtStart:
                made.chosen_at_start = true;
                made.target = slot.address;
                break;
            case Binary::Slot::Kind::kUnknown:
                indirect_[step.address] = {at, values.rsp(), tail};
                // It is a call all the same: of a function that may use no red zone, and its return address is pushed.
                if (!tail) reach(values.rsp().plus(-8));
                frame_.returns |= tail;
                return {};
        }
    }
    if (!tail) reach(values.rsp().plus(-8));
    const CallEnd end = reader_.end_of_(made);
    calls_[step.address] = {made, values.rsp(), end};
    return end;
}

// The last step before `before` that writes a register, on a straight way of a few steps; nothing when there is none or somebody is called.
const Step* FrameWalk::writer_of(const Piece& piece, const Step* before, std::uint8_t number) {
    constexpr std::ptrdiff_t kStepsBack = 12;
    const Step* const first = piece.steps.data();
    for (const Step* step = before; step != first && before - step < kStepsBack;) {
        --step;
        if (step->flow != Flow::kNext && step->flow != Flow::kBranch) return nullptr;
        if (step->to == number || (step->clobbers & (1U << number)) != 0) return step;
    }
    return nullptr;
}

// The address that a register was given last: `lea register, [rip + n]`.
std::uint64_t FrameWalk::address_in(const Piece& piece, const Step* before, std::uint8_t number) {
    const Step* const step = number != kNoRegister ? writer_of(piece, before, number) : nullptr;
    const bool address = step != nullptr && step->slot != 0 && step->memory_bytes == 0 &&
                         step->base == kNoRegister;
    return address ? step->slot : 0;
}

// Where a table begins by whose words `jmp` at this place goes. *words: they are addresses; else distances from the table's begin.
//    lea base, [table]; movsxd r, [base + i*4]; add r, base; jmp r
//    lea base, [table]; mov r32, [base + i*4]; cdqe; lea base, [table]; add r, base; jmp r          without optimisation
//    lea base, [table]; movsxd r, [base + i*4]; lea s, [base + r]; jmp s
//    jmp [table + i*8]                                                                              at fixed addresses
std::optional<std::uint64_t> FrameWalk::jump_table(Place at, bool* words) const {
    constexpr std::uint8_t kCdqeBytes = 2;
    constexpr std::uint8_t kRax = 0;
    const Piece& piece = pieces_[at.piece];
    const Step* const jump = &piece.steps[at.step];
    *words = jump->through == kNoRegister;
    if (*words) {
        if (jump->base != kNoRegister || jump->index == kNoRegister || jump->memory_bytes != 8)
            return std::nullopt;
        return static_cast<std::uint32_t>(jump->displacement);
    }
    if (at.step == 0) return std::nullopt;
    const Step* const sum = jump - 1;
    const bool added = sum->effect == Effect::kAddRegister && sum->to == jump->through;
    const bool named = sum->effect == Effect::kOther && sum->memory_bytes == 0 && sum->index != kNoRegister &&
                       sum->scale == 1 && sum->displacement == 0 && sum->clobbers == 1U << jump->through;
    if (!added && !named) return std::nullopt;
    const std::uint8_t first = named ? sum->index : sum->to;
    const std::uint8_t second = named ? sum->base : sum->from;
    if (first == kNoRegister || second == kNoRegister) return std::nullopt;
    for (const bool other_way : {false, true}) {
        const std::uint64_t table = address_in(piece, sum, other_way ? first : second);
        const std::uint8_t distance = other_way ? second : first;
        const Step* load = writer_of(piece, sum, distance);
        if (table == 0 || load == nullptr) continue;
        if (load->bytes == kCdqeBytes && distance == kRax && load->clobbers == 1U << kRax)
            load = writer_of(piece, load, kRax);
        if (load == nullptr || load->memory_bytes != 4 || load->writes_memory || load->displacement != 0)
            continue;
        if (address_in(piece, load, load->base) == table || address_in(piece, load, load->index) == table)
            return table;
    }
    return std::nullopt;
}

// A table ends where its next word is no place of this function that has the frame there is now: what belongs to the table always is.
void FrameWalk::jump_by_table(Place at, const Values& values) {
    const std::uint64_t from = pieces_[at.piece].steps[at.step].address;
    bool words = false;
    const auto table = jump_table(at, &words);
    std::uint32_t count = 0;
    for (; table && count < kTableEntriesMax; ++count) {
        std::uint64_t target = 0;
        if (words) {
            const auto word = reader_.binary_.word(*table + count * 8ULL);
            if (!word) break;
            target = *word;
        } else {
            const auto bytes = reader_.binary_.bytes(*table + count * 4ULL, *table + count * 4ULL + 4);
            std::int32_t distance = 0;
            if (bytes.size() != sizeof distance) break;
            std::memcpy(&distance, bytes.data(), sizeof distance);
            target = *table + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
        }
        auto place = place_of(target);
        if (!place) {
            const auto around = reader_.binary_.function_around(target);
            if (!around || !is_part(reader_.binary_.functions()[*around])) break;
            if (!add_piece(reader_.binary_.functions()[*around])) return;
            place = place_of(target);
            if (!place) break;
        }
        const Piece& piece = pieces_[place->piece];
        if (witness(piece.steps[place->step], piece, values) == Witness::kDisagrees) break;
        Values there = values;
        by_table_.push_back(*place);
        if (meet(*place, there)) to_walk_.push_back({*place, there});
    }
    if (count == 0 || count == kTableEntriesMax) {
        // With nothing of its own on the stack it is a call, the last thing that the function does.
        const bool bare = values.rsp() == Value{Value::kEntry, 0};
        if (bare && count == 0) {
            indirect_[from] = {at, values.rsp(), true};
        } else {
            doubt(DoubtKind::kIndirectJump, from);
        }
        frame_.returns = true;
    }
}

}  // namespace coroscope::bounds
