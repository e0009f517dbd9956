// What steps do to what is known, and what the call frame information says to it.
#include <algorithm>
#include <limits>

#include "instrumentation/bounds/frame_walk.h"

namespace coroscope::bounds {
namespace {

constexpr std::int32_t kWordBytes = 8;
constexpr std::int32_t kCfaAboveEntry = 8;
constexpr std::uint32_t kRedZoneBytes = 128;

}  // namespace

void FrameWalk::doubt(DoubtKind kind, std::uint64_t address) {
    // Without call frame information each instruction would say so.
    const bool once = kind == DoubtKind::kNoFrameRows;
    for (const Doubt& known : frame_.doubts) {
        if (known.kind == kind && (once || known.address == address)) return;
    }
    frame_.doubts.push_back({kind, address});
}

void FrameWalk::reach(const Value& address) {
    if (!address.is_stack()) return;
    anchor_used_[address.anchor] = true;
    lowest_[address.anchor] = std::min(lowest_[address.anchor], address.offset);
}

void FrameWalk::reach_rsp(const Value& rsp) {
    reach(rsp);
    if (rsp.is_stack()) lowest_rsp_[rsp.anchor] = std::min(lowest_rsp_[rsp.anchor], rsp.offset);
}

std::uint32_t FrameWalk::depth_of(const Value& address) const {
    if (!address.is_stack()) return 0;
    const std::int64_t depth = static_cast<std::int64_t>(anchor_depth_[address.anchor]) - address.offset;
    return depth > 0 ? static_cast<std::uint32_t>(depth) : 0;
}

FrameWalk::Witness FrameWalk::witness(const Step& step, const Piece& piece, const Values& values) const {
    const auto after = std::upper_bound(piece.rows.begin(), piece.rows.end(), step.address,
                                        [](std::uint64_t at, const CfaRow& row) { return at < row.low; });
    if (after == piece.rows.begin() || step.address >= std::prev(after)->high) return Witness::kSilent;
    const CfaRow& row = *std::prev(after);
    if (row.kind == CfaRow::Kind::kOther) return Witness::kNotFollowed;
    Value cfa = values.at(row.from).plus(row.offset);
    if (row.kind == CfaRow::Kind::kWord) cfa = values.word_at(cfa);
    if (cfa.anchor != Value::kEntry) return Witness::kNotFollowed;
    return cfa.offset == kCfaAboveEntry ? Witness::kAgrees : Witness::kDisagrees;
}

void FrameWalk::testify(const Step& step, const Piece& piece, const Values& values) {
    if (!values.rsp().is_stack()) return;  // there is a doubt already
    switch (witness(step, piece, values)) {
        case Witness::kAgrees:
            return;
        case Witness::kDisagrees:
            return doubt(DoubtKind::kDisagreement, step.address);
        case Witness::kSilent:
            return doubt(DoubtKind::kNoFrameRows, step.address);
        case Witness::kNotFollowed:
            return doubt(DoubtKind::kFrameNotFollowed, step.address);
    }
}

// Memory that the step reads or writes by a stack address.
void FrameWalk::touch(const Step& step, const Values& values) {
    if (step.base == kNoRegister || !values.at(step.base).is_stack()) {
        takes_addresses_ |= step.index != kNoRegister && values.at(step.index).is_stack();
        return;
    }
    if (step.index != kNoRegister) {
        takes_addresses_ = true;
    } else if (step.memory_bytes != 0) {
        reach(values.at(step.base).plus(step.displacement));
    }
}

Value FrameWalk::align(const Step& step, const Value& value) {
    const std::int64_t unit = -static_cast<std::int64_t>(step.amount);
    if (value.anchor != Value::kEntry || unit < kWordBytes || (unit & (unit - 1)) != 0) return {};
    auto found = anchors_.find(step.address);
    if (found == anchors_.end()) {
        if (anchors_.size() == Value::kAlignedMax) return {};
        found = anchors_
                    .emplace(step.address, static_cast<std::uint8_t>(Value::kFirstAligned + anchors_.size()))
                    .first;
    }
    // Stack pointers are multiples of a word.
    const std::int64_t lost = value.offset % kWordBytes == 0 ? unit - kWordBytes : unit - 1;
    std::int32_t& depth = anchor_depth_[found->second];
    depth = static_cast<std::int32_t>(std::max<std::int64_t>(depth, lost - value.offset));
    return {found->second, 0};
}

void FrameWalk::set_rsp(const Step& step, Values& values, const Value& value, DoubtKind otherwise) {
    if (!value.is_stack() && values.rsp().is_stack()) doubt(otherwise, step.address);
    values.at(kRsp) = value.is_stack() ? value : Value{};
    reach_rsp(values.rsp());
}

void FrameWalk::apply_to_register(const Step& step, Values& values) {
    const Value from = step.from != kNoRegister ? values.at(step.from) : Value{};
    Value made;
    DoubtKind otherwise = DoubtKind::kStackSwitched;
    switch (step.effect) {
        case Effect::kSum:
            made = from.plus(step.amount);
            // For others to read and write by: the frame pointer of an unoptimised function is none of these.
            if (made.is_stack() && step.to != kRsp &&
                !(step.to == kRbp && step.from == kRsp && step.amount == 0))
                takes_addresses_ = true;
            break;
        case Effect::kConstant:
            made = {Value::kNumber, step.amount};
            break;
        case Effect::kSubRegister:
            if (from.anchor == Value::kNumber)
                made = values.at(step.to).plus(-static_cast<std::int64_t>(from.offset));
            otherwise = DoubtKind::kVariableFrame;
            break;
        case Effect::kAddRegister:
            if (from.anchor == Value::kNumber) made = values.at(step.to).plus(from.offset);
            otherwise = DoubtKind::kVariableFrame;
            break;
        case Effect::kProduct:
            if (from.anchor == Value::kNumber)
                made = Value{Value::kNumber, 0}.plus(static_cast<std::int64_t>(from.offset) * step.amount);
            break;
        case Effect::kMaybe:
            if (values.at(step.to) == from) made = from;
            takes_addresses_ |= from.is_stack();
            break;
        case Effect::kMaskBits:
            made = align(step, values.at(step.to));
            break;
        case Effect::kLoad:
            if (step.index == kNoRegister && step.base != kNoRegister)
                made = values.word_at(values.at(step.base).plus(step.displacement));
            break;
        default:
            break;
    }
    if (step.to == kRsp) return set_rsp(step, values, made, otherwise);
    values.at(step.to) = made;
}

// Of numbers that are known and fit one register.
void FrameWalk::divide(const Step& step, Values& values) {
    constexpr std::uint8_t kRdx = 1;
    const Value whole = values.at(step.to);
    const Value part = values.at(step.from);
    const bool known = whole.anchor == Value::kNumber && part.anchor == Value::kNumber &&
                       values.at(kRdx) == Value{Value::kNumber, 0} && whole.offset >= 0 && part.offset > 0;
    values.at(step.to) = known ? Value{Value::kNumber, whole.offset / part.offset} : Value{};
    values.at(kRdx) = known ? Value{Value::kNumber, whole.offset % part.offset} : Value{};
}

void FrameWalk::apply(const Step& step, Values& values) {
    const Value before = values.rsp();
    switch (step.effect) {
        case Effect::kPush: {
            const Value pushed = step.from != kNoRegister && step.amount == kWordBytes ? values.at(step.from)
                                                                                       : Value{};
            values.at(kRsp) = before.plus(-step.amount);
            reach_rsp(values.rsp());
            return values.store(values.rsp(), pushed);
        }
        case Effect::kPop: {
            const Value word = step.amount == kWordBytes ? values.word_at(before) : Value{};
            values.at(kRsp) = before.plus(step.amount);
            if (step.to == kRsp) return set_rsp(step, values, word, DoubtKind::kStackSwitched);
            if (step.to != kNoRegister) values.at(step.to) = word;
            return;
        }
        case Effect::kLeave: {
            const Value frame = values.at(kRbp);
            set_rsp(step, values, frame.plus(kWordBytes), DoubtKind::kStackSwitched);
            values.at(kRbp) = values.word_at(frame);
            return;
        }
        case Effect::kStore:
            if (step.base == kNoRegister) return;
            if (step.index == kNoRegister)
                values.store(values.at(step.base).plus(step.displacement), values.at(step.from));
            // A stack address that is kept in memory is for others to use.
            takes_addresses_ |= values.at(step.from).is_stack();
            return;
        case Effect::kQuotient:
            return divide(step, values);
        case Effect::kCompare:
            return;
        case Effect::kOther:
        case Effect::kBad:
            break;
        default:
            return apply_to_register(step, values);
    }
    if (step.writes_memory && step.base != kNoRegister && step.index == kNoRegister)
        values.forget(values.at(step.base).plus(step.displacement), step.memory_bytes);
    for (std::uint8_t number = 0; number < kRegistersCount; ++number) {
        if ((step.clobbers & (1U << number)) == 0) continue;
        if (number == kRsp) {
            set_rsp(step, values, {}, DoubtKind::kStackSwitched);
        } else {
            values.at(number) = {};
        }
    }
}

// The loop by which compilers touch each page of a large frame; it ends where a register says:
//    again: sub rsp, 4096; or qword ptr [rsp], 0; cmp rsp, r11; jne again
bool FrameWalk::probe_loop(Place& at, Values& values) {
    const std::vector<Step>& steps = pieces_[at.piece].steps;
    if (at.step + 4 >= steps.size()) return false;
    const Step* const step = &steps[at.step];
    if (step[0].effect != Effect::kSum || step[0].to != kRsp || step[0].from != kRsp || step[0].amount >= 0)
        return false;
    if (step[1].base != kRsp || step[1].memory_bytes == 0 || step[1].flow != inspect::Flow::kNext)
        return false;
    if (step[1].clobbers != 0 || step[2].effect != Effect::kCompare ||
        (step[2].to != kRsp && step[2].from != kRsp))
        return false;
    if (!step[3].if_not_equal || step[3].target != step[0].address) return false;
    const Value end = values.at(step[2].to == kRsp ? step[2].from : step[2].to);
    const Value begin = values.rsp();
    if (!begin.is_stack() || end.anchor != begin.anchor || end.offset >= begin.offset) return false;
    if ((begin.offset - end.offset) % -step[0].amount != 0) return false;
    values.at(kRsp) = end;
    reach_rsp(end);
    at.step += 3;
    return true;
}

Frame FrameWalk::result() {
    bool calls_somebody = std::any_of(indirect_.begin(), indirect_.end(),
                                      [](const auto& made) { return !made.second.tail; });
    narrow_calls();
    note_ends();
    note_runtime_calls();
    note_growth();
    for (const auto& [address, met] : calls_) {
        frame_.calls.push_back(met.call);
        frame_.calls.back().depth = depth_of(met.rsp);
        calls_somebody |= !met.call.tail;
    }
    frame_.clobbers = clobbers();
    for (std::uint8_t anchor = Value::kEntry; anchor < Value::kAnchorsCount; ++anchor) {
        if (anchor != Value::kEntry && !anchor_used_[anchor]) continue;
        frame_.depth = std::max(frame_.depth, depth_of({anchor, lowest_[anchor]}));
        if (!calls_somebody && takes_addresses_) {
            frame_.depth = std::max(frame_.depth, depth_of({anchor, lowest_rsp_[anchor]}) + kRedZoneBytes);
            frame_.red_zone = true;
        }
    }
    for (const Piece& piece : pieces_)
        frame_.instructions += static_cast<std::uint32_t>(piece.steps.size());
    return std::move(frame_);
}

}  // namespace coroscope::bounds
