// Stack words of one synthetic coroutine (fake_session.h): what is where is known to the byte.
#include "fake_session.h"
#include "instrumentation/wire/coroutine.h"

namespace coroscope::views {

// high - 64  frame 2 (the entry)      64 bytes
// - 128      frame 1                  saves rbx at its second word; its return address on top
// - 192      frame 0                  four equal words, a pointer to frame 1, text, its return address on top
// - 256      saved registers          goes on at 0x3010
// below      one word that was used, then words never used
inspect::RawStack make_fake_words(const inspect::StateImage& state) {
    const inspect::CoroutineImage& coroutine = *state.coroutine_of(kFakeConsumer);
    const wire::StackBounds bounds = state.stack_of(coroutine);
    inspect::RawStack stack;
    stack.identity = coroutine.identity;
    stack.sequence = coroutine.sequence;
    stack.consistency = inspect::Consistency::kExact;
    stack.rsp = bounds.high - 256;
    stack.rip = 0x3010;
    stack.end = inspect::UnwindEnd::kEntry;
    stack.frames.resize(3);
    for (std::size_t i = 0; i < 2; ++i) {
        stack.frames[i].cfa = bounds.high - 128 + i * 64;
        stack.frames[i].return_at = stack.frames[i].cfa - 8;
    }
    stack.frames[0].pc = 0x3010;
    stack.frames[1].pc = 0x3020;
    stack.frames[2].pc = 0x3fff;
    stack.frames[1].saved_at[inspect::kRbx] = bounds.high - 128 + 8;

    inspect::RawStackPiece piece;
    piece.pool = coroutine.pool;
    piece.slot = coroutine.slot;
    piece.low = bounds.low;
    piece.high = bounds.high;
    piece.top = bounds.high + 64;
    piece.used_low = stack.rsp;
    piece.high_water_low = bounds.high - 264;
    const std::uint64_t read_low = bounds.high - 512;
    piece.words.assign((piece.top - read_low) / 8, 0);
    const auto word = [&](std::uint64_t below_high) -> std::uint64_t& {
        return piece.words[(bounds.high - below_high - read_low) / 8];
    };
    word(264) = 0x1234;       // left by a frame that is gone
    word(256 - 56) = 0x3010;  // goes on at
    word(192) = word(184) = word(176) = word(168) = 7;
    word(160) = bounds.high - 128 + 16;  // into frame 1
    word(152) = 0x6f6c6c6548;            // "Hello"
    word(136) = 0x3020;                  // return address of frame 0
    word(72) = 0x3fff;                   // ... of frame 1
    const auto* other = state.coroutine_of(kFakeProducer);
    word(64) = state.stack_of(*other).high - 8;  // into somebody else's stack
    piece.runs = {{inspect::RawStackRun::Kind::kUntouched, piece.low, read_low, 0},
                  {inspect::RawStackRun::Kind::kRead, read_low, piece.top, 0}};
    stack.pieces.push_back(std::move(piece));
    return stack;
}

}  // namespace coroscope::views
