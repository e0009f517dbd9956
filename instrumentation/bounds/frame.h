// What one function takes of the stack by itself, and whom it calls at which depth.
//
// All paths from the function's entry are walked with what is known of the stack pointer (values.h). Two witnesses must agree at each
// instruction: the code, followed one instruction at a time, and the call frame information that the compiler wrote beside it (cfa_rows.h).
// Where they do not, where the code goes on in a way that cannot be followed, or where the stack pointer moves by an amount that is only known
// at run time, there is a Doubt: then the function has no bound, and says why.
//
//   depth      bytes below the stack pointer at entry, which points to the return address: that word is the caller's
//   red zone   functions that call nobody may use 128 bytes below the stack pointer. What they touch there is counted; all of it, once they
//              take stack addresses or use an index, because then nobody knows which
//
// Landing pads are not walked: they are reached by exceptions alone, and whoever throws has a reason to be unproven (contracts.h).
//
// Code all of whose paths come to where the program ends (an assertion that failed, and the message before it) is not counted: its calls say
// so, and it has no Doubts. Only without circles: what goes round may go on for ever.
//
// Thread: one at a time. Blocks: no. Tested in tests/unit/bounds/bounds_test.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "instrumentation/bounds/binary.h"
#include "instrumentation/bounds/cfa_rows.h"
#include "instrumentation/bounds/code_view.h"
#include "instrumentation/bounds/decoder.h"

namespace coroscope::bounds {

// Why a function has no bound of its own. The order is that in which people should read them.
enum class DoubtKind : std::uint8_t {
    kVariableFrame,     // alloca, or an array whose size is known at run time only
    kIndirectCall,      // through a pointer: a virtual call, a std::function
    kOpenCall,          // likewise, and binaries that are not known may have whom it calls
    kIndirectJump,      // a jump that is no jump table that could be read
    kDisagreement,      // code and call frame information say different things
    kNoFrameRows,       // no call frame information
    kFrameNotFollowed,  // call frame information that cannot be held against the code
    kStackSwitched,     // another stack, or a stack pointer that is not followed
    kNoCode,            // an address without a function, or bytes that are no instruction
    kReturnsElsewhere,  // returns with something else on top than its return address
    kTooLarge,          // beyond the limits of this analysis
};
constexpr std::size_t kDoubtKindsCount = 11;

struct Doubt {
    DoubtKind kind = DoubtKind::kNoCode;
    std::uint64_t address = 0;  // of the instruction
};

// A call or a tail call to an address of this binary, or to a name.
struct Call {
    std::uint64_t from = 0;    // the instruction
    std::uint64_t target = 0;  // 0: by name. chosen_at_start: what chooses whom
    std::string_view import;   // lives as long as the Binary
    std::uint64_t slot = 0;    // the word that it goes through; 0 = none
    bool chosen_at_start = false;
    bool tail = false;
    bool ends = false;  // the program has come to its end there, or will behind it in any case
    bool enters_runtime = false,
         repeats = false;  // of those that enter: whether the call can come to be made again
    std::uint64_t first_argument = 0;  // likewise: the variable or code whose address, or content, is handed over; 0: unknown
    std::uint32_t asked_bytes = 0;  // of a growable function's call for another segment: its frame, as the prologue says it; 0 = unknown
    std::uint32_t narrowing = 0;  // through a pointer: number of those whom it may reach, as Narrow gave it; 0 = none
    std::uint32_t depth = 0;  // of the stack pointer there, before the return address is pushed
};

// What comes behind a call.
struct CallEnd {
    enum class Kind : std::uint8_t {
        kReturns,  // the code behind it, perhaps
        kNever,    // nothing: it goes on for ever, or unwinds
        kEnds,     // nothing, the program ends
    };
    Kind kind = Kind::kReturns;
    bool grows = false;                          // the callee goes on with another segment of the stack
    bool enters_runtime = false;                 // the callee is a way for coroutines to leave their stack
    std::uint16_t clobbers = kScratchRegisters;  // of these the callee may change some
};

struct Frame {
    std::uint32_t depth = 0;  // of its own, red zone included; a bound only where there are no doubts
    bool returns = false;
    bool ends = false;           // each of its paths comes to where the program ends
    std::uint16_t clobbers = 0;  // what it may change, of kScratchRegisters
    std::uint32_t checked_bytes = 0;  // of a growable function: how far below its entry its prologue looks for the stack's limit
    bool red_zone = false;  // it touches, or may touch, memory below its stack pointer
    std::uint32_t instructions = 0;
    std::vector<Call> calls;
    std::vector<Doubt> doubts;
};

class FrameReader {
public:
    using EndOf = std::function<CallEnd(const Call&)>;
    using Narrow = std::function<std::uint32_t(const CodeView&, std::size_t step, DoubtKind* why)>;
    // `end_of`: what comes behind a call. May ask this reader about other functions. `narrow`: whom the call through a pointer at a step may
    // reach, as a number that Call::narrowing hands on; 0: *why says why nobody knows.
    FrameReader(Binary& binary, EndOf end_of, Narrow narrow)
        : binary_(binary), rows_(binary), end_of_(std::move(end_of)), narrow_(std::move(narrow)) {}

    Frame read(const Function& function);

private:
    friend class FrameWalk;
    Binary& binary_;
    CfaRows rows_;
    Decoder decoder_;
    EndOf end_of_;
    Narrow narrow_;
    std::uint64_t decoded_bytes_ = 0;
};

}  // namespace coroscope::bounds
