// The words of parked stacks: all of a slot, once, of one moment, and who put what where.
#include "instrumentation/inspect/raw_stack.h"

#include <gtest/gtest.h>

#include <cstring>

#include "instrumentation/inspect/slot_finder.h"
#include "tests/unit/inspect/fake_target.h"

namespace coroscope::inspect {
namespace {

using fake::FakeTarget;

struct Looking {
    explicit Looking(const FakeTarget& fake, bool agent_copies = false) {
        Target::Options options;
        options.force_agent_copies = agent_copies;
        auto attached = Target::attach(fake.pid(), options);
        EXPECT_TRUE(attached.ok()) << attached.error().message;
        target = std::move(*attached);
        modules = std::move(*target->modules());
        state = std::move(*target->read_state());
        unwinder = std::make_unique<Unwinder>(modules, target.get(), state.trampoline_address);
    }
    base::Result<RawStack> words(std::uint64_t identity) {
        return read_raw_stack(*target, *unwinder, state, identity);
    }
    std::unique_ptr<Target> target;
    std::vector<Module> modules;
    StateImage state;
    std::unique_ptr<Unwinder> unwinder;
};

TEST(RawStack, the_parts_of_a_slot_follow_each_other_without_gap_or_overlap) {
    const FakeTarget fake({"--coroutines", "31"});
    Looking at(fake);
    for (std::uint32_t i = 0; i < 30; ++i) {
        const auto stack = at.words(fake::kIdentityFirst + i);
        ASSERT_TRUE(stack.ok()) << stack.error().message;
        ASSERT_EQ(stack->consistency, Consistency::kExact);
        ASSERT_EQ(stack->pieces.size(), 1U);
        const RawStackPiece& piece = stack->pieces[0];
        std::uint64_t next = piece.low;
        std::size_t words = 0;
        for (const RawStackRun& run : piece.runs) {
            EXPECT_EQ(run.low, next);
            EXPECT_GT(run.high, run.low);
            next = run.high;
            if (run.kind != RawStackRun::Kind::kRead) continue;
            EXPECT_EQ(run.first_word, words);
            words += (run.high - run.low) / 8;
        }
        EXPECT_EQ(next, piece.top);
        EXPECT_EQ(words, piece.words.size());
        std::uint64_t word = 0;
        EXPECT_TRUE(piece.word(stack->rsp, &word)) << "what is in use is there";
    }
}

TEST(RawStack, its_words_are_those_of_the_copies_and_its_frames_those_of_the_unwinder) {
    const FakeTarget fake({"--coroutines", "31"});
    Looking at(fake);
    std::size_t compared = 0, saved_registers = 0;
    const auto status = at.target->copy_stacks(at.state, {}, [&](const Target::StackCopy& copy) {
        if (copy.coroutine->identity == fake::kIdentityFirst + 30) return;  // it never ran
        const auto stack = at.words(copy.coroutine->identity);
        ASSERT_TRUE(stack.ok());
        ASSERT_EQ(stack->rsp, copy.rsp);
        const RawStackPiece& piece = stack->pieces[0];
        for (std::size_t offset = 0; offset + 8 <= copy.size; offset += 8) {
            std::uint64_t expected = 0, word = 0;
            std::memcpy(&expected, copy.bytes + offset, 8);
            ASSERT_TRUE(piece.word(copy.rsp + offset, &word));
            ASSERT_EQ(word, expected);
        }
        std::vector<std::uint64_t> pcs;
        EXPECT_EQ(at.unwinder->unwind(copy, pcs), UnwindEnd::kEntry);
        const bool odd = copy.coroutine->index % fake::kKinds == fake::kOddKind;
        EXPECT_EQ(stack->end, odd ? UnwindEnd::kNoRule : UnwindEnd::kEntry);
        ASSERT_LE(stack->frames.size(), pcs.size());
        if (!odd) {
            EXPECT_EQ(stack->frames.size(), pcs.size());
        }
        std::uint64_t low = copy.rsp + sizeof(wire::SavedFrame);
        for (std::size_t i = 0; i < stack->frames.size(); ++i) {
            const FrameLayout& frame = stack->frames[i];
            EXPECT_EQ(frame.pc, pcs[i]);
            if (frame.cfa == 0) {
                EXPECT_EQ(i + 1, stack->frames.size());
                continue;
            }
            EXPECT_GT(frame.cfa, low);
            std::uint64_t word = 0;
            ASSERT_TRUE(piece.word(frame.return_at, &word));
            EXPECT_EQ(word, pcs[i + 1]);
            for (const std::uint64_t saved : frame.saved_at) {
                if (saved == 0) continue;
                ++saved_registers;
                EXPECT_GE(saved, low);
                EXPECT_LT(saved, frame.cfa);
            }
            low = frame.cfa;
        }
        ++compared;
    });
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(compared, 30U);
    EXPECT_GT(saved_registers, 30U);
}

TEST(RawStack, what_is_called_exact_is_of_one_moment) {
    const FakeTarget fake({"--coroutines", "13", "--churn"});
    Looking at(fake);
    const std::uint64_t identity = fake::kIdentityFirst + fake::kStampedKind;
    std::size_t exact = 0, others = 0;
    for (int round = 0; round < 20'000 && (exact < 500 || others == 0); ++round) {
        const auto stack = at.words(identity);
        ASSERT_TRUE(stack.ok()) << stack.error().message;
        if (stack->consistency != Consistency::kExact) {
            ++others;
            continue;
        }
        ++exact;
        const std::vector<std::uint64_t>& words = stack->pieces[0].words;
        const auto block = std::find(words.begin(), words.end(), fake::kBlockMagic);
        ASSERT_GE(words.end() - block, static_cast<std::ptrdiff_t>(fake::kBlockWords + 2));
        for (std::uint32_t i = 1; i < fake::kBlockWords; ++i)
            ASSERT_EQ(block[2 + i], block[2]);
    }
    EXPECT_GE(exact, 500U);
    EXPECT_GT(others, 0U) << "the churn was never met: the test shows nothing";
}

TEST(RawStack, where_memory_cannot_be_read_the_agent_copies_what_is_in_use) {
    const FakeTarget fake({"--coroutines", "7"});
    Looking direct(fake), by_agent(fake, true);
    const auto whole = direct.words(fake::kIdentityFirst), used = by_agent.words(fake::kIdentityFirst);
    ASSERT_TRUE(whole.ok() && used.ok());
    ASSERT_EQ(used->pieces.size(), 1U);
    EXPECT_EQ(used->consistency, Consistency::kExact);
    EXPECT_EQ(used->pieces[0].runs.front().kind, RawStackRun::Kind::kNotRead);
    EXPECT_EQ(used->frames.size(), whole->frames.size());
    for (std::uint64_t at = used->rsp; at < used->pieces[0].high; at += 8) {
        std::uint64_t a = 0, b = 1;
        ASSERT_TRUE(whole->pieces[0].word(at, &a) && used->pieces[0].word(at, &b));
        ASSERT_EQ(a, b);
    }
}

TEST(RawStack, of_who_has_ended_there_is_none) {
    const FakeTarget fake({"--coroutines", "7"});
    Looking at(fake);
    const auto stack = at.words(4711);
    ASSERT_FALSE(stack.ok());
    EXPECT_EQ(stack.error().code, base::ErrorCode::kGone);
    EXPECT_NE(stack.error().message.find("4711"), std::string::npos);
}

TEST(SlotFinder, an_address_is_led_to_the_slot_that_holds_it) {
    const FakeTarget fake({"--coroutines", "7"});
    Looking at(fake);
    const SlotFinder finder(at.state);
    for (const CoroutineImage& coroutine : at.state.coroutines) {
        const auto found = finder.find(coroutine.rsp);
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(found->pool, coroutine.pool);
        EXPECT_EQ(found->slot, coroutine.slot);
    }
    EXPECT_FALSE(finder.find(0).has_value());
    EXPECT_FALSE(finder.find(~std::uint64_t{0}).has_value());
}

}  // namespace
}  // namespace coroscope::inspect
