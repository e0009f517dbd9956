// Pools without a runtime around them: a segment that nobody shares and two workers without threads.
#pragma once

#include <gtest/gtest.h>

#include <unistd.h>

#include <memory>
#include <utility>

#include "instrumentation/emit/state_segment.h"
#include "runtime/stacks/pools.h"

namespace cprime::detail {

class PoolsOf : public testing::Test {
protected:
    void SetUp() override {
        segment_ = std::move(*coroscope::emit::StateSegment::create({.shared = false}));
        ASSERT_TRUE(segment_->ensure_records(wire::SectionKind::kWorkers, 2));
        for (std::uint32_t i = 0; i < 2; ++i) {
            workers_[i].index = i;
            workers_[i].record = segment_->records<wire::WorkerRecord>(wire::SectionKind::kWorkers) + i;
        }
        ASSERT_TRUE(pools_.start(*segment_, workers_, 2));
        ASSERT_TRUE(pools_.map_emergency(8));
        ASSERT_EQ(pipe(pipe_), 0);
    }
    void TearDown() override {
        close(pipe_[0]);
        close(pipe_[1]);
    }
    // Asks the kernel, which answers with an error where we would fault.
    bool can_be_read(std::uint64_t address) {
        char byte = 0;
        return write(pipe_[1], reinterpret_cast<const void*>(address), 1) == 1 &&
               read(pipe_[0], &byte, 1) == 1;
    }
    const coroscope::wire::SlabRecord& slab_of(std::uint8_t pool, std::uint32_t slot) {
        const auto section = static_cast<wire::SectionKind>(
            static_cast<std::uint32_t>(wire::SectionKind::kSlabsFirst) + pool);
        return segment_->records<coroscope::wire::SlabRecord>(section)[slot / wire::kSlotsPerSlab];
    }
    bool bit(const std::atomic<std::uint64_t>* words, std::uint32_t slot) {
        return ((words[slot % wire::kSlotsPerSlab / 64].load() >> (slot % 64)) & 1) != 0;
    }

    std::unique_ptr<coroscope::emit::StateSegment> segment_;
    Worker workers_[2];
    Pools pools_;
    int pipe_[2] = {-1, -1};
};

}  // namespace cprime::detail
