// The state segment of a model: room for a few records of each kind that a model uses, made anew for each execution.
//
// Stands before the real one among the include folders of the models that have a world (../../../world.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "instrumentation/base/check.h"
#include "instrumentation/emit/fork_guard.h"
#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/segment.h"
#include "instrumentation/wire/select_arm.h"

namespace coroscope::emit {

class StateSegment {
public:
    template <typename Record>
    Record* records(wire::SectionKind) {
        if constexpr (std::is_same_v<Record, wire::ChannelRecord>) return channels_.data();
        if constexpr (std::is_same_v<Record, wire::HandleRecord>) return handles_.data();
        if constexpr (std::is_same_v<Record, wire::ChannelTotalsRecord>) return totals_.data();
        if constexpr (std::is_same_v<Record, wire::SelectArmRecord>) return arms_.data();
        if constexpr (std::is_same_v<Record, wire::SelectRecord>) return selects_.data();
    }
    std::uint32_t allocate_records(wire::SectionKind kind, std::uint32_t count) {
        std::uint32_t& used = used_[static_cast<std::size_t>(kind)];
        CHECK(used + count <= kRecordsMost);
        return (used += count) - count;
    }
    std::uint32_t intern(std::string_view) { return wire::kNone; }
    std::string_view string(std::uint32_t) const { return {}; }

private:
    static constexpr std::size_t kRecordsMost = 8;

    std::array<wire::ChannelRecord, 4> channels_;
    std::array<wire::HandleRecord, kRecordsMost> handles_;
    std::array<wire::ChannelTotalsRecord, 1> totals_;
    std::array<wire::SelectArmRecord, kRecordsMost> arms_;
    std::array<wire::SelectRecord, kRecordsMost> selects_;
    std::array<std::uint32_t, wire::kSectionsMax> used_{};
};

}  // namespace coroscope::emit
