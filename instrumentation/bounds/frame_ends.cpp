// What is known of a function once its paths have been walked: which steps come to where the program ends whatever happens, which calls enter
// the runtime again and again, whom its calls through pointers reach, and what it may change of its caller's registers.
#include <algorithm>

#include "instrumentation/bounds/frame_walk.h"

namespace coroscope::bounds {

using inspect::Flow;

CodeView FrameWalk::view_of(std::uint32_t number) const {
    CodeView view{pieces_[number].steps, pieces_[number].rows, {}};
    for (std::uint32_t from = 0; from < pieces_.size(); ++from) {
        const Piece& piece = pieces_[from];
        for (std::size_t step = 0; step < piece.steps.size(); ++step) {
            const Flow flow = piece.steps[step].flow;
            if (flow != Flow::kBranch && flow != Flow::kJump) continue;
            const auto to = place_of(piece.steps[step].target);
            if (to && to->piece == number)
                view.jumps.emplace(to->step, from == number ? step : CodeView::kElsewhere);
        }
    }
    for (const Place& to : by_table_) {
        if (to.piece == number) view.jumps.emplace(to.step, CodeView::kElsewhere);
    }
    return view;
}

// Calls through pointers whose targets are known are calls as others.
void FrameWalk::narrow_calls() {
    std::map<std::uint32_t, CodeView> views;
    for (const auto& [address, made] : indirect_) {
        auto view = views.find(made.at.piece);
        if (view == views.end()) view = views.emplace(made.at.piece, view_of(made.at.piece)).first;
        DoubtKind why = DoubtKind::kIndirectCall;
        Call call;
        call.from = address;
        call.tail = made.tail;
        call.narrowing = reader_.narrow_(view->second, made.at.step, &why);
        if (call.narrowing == 0) {
            doubt(why, address);
        } else {
            calls_[address] = {call, made.rsp, {}};
        }
    }
}

// Where the code may go on from a step.
FrameWalk::Ways FrameWalk::ways_from(Place at) const {
    const Piece& piece = pieces_[at.piece];
    const Step& step = piece.steps[at.step];
    const auto met = calls_.find(step.address);
    const auto kind = met != calls_.end() ? met->second.end.kind : CallEnd::Kind::kReturns;
    Ways ways;
    bool next = step.flow == Flow::kNext || step.flow == Flow::kBranch;
    switch (step.flow) {
        case Flow::kBranch:
        case Flow::kJump:
            ways.target = place_of(step.target);
            ways.leaves = !ways.target && kind != CallEnd::Kind::kEnds;
            break;
        case Flow::kCall:
            next = kind == CallEnd::Kind::kReturns;
            ways.leaves = kind == CallEnd::Kind::kNever;
            break;
        case Flow::kReturn:
            ways.leaves = true;
            break;
        default:
            ways.leaves = step.effect == Effect::kBad;
    }
    if (next && at.step + 1 < piece.steps.size()) {
        ways.next = Place{at.piece, at.step + 1};
    } else {
        ways.leaves |= next;
    }
    return ways;
}

// From the ends backwards: a step behind which there are only such steps is one. Steps in a circle never are.
void FrameWalk::note_ends() {
    const auto ends = [](const auto& met) { return met.second.end.kind == CallEnd::Kind::kEnds; };
    if (std::none_of(calls_.begin(), calls_.end(), ends)) return;
    std::vector<std::uint32_t> first;  // a piece: number of its first step
    std::uint32_t count = 0;
    for (const Piece& piece : pieces_) {
        first.push_back(count);
        count += static_cast<std::uint32_t>(piece.steps.size());
    }
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ways;  // to, from
    std::vector<std::uint32_t> open(count, 0);                  // a step: ways on that are not known to end
    std::vector<std::uint32_t> found;
    for (std::uint32_t number = 0; number < count; ++number) {
        const auto piece = static_cast<std::uint32_t>(std::upper_bound(first.begin(), first.end(), number) -
                                                      first.begin() - 1);
        const Ways from = ways_from({piece, number - first[piece]});
        for (const auto& to : {from.target, from.next}) {
            if (to) ways.emplace_back(first[to->piece] + to->step, number);
            open[number] += to ? 1 : 0;
        }
        open[number] += from.leaves ? 1 : 0;
        if (open[number] == 0) found.push_back(number);
    }
    std::sort(ways.begin(), ways.end());
    std::vector<bool> is_found(count, false);
    for (std::size_t i = 0; i < found.size(); ++i) {
        is_found[found[i]] = true;
        for (auto way = std::lower_bound(ways.begin(), ways.end(), std::pair(found[i], 0U));
             way != ways.end() && way->first == found[i]; ++way) {
            if (--open[way->second] == 0) found.push_back(way->second);
        }
    }
    const auto comes_to_end = [&](std::uint64_t address) {
        const auto place = place_of(address);
        return place && is_found[first[place->piece] + place->step];
    };
    for (auto& [address, met] : calls_)
        met.call.ends = comes_to_end(address) || met.end.kind == CallEnd::Kind::kEnds;
    // These two stand for more than their instruction.
    std::erase_if(frame_.doubts, [&](const Doubt& doubt) {
        return doubt.kind != DoubtKind::kTooLarge && doubt.kind != DoubtKind::kNoFrameRows &&
               comes_to_end(doubt.address);
    });
    frame_.ends = comes_to_end(function_.low);
}

bool FrameWalk::comes_back_to(Place at) const {
    std::vector<std::vector<bool>> seen;
    for (const Piece& piece : pieces_)
        seen.emplace_back(piece.steps.size());
    std::vector<Place> open = {at};
    while (!open.empty()) {
        const Ways ways = ways_from(open.back());
        open.pop_back();
        for (const auto& to : {ways.target, ways.next}) {
            if (!to || seen[to->piece][to->step]) continue;
            if (to->piece == at.piece && to->step == at.step) return true;
            seen[to->piece][to->step] = true;
            open.push_back(*to);
        }
    }
    return false;
}

// By what the first register for arguments was filled: a variable's content, an address, or the content of what a word of the global offset
// table names; over one move between registers, as unoptimised code has it.
std::uint64_t FrameWalk::argument_at(Place at) const {
    constexpr std::uint8_t kRdi = 5;
    const Piece& piece = pieces_[at.piece];
    const Step* step = writer_of(piece, &piece.steps[at.step], kRdi);
    if (step != nullptr && step->effect == Effect::kSum && step->amount == 0)
        step = writer_of(piece, step, step->from);
    if (step == nullptr || step->index != kNoRegister) return 0;
    if (step->effect == Effect::kConstant) return static_cast<std::uint32_t>(step->amount);
    if (step->base == kNoRegister) return step->slot;
    if (step->effect != Effect::kLoad || step->displacement != 0) return 0;
    const Step* const name = writer_of(piece, step, step->base);
    if (name == nullptr || name->base != kNoRegister || name->index != kNoRegister) return 0;
    const Binary::Slot slot = reader_.binary_.slot(name->slot);
    return slot.kind == Binary::Slot::Kind::kAddress ? slot.address : 0;
}

void FrameWalk::note_runtime_calls() {
    constexpr std::uint32_t kCallsMax = 64;  // of a function; each is a walk of its own
    std::uint32_t count = 0;
    for (auto& [address, met] : calls_) {
        const auto place = place_of(address);
        if (!met.end.enters_runtime || !place || ++count > kCallsMax) continue;
        met.call.enters_runtime = true;
        met.call.repeats = comes_back_to(*place);
        met.call.first_argument = argument_at(*place);
    }
}

// What a growable function asks for before it has a frame (runtime/switch/grow_x86_64.S):
//    lea r11, [rsp - checked]; cmp r11, fs:112; jb grow; …      grow: mov r10d, asked; mov r11d, arguments; call __morestack
void FrameWalk::note_growth() {
    constexpr std::uint8_t kR10 = 10, kR11 = 11;
    constexpr std::size_t kStepsOfPrologue = 4;
    for (auto& [address, met] : calls_) {
        const auto place = met.end.grows ? place_of(address) : std::nullopt;
        if (!place) continue;
        const Piece& piece = pieces_[place->piece];
        const Step* const asks = writer_of(piece, &piece.steps[place->step], kR10);
        if (asks != nullptr && asks->effect == Effect::kConstant && asks->amount > 0)
            met.call.asked_bytes = static_cast<std::uint32_t>(asks->amount);
        const std::vector<Step>& steps = pieces_.front().steps;
        for (std::size_t i = 0; i < std::min(kStepsOfPrologue, steps.size()); ++i) {
            const Step& check = steps[i];
            if (check.effect == Effect::kSum && check.to == kR11 && check.from == kRsp && check.amount < 0)
                frame_.checked_bytes = static_cast<std::uint32_t>(-check.amount);
        }
    }
}

std::uint16_t FrameWalk::clobbers() const {
    std::uint16_t numbers = 0;
    for (const Piece& piece : pieces_) {
        for (const Step& step : piece.steps) {
            numbers |= step.clobbers;
            if (step.effect != Effect::kCompare && step.to < kRegistersCount)
                numbers |= static_cast<std::uint16_t>(1U << step.to);
            if (step.flow != Flow::kCall && step.flow != Flow::kJump && step.flow != Flow::kBranch) continue;
            const auto met = calls_.find(step.address);
            if (met != calls_.end()) {
                numbers |= met->second.end.clobbers;
            } else if (step.flow == Flow::kCall || step.target == 0) {
                numbers |= kScratchRegisters;
            }
        }
    }
    return numbers & kScratchRegisters;
}

}  // namespace coroscope::bounds
