// Copies of stacks: exact when nothing moves, refused when it does, harmless when the memory is gone.
#include "instrumentation/emit/stack_copier.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/pool.h"

namespace coroscope::emit {
namespace {

using wire::SectionKind;

constexpr std::uint32_t kSlotBytes = 16 << 10;
constexpr std::uint32_t kParked = 3;  // index of the coroutine, and its slot

// One pool of one slab whose stacks are this process's memory, and a coroutine parked in the middle of its stack.
class stack_copier : public testing::Test {
protected:
    stack_copier() : state_(StateSegment::create(StateOptions{}).value()) {
        EXPECT_TRUE(state_->ensure_records(SectionKind::kPools, 1));
        EXPECT_TRUE(state_->ensure_records(SectionKind::kSlabsFirst, 1));
        EXPECT_TRUE(state_->ensure_records(SectionKind::kCoroutines, 10));
        stacks_bytes_ = wire::kSlotsPerSlab * std::uint64_t{kSlotBytes};
        stacks_ = static_cast<unsigned char*>(mmap(nullptr, stacks_bytes_, PROT_READ | PROT_WRITE,
                                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        wire::PoolRecord& pool = *state_->records<wire::PoolRecord>(SectionKind::kPools);
        pool.slot_bytes = kSlotBytes;
        pool.stride_bytes = kSlotBytes;
        pool.colour_steps = 1;
        state_->records<wire::SlabRecord>(SectionKind::kSlabsFirst)
            ->stack_base = reinterpret_cast<std::uint64_t>(stacks_);
        record().slot = kParked;
        record().pool = 0;
        record().state = wire::CoroutineState::kParked;
        record().rsp = reinterpret_cast<std::uint64_t>(high() - 1000);
        record().rip = 0x4242;
        record().sequence = 6;
        area_ = memfd_create("area", MFD_CLOEXEC);
        EXPECT_EQ(ftruncate(area_, 1 << 20), 0);
    }
    ~stack_copier() override {
        munmap(stacks_, stacks_bytes_);
        close(area_);
    }
    wire::CoroutineRecord& record(std::uint32_t index = kParked) {
        return state_->records<wire::CoroutineRecord>(SectionKind::kCoroutines)[index];
    }
    unsigned char* high() { return stacks_ + (kParked + 1) * std::uint64_t{kSlotBytes}; }
    wire::StackCopied copy(std::uint32_t index = kParked, std::uint64_t room = 1 << 20) {
        return copy_stack(*state_, index, area_, 64, room);
    }
    std::vector<unsigned char> copied_bytes(const wire::StackCopied& copied) {
        std::vector<unsigned char> bytes(copied.bytes);
        EXPECT_EQ(pread(area_, bytes.data(), bytes.size(), copied.offset), static_cast<ssize_t>(bytes.size()));
        return bytes;
    }

    std::unique_ptr<StateSegment> state_;
    unsigned char* stacks_ = nullptr;
    std::uint64_t stacks_bytes_ = 0;
    int area_ = -1;
};

TEST_F(stack_copier, a_parked_stack_is_copied_from_its_stack_pointer_to_its_end) {
    for (int i = 0; i < 1000; ++i)
        high()[-1000 + i] = static_cast<unsigned char>(i * 7);
    const wire::StackCopied copied = copy();
    EXPECT_EQ(copied.coroutine, kParked);
    EXPECT_EQ(copied.sequence, 6U);
    EXPECT_EQ(copied.rip, 0x4242U);
    EXPECT_EQ(copied.rsp, reinterpret_cast<std::uint64_t>(high() - 1000));
    ASSERT_EQ(copied.bytes, 1000U);
    EXPECT_EQ(copied.offset, 64U);
    EXPECT_EQ(std::memcmp(copied_bytes(copied).data(), high() - 1000, 1000), 0);
}

TEST_F(stack_copier, what_is_not_parked_on_a_stack_of_ours_is_not_copied) {
    record().sequence = 7;  // runs
    EXPECT_EQ(copy().bytes, 0U);
    record().sequence = 8;
    EXPECT_EQ(copy().bytes, 1000U);
    EXPECT_EQ(copy(kParked, 999).bytes, 0U);  // no room
    EXPECT_EQ(copy(0).bytes, 0U);             // free record
    EXPECT_EQ(copy(10).bytes, 0U);            // no record
    EXPECT_EQ(copy(wire::kNone).bytes, 0U);
    record().pool = 1;
    EXPECT_EQ(copy().bytes, 0U);
    record().pool = 255;
    EXPECT_EQ(copy().bytes, 0U);
    record().pool = 0;
    record().slot = wire::kSlotsPerSlab;
    EXPECT_EQ(copy().bytes, 0U);
    record().slot = kParked;
    record().rsp = reinterpret_cast<std::uint64_t>(high());
    EXPECT_EQ(copy().bytes, 0U);
    record().rsp = reinterpret_cast<std::uint64_t>(high() - kSlotBytes - 8);
    EXPECT_EQ(copy().bytes, 0U);
    record().rsp = 8;
    EXPECT_EQ(copy().bytes, 0U);
}

TEST_F(stack_copier, memory_that_is_gone_costs_a_refusal_and_nothing_else) {
    ASSERT_EQ(mprotect(stacks_, stacks_bytes_, PROT_NONE), 0);
    EXPECT_EQ(copy().bytes, 0U);
    ASSERT_EQ(munmap(stacks_, stacks_bytes_), 0);
    EXPECT_EQ(copy().bytes, 0U);
}

// The target's thread runs the coroutine again and again: writes its stack while the sequence is odd, parks it while even.
TEST_F(stack_copier, copies_made_while_the_coroutine_runs_and_parks_are_whole_or_refused) {
    constexpr std::uint64_t kDeepBytes = 15'000;  // a copy takes as long as a few rounds of the coroutine
    record().rsp = reinterpret_cast<std::uint64_t>(high() - kDeepBytes);
    std::atomic<bool> stop{false};
    std::thread target([&] {
        // Stores that the sanitizers do not see, as those of a real coroutine's compiled frames would race just so.
        auto fill = [](unsigned char* low, unsigned char value) {
            std::uint64_t bytes = kDeepBytes;
            asm volatile("rep stosb" : "+D"(low), "+c"(bytes) : "a"(value) : "memory");
        };
        std::uint32_t sequence = 8;
        for (unsigned char value = 0; !stop.load(std::memory_order_relaxed); ++value) {
            record().sequence.store(sequence + 1, std::memory_order_relaxed);
            std::atomic_thread_fence(std::memory_order_release);
            fill(high() - kDeepBytes, value);
            record().sequence.store(sequence += 2, std::memory_order_release);
            // Parked for a while, shorter and longer than a copy takes.
            for (int i = 0; i < value; ++i)
                __builtin_ia32_pause();
        }
    });
    int whole = 0;
    int refused = 0;
    int torn = 0;
    for (int i = 0; i < 20'000 || ((whole == 0 || refused == 0) && i < 2'000'000); ++i) {
        const wire::StackCopied copied = copy();
        if (copied.bytes == 0) {
            ++refused;
            continue;
        }
        ++whole;
        const auto bytes = copied_bytes(copied);
        torn += std::any_of(bytes.begin(), bytes.end(), [&](unsigned char byte) { return byte != bytes[0]; });
    }
    stop = true;
    target.join();
    EXPECT_EQ(torn, 0);
    std::printf("%d copies whole, %d refused\n", whole, refused);
    EXPECT_GT(whole, 0);
    EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace coroscope::emit
